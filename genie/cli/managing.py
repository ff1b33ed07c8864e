"""`genie ps list|show|stop|kill`: a verb in the place of the first name, and `self` for the caller's own agent."""

from __future__ import annotations

from collections.abc import Sequence

from genie.cli.output import as_json, fields, line
from genie.cli.targets import Targets, act, confirm
from genie.client import Genie, Row
from genie.domain.errors import BadInput

VERBS = ("list", "show", "stop", "kill")


def taken_apart(words: list[str]) -> tuple[str, list[str]]:
    """The verb, and the names after it; `list` where there is none."""
    return (words[0], words[1:]) if words and words[0] in VERBS else ("list", words)


def answer_verbs(incomplete: str) -> list[str]:
    """The verbs and names that begin so."""
    from genie.cli.parsing import answer_names

    return [*(verb for verb in (*VERBS, "self") if verb.startswith(incomplete)), *answer_names(incomplete)]


def named(genie: Genie, names: list[str]) -> list[str]:
    """The names, with the caller's own for `self`. Raises NotFound for a caller that is in no agent's run."""
    return [str(genie.whoami()["name"]) if name == "self" else name for name in names]


def manage(genie: Genie, verb: str, targets: Targets, *, yes: bool, json: bool, quiet: bool) -> int:
    """Do what `genie stop` and `genie kill` do, or show runs whole; the exit code."""
    names, team, tags = targets.check(verb).names, targets.team, targets.tags
    if verb == "show":
        _show(genie.runs(*names, team=team, tags=tags), json=json, quiet=quiet)
        return 0
    if not confirm(genie, verb, targets, yes=yes):
        return 1
    if verb == "stop":
        return act("stopping", lambda: genie.stop(*names, team=team, tags=tags), json=json, quiet=quiet)
    return act("killing", lambda: genie.kill(*names, team=team, tags=tags), json=json, quiet=quiet)


def _show(rows: Sequence[Row], *, json: bool, quiet: bool) -> None:
    """All that is known of runs, one after the other."""
    if json:
        as_json(rows)
        return
    for at, row in enumerate(rows):
        if quiet:
            line(row["name"])
            continue
        if at:
            line()
        shown = [(key.replace("_", " "), value) for key, value in row.items() if not isinstance(value, list | dict)]
        for text in fields(shown):
            line(text)


def check_flags(verb: str, flags: dict[str, bool]) -> None:
    """Raises BadInput for a flag that says nothing to that verb."""
    for flag, given in flags.items():
        if given:
            raise BadInput(f"{flag} says nothing to genie ps {verb}", hint="leave it out")
