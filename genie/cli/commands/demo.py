"""`genie demo`."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from genie.cli.attaching import argv, show
from genie.cli.describing import spawned
from genie.cli.output import as_json, line, paint, say, working
from genie.cli.parsing import AsJson
from genie.cli.reach import reach
from genie.client import Genie, Row
from genie.domain.errors import Conflict, NotFound
from genie.paths import Home

HEADING = "System"
CALL = "POST /v1/teams, POST /v1/agents"
EXAMPLE = """
genie demo
genie demo --stop
"""

TEAM = TAG = "demo"
CAST = {
    "demo-lead": "team-lead",
    "demo-engineer-1": "engineer",
    "demo-engineer-2": "engineer",
    "demo-engineer-3": "engineer",
}
COLORS = dict(zip(CAST, ("blue", "green", "yellow", "magenta"), strict=True))
CRASHES = "demo-engineer-3"
MARK = ".genie-demo"


def command(
    stop: Annotated[bool, typer.Option("--stop", help="End the demo and remove what it made.")] = False,
    attach: Annotated[bool, typer.Option("--attach/--no-attach", help="Show it in this terminal.")] = False,
    json: AsJson = False,
) -> None:
    """Show genie at work with four scripted agents.

    One of them crashes and comes back.
    """
    genie = reach()
    if stop:
        _stop(genie, json=json)
        return
    with working("starting the demo…"):
        rows = _start(genie)
    place = genie.place(rows[0]["name"]) | {"name": rows[0]["name"]}
    if json:
        as_json(rows)
    elif attach:
        show(place, again="genie attach --team demo")
    else:
        _tell(rows, place)


def _start(genie: Genie) -> Sequence[Row]:
    """Start those that do not run. What runs already is left alone."""
    folder = _make_folder()
    with contextlib.suppress(Conflict):
        genie.create_team(TEAM, layout="mosaic")
    there = {row["name"]: row for row in _cast(genie)}
    return [there[name] if _lives(there.get(name)) else _spawn(genie, name, folder) for name in CAST]


def _lives(row: Row | None) -> bool:
    return row is not None and row["state"] in ("queued", "spawning", "running", "resuming", "dead")


def _spawn(genie: Genie, name: str, folder: Path) -> Row:
    script = str(Path(__file__).resolve().parents[1] / "demo_agent.py")
    words = [
        sys.executable,
        "-I",
        "-u",
        script,
        str(folder),
        name,
        CAST[name],
        *(["--crash"] if name == CRASHES else []),
    ]
    return genie.spawn(
        name,
        command=words,
        provider="shell",
        team=TEAM,
        role=CAST[name],
        layout="mosaic",
        color=COLORS[name],
        cwd=str(folder),
        tags=[TAG],
        description="a scripted agent of genie demo",
    )


def _cast(genie: Genie) -> Sequence[Row]:
    """The agents that the demo has made and that are not terminated."""
    try:
        rows = genie.ls(team=TEAM, tags=[TAG], everything=True)
    except NotFound:
        return []
    return [row for row in rows if row["state"] != "terminated"]


def _make_folder() -> Path:
    folder = _folder()
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
        (folder / MARK).touch()
    return folder


def _folder() -> Path:
    return Home.from_environment().root / "demo"


def _stop(genie: Genie, *, json: bool) -> None:
    rows = _cast(genie)
    if rows:
        with working("ending the demo…"):
            genie.kill(*[row["name"] for row in rows])
    closed = _close(genie)
    removed = _remove_files()
    if json:
        as_json({"killed": [row["name"] for row in rows], "closed": closed, "removed": removed})
    elif rows or removed:
        line(f"ended {len(rows)} agents of the demo" + (", closed its tmux session" if closed else ""))
    else:
        say("genie: no demo runs")


def _close(genie: Genie) -> bool:
    try:
        return bool(genie.close_team(TEAM).get("closed"))
    except NotFound:
        return False


def _remove_files() -> list[str]:
    """Remove the conversations, and their folder if it is ours and empty."""
    folder = _folder()
    files = [file for file in (folder / f"{name}.jsonl" for name in CAST) if file.exists()]
    for file in files:
        file.unlink()
    mark = folder / MARK
    if mark.exists() and not any(path != mark for path in folder.iterdir()):
        mark.unlink()
        folder.rmdir()
    return [str(file) for file in files]


def _tell(rows: Sequence[Row], place: Row) -> None:
    for row in rows:
        for text in spawned(row):
            line(text)
    inside = os.environ.get("TMUX", "").startswith(f"{place['socket']},")
    words = argv({"socket": place["socket"], "session": place["session"]}, os.environ if inside else {}, again="")
    victim = next((row for row in rows if row["name"] != CRASHES and row.get("pid")), rows[0])
    steps = [
        ("Watch them", "genie attach --team demo"),
        ("  the same with tmux alone", " ".join(f"'{word}'" if "=" in word else word for word in words)),
        ("  as a list", "genie ls --team demo --watch"),
        (f"{CRASHES} crashes by itself in a few seconds and comes back; see why", f"genie explain {CRASHES}"),
        (f"Kill {victim['name']} by hand: it returns in its pane with its conversation", f"kill -9 {victim['pid']}"),
        ("  what happened", f"genie history {victim['name']}"),
        ("End it", "genie demo --stop"),
    ]
    line()
    for text, words_ in steps:
        line(f"{text}:")
        line(f"    {paint(words_, 'bold')}")
