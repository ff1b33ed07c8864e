"""Stop, resume and kill: which agents are meant, asking before many end, and what became of each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from genie.cli.failing import exit_code, sentence
from genie.cli.output import as_json, clean, life_style, line, paint, say, working
from genie.client import Genie, Row
from genie.client.daemon import to_error
from genie.domain.errors import BadInput

MANY = 5
"""To end more agents than this is asked about first."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Which agents: by name, or all of a team, or all with one of the tags."""

    names: Sequence[str]
    team: str | None
    tags: Sequence[str]
    everything: bool = False

    def check(self, verb: str) -> Targets:
        """These targets. Raises BadInput when they name nobody."""
        if not (self.names or self.team or self.tags or self.everything):
            raise BadInput(f"nobody to {verb} was named", hint=f"genie {verb} NAME, or --team, or --tag")
        return self


def confirm(genie: Genie, verb: str, targets: Targets, *, yes: bool) -> bool:
    """Whether to go on. Asks where more than MANY would end; raises BadInput where nobody can be asked."""
    if yes:
        return True
    names = _meant(genie, verb, targets)
    if len(names) <= MANY:
        return True
    if not sys.stdin.isatty():
        raise BadInput(f"this would {verb} {len(names)} agents", hint="say --yes", agents=names)
    sys.stderr.write(f"{verb} {len(names)} agents: {clean(', '.join(names))}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _meant(genie: Genie, verb: str, targets: Targets) -> list[str]:
    """Everybody that would end, descendants too. Raises NotFound for a name that nobody has."""
    found = set(targets.names)
    if targets.team or targets.tags:
        rows = genie.ls(team=targets.team, tags=targets.tags, everything=verb == "kill")
        found |= {str(row["name"]) for row in rows if row["state"] != "terminated"}
    if len(found) <= MANY:
        found |= {name for top in sorted(found) for name in _taken_along(genie.tree(top), top)}
    return sorted(found)


def _taken_along(rows: Sequence[Row], top: str) -> set[str]:
    """Who ends with the top of that tree."""
    cascades = any(row["name"] == top and row["termination"] == "cascade" for row in rows)
    return {str(row["name"]) for row in rows if row["state"] != "terminated"} if cascades else set()


def act(verb: str, doing: Callable[[], Sequence[Row]], *, json: bool, quiet: bool) -> int:
    """Do it and tell of each; the exit code is that of the first that failed."""
    with working(f"{verb}…"):
        rows = doing()
    if json:
        as_json(rows)
    else:
        _tell(rows, quiet=quiet)
    return told(rows)


def told(rows: Sequence[Row]) -> int:
    """Tell what went wrong with some of them; the exit code is that of the first that failed."""
    errors = [to_error(500, row) for row in rows if row.get("error")]
    for error in errors:
        say(sentence(error))
    return exit_code(errors[0]) if errors else 0


def _tell(rows: Sequence[Row], *, quiet: bool) -> None:
    for row in rows:
        if quiet:
            if not row.get("error"):
                line(row["name"])
            continue
        state = str(row["state"] or "-")
        words = [clean(row["name"]), paint(state, *life_style(state)), row["outcome"], clean(row.get("detail") or "")]
        line("  ".join(word for word in words if word))
    if not rows and not quiet:
        say("genie: no agent fits")
