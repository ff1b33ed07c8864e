"""Foreign errors become genie's own here, at the adapter's edge, with their cause kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError, InvalidRequestError, ResourceClosedError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from genie.domain.errors import BadInput, Conflict, Failed, GenieError, RegistryAway, Stale

STATUS = "genie db status"

IN_THE_WAY = {
    "agents_live_name": "an agent of that name is there already",
    "runs_live_agent": "the agent has a live run already",
    "runs_live_session": "the session has a live run already",
    "runs_live_provider_session": "another live run has that provider session",
    "teams_name_key": "a team of that name is there already",
    "schedules_name_key": "a schedule of that name is there already",
    "schedule_fires_pkey": "that due time has been dealt with already",
}
TEAM_GONE = "agents_team_fkey"


@contextmanager
def translated() -> Iterator[None]:
    """Let no error of psycopg or SQLAlchemy out of the block."""
    try:
        yield
    except (psycopg.Error, SQLAlchemyError) as error:
        raise translate(error) from error
    except UnicodeEncodeError as error:
        raise BadInput(f"text that is not UTF-8 cannot be kept: {error.object[:60]!r}") from error


def translate(error: Exception) -> GenieError:
    """What an error of psycopg or SQLAlchemy means to the callers of the registry."""
    if isinstance(error, PoolTimeout):
        return RegistryAway("all connections to PostgreSQL are busy", hint=STATUS)
    if isinstance(error, InvalidRequestError | ResourceClosedError):
        return RegistryAway("the connection to PostgreSQL was lost", hint=STATUS)
    origin = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(origin, psycopg.Error):
        return _of_psycopg(origin)
    return Failed(f"the registry failed: {_first_line(error)}", hint=STATUS)


def _of_psycopg(error: psycopg.Error) -> GenieError:
    state = error.sqlstate or ""
    if state.startswith("40"):
        return Stale("somebody else changed it at the same time", hint="try again")
    if isinstance(error, psycopg.errors.UniqueViolation):
        constraint = error.diag.constraint_name or ""
        return Conflict(IN_THE_WAY.get(constraint, f"it is there already ({constraint})"), constraint=constraint)
    if error.diag.constraint_name == TEAM_GONE:
        return Stale("an agent and its team were changed at the same time", hint="try again")
    if isinstance(error, psycopg.IntegrityError):
        return Conflict(f"the registry does not take it: {_first_line(error)}", constraint=error.diag.constraint_name)
    if state in ("42P01", "42703", "42883", "3F000"):
        return RegistryAway(f"the registry lacks this genie's schema: {_first_line(error)}", hint="genie db migrate")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) or state.startswith(("25", "53", "57")):
        return RegistryAway(f"PostgreSQL does not answer: {_first_line(error)}", hint=STATUS)
    if isinstance(error, psycopg.DataError):
        return BadInput(f"the registry cannot keep that: {_first_line(error)}")
    return Failed(f"the registry failed: {_first_line(error)}", hint=STATUS)


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
