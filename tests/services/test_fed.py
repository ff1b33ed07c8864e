"""Agents without a screen of their own: spawned as any other, fed by lines, and brought back on their conversation."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from genie.domain.activity import Source
from genie.domain.agent import Activity, Life, Restart
from genie.domain.conversation import OVER_BUDGET, ConversationKind
from genie.domain.errors import BadInput, NotAllowed
from genie.domain.events import Kind
from genie.domain.message import Channel
from genie.domain.selecting import Selection
from genie.domain.session import Way
from genie.ports import Stretch
from genie.services.activity import begin, hear, heard_in, tell
from genie.services.clear import is_over
from genie.services.order import Assignment
from genie.services.retry import retry
from genie.services.run import run
from genie.services.selecting import select_one
from genie.services.send import channels_of
from genie.services.take_in import take_in
from genie.services.tell import can_interrupt, interrupt
from tests.services.bench import Bench
from tests.services.test_activity import Told


@pytest.fixture
def fed(bench: Bench) -> Bench:
    """A bench whose claude has no screen."""
    bench.providers.claude.ways = (Way.ONE_SHOT, Way.STREAMING)
    return bench


def says(bench: Bench, kind: ConversationKind, **more: object) -> None:
    bench.recordings.say(bench.recordings.path(bench.session().id), kind, **more)


def ends(bench: Bench, *, code: int | None = None, signal: int | None = None) -> None:
    bench.dies("ada", exit_code=code, signal=signal)
    bench.beat()


def test_a_spawn_is_a_session_that_is_fed_and_no_task(fed: Bench) -> None:
    fed.spawn(prompt="x" * 200_000)
    session = fed.session()
    assert (session.way, session.attend and session.attend.lasting) == (Way.STREAMING, True)
    assert fed.agent().auto_resume
    assert fed.agent().restart is Restart.ON_FAILURE
    assert channels_of(fed.world, fed.standing()) == (Channel.STREAM,)
    assert fed.world.launches.prompt(session.id) is not None
    ends(fed, code=0)
    assert fed.life() is Life.DONE
    assert not is_over(fed.standing())
    with pytest.raises(NotAllowed):
        retry(fed.world, select_one(fed.world, Selection(words=("ada",))))


def test_the_last_turn_does_not_judge_an_agent(fed: Bench) -> None:
    fed.spawn()
    says(fed, ConversationKind.SESSION_RESULT, is_error=True, error="API Error")
    ends(fed, code=0)
    assert fed.life() is Life.DONE


def test_it_is_brought_back_when_it_dies(fed: Bench) -> None:
    made = fed.spawn()
    ends(fed, signal=9)
    assert fed.life() is Life.RUNNING
    assert fed.session().id == made.standing.agent.session
    assert fed.agent().attempts == 1


@pytest.mark.parametrize("code", [0, 1])
def test_a_budget_that_is_spent_ends_it_for_good(fed: Bench, code: int) -> None:
    fed.spawn()
    says(fed, ConversationKind.SESSION_RESULT, is_error=True, error="over budget", subtype=OVER_BUDGET)
    ends(fed, code=code)
    assert (fed.life(), fed.agent().reason) == (Life.FAILED, "quota")
    assert Kind.RESUME_CLAIMED not in fed.kinds()

    fed.resume()
    says(fed, ConversationKind.PROVIDER_STATUS, status="session_ready")
    ends(fed, signal=9)
    assert fed.life() is Life.RUNNING


def test_a_task_that_has_spent_its_budget_has_failed_for_that(fed: Bench) -> None:
    run(fed.world, fed.order("ada", prompt="do it", assignment=Assignment()))
    says(fed, ConversationKind.SESSION_RESULT, is_error=True, error="over budget", subtype=OVER_BUDGET)
    ends(fed, code=1)
    fed.beat()
    assert (fed.life(), fed.agent().reason) == (Life.FAILED, "quota")


def test_a_stop_goes_before_a_budget(fed: Bench) -> None:
    fed.spawn()
    says(fed, ConversationKind.SESSION_RESULT, is_error=True, subtype=OVER_BUDGET)
    fed.stop()
    assert fed.life() is Life.SUSPENDED


def test_wishes_for_one_provider_are_ignored_by_the_others_with_a_word(bench: Bench) -> None:
    wishes: dict[str, Any] = {"max_turns": 3}
    assert bench.spawn(sdk=wishes).warnings == ("--sdk-* is for provider claude-sdk; ignored by claude",)
    bench.providers.claude.name = "claude-sdk"
    assert bench.spawn("eve", sdk=wishes).warnings == ()


# ---- what it does ---------------------------------------------------------------------------


def doing(bench: Bench, *told: tuple[ConversationKind, dict[str, object]]) -> Activity:
    """What it is seen doing once these were said."""
    watched = begin(bench.world, Told(), bench.run())
    assert watched is not None
    for kind, payload in told:
        says(bench, kind, **payload)
    take_in(bench.world, bench.session().id)
    for happened in bench.registry.stretch(Stretch(session=bench.session().id), limit=10):
        if said := heard_in(happened, watched):
            watched = hear(bench.world, watched, said)
    tell(bench.world, Told(), watched)
    return bench.agent().activity


READY: tuple[ConversationKind, dict[str, object]] = (ConversationKind.PROVIDER_STATUS, {"status": "session_ready"})


STATE, ASKED = "session_state_changed", "asked"


@pytest.mark.parametrize(
    ("kind", "payload", "activity"),
    [
        (ConversationKind.PROVIDER_STATUS, {"status": STATE, "raw": {"state": "running"}}, Activity.WORKING),
        (ConversationKind.PROVIDER_STATUS, {"status": STATE, "raw": {"state": "idle"}}, Activity.IDLE),
        (ConversationKind.PROVIDER_STATUS, {"status": STATE, "raw": {"state": "requires_action"}}, Activity.IDLE),
        (ConversationKind.PROVIDER_STATUS, {"status": STATE, "raw": "cut off"}, Activity.IDLE),
        (ConversationKind.PERMISSION, {"decision": ASKED, "tool": "Bash"}, Activity.PERMISSION),
        (ConversationKind.PERMISSION, {"decision": ASKED, "tool": "AskUserQuestion"}, Activity.QUESTION),
        (ConversationKind.PERMISSION, {"decision": "denied", "tool": "Bash"}, Activity.IDLE),
        (ConversationKind.SESSION_RESULT, {"is_error": True, "reason": "aborted_streaming"}, Activity.IDLE),
        (ConversationKind.SESSION_RESULT, {"is_error": True, "error": "API Error"}, Activity.ERROR),
    ],
)
def test_its_conversation_tells_what_it_does(
    fed: Bench, kind: ConversationKind, payload: dict[str, object], activity: Activity
) -> None:
    fed.spawn()
    assert doing(fed, READY, (kind, payload)) is activity
    assert fed.agent().activity_source.startswith(Source.TRANSCRIPT.value)


def test_a_run_to_its_end_has_no_activity(fed: Bench) -> None:
    run(fed.world, fed.order("ada", prompt="do it", assignment=Assignment()))
    assert begin(fed.world, Told(), fed.run()) is None


# ---- what it is told when it comes back -----------------------------------------------------


def test_its_turn_is_interrupted_from_outside(fed: Bench) -> None:
    fed.spawn()
    interrupt(fed.world, fed.standing())
    assert fed.recordings.interrupted == [fed.recordings.fifo(fed.session().id)]
    assert fed.life() is Life.RUNNING
    fed.kill("ada")
    with pytest.raises(NotAllowed, match="terminated"):
        interrupt(fed.world, fed.standing())


def test_who_reads_no_requests_is_not_interrupted(bench: Bench) -> None:
    """One on a terminal, a command that is fed, a task, and one that has no session yet."""
    bench.spawn()
    run(bench.world, bench.order("cmd", role=None, command=("cat",), assignment=Assignment(streaming=True)))
    run(bench.world, bench.order("task", role=None, provider="claude", prompt="p", assignment=Assignment()))
    for name in ("ada", "cmd", "task"):
        assert not can_interrupt(bench.standing(name))
        with pytest.raises(BadInput, match=f"'{name}' cannot be interrupted"):
            interrupt(bench.world, bench.standing(name))
    with pytest.raises(BadInput):
        interrupt(bench.world, replace(bench.standing(), session=None))
    assert bench.recordings.interrupted == []


def test_what_it_is_told_on_a_resume_is_one_message(fed: Bench) -> None:
    made = fed.spawn(prompt="begin")
    fed.providers.claude.heard.add(str(made.standing.agent.session))
    fed.stop()
    fed.spawn(prompt="two\nlines")
    read = fed.machine.prompts[fed.run().id]
    assert json.loads(read) == {"genie": "say", "text": "two\nlines"}
