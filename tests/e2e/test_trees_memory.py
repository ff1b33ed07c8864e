"""Spawn trees: the memory of a whole tree, weighed every two seconds, and what is done about too much of it."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from tests.e2e.forest import Inside, Row, events, of_run, root, rows
from tests.fixtures.daemon import Genie
from tests.fixtures.tmux import until

MIB = 2**20
GREEDY = ("--", sys.executable, "-c", "b = bytearray(b'x') * (200 << 20); import signal; signal.pause()")


@pytest.fixture
def weighing(make_genie: Callable[..., Genie]) -> Genie:
    """One that weighs by /proc, wherever the tests run."""
    return make_genie(GENIE_CGROUP__PATH="off")


def until_exceeded(genie: Genie, name: str) -> Row:
    """What the event says that tells of a tree over its quota."""
    found: list[Row] = []

    def told() -> bool:
        found[:] = events(genie, name, "quota_exceeded")
        return bool(found)

    until(told, within=40, what="the event")
    assert len(found) == 1
    payload: Row = found[0]["payload"]
    assert payload["used"] > payload["quota"] == 150 * MIB
    return payload


def greedy(genie: Genie, policy: str | None) -> Inside:
    """A root with a quota of 150 MiB, a child of a few, and one of 200 MiB."""
    said = ("--limit", f"on_breach={policy}") if policy else ()
    a = root(genie, "a", "--limit", "memory=150MiB", *said)
    a.spawn("b")
    a.spawn("c", *GREEDY)
    return a


def test_over_the_quota_nothing_more_is_spawned(weighing: Genie) -> None:
    a = greedy(weighing, "refuse")
    assert until_exceeded(weighing, "a")["policy"] == "refuse"
    done = a.try_spawn("d")
    assert (done.code, done.error["limit"], done.error["max"], done.error["of"]) == (5, "memory", 150 * MIB, "a")
    assert done.error["now"] > 150 * MIB
    assert {name: row["state"] for name, row in rows(weighing).items()} == dict.fromkeys("abc", "running")
    weighing("kill", "c")
    until(lambda: a.try_spawn("d").code == 0, within=20, what="room")
    assert len(events(weighing, "a", "quota_exceeded")) == 1


def test_the_youngest_is_ended_and_the_others_go_on(weighing: Genie) -> None:
    a = greedy(weighing, None)
    run = weighing.agent("c")["run_id"]
    assert until_exceeded(weighing, "a")["policy"] == "kill-newest"
    row = weighing.until_state("c", "failed")
    assert row["reason"] == "quota"
    assert not of_run(run)
    assert events(weighing, "c", "stop_requested")[0]["payload"]["quota"] == "a"
    until(lambda: a.try_spawn("d").code == 0, within=20, what="room")
    assert [rows(weighing)[name]["state"] for name in "abcd"] == ["running", "running", "failed", "running"]


def test_the_whole_tree_is_ended(weighing: Genie) -> None:
    greedy(weighing, "kill-tree")
    assert until_exceeded(weighing, "a")["policy"] == "kill-tree"
    for name in "abc":
        assert weighing.until_state(name, "failed")["reason"] == "quota"
    assert weighing.panes() == []


def test_without_a_quota_nothing_is_refused(weighing: Genie) -> None:
    a = root(weighing)
    a.spawn("c", *GREEDY)
    assert "memory" not in weighing.json("show", "c")["limits"]
    until(lambda: _rss(weighing, "c") > 190 * MIB, within=30, what="its sample")
    a.spawn("d")
    assert weighing.state("c") == "running"


def _rss(genie: Genie, name: str) -> int:
    (row,) = (row for row in genie.json("tree") if row["name"] == name)
    return row["rss"] or 0


def test_doctor_says_what_weighs(weighing: Genie) -> None:
    (check,) = (check for check in weighing.json("doctor") if check["check"] == "memory")
    assert check["status"] == "ok"
    assert "process search; memory by proportional set size (/proc)" in check["detail"]
