"""`genie tree` and `genie ps` over 500 running descendants, beside an interpreter that has imported typer."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.figures import Figure, Sample, alternate, beside, command, main, timed
from benchmarks.harness import SLEEP, TEAM, Own, own, until

CHILDREN, EACH = 20, 24
"""Children of the root, and of each of them: 20 + 20 × 24 = 500 descendants."""
DESCENDANTS = CHILDREN * (1 + EACH)
TIMES = 15
LIMIT = 300.0
LIMITS = {"children": "1000", "descendants": "1000", "rate": "1000000/s"}
GENIE = str(Path(sys.executable).with_name("genie"))


def measure() -> list[Figure]:
    with own(GENIE_MAX_RUNNING="2000") as genie:
        _grow(genie)
        until(lambda: all(row["cpu"] is not None for row in genie.genie.tree("top")), pause=0.5)
        tree, ps, typer, tree_asked, ps_asked = alternate(
            TIMES,
            command(GENIE, "tree", "top"),
            command(GENIE, "ps"),
            command(sys.executable, "-c", "import typer"),
            lambda: timed(lambda: genie.genie.tree("top")),
            lambda: timed(genie.genie.runs),
        )
    what = f"{DESCENDANTS} running descendants"
    return [
        *_figures(f"`genie tree`, {what}", tree, typer, tree_asked, LIMIT),
        *_figures(f"`genie ps`, {what}", ps, typer, ps_asked, None),
    ]


def _figures(what: str, ours: Sample, typer: Sample, asked: Sample, limit: float | None) -> list[Figure]:
    ratio = ours.median / typer.median
    said = f"{limit:.0f} ms" if limit else ""
    met = ours.median < limit if limit else None
    return [
        Figure(what, str(ours), f'`python -c "import typer"`: {typer}', ratio, said, met),
        beside(f"{what}: its request alone", asked, typer, '`python -c "import typer"`'),
    ]


def _grow(genie: Own) -> None:
    """Each in a window of its own: there is no room for them in one."""
    genie.genie.spawn("top", command=SLEEP, team=TEAM, cwd="/", new_window=True, limits=LIMITS)
    children = [f"c{number:02}" for number in range(CHILDREN)]
    leaves = [(f"{child}-{number:02}", child) for child in children for number in range(EACH)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: _spawn(genie, name, "top"), children))
        list(pool.map(lambda leaf: _spawn(genie, *leaf), leaves))


def _spawn(genie: Own, name: str, parent: str) -> None:
    genie.genie.spawn(name, command=SLEEP, team=TEAM, cwd="/", new_window=True, parent=parent)


if __name__ == "__main__":
    main(measure)
