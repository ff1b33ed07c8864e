"""Bring a registry to the schema of this genie.

Alembic is imported only when there is something to do: a daemon that starts on a registry of its own
age asks one question of PostgreSQL.
"""

from __future__ import annotations

import re
from pathlib import Path

from psycopg.errors import UndefinedTable
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from genie.adapters.postgres.connect import connect, connect_or_away
from genie.adapters.postgres.errors import translated
from genie.domain.errors import NewerSchema
from genie.paths import package_dir

_LOCK = "select pg_advisory_xact_lock(1735288169, 1)"
_CURRENT = "select version_num from alembic_version"


def schema(dsn: str) -> tuple[str | None, str]:
    """The registry's revision (None: it has no schema yet) and this genie's. Raises RegistryAway."""
    with translated(), connect_or_away(dsn) as connection:
        try:
            row = connection.execute(_CURRENT).fetchone()
        except UndefinedTable:
            row = None
    return (str(row[0]) if row else None), revisions()[-1]


def migrate(dsn: str) -> tuple[str | None, str]:
    """Bring the registry to this genie's schema, in one transaction; returns the revisions before and
    after. Raises NewerSchema for a registry that a newer genie has written, RegistryAway."""
    current, head = schema(dsn)
    _check(current)
    if current != head:
        with translated():
            current = _upgrade(dsn)
    return current, head


def revisions() -> list[str]:
    """The revisions that this genie knows, oldest first: a script is named by its revision."""
    names = (path.name for path in (package_dir("migrations") / "versions").glob("*.py"))
    return sorted(match[1] for name in names if (match := re.match(r"(\d{4})_", name)))


def _check(current: str | None) -> None:
    known = revisions()
    if current is not None and current not in known:
        raise NewerSchema(
            f"the registry has schema {current}, and this genie knows schemas up to {known[-1]}",
            hint="upgrade genie, or set database_url to another database",
            schema=current,
            head=known[-1],
        )


def _upgrade(dsn: str) -> str | None:
    """Upgrade under a lock: of two that come at once the second finds it done. Returns what was there."""
    engine = create_engine("postgresql+psycopg://", creator=lambda: connect(dsn), poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(_LOCK)
        current = _current(connection)
        _check(current)
        _run_scripts(connection, package_dir("migrations"))
    return current


def _current(connection: Connection) -> str | None:
    there = connection.exec_driver_sql("select to_regclass('alembic_version')").scalar()
    return connection.exec_driver_sql(_CURRENT).scalar() if there else None


def _run_scripts(connection: Connection, scripts: Path) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")
