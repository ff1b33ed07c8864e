"""/v1/database: where the registry is, its schema, backup and restore."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends

from genie import bootstrap
from genie.daemon.api.bodies import PathBody
from genie.daemon.api.context import Context, context
from genie.daemon.api.wire import Answer
from genie.daemon.engine import Engine
from genie.domain.errors import BadInput, Failed, GenieError, MissingProgram, RegistryAway
from genie.settings import masked

router = APIRouter(prefix="/v1/database")

Here = Annotated[Context, Depends(context)]


@router.get("")
def get_database(here: Here) -> Answer:
    """Where the registry is and how it is."""
    engine = here.engine
    state, current, head, version, problem = "up", None, None, None, engine.problem
    try:
        current, head = bootstrap.schema(_dsn(engine))
        version = engine.world.registry.version()
    except GenieError as error:
        state, problem = "away", error
    return Answer(
        {
            "kind": engine.database.kind,
            "url": masked(engine.dsn or ""),
            "dsn": engine.dsn,
            "state": state,
            "version": version,
            "schema": current,
            "head": head,
            "psql": engine.database.program("psql"),
            "problem": problem.message if problem else None,
        }
    )


@router.post("/migrate")
def post_migrate(here: Here) -> Answer:
    """Bring the schema up to date, under the lock that keeps two from doing it."""
    before, after = bootstrap.migrate(_dsn(here.engine))
    return Answer({"from": before, "to": after})


@router.post("/backup")
def post_backup(body: PathBody, here: Here) -> Answer:
    """Write the whole registry into a new file."""
    path = _absolute(body.path)
    if path.exists():
        raise BadInput(f"'{path}' is there already", hint="give the name of a new file")
    if not path.parent.is_dir():
        raise BadInput(f"directory '{path.parent}' is not there")
    _run(here.engine, "pg_dump", "--format=custom", f"--file={path}")
    path.chmod(0o600)
    return Answer({"path": str(path), "bytes": path.stat().st_size})


@router.post("/restore")
def post_restore(body: PathBody, here: Here) -> Answer:
    """Put a backup in the place of the registry. Running agents are looked at anew afterwards."""
    path, engine = _absolute(body.path), here.engine
    if not path.is_file():
        raise BadInput(f"backup '{path}' is not there")
    _run_free(engine, "pg_restore", "--list", str(path))
    engine.release()
    try:
        _run(engine, "pg_restore", "--clean", "--if-exists", "--single-transaction", "--no-owner", str(path))
    finally:
        engine.reopen()
    return Answer({"path": str(path)})


def _absolute(path: str) -> Path:
    found = Path(path).expanduser()
    if not found.is_absolute():
        raise BadInput(f"'{path}' is no absolute path")
    return found


def _dsn(engine: Engine) -> str:
    if engine.dsn is None:
        raise engine.problem or RegistryAway("the registry has not been opened yet", hint="genie daemon status")
    return engine.dsn


def _run(engine: Engine, program: str, *arguments: str) -> None:
    """A program of PostgreSQL's on the registry; a password goes by the environment."""
    options, environment = bootstrap.client_options(_dsn(engine))
    _run_free(engine, program, *options, *arguments, environment=environment)


def _run_free(engine: Engine, program: str, *arguments: str, environment: dict[str, str] | None = None) -> None:
    command = [engine.database.program(program), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=600)  # noqa: S603
    except FileNotFoundError as error:
        hint = "install PostgreSQL's client programs (apt-get install postgresql-client)"
        raise MissingProgram(f"'{program}' is not on the daemon's PATH", hint=hint) from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise Failed(f"{program} failed: {lines[-1]}", hint="genie daemon logs")
