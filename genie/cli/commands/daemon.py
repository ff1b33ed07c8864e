"""`genie daemon`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated, NoReturn

import typer

from genie.cli.output import as_json, fields, flush, line, say, warn, working, write
from genie.cli.parsing import AsJson, Command, epilog, group
from genie.cli.reach import reach
from genie.cli.spans import count, since
from genie.client import Row
from genie.domain.errors import NotFound, TimedOut, Unreachable
from genie.paths import Home

HEADING = "System"
STOP_WITHIN = 30.0
LOOK_AGAIN = 0.25

app = group("Start, stop and look at the daemon. Commands start it by themselves.", "genie daemon status")


@app.command(cls=Command, epilog=epilog("genie daemon start", "GET /v1/health"))
def start(json: AsJson = False) -> None:
    """Start the daemon, if it does not run."""
    genie = reach()
    with working("starting the genie daemon…", after=5.0):
        genie.ensure()
    health = genie.health()
    if json:
        as_json(health)
        return
    line(f"{health['state']}  pid {health['pid']}  {health['home']}")
    if health.get("problem"):
        warn(health["problem"])


@app.command(cls=Command, epilog=epilog("genie daemon stop", "POST /v1/daemon/stop"))
def stop(json: AsJson = False) -> None:
    """Stop the daemon. Agents go on in their panes."""
    genie = reach(start=False)
    running = True
    try:
        genie.stop_daemon()
    except Unreachable as error:
        if "home" not in error.details:
            raise
        running = False
    with working("stopping the daemon…"):
        _wait_until_gone()
    if json:
        as_json({"stopped": running})
    else:
        line("stopped" if running else "no daemon runs")


def _wait_until_gone() -> None:
    from genie.client.start import held

    genie, home = reach(start=False), Home.from_environment()
    deadline = time.monotonic() + STOP_WITHIN
    while time.monotonic() < deadline:
        try:
            genie.health()
        except Unreachable as error:
            if "home" in error.details and not held(home):
                return
        time.sleep(0.05)
    raise TimedOut(f"the daemon did not end within {STOP_WITHIN:g} s", hint="genie daemon logs")


@app.command(cls=Command, epilog=epilog("genie daemon status --json", "GET /v1/daemon"))
def status(json: AsJson = False) -> None:
    """Tell how the daemon is. Exit code 7 when none runs."""
    told = reach(start=False).daemon()
    if json:
        as_json(told)
        return
    database = told["database"]
    beat = told.get("heartbeat") or {}
    pairs = [
        ("pid", told["pid"]),
        ("since", f"{told['since'][:19].replace('T', ' ')} ({since(told['since'])})"),
        ("version", told["version"]),
        ("host", told["host"]),
        ("home", told["home"]),
        ("socket", told["socket"]),
        ("log", told["log"]),
        ("database", f"{database['kind']} {database['url']}: {database['state']}"),
        ("problem", database.get("problem")),
        ("agents", ", ".join(f"{count} {state}" for state, count in told["agents"].items()) or "none"),
        ("heartbeat", _beat(beat)),
        ("memory", f"{told['rss_mb']:.0f} MB" if told.get("rss_mb") is not None else None),
    ]
    for text in fields(pairs):
        line(text)


def _beat(beat: Row) -> str:
    if not beat.get("last"):
        return "none yet"
    return f"{since(beat['last'])} ago, {beat['ms']:.1f} ms, {beat['passes']} passes"


@app.command(cls=Command, epilog=epilog("genie daemon run"))
def run() -> NoReturn:
    """Be the daemon, in the foreground: for systemd and launchd."""
    flush()
    command = [sys.executable, "-P", "-m", "genie.daemon", "run"]
    os.execv(sys.executable, command)  # noqa: S606 — our own interpreter and module


Print = Annotated[bool, typer.Option("--print", help="Print the unit; write nothing.")]


@app.command(cls=Command, epilog=epilog("genie daemon install --print"))
def install(show: Print = False) -> None:
    """Let systemd or launchd start the daemon and restart it at once when it dies."""
    from genie.cli.units import run as run_commands
    from genie.cli.units import unit

    home = Home.from_environment()
    wanted = unit(home)
    if show:
        write(wanted.content)
        return
    home.make()
    wanted.path.parent.mkdir(parents=True, exist_ok=True)
    wanted.path.write_text(wanted.content)
    try:
        reach(start=False).stop_daemon()  # the unit's own takes its place; agents do not notice
        _wait_until_gone()
    except Unreachable:
        pass
    problem = run_commands(wanted.enable)
    line(str(wanted.path))
    if problem:
        warn(f"written, but not started: {problem} — run: {'; '.join(' '.join(words) for words in wanted.enable)}")


@app.command(cls=Command, epilog=epilog("genie daemon uninstall"))
def uninstall() -> None:
    """Take back what install has done."""
    from genie.cli.units import run as run_commands
    from genie.cli.units import unit

    wanted = unit(Home.from_environment())
    if not wanted.path.exists():
        raise NotFound(f"no unit is installed at {wanted.path}", hint="genie daemon install")
    problem = run_commands(wanted.disable[:1])
    wanted.path.unlink()
    run_commands(wanted.disable[1:])
    line(str(wanted.path))
    if problem:
        warn(f"removed, but not stopped: {problem}")


@app.command(cls=Command, epilog=epilog("genie daemon logs -f"))
def logs(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as it grows.")] = False,
    lines: Annotated[str, typer.Option("--lines", "-n", metavar="N", help="Begin with the last so many.")] = "50",
) -> None:
    """Print the daemon's log."""
    wanted = count(lines, "--lines", least=0)
    path = _log()
    with path.open(errors="replace") as file:
        for text in file.read().splitlines()[-wanted:] if wanted else ():
            line(text)
        flush()
        if follow:
            for text in _growing(path, file):
                write(text)
                flush()


def _log() -> Path:
    """The log that the daemon names; where none runs, the one that was written last."""
    try:
        path = Path(reach(start=False).daemon()["log"])
    except Unreachable:
        found = sorted(Home.from_environment().logs.glob("daemon.*"), key=lambda file: file.stat().st_mtime)
        if not found:
            raise NotFound("there is no log of a daemon yet", hint="genie daemon start") from None
        return found[-1]
    if not path.exists():
        raise NotFound(f"there is no log at {path} yet", hint="genie daemon status")
    return path


def _growing(path: Path, file: IO[str]) -> Iterator[str]:
    """What is added to the file, over rotations."""
    with_number = os.fstat(file.fileno()).st_ino
    while True:
        if text := file.read():
            yield text
            continue
        time.sleep(LOOK_AGAIN)
        try:
            rotated = path.stat().st_ino != with_number
        except FileNotFoundError:
            continue
        if rotated:
            say("(a new log)")
            with path.open(errors="replace") as successor:
                yield from _growing(path, successor)
