"""Spawn trees: the end of an agent's time, and of processes that try to get away from their end."""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime

import psutil
import pytest

from tests.e2e.dying import crash_at, points
from tests.e2e.forest import SLEEP, Artist, artists, at, child, events, of_run, root, until_states
from tests.fixtures.daemon import FAKES, Genie, belonging
from tests.fixtures.tmux import until

LATE = 3.0
"""Seconds after its time by which an agent must be gone on a machine that does much else; the figure that is meant, one
second, is printed beside what was measured."""


def lateness(genie: Genie, name: str) -> float:
    """Seconds between the end of its time and its end."""
    (ended,) = events(genie, name, "terminated")
    late = (at(ended["at"]) - at(genie.agent(name)["expires_at"])).total_seconds()
    print(f"{name} was gone {late:.3f} s after its time (meant: under 1 s)")  # noqa: T201  the measured figure
    return late


@pytest.mark.parametrize("stubborn", [False, True], ids=["heeds SIGTERM", "ignores SIGTERM"])
def test_at_its_time_it_is_gone(genie: Genie, *, stubborn: bool) -> None:
    command = ("sh", "-c", f"{'trap : TERM; ' if stubborn else ''}while :; do sleep 1; done")
    made = genie.json("spawn", "x", "--ttl", "2s", "--", *command)
    row = genie.until_state("x", "terminated")
    assert 0 <= lateness(genie, "x") < LATE
    assert (at(row["expires_at"]) - at(row["created_at"])).total_seconds() == pytest.approx(2, abs=0.1)
    assert genie.kinds("x")[-2:] == ["ttl_expired", "terminated"]
    assert not of_run(made["run_id"])
    assert genie.panes() == []


def test_its_time_holds_over_a_daemon_that_dies(genie: Genie) -> None:
    genie("spawn", "x", "--ttl", "10s", *SLEEP)
    genie.kill_daemon()
    genie("daemon", "start")
    assert genie.state("x") == "running"
    genie.until_state("x", "terminated")
    assert 0 <= lateness(genie, "x") < LATE
    assert genie.kinds("x").count("ttl_expired") == 1
    assert not belonging(genie.home)


def test_a_time_that_was_over_while_no_daemon_was_there(genie: Genie) -> None:
    pid = genie.json("spawn", "x", "--ttl", "6s", *SLEEP)["pid"]
    over = at(genie.agent("x")["expires_at"])
    genie.kill_daemon()
    until(lambda: datetime.now(UTC) > over, what="the end of its time")
    assert psutil.pid_exists(pid)
    genie.until_state("x", "terminated")
    assert genie.kinds("x").count("ttl_expired") == 1
    assert not belonging(genie.home)


def test_time_takes_the_descendants_along_and_children_have_their_own(genie: Genie) -> None:
    a = root(genie, "a", "--ttl", "8s")
    b = child(a, "b")
    b.spawn("c", "--ttl", "1s")
    genie.until_state("c", "terminated")
    until_states(genie, ["terminated"] * 3, "abc")
    assert 0 <= lateness(genie, "a") < LATE
    assert [len(events(genie, name, "ttl_expired")) for name in "abc"] == [1, 0, 1]
    assert events(genie, "b", "kill_requested")[0]["payload"]["by"] == "a"
    assert not belonging(genie.home)


# ---- escape artists -------------------------------------------------------------------------------


def perform(genie: Genie, *words: str) -> tuple[str, list[Artist]]:
    """An agent with seven processes that try to outlive it: its run, and they and itself."""
    file = genie.directory / "artists.txt"
    made = genie.json("spawn", "x", *words, "--", sys.executable, str(FAKES / "artists.py"), str(file))
    found = artists(file)
    assert {artist.art for artist in found} == {
        "main", "nohup", "setsid", "double-fork", "ignores-hup", "ignores-term", "stopped", "daemon",
    }  # fmt: skip
    assert {artist.pid for artist in found} <= of_run(made["run_id"])
    assert sum(os.getsid(artist.pid) == artist.pid for artist in found) >= 2
    return made["run_id"], found


def gone(genie: Genie, run: str, found: list[Artist]) -> None:
    """Nothing of the run is left: none of these processes, none that carries its id, no pane."""
    assert [artist for artist in found if artist.alive] == []
    assert not of_run(run)
    assert genie.panes() == []
    assert "survivors" not in genie.kinds("x")


@pytest.mark.parametrize("verb", ["kill", "stop"])
def test_none_gets_away_from_a(genie: Genie, verb: str) -> None:
    run, found = perform(genie)
    genie(verb, "x")
    gone(genie, run, found)


def test_none_gets_away_from_its_time(genie: Genie) -> None:
    run, found = perform(genie, "--ttl", "6s")
    genie.until_state("x", "terminated")
    assert 0 <= lateness(genie, "x") < LATE
    gone(genie, run, found)


@pytest.mark.parametrize(
    "point", points(("kill.wanted", "finish.ended", "finish.closed", "finish.before_commit"), ("finish.ended",))
)
def test_none_gets_away_though_the_daemon_dies_in_the_kill(genie: Genie, point: str) -> None:
    run, found = perform(genie)
    daemon = crash_at(genie, point)
    assert genie.run("kill", "x").returncode != 0
    genie.until_gone(daemon)
    genie.until_state("x", "terminated")
    gone(genie, run, found)


@pytest.mark.parametrize(
    "point", points(("expire.before_commit", "expire.committed", "finish.ended"), ("finish.ended",))
)
def test_none_gets_away_though_the_daemon_dies_at_its_time(genie: Genie, point: str) -> None:
    run, found = perform(genie, "--ttl", "8s")
    daemon = crash_at(genie, point)
    until(lambda: genie.daemon_pid() != daemon, within=20, what="its death")
    genie.until_state("x", "terminated")
    assert genie.kinds("x").count("ttl_expired") == 1
    gone(genie, run, found)


def test_what_a_crash_leaves_behind_is_ended_before_the_next_run(genie: Genie) -> None:
    file = genie.directory / "artists.txt"
    run, found = perform(genie)
    (main,) = (artist for artist in found if artist.art == "main")
    before = genie.agent("x")
    assert before["pid"] == main.pid
    file.unlink()
    os.kill(main.pid, signal.SIGKILL)
    genie.until_again("x", before)
    assert [artist for artist in found if artist.alive] == []
    assert not of_run(run)
    assert len(artists(file)) == 8
