"""Trees, sparklines and amounts, as they are drawn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genie.cli.commands.ps import ordered
from genie.cli.commands.tree import drawn
from genie.cli.drawing import FINE, PLAIN, Pen, branches, means, memory, sparkline
from tests.cli.peer import row

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([], []),
        ([0, 0], ["", ""]),
        ([0, 1], ["", "└─ "]),
        ([0, 1, 1], ["", "├─ ", "└─ "]),
        ([0, 1, 2, 1], ["", "├─ ", "│  └─ ", "└─ "]),
        ([0, 1, 2, 0, 1], ["", "└─ ", "   └─ ", "", "└─ "]),
        ([0, 1, 2, 3, 2, 1], ["", "├─ ", "│  ├─ ", "│  │  └─ ", "│  └─ ", "└─ "]),
        ([0, 1, 2, 2, 1, 2], ["", "├─ ", "│  ├─ ", "│  └─ ", "└─ ", "   └─ "]),
    ],
)
def test_a_forest_is_drawn(levels: list[int], expected: list[str]) -> None:
    assert branches(levels) == expected


@pytest.mark.parametrize("with_", [FINE, PLAIN])
def test_every_part_of_a_branch_is_as_wide_as_the_other(with_: Pen) -> None:
    assert {len(part) for part in (with_.child, with_.last, with_.line, with_.gap)} == {3}
    assert len(with_.levels) == 8


def forest(parents: list[int]) -> list[tuple[int, int]]:
    """(number, level) of each, parents before their children: each has its parent among those before it, or none."""
    children: dict[int, list[int]] = {}
    for number, parent in enumerate(parents):
        children.setdefault(parent % (number + 1) - 1, []).append(number)

    def below(parent: int, level: int) -> list[tuple[int, int]]:
        found = [[(child, level), *below(child, level + 1)] for child in children.get(parent, [])]
        return [one for some in found for one in some]

    return below(-1, 0)


@given(st.lists(st.integers(0, 1000), max_size=40), st.sampled_from([FINE, PLAIN]))
def test_any_forest_shows_each_name_once_below_its_parent(parents: list[int], with_: Pen) -> None:
    placed = forest(parents)
    rows = [line(f"n{number}.", level=level) for number, level in placed]
    shown = list(drawn(rows, with_))[1:]
    lines = {number: at for at, text in enumerate(shown) for number, _ in placed if f"n{number}." in text}
    assert sorted(lines) == sorted(number for number, _ in placed)
    assert len(shown) == len(placed)
    for number, level in placed:
        parent = parents[number] % (number + 1) - 1
        assert shown[lines[number]].index(f"n{number}.") == 3 * level
        if parent >= 0:
            assert lines[parent] < lines[number]
            assert _joined(shown, lines[parent], lines[number], 3 * (level - 1), with_)


def _joined(shown: list[str], parent: int, child: int, column: int, with_: Pen) -> bool:
    """Whether an unbroken line leads down from the parent to the child."""
    between = all(text[column] in (with_.line[0], with_.child[0]) for text in shown[parent + 1 : child])
    return between and shown[child][column : column + 3] in (with_.child, with_.last)


def line(name: str, **changes: object) -> dict[str, object]:
    told = {"level": 0, "orphan": False, "cpu": None, "rss": None, "processes": None, "tree_rss": None}
    return row(name, **told | changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ["running", "0", "4711", "-", "-", "-"]),
        ({"cpu": 12.345, "rss": 36 * 2**20, "tree_rss": 2**30}, ["running", "0", "4711", "12.3%", "36M", "1.0G"]),
        ({"orphan": True, "depth": 2}, ["running,", "orphan", "2", "4711"]),
        ({"state": "failed", "reason": "exit", "pid": None}, ["failed:", "exit", "0", "-"]),
        ({"state": "failed", "pid": None}, ["failed", "0", "-"]),
    ],
)
def test_a_line_of_a_tree(changes: dict[str, object], words: list[str]) -> None:
    header, text = drawn([line("a", **changes)], FINE)
    assert text.split()[1 : 1 + len(words)] == words
    assert header.split()[0] == "NAME"


@pytest.mark.parametrize(
    ("changes", "last"),
    [
        ({"exit_code": 1}, "exit 1"),
        ({"exit_code": 0}, "exit 0"),
        ({"signal": 9}, "signal 9"),
        ({}, "-"),
    ],
)
def test_how_a_run_ended(changes: dict[str, object], last: str) -> None:
    ended = {"state": "dead", "ended_at": "2026-01-01T00:00:00+00:00", "pid": None}
    _, text = drawn([line("a", **ended | changes)], FINE)
    assert text.endswith(f"  -       -    {last}"), "no uptime, no time to live"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], ""),
        ([0.0, 0.0], "▁▁"),
        ([None, 0.5, None], "·▁·"),
        ([0, 10, 20, 30, 40, 50, 60, 70], "▁▂▃▄▅▆▇█"),
        ([400.0, 200.0], "█▅"),
    ],
)
def test_a_sparkline_rises_to_its_own_highest(values: list[float | None], text: str) -> None:
    assert sparkline(values, least=10.0) == text


def test_a_sparkline_without_any_scale_is_flat() -> None:
    assert sparkline([0.0]) == "▁"
    assert sparkline([0.0, None, 5.0], PLAIN) == "_ #"


@given(st.lists(st.none() | st.floats(0, 1e6)), st.floats(0, 100))
def test_a_sparkline_has_a_place_for_each_value(values: list[float | None], least: float) -> None:
    drawn_ = sparkline(values, least=least)
    assert len(drawn_) == len(values)
    assert [char == "·" for char in drawn_] == [value is None for value in values]


def ago(seconds: float, value: float) -> tuple[datetime, float]:
    return NOW - timedelta(seconds=seconds), value


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([], [None, None, None]),
        ([ago(2, 4.0), ago(7, 6.0), ago(12, 1.0)], [None, 1.0, 5.0]),
        ([ago(29.9, 3.0), ago(30, 8.0)], [3.0, None, None]),
        ([ago(-3, 2.0)], [None, None, 2.0]),
    ],
)
def test_the_past_is_averaged(history: list[tuple[datetime, float]], expected: list[float | None]) -> None:
    assert means(history, now=NOW, step=10.0, count=3) == expected


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, ""),
        (0, "0B"),
        (999, "999B"),
        (2048, "2K"),
        (1000 * 1024, "1.0M"),
        (36 * 2**20, "36M"),
        (1.5 * 2**30, "1.5G"),
        (12 * 2**30, "12G"),
        (3 * 2**40, "3.0T"),
    ],
)
def test_memory_in_one_unit(size: float | None, text: str) -> None:
    assert memory(size) == text


@pytest.mark.parametrize(
    ("by", "names"),
    [(None, ["b", "a", "c"]), ("name", ["a", "b", "c"]), ("cpu", ["c", "a", "b"]), ("rss", ["a", "c", "b"])],
)
def test_runs_are_sorted(by: str | None, names: list[str]) -> None:
    uses = {"b": (None, None), "a": (0.0, 9), "c": (3.0, 1)}
    rows = [{"name": name, "cpu": cpu, "rss": rss} for name, (cpu, rss) in uses.items()]
    assert [one["name"] for one in ordered(rows, by)] == names
