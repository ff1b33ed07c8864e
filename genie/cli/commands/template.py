"""`genie template`."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer

from genie.cli.output import as_json, clean, fields, flush, line, say, table, warn
from genie.cli.parsing import AsJson, Command, Quiet, answer_templates, epilog, group
from genie.cli.reach import reach
from genie.client import Genie, Row
from genie.domain.errors import BadInput, Failed, MissingProgram

HEADING = "Team"
BROKEN = 2
"""Exit code where a template does not read: that of a spawn of it."""

app = group("Templates: what an agent of a role is, as AGENTS.md files.", "genie template ls")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The template.", autocompletion=answer_templates)]


@app.command(cls=Command, epilog=epilog("genie template ls", "GET /v1/templates"))
def ls(json: AsJson = False, quiet: Quiet = False) -> None:
    """Show the templates that can be seen from here, and which files they shadow."""
    rows = reach().templates()
    if json:
        as_json(rows)
        return
    header = ("NAME", "SCOPE", "STATE", "PROVIDER", "TEAM", "DESCRIPTION", "SOURCE")
    cells = [cell for row in rows for cell in _lines(row)]
    for text in [row["name"] for row in rows] if quiet else table(header, cells, {"STATE": _state_style}):
        line(text)
    if not quiet:
        _complain(_problems(rows))


def _state_style(word: str) -> Sequence[str]:
    return {"broken": ("red",), "shadowed": ("dim",)}.get(word, ())


def _lines(row: Row) -> Iterable[tuple[object, ...]]:
    keys = ("name", "scope", "state", "provider", "team", "description", "source")
    yield tuple(row.get(key) for key in keys)
    for other in row.get("shadows") or ():
        yield row["name"], other["scope"], "shadowed", None, None, None, other["source"]


def _problems(rows: Iterable[Row]) -> list[Row]:
    """What is wrong with these files and with those that they shadow."""
    found: list[Row] = []
    for row in rows:
        found += row.get("problems") or ()
        found += [bad for other in row.get("shadows") or () for bad in other["problems"]]
    return found


def _complain(problems: Sequence[Row]) -> None:
    for bad in problems:
        warn(f"{bad['message']} — {bad['hint']}" if bad.get("hint") else bad["message"])


@app.command(cls=Command, epilog=epilog("genie template show engineer", "GET /v1/templates/one"))
def show(name: Name, json: AsJson = False) -> int:
    """Show a template: its fields, its prompt, and which files it shadows."""
    row = reach().template(name)
    if json:
        as_json(row)
        return BROKEN if row["problems"] else 0
    said = {key: value for key, value in (row["fields"] or {}).items() if value not in (False, None)}
    shown: list[tuple[str, object]] = [("name", row["name"]), ("scope", row["scope"]), ("source", row["source"])]
    shown += [("shadows", other["source"]) for other in row["shadows"]]
    shown += [(key, _written(value)) for key, value in said.items()]
    for text in fields(shown):
        line(text)
    if row["prompt"]:
        line()
        for text in str(row["prompt"]).splitlines():
            line(clean(text))
    _complain(row["problems"])
    return BROKEN if row["problems"] else 0


def _written(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    return value


@app.command(
    cls=Command,
    epilog=epilog("genie template new migrator\ngenie template new engineer --from engineer", "POST /v1/templates"),
)
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")],
    base: Annotated[
        str | None,
        typer.Option("--from", metavar="NAME", help="Begin as a copy of this one.", autocompletion=answer_templates),
    ] = None,
    user: Annotated[bool, typer.Option("--user", help="For you, in ~/.genie/agents.")] = False,
    project: Annotated[bool, typer.Option("--project", help="For the project, in .genie/agents.")] = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write a template in which every field is explained.

    It is the project's where there is one, else yours.
    """
    if user and project:
        raise BadInput("--user and --project contradict each other", hint="say one of them")
    scope = "user" if user else "project" if project else None
    row = reach().new_template(name, base=base, scope=scope)
    if json:
        as_json(row)
    else:
        line(row["name"] if quiet else row["source"])


@app.command(cls=Command, epilog=epilog("genie template edit migrator", "GET /v1/templates/one?edit=true"))
def edit(name: Name, json: AsJson = False) -> int:
    """Open a template in $VISUAL or $EDITOR, and check it after."""
    genie = reach()
    source = str(genie.template(name, edit=True)["source"])
    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    flush()
    try:
        ended = subprocess.run([*words, source], check=False).returncode  # noqa: S603 — the user's own editor
    except OSError as error:
        raise MissingProgram(f"cannot run the editor '{words[0]}': {error.strerror}", hint="set EDITOR") from error
    if ended:
        raise Failed(f"the editor '{words[0]}' ended with {ended}; {source} is as it left it")
    row = genie.template(source)
    if row["problems"]:
        say(f"genie: {clean(source)} is kept as it is; nothing can be spawned from it:")
    return _tell([row], json=json, quiet=False)


@app.command(cls=Command, epilog=epilog("genie template check\ngenie template check migrator", "GET /v1/templates"))
def check(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME|PATH", help="A template, or a file; else all.", autocompletion=answer_templates),
    ] = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Tell what is wrong with templates: file, line, field and the nearest word.

    The exit code is 2 where something is.
    """
    genie = reach()
    rows = [genie.template(name)] if name else _all(genie)
    return _tell(rows, json=json, quiet=quiet)


def _all(genie: Genie) -> list[Row]:
    """Shadowed files in rows of their own."""
    rows: list[Row] = []
    for row in genie.templates():
        rows += [row, *({**other, "name": row["name"]} for other in row["shadows"])]
    return rows


def _tell(rows: Sequence[Row], *, json: bool, quiet: bool) -> int:
    wrong = [row for row in rows if row["problems"]]
    if json:
        keys = ("name", "scope", "source", "problems")
        as_json([{"ok": not row["problems"], **{key: row[key] for key in keys}} for row in rows])
    else:
        for row in wrong if quiet else rows:
            line(row["name"] if quiet else f"{'wrong' if row['problems'] else 'ok':<5}  {row['name']}  {row['source']}")
    _complain([bad for row in wrong for bad in row["problems"]])
    return BROKEN if wrong else 0


@app.command(cls=Command, epilog=epilog("genie template sync", "POST /v1/templates/sync"))
def sync(json: AsJson = False, quiet: Quiet = False) -> int:
    """Bring the registry in step with the template files now.

    The daemon does it by itself when a file changes.
    """
    done = reach().sync_templates()
    if json:
        as_json(done)
    else:
        for word in ("added", "changed", "removed"):
            for source in done[word]:
                line(source if quiet else f"{word:<7}  {source}")
        if not quiet and not any(done[word] for word in ("added", "changed", "removed")):
            say("genie: all are in step")
    _complain(done["problems"])
    return BROKEN if done["problems"] else 0
