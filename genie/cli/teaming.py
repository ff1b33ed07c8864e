"""What `genie team` tells of whole teams, and asks before it ends one."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from genie.cli.output import as_json, clean, life_style, line, paint, say, table, warn
from genie.cli.targets import MANY, told
from genie.client import Row
from genie.domain.errors import BadInput

STYLES = {
    "spawn": ("green",),
    "resume": ("green",),
    "create": ("green",),
    "change": ("yellow",),
    "refuse": ("red",),
    "leave": ("dim",),
}


def answer_archived(incomplete: str) -> list[str]:
    """Names of archived teams, for completion."""
    from genie.cli.completing import archived_teams

    return archived_teams(incomplete)


def team_or_file(word: str | None) -> tuple[str | None, str | None]:
    """A team's name, or the path of a file: what looks like a path, or is there."""
    if word is None:
        return None, None
    if os.sep in word or word.endswith((".yaml", ".yml")) or os.path.isfile(word):  # noqa: PTH113 — no pathlib for one look
        return None, word
    return word, None


def sure(verb: str, names: Sequence[str], *, yes: bool) -> bool:
    """Whether to go on. Asks where more than MANY would end; raises BadInput where nobody can be asked."""
    if yes or len(names) <= MANY:
        return True
    if not sys.stdin.isatty():
        raise BadInput(f"this would {verb} {len(names)} agents", hint="say --yes", agents=list(names))
    sys.stderr.write(f"{verb} {len(names)} agents: {clean(', '.join(names))}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def tell_plan(plan: Row, *, json: bool, quiet: bool) -> int:
    """The steps of a dry run; 4 where one of them cannot be done."""
    steps = plan["steps"]
    if json:
        as_json(plan)
    elif quiet:
        for step in steps:
            line(step["name"])
    else:
        cells = [(step["does"], step["name"], ", ".join(step["after"]), step["reason"]) for step in steps]
        for text in table(("STEP", "NAME", "AFTER", "WHY"), cells, {"STEP": lambda word: STYLES.get(word, ())}):
            line(text)
        line(paint("nothing was done", "dim"))
    refused = [step for step in steps if step["does"] == "refuse"]
    for step in refused:
        warn(f"'{step['name']}': {step['reason']} — {step['hint']}")
    return 4 if refused else 0


def tell_steps(done: Row, *, json: bool, quiet: bool) -> int:
    """What was done; the exit code is that of the first step that failed, 6 where one has to wait."""
    steps = done["steps"]
    if json:
        as_json(done)
    elif quiet:
        for step in steps:
            if not step["error"]:
                line(step["name"])
    else:
        for step in steps:
            state = str(step["state"] or "")
            words = [clean(step["name"]), step["outcome"], paint(state, *life_style(state)), clean(step["detail"])]
            line("  ".join(word for word in words if word))
        if not steps:
            say(f"genie: nobody of team {clean(done['team'])} is live")
    code = told(steps)
    return code or (6 if any(step["outcome"] == "waits" for step in steps) else 0)


def tell_names(meant: Row, *, json: bool) -> int:
    """Who would be stopped."""
    if json:
        as_json(meant)
    else:
        for name in meant["names"]:
            line(f"stop  {clean(name)}")
        line(paint("nothing was done", "dim"))
    return 0


def tell_moved(rows: Sequence[Row], *, json: bool) -> None:
    """In which team each is now."""
    if json:
        as_json(list(rows))
        return
    for row in rows:
        line(f"{clean(row['name'])}  {row['state']}  team {row['team']}")


def tell_team(row: Row, text: str, *, json: bool) -> None:
    """What became of a team."""
    if json:
        as_json(row)
    else:
        line(text)


def show_end(meant: Row, *, data: bool) -> None:
    """What a disbanding ends, before it does: on stderr, or as `data` on stdout."""
    tell = line if data else say
    tell(f"team {clean(meant['team'])}, tmux session {clean(meant['tmux_session'])}:")
    shown = [*(("kill", name) for name in meant["agents"]), *(("kill with them", name) for name in meant["along"])]
    shown += [("remove if clean", path) for path in meant["worktrees"]]
    for does, what in shown or [("nothing", "it has no agents")]:
        tell(f"  {does}  {clean(what)}")


def tell_disbanded(done: Row, *, json: bool) -> int:
    """What became of it; the exit code is that of the first agent that could not be ended."""
    if json:
        as_json(done)
    else:
        line(f"{clean(done['team'])}  {len(done['ended'])} agents ended, {len(done['removed'])} worktrees removed")
        for kept in done["kept"]:
            line(f"kept  {clean(kept['path'])}  {clean(kept['reason'])}")
    return told([{"name": one["name"], "error": one["error"]} for one in done["failed"]])
