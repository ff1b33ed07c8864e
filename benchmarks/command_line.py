"""Commands with the daemon up, beside a bare interpreter and one that has imported typer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import Figure, Sample, alternate, beside, command, cpu_of_children, main
from benchmarks.harness import own

TIMES = 20
GENIE = str(Path(sys.executable).with_name("genie"))
ASKED = {"genie ls": ("ls",), "genie version": ("version",), "genie spawn --help": ("spawn", "--help")}


def measure() -> list[Figure]:
    with own() as genie:
        genie.fill(10)
        commands = [command(GENIE, *words) for words in ASKED.values()]
        plain, typer = (command(sys.executable, "-c", code) for code in ("pass", "import typer"))
        *ours, bare, loaded = alternate(TIMES, *commands, plain, typer)
        *costs, least, more = alternate(TIMES, *map(_cpu, [*commands, plain, typer]))
    figures: list[Figure] = []
    for name, sample in zip(ASKED, ours, strict=True):
        figures += _figures(name, sample, bare, loaded)
    for name, sample in zip(ASKED, costs, strict=True):
        figures.append(beside(f"`{name}`: CPU", sample, more, "`import typer`"))
        figures.append(beside(f"`{name}`: CPU", sample, least, "`pass`"))
    return figures


def _cpu(run: Callable[[], float]) -> Callable[[], float]:
    """The same, but CPU time instead of wall time."""

    def cost() -> float:
        before = cpu_of_children()
        run()
        return cpu_of_children() - before

    return cost


def _figures(name: str, sample: Sample, bare: Sample, loaded: Sample) -> list[Figure]:
    limit = 2.0 if name == "genie ls" else None
    what = f"`{name}`, 10 agents" if name == "genie ls" else f"`{name}`"
    return [
        beside(what, sample, loaded, '`python -c "import typer"`', at_most=limit),
        beside(what, sample, bare, "`python -c pass`", limit="3 × (the later aim)" if limit else ""),
    ]


if __name__ == "__main__":
    main(measure)
