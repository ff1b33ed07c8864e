"""SIGKILL of the daemon at every point that has a name, then another daemon: all ends as it would have."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

import genie.services
from genie.domain.agent import Activity, Life
from genie.domain.events import Kind
from genie.domain.resume_note import is_note
from tests.services.bench import Bench
from tests.services.invariants import PROMPT, at_rest, check

SECOND = timedelta(seconds=1)
TOLD = "go on with this"
ELSEWHERE = {
    *("take_in.before_commit", "take_in.committed"),
    *("schedule.before_add", "schedule.added", "schedule.before_claim", "schedule.claimed"),
    *("send.committed", "deliver.claimed", "deliver.handed", "deliver.settled"),
    *("ask.committed", "answer.committed"),
    *("native.answered", "rename.looked"),
}
"""Points that are died at in tests of their own: take_in, schedules, messages, answers, native, team_life."""
UNWRITTEN = {"spawn.before_commit", "resume.before_commit"}
"""Killed here, nothing has been asked for yet: the command failed in its caller's hands."""


@dataclass(frozen=True)
class Story:
    """What was before, and the work in which the daemon dies."""

    before: Callable[[Bench], object]
    work: Callable[[Bench], object]


def _nothing(bench: Bench) -> None:
    """A new name."""


def _spawn(bench: Bench) -> None:
    bench.spawn(prompt=PROMPT)


def _suspended(bench: Bench) -> None:
    _spawn(bench)
    bench.stop()


def _done(bench: Bench) -> None:
    _spawn(bench)
    bench.dies(exit_code=0)
    bench.beat()


def _killed(bench: Bench) -> None:
    _spawn(bench)
    bench.kill()


def _died(bench: Bench) -> None:
    _spawn(bench)
    bench.dies()


def _at_work(bench: Bench) -> None:
    _spawn(bench)
    with bench.registry.begin() as tx:
        tx.save_agent(replace(bench.agent(), activity=Activity.WORKING, activity_source="hook: UserPromptSubmit"))


def _died_at_work(bench: Bench) -> None:
    _at_work(bench)
    bench.dies()


def _stopped_at_work(bench: Bench) -> None:
    _at_work(bench)
    bench.stop()


def _closed(bench: Bench) -> None:
    _spawn(bench)
    bench.machine.remove(bench.machine.server(), bench.pane())


def _server_gone(bench: Bench) -> None:
    _spawn(bench)
    bench.machine.end_server()


def _queued(bench: Bench) -> None:
    bench.bring_to(Life.QUEUED)
    bench.at_project = lambda rules: rules


def _expiring(bench: Bench) -> None:
    bench.spawn(ttl="10s")
    bench.clock.advance(timedelta(seconds=10))


def _beat(bench: Bench) -> None:
    bench.beat()


STORIES = {
    "spawn": Story(_nothing, _spawn),
    "spawn of a killed name": Story(_killed, _spawn),
    "spawn anew": Story(_done, _spawn),
    "spawn that resumes": Story(_suspended, lambda bench: bench.spawn(prompt=TOLD)),
    "start of a queued one": Story(_queued, _beat),
    "resume": Story(_suspended, lambda bench: bench.resume()),
    "resume of a done one": Story(_done, lambda bench: bench.resume()),
    "auto-resume": Story(_died, _beat),
    "auto-resume in a turn": Story(_died_at_work, _beat),
    "resume in a turn": Story(_stopped_at_work, lambda bench: bench.resume()),
    "spawn that resumes in a turn": Story(_stopped_at_work, lambda bench: bench.spawn()),
    "auto-resume, pane closed": Story(_closed, _beat),
    "auto-resume, server gone": Story(_server_gone, _beat),
    "stop": Story(_spawn, lambda bench: bench.stop()),
    "stop of a dead one": Story(_died, lambda bench: bench.stop()),
    "kill": Story(_spawn, lambda bench: bench.kill()),
    "kill of a suspended one": Story(_suspended, lambda bench: bench.kill()),
    "time to live": Story(_expiring, _beat),
    "kill of a done one": Story(_done, lambda bench: bench.kill()),
}


def _points(story: Story) -> list[str]:
    bench = _begun(story)
    passed = len(bench.switch.passed)
    story.work(bench)
    return list(dict.fromkeys(bench.switch.passed[passed:]))


def _begun(story: Story) -> Bench:
    bench = Bench()
    bench.machine.open("main")
    story.before(bench)
    return bench


def _shape(bench: Bench) -> tuple[object, ...]:
    """Where an agent has ended, as far as its user can tell."""
    found = bench.registry.find("ada")
    if found is None:
        return ("nobody",)
    agent = found.agent
    ended = {Kind.STOPPED, Kind.TERMINATED, Kind.DONE, Kind.DIED, Kind.EXHAUSTED, Kind.FAILED}
    return (
        agent.life,
        agent.desired,
        agent.reason,
        agent.attempts,
        len(bench.registry.sessions(agent.id)),
        len(bench.machine.agents()),
        len([kind for kind in bench.kinds() if kind in ended]),
        *(sum(1 for execution in bench.machine.executions if text in execution.argv) for text in (PROMPT, TOLD)),
        _notes(bench),
    )


def _notes(bench: Bench) -> int:
    """How often it was told why it was brought back: by a file, since such a note is long for this command line."""
    told = [execution.run for execution in bench.machine.executions if "Your task is in the file" in execution.argv[-1]]
    assert all(is_note(bench.machine.prompts[run]) for run in told)
    return len(told)


CASES = [(name, point) for name, story in STORIES.items() for point in _points(story)]


def test_every_named_point_is_died_at() -> None:
    source = "".join(path.read_text() for path in Path(genie.services.__file__).parent.glob("*.py"))
    assert {point for _, point in CASES} | ELSEWHERE == set(re.findall(r'world\.fault\("([a-z._]+)"\)', source))


@pytest.mark.parametrize("away", [SECOND, 12 * SECOND, timedelta(hours=1)], ids=["1s", "12s", "1h"])
@pytest.mark.parametrize(("name", "point"), CASES)
def test_killed_there_it_ends_as_it_would_have(name: str, point: str, away: timedelta) -> None:
    story = STORIES[name]
    expected = _begun(story)
    if point not in UNWRITTEN:
        story.work(expected)
    expected.beats(10 * SECOND)
    bench = _begun(story)
    bench.dies_at(point, lambda: story.work(bench))
    check(bench)
    bench.clock.advance(away)
    bench.restart()
    for _ in range(5):
        bench.beat()
        check(bench)
        bench.clock.advance(2 * SECOND)
    assert _shape(bench) == _shape(expected)
    at_rest(bench)


@pytest.mark.parametrize(("name", "point"), CASES)
def test_killed_there_twice_it_ends_as_it_would_have(name: str, point: str) -> None:
    """The second daemon dies at the same point, when it comes to it at all."""
    story = STORIES[name]
    expected = _begun(story)
    if point not in UNWRITTEN:
        story.work(expected)
    expected.beats(10 * SECOND)
    bench = _begun(story)
    bench.dies_at(point, lambda: story.work(bench))
    bench.clock.advance(SECOND)
    bench.restart()
    passed = bench.switch.passed.count(point)
    try:
        bench.dies_at(point, bench.beat)
    except AssertionError:
        assert bench.switch.passed.count(point) == passed
    bench.restart()
    bench.beats(10 * SECOND)
    assert _shape(bench) == _shape(expected)
    at_rest(bench)


STARTS = [(name, point) for name, point in CASES if point.startswith("start.") and point != "start.committed"]


@pytest.mark.parametrize(("name", "point"), STARTS)
def test_a_runner_that_is_slow_to_read_is_released_once(name: str, point: str) -> None:
    """The launch file lies there, unread, when the next daemon looks."""
    bench = _begun(STORIES[name])
    bench.machine.runners_read = False
    bench.dies_at(point, lambda: STORIES[name].work(bench))
    bench.restart()
    bench.beat()
    bench.machine.runners_read = True
    bench.machine.tick()
    bench.beats(4 * SECOND)
    assert bench.life() is Life.RUNNING
    assert len(bench.machine.agents()) == 1
    assert _notes(bench) == name.endswith("in a turn")
    assert sum(TOLD in execution.argv for execution in bench.machine.executions) == (name == "spawn that resumes")
    at_rest(bench)


@pytest.mark.parametrize("exit_code", [0, 1])
@pytest.mark.parametrize("name", [name for name, point in STARTS if point == "start.released"])
def test_an_agent_that_ended_while_nobody_looked_is_read_by_its_end(name: str, exit_code: int) -> None:
    """It had its prompt and ran; the registry never knew it alive."""
    bench = _begun(STORIES[name])
    bench.dies_at("start.released", lambda: STORIES[name].work(bench))
    bench.dies(exit_code=exit_code)
    ran = len(bench.executions())
    bench.clock.advance(SECOND)
    bench.restart()
    bench.beats(4 * SECOND)
    check(bench)
    if exit_code == 0:
        assert bench.life() is Life.DONE
    else:  # one that was resumed just now has to wait for its next attempt
        assert bench.life() is (Life.DEAD if name.startswith("auto-resume") else Life.RUNNING)
    assert len(bench.executions()) == ran + (bench.life() is Life.RUNNING)
    assert sum(1 for execution in bench.executions() if TOLD in execution.argv) <= 1
    at_rest(bench)


def test_no_step_is_taken_for_an_agent_whose_command_is_still_at_work(bench: Bench) -> None:
    """A start that is under way is not one that a dead daemon left behind."""

    def look() -> None:
        assert bench.look().errands == []

    bench.switch.meanwhile["spawn.committed"] = look
    bench.spawn()
    assert len(bench.executions()) == 1


@pytest.mark.parametrize("point", ["spawn.committed", "start.created", "start.dressed", "start.released"])
@pytest.mark.parametrize("died", [False, True])
def test_a_start_that_a_daemon_died_in_can_be_stopped(bench: Bench, point: str, *, died: bool) -> None:
    """Also when the next daemon dies once the wish is written."""
    bench.dies_at(point, bench.spawn)
    bench.restart()
    if died:
        bench.dies_at("stop.wanted", bench.stop)
        bench.restart()
        bench.beat()
    else:
        assert bench.stop()[1] is True
    assert bench.life() is Life.SUSPENDED
    assert bench.machine.agents() == []
    at_rest(bench)
    bench.resume()
    assert len(bench.machine.agents()) == 1
    at_rest(bench)
