"""`genie schedule`."""

from __future__ import annotations

import shlex
from datetime import UTC, tzinfo
from typing import Annotated, Any

import typer

from genie.cli.later import KINDS, later
from genie.cli.output import as_json, fields, line, table
from genie.cli.parsing import REST, AsJson, Command, Quiet, epilog, group
from genie.cli.reach import reach
from genie.cli.spans import count, moment, since, until
from genie.client import Row
from genie.domain.errors import BadInput

HEADING = "Agents"

app = group(
    "Start sessions by the clock.",
    """
genie schedule add nightly --cron '0 3 * * *' spawn engineer --prompt 'update the dependencies'
genie schedule ls
""",
)


class AddCommand(Command):
    """A command that ends in another one's command line, which it takes as it is."""

    verbs = tuple(KINDS.values())

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 — typer moved the classes
        own = self._own(ctx, args)
        rest = args[own:]
        ctx.meta[REST] = rest[1:] if rest[:1] == ["--"] else rest
        return super().parse_args(ctx, args[:own])

    def _own(self, ctx: Any, args: list[str]) -> int:  # noqa: ANN401
        """How many words are its own: up to `--`, or the first that is neither a flag, nor a flag's value, nor the
        name."""
        valued = {opt for param in self.get_params(ctx) if _takes_value(param) for opt in param.opts}
        named, at = False, 0
        while at < len(args) and args[at] != "--":
            if args[at].startswith("-"):
                at += 2 if args[at] in valued else 1
            elif named:
                break
            else:
                named, at = True, at + 1
        return min(at, len(args))

    def after(self, words: list[str]) -> list[str]:
        """The words of the other command among `words`, for completion."""
        ctx = self.make_context("add", [], resilient_parsing=True)
        return words[self._own(ctx, words) :]

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401
        return [*super().collect_usage_pieces(ctx), "spawn|run WORD..."]


def _takes_value(param: Any) -> bool:  # noqa: ANN401
    return param.param_type_name == "option" and not getattr(param, "is_flag", False)


def _names(incomplete: str) -> list[str]:
    from genie.cli.completing import schedules

    return schedules(incomplete)


def _one_of(*words: str) -> Any:  # noqa: ANN401
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


ScheduleName = Annotated[str, typer.Argument(metavar="NAME", help="The schedule.", autocompletion=_names)]
Missed = Annotated[
    str | None,
    typer.Option(
        metavar="POLICY",
        help="What is made of times that were missed: run-once, run-all or skip.",
        autocompletion=_one_of("run-once", "run-all", "skip"),
    ),
]

_EXAMPLES = """
genie schedule add nightly --cron '0 3 * * *' spawn engineer --prompt 'update the dependencies'
genie schedule add poll --every 10m --missed skip run --name poll -- ./poll.sh
genie schedule add release --at 2026-12-01T09:00 --timezone Europe/Berlin spawn releaser
"""


@app.command(cls=AddCommand, epilog=epilog(_EXAMPLES, "POST /v1/schedules"))
def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")],
    cron: Annotated[str | None, typer.Option(metavar="EXPR", help="minute hour day month weekday, or @daily.")] = None,
    every: Annotated[str | None, typer.Option(metavar="TIME", help="So often, such as 10m.")] = None,
    at: Annotated[str | None, typer.Option(metavar="WHEN", help="Once, such as 2026-12-01T09:00.")] = None,
    in_: Annotated[str | None, typer.Option("--in", metavar="TIME", help="Once, so long from now.")] = None,
    timezone: Annotated[str | None, typer.Option(metavar="ZONE", help="Where the clock hangs; $TZ or here.")] = None,
    missed: Missed = None,
    overlap: Annotated[
        str | None,
        typer.Option(
            metavar="POLICY",
            help="While the session before still lives: skip (as it is) or allow.",
            autocompletion=_one_of("skip", "allow"),
        ),
    ] = None,
    paused: Annotated[bool, typer.Option("--paused", help="Add it, and let it wait for resume.")] = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Add a schedule: what follows is a genie spawn or genie run.

    It is parsed and tried as if it were to be done now; a mistake is told before anything is kept.
    """
    asked = later(ctx.meta[REST])
    if asked is None:
        return
    row = reach().add_schedule(
        name,
        asked.kind,
        asked.wanted,
        cron=cron,
        every=every,
        at=at,
        in_=in_,
        timezone=timezone,
        missed=missed,
        overlap=overlap,
        paused=paused,
    )
    _tell(row, json=json, quiet=quiet)


@app.command(cls=Command, epilog=epilog("genie schedule ls", "GET /v1/schedules"))
def ls(json: AsJson = False, quiet: Quiet = False) -> None:
    """Show the schedules and when they are due next."""
    rows = reach().schedules()
    if json:
        as_json(rows)
        return
    cells = [(row["name"], row["state"], _when(row), _next(row), _last(row), _what(row)) for row in rows]
    header = ("NAME", "STATE", "WHEN", "NEXT", "LAST", "WHAT")
    for text in [row["name"] for row in rows] if quiet else table(header, cells, {"STATE": _style}):
        line(text)


@app.command(cls=Command, epilog=epilog("genie schedule show nightly", "GET /v1/schedules/{name}"))
def show(name: ScheduleName, json: AsJson = False) -> None:
    """Show one schedule: its next due times, what it starts, the last fire."""
    row = reach().schedule(name)
    if json:
        as_json(row)
        return
    said = [
        ("name", row["name"]),
        ("state", row["state"]),
        ("when", _when(row)),
        ("timezone", row["timezone"]),
        ("missed", row["missed"]),
        ("overlap", row["overlap"]),
        *(("next" if not n else "", f"{_local(at, row)}  in {until(at)}") for n, at in enumerate(row["next"])),
        ("last", _last(row)),
        ("starts", _what(row)),
        ("directory", row["wanted"].get("cwd") or row["wanted"].get("cwd_of")),
        ("environment", " ".join(row["wanted"].get("env_names") or ())),
        ("added", f"{_local(row['created_at'], row)} by {row['created_by']}"),
    ]
    for text in fields(said):
        line(text)


@app.command(cls=Command, epilog=epilog("genie schedule pause nightly", "POST /v1/schedules/{name}/pause"))
def pause(name: ScheduleName, json: AsJson = False, quiet: Quiet = False) -> None:
    """Start nothing until it is resumed."""
    _tell(reach().pause_schedule(name), json=json, quiet=quiet)


@app.command(cls=Command, epilog=epilog("genie schedule resume nightly", "POST /v1/schedules/{name}/resume"))
def resume(name: ScheduleName, missed: Missed = None, json: AsJson = False, quiet: Quiet = False) -> None:
    """Go on; what was due meanwhile is left out, unless --missed says otherwise."""
    _tell(reach().resume_schedule(name, missed=missed), json=json, quiet=quiet)


@app.command("run-now", cls=Command, epilog=epilog("genie schedule run-now nightly", "POST /v1/schedules/{name}/run"))
def run_now(name: ScheduleName, json: AsJson = False, quiet: Quiet = False) -> None:
    """Start it now, besides its due times, also while it is paused."""
    row = reach().run_schedule(name)
    if json:
        as_json(row)
    else:
        line(row["name"] if quiet else f"{name}  {row['outcome']}  {row['name']}  session {row['session_id']}")


@app.command(cls=Command, epilog=epilog("genie schedule remove nightly", "POST /v1/schedules/{name}/remove"))
def remove(name: ScheduleName, json: AsJson = False, quiet: Quiet = False) -> None:
    """Forget a schedule and its history. What it has started goes on."""
    row = reach().remove_schedule(name)
    if json:
        as_json(row)
    else:
        line(row["name"] if quiet else f"{row['name']}  removed")


@app.command(cls=Command, epilog=epilog("genie schedule history nightly -n 10", "GET /v1/schedules/{name}/history"))
def history(
    name: ScheduleName,
    limit: Annotated[str, typer.Option("--limit", "-n", metavar="N", help="The latest so many.")] = "50",
    json: AsJson = False,
) -> None:
    """Show what became of its due times, latest first."""
    most = count(limit, "--limit")
    if most > 1000:
        raise BadInput(f"--limit {limit} is more than are kept", hint="--limit 1000")
    genie = reach()
    rows = genie.fires(name, limit=most)
    if json:
        as_json(rows)
        return
    whole = genie.schedule(name)
    cells = [
        (_local(row["due"], whole), since(row["due"]), row["outcome"], row["name"], row["session_id"], _detail(row))
        for row in rows
    ]
    for text in table(("DUE", "AGO", "OUTCOME", "AGENT", "SESSION", "WHY"), cells, {"OUTCOME": _style}):
        line(text)


# ---- words ----------------------------------------------------------------------------------


def _tell(row: Row, *, json: bool, quiet: bool) -> None:
    if json:
        as_json(row)
    elif quiet:
        line(row["name"])
    else:
        line(
            f"{row['name']}  {row['state']}  {_when(row)}  {f'next {_next(row)}  ' if row['next'] else ''}{_what(row)}"
        )


def _when(row: Row) -> str:
    trigger = row["trigger"]
    if "cron" in trigger:
        return f"cron {trigger['cron']}"
    if "every" in trigger:
        from datetime import timedelta

        from genie.domain.amounts import write_duration

        return f"every {write_duration(timedelta(seconds=trigger['every']))}"
    return f"at {_local(trigger['at'], row)}"


def _next(row: Row) -> str:
    return f"{_local(row['next'][0], row)} (in {until(row['next'][0])})" if row["next"] else ""


def _last(row: Row) -> str:
    last = row["last"]
    if not last:
        return ""
    why = f": {last['detail']}" if last["detail"] else ""
    return f"{last['outcome']} {since(last['due'])} ago{why}"


def _detail(row: Row) -> str:
    said = [row["detail"]] if row["detail"] else []
    said += ["by hand"] if row["by_hand"] else []
    said += [f"stands for {row['passed']} more"] if row["passed"] else []
    return ", ".join(said)


def _what(row: Row) -> str:
    wanted = row["wanted"]
    words = [row["kind"], str(wanted.get("name") or "")]
    words += [f"--{key}" + f" {wanted[key]}" for key in ("provider", "role", "team", "model") if wanted.get(key)]
    words += [f"--tag {tag}" for tag in wanted.get("tags") or ()]
    words += [f"'{_short(wanted['prompt'])}'"] if wanted.get("prompt") else []
    words += ["--", shlex.join(wanted["command"])] if wanted.get("command") else []
    return " ".join(word for word in words if word)


def _short(text: str) -> str:
    first = " ".join(text.split())
    return first if len(first) <= 60 else f"{first[:59]}…"


def _local(iso: str, row: Row) -> str:
    """A time on the schedule's own clock."""
    return moment(iso).astimezone(_zone(row["timezone"])).strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return UTC


def _style(word: str) -> tuple[str, ...]:
    return _STYLES.get(word, ())


_STYLES = {
    "active": ("green",),
    "paused": ("blue",),
    "over": ("dim",),
    "started": ("green",),
    "claimed": ("yellow",),
    "skipped": ("yellow",),
    "failed": ("red", "bold"),
}
