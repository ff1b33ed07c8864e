"""Spawn trees: what becomes of the others when one of four generations ends."""

from __future__ import annotations

import os
import signal

import pytest

from tests.e2e.dying import crash_at, points
from tests.e2e.forest import Inside, events, line, root, rows, states, until_states
from tests.fixtures.daemon import Genie, belonging
from tests.fixtures.tmux import until

LIVE = ["running"] * 4


def mains(genie: Genie) -> set[int]:
    """The processes of agents that are there."""
    return {process.pid for process in belonging(genie.home)}


def test_cascade_ends_all_leaves_first(genie: Genie) -> None:
    line(genie)
    pids = {row["pid"] for row in rows(genie).values()}
    until(lambda: mains(genie) == pids, what="the processes of all")
    genie("kill", "a")
    assert states(genie) == ["terminated"] * 4
    assert mains(genie) == set()
    assert genie.panes() == []
    order = sorted("abcd", key=lambda name: str(events(genie, name, "terminated")[0]["at"]))
    assert order == ["d", "c", "b", "a"]
    assert [events(genie, name, "kill_requested")[0]["payload"].get("by") for name in "abcd"] == [None, *["a"] * 3]


def test_orphans_go_on(genie: Genie) -> None:
    line(genie, "--limit", "termination=orphan", "--limit", "descendants=4")
    before = rows(genie)
    genie("kill", "a")
    assert states(genie) == ["terminated", *LIVE[1:]]
    after = rows(genie)
    assert [after[name]["orphan"] for name in "bcd"] == [True, False, False]
    assert {after[name]["run_id"] for name in "bcd"} == {before[name]["run_id"] for name in "bcd"}
    assert mains(genie) == {before[name]["pid"] for name in "bcd"}
    assert (after["b"]["parent"], after["b"]["root"]) == ("a", "a")
    assert events(genie, "b", "orphaned")[0]["payload"] == {"of": "a"}
    b = Inside(genie, "b")
    assert b.spawn("e")["depth"] == 2
    assert b.try_spawn("f").error["limit"] == "descendants"


def test_reparented_they_belong_to_the_lead(genie: Genie) -> None:
    genie("team", "create", "red", "--lead", "boss")
    root(genie, "boss", "--team", "red")
    line(genie, "--team", "red", "--limit", "termination=reparent")
    before = rows(genie)
    genie("kill", "a")
    after = rows(genie)
    assert states(genie) == ["terminated", *LIVE[1:]]
    assert [(after[name]["parent"], after[name]["depth"]) for name in "bcd"] == [("boss", 1), ("b", 2), ("c", 3)]
    assert {after[name]["root"] for name in "bcd"} == {"boss"}
    assert {after[name]["run_id"] for name in "bcd"} == {before[name]["run_id"] for name in "bcd"}
    assert events(genie, "b", "reparented")[0]["payload"] == {"of": "a", "to": "boss"}
    assert not any(row["orphan"] for row in after.values())


def test_reparented_they_belong_to_the_nearest_live_ancestor(genie: Genie) -> None:
    line(genie, "--limit", "termination=reparent")
    genie("kill", "c")
    d = rows(genie)["d"]
    assert (d["state"], d["parent"], d["depth"], d["root"]) == ("running", "b", 2, "a")


def test_a_stop_suspends_all_and_the_resume_brings_all_back(genie: Genie) -> None:
    a, *_ = line(genie)
    a.spawn("own")
    genie("stop", "own")
    before = rows(genie)
    genie("stop", "a")
    assert states(genie) == ["suspended"] * 4
    assert mains(genie) == set()
    genie("resume", "a")
    until_states(genie, LIVE)
    after = rows(genie)
    assert [after[name]["session_id"] for name in "abcd"] == [before[name]["session_id"] for name in "abcd"]
    assert not {after[name]["run_id"] for name in "abcd"} & {before[name]["run_id"] for name in "abcd"}
    assert [after[name]["parent"] for name in "abcd"] == [None, "a", "b", "c"]
    assert events(genie, "a", "resume_claimed")[0]["payload"]["brings"] == "b, c, d"
    assert after["own"]["state"] == "suspended"
    until(lambda: mains(genie) == {after[name]["pid"] for name in "abcd"}, what="the processes of all")
    assert Inside(genie, "d").run("true").code == 0


def test_a_parent_that_crashed_for_good_suspends_the_others(genie: Genie) -> None:
    line(genie, "--no-auto-resume")
    os.kill(genie.agent("a")["pid"], signal.SIGKILL)
    until_states(genie, ["failed", *["suspended"] * 3])
    assert genie.agent("a")["reason"] == "exit"
    assert mains(genie) == set()
    genie("resume", "a")
    until_states(genie, LIVE)


def test_the_children_of_a_parent_that_comes_back_go_on(genie: Genie) -> None:
    line(genie, names="abc")
    before = rows(genie)
    os.kill(before["a"]["pid"], signal.SIGKILL)
    genie.until_again("a", before["a"])
    after = rows(genie)
    assert [after[name]["run_id"] for name in "bc"] == [before[name]["run_id"] for name in "bc"]
    assert not any("stop_requested" in genie.kinds(name) for name in "bc")
    assert Inside(genie, "a").spawn("e")["parent"] == "a"


@pytest.mark.parametrize(
    "point", points(("kill.wanted", "finish.ended", "finish.closed", "finish.before_commit"), ("finish.closed",))
)
def test_a_cascade_is_finished_by_the_next_daemon(genie: Genie, point: str) -> None:
    line(genie)
    before = mains(genie)
    daemon = crash_at(genie, point)
    assert genie.run("kill", "a").returncode != 0
    genie.until_gone(daemon)
    assert mains(genie) & before
    until_states(genie, ["terminated"] * 4)
    assert mains(genie) == set()
    assert genie.panes() == []
    assert [len(events(genie, name, "terminated")) for name in "abcd"] == [1] * 4


@pytest.mark.parametrize("point", points(("stop.wanted", "finish.ended", "resume.claimed"), ("resume.claimed",)))
def test_a_stop_or_resume_of_all_is_finished_by_the_next_daemon(genie: Genie, point: str) -> None:
    line(genie, names="abc")
    before = rows(genie)
    if point.startswith("resume"):
        genie("stop", "a")
    daemon = crash_at(genie, point)
    assert genie.run("resume" if point.startswith("resume") else "stop", "a").returncode != 0
    genie.until_gone(daemon)
    if point.startswith("resume"):
        until_states(genie, LIVE[:3], "abc")
        assert [rows(genie)[name]["session_id"] for name in "abc"] == [before[name]["session_id"] for name in "abc"]
    else:
        until_states(genie, ["suspended"] * 3, "abc")
        assert mains(genie) == set()
