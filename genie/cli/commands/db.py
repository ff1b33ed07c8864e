"""`genie db`."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Annotated, NoReturn
from urllib.parse import unquote, urlsplit, urlunsplit

import typer

from genie.cli.output import as_json, fields, flush, line, working
from genie.cli.parsing import REST, AsJson, Command, CommandWithRest, Yes, epilog, group
from genie.cli.reach import reach
from genie.domain.errors import BadInput, MissingProgram, NotFound

HEADING = "System"

app = group("The registry's database.", "genie db backup before-upgrade.dump")

File = Annotated[str, typer.Argument(metavar="FILE", help="The backup.")]


@app.command(cls=Command, epilog=epilog("genie db url", "GET /v1/database"))
def url(json: AsJson = False) -> None:
    """Print where the database is, without its password."""
    told = reach().database()
    if json:
        as_json({"url": told["url"], "kind": told["kind"]})
    else:
        line(told["url"])


@app.command(cls=Command, epilog=epilog("genie db status", "GET /v1/database"))
def status(json: AsJson = False) -> None:
    """Tell how the database is. The password is in no output."""
    told = {key: value for key, value in reach().database().items() if key != "dsn"}
    if json:
        as_json(told)
        return
    schema, head = told.get("schema"), told.get("head")
    pairs = [
        ("kind", told["kind"]),
        ("url", told["url"]),
        ("state", told["state"]),
        ("problem", told.get("problem")),
        ("version", told.get("version")),
        ("schema", f"{schema}, current" if schema == head else f"{schema} of {head}"),
        ("psql", told.get("psql")),
    ]
    for text in fields(pairs):
        line(text)


@app.command(cls=Command, epilog=epilog("genie db migrate", "POST /v1/database/migrate"))
def migrate(json: AsJson = False) -> None:
    """Bring the schema up to this version. The daemon does it when it starts, too."""
    with working("migrating…"):
        told = reach().migrate()
    if json:
        as_json(told)
    elif told["from"] == told["to"]:
        line(f"schema {told['to']}, nothing to do")
    else:
        line(f"schema {told['from']} → {told['to']}")


@app.command(cls=Command, epilog=epilog("genie db backup before-upgrade.dump", "POST /v1/database/backup"))
def backup(file: File, json: AsJson = False) -> None:
    """Write the whole registry into a file."""
    with working("writing the backup…"):
        told = reach().backup(file)
    if json:
        as_json(told)
    else:
        line(f"{told['path']}  {told['bytes']} bytes")


@app.command(cls=Command, epilog=epilog("genie db restore before-upgrade.dump --yes", "POST /v1/database/restore"))
def restore(file: File, yes: Yes = False, json: AsJson = False) -> int:
    """Replace the registry by what a backup holds."""
    if not Path(file).expanduser().is_file():
        raise NotFound(f"there is no file {file}", hint="genie db backup FILE writes one")
    if not (yes or _sure(file)):
        return 1
    with working("restoring…"):
        told = reach().restore(file)
    if json:
        as_json(told)
    else:
        line(f"restored from {told['path']}")
    return 0


def _sure(file: str) -> bool:
    if not sys.stdin.isatty():
        raise BadInput("this would replace the registry", hint="say --yes")
    sys.stderr.write(f"replace the registry by {file}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


@app.command(
    cls=CommandWithRest, epilog=epilog("genie db psql -- -c 'select name, life from agents'", "GET /v1/database")
)
def psql(ctx: typer.Context) -> NoReturn:
    """Open psql on the registry; words after -- are for psql."""
    told = reach().database()
    program = shutil.which(told.get("psql") or "psql")
    if not program:
        raise MissingProgram("psql is not installed", hint="install the PostgreSQL client")
    dsn, password = without_password(told["dsn"])
    environment = dict(os.environ) | ({"PGPASSWORD": password} if password else {})
    flush()
    os.execve(program, [program, "-d", dsn, *(ctx.meta[REST] or [])], environment)  # noqa: S606 — an argument list


def without_password(dsn: str) -> tuple[str, str]:
    """The DSN without its password, and the password: a command line can be read by everybody."""
    if "://" not in dsn:
        found = re.search(r"\bpassword\s*=\s*('(?:[^'\\]|\\.)*'|\S+)\s*", dsn)
        if not found:
            return dsn, ""
        password = re.sub(r"\\(.)", r"\1", found.group(1).strip("'"))
        return (dsn[: found.start()] + dsn[found.end() :]).strip(), password
    parts = urlsplit(dsn)
    scheme = parts.scheme.partition("+")[0]
    who, at, where = parts.netloc.rpartition("@")
    user, colon, password = who.partition(":")
    rest = urlunsplit(("", "", *parts[2:]))
    return f"{scheme}://{user}{at}{where}{rest}", unquote(password) if colon else ""
