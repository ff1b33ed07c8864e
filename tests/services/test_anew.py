"""What agents do is written beside what is done to them: who is overtaken by that does its write again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from genie.domain.agent import Life
from genie.domain.errors import Failed, Stale
from genie.services.anew import TRIES, anew
from genie.services.team_life import remove_member
from tests.services.bench import Bench

OVERTAKEN = TRIES - 1


def stop(bench: Bench) -> None:
    bench.stop()


def kill(bench: Bench) -> None:
    bench.kill()


def overtake(bench: Bench, point: str) -> None:
    """From that point on, somebody else's write comes before the next ones."""

    def come_before() -> None:
        bench.registry.overtakers = OVERTAKEN

    bench.switch.meanwhile[point] = come_before


@pytest.mark.parametrize("point", ["stop.wanted", "finish.ended", "finish.closed"])
def test_a_stop_is_not_given_up(bench: Bench, point: str) -> None:
    bench.spawn()
    overtake(bench, point)
    standing, stopped = bench.stop()
    assert (stopped, standing) == (True, bench.standing())
    assert (bench.life(), bench.registry.overtakers) == (Life.SUSPENDED, -1)


@pytest.mark.parametrize(("end", "life"), [(stop, Life.SUSPENDED), (kill, Life.TERMINATED)])
def test_what_is_wanted_is_written_nevertheless(bench: Bench, end: Callable[[Bench], None], life: Life) -> None:
    bench.spawn()
    bench.registry.overtakers = OVERTAKEN
    end(bench)
    assert bench.life() is life


def test_a_start_is_written_nevertheless(bench: Bench) -> None:
    overtake(bench, "start.released")
    bench.spawn()
    assert (bench.life(), bench.registry.overtakers) == (Life.RUNNING, -1)


def test_a_start_that_failed_is_written_nevertheless(bench: Bench) -> None:
    bench.machine.fails["release"] = Failed("no space for new pane")
    overtake(bench, "start.created")
    with pytest.raises(Failed, match="no space"):
        bench.spawn()
    assert (bench.life(), bench.agent().reason) == (Life.FAILED, "start_failed")


def test_a_resume_by_hand_is_not_given_up(bench: Bench) -> None:
    bench.bring_to(Life.SUSPENDED)
    bench.registry.overtakers = OVERTAKEN
    bench.resume()
    assert bench.life() is Life.RUNNING
    assert len(bench.registry.runs(bench.agent().id)) == 2


def test_what_was_claimed_is_not_claimed_once_more(bench: Bench) -> None:
    bench.bring_to(Life.SUSPENDED)

    def come_before() -> None:
        bench.registry.overtakers = TRIES

    bench.switch.meanwhile["start.released"] = come_before
    with pytest.raises(Stale):
        bench.resume()
    assert (bench.life(), len(bench.registry.runs(bench.agent().id))) == (Life.RESUMING, 2)


def test_an_agent_leaves_its_team_nevertheless(bench: Bench) -> None:
    bench.team("web")
    bench.spawn(team="web")
    bench.registry.overtakers = OVERTAKEN
    assert remove_member(bench.world, "web", "ada").team == "ada" == bench.agent().team


def test_who_is_overtaken_each_time_says_so() -> None:
    tries = []

    def write() -> None:
        tries.append(1)
        raise Stale("changed")

    with pytest.raises(Stale):
        anew(write)
    assert len(tries) == TRIES
