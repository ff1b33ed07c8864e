"""From what programs write to events: all of it, each once, whatever happens in between."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from genie.domain.conversation import ConversationKind as Said
from genie.domain.errors import Conflict, Failed, Stale
from genie.domain.events import SAID, Event, Kind
from genie.domain.session import Session
from genie.domain.tape import Tape
from genie.services.anew import TRIES
from genie.services.take_in import JOINED, drain, outcome_of, take_in
from tests.services.bench import Bench, away
from tests.services.chance import NOW

PATH = "/said"


@pytest.fixture
def told(bench: Bench) -> Session:
    """A session with a tape of which nothing was read."""
    bench.machine.open("main")
    bench.spawn()
    session = bench.session()
    with bench.registry.begin() as tx:
        tx.add_tape(Tape(session=session.id, provider=session.provider, path=PATH, form="transcript"))
    return session


def _said(bench: Bench, session: Session) -> list[Event]:
    return [
        event for event in bench.events() if event.session == session.id and event.kind.value.startswith("session.")
    ]


def _texts(bench: Bench, session: Session) -> list[object]:
    return [event.payload["text"] for event in _said(bench, session)]


def _tape(bench: Bench, session: Session) -> Tape:
    return bench.registry.store.tapes[session.id]


# ---- events ---------------------------------------------------------------------------------


def test_each_thing_that_is_said_is_an_event_of_its_agent_session_and_run(bench: Bench, told: Session) -> None:
    before = NOW - timedelta(hours=1)
    bench.recordings.say(PATH, Said.USER_MESSAGE, before, text="do it")
    bench.recordings.say(PATH, Said.ASSISTANT_MESSAGE, text="done")
    assert take_in(bench.world, told.id) is False
    asked, answered = _said(bench, told)
    assert (asked.kind, asked.at, asked.payload) == (Kind.USER_MESSAGE, before, {"text": "do it"})
    assert (answered.kind, answered.payload) == (Kind.ASSISTANT_MESSAGE, {"text": "done"})
    assert NOW < answered.at <= bench.clock.time
    assert {(event.agent, event.run) for event in (asked, answered)} == {(bench.agent().id, bench.run().id)}


def test_a_piece_at_a_time_says_that_there_is_more(bench: Bench, told: Session) -> None:
    for number in range(bench.recordings.piece + 1):
        bench.recordings.say(PATH, Said.USER_MESSAGE, text=number)
    assert take_in(bench.world, told.id) is True
    assert take_in(bench.world, told.id) is False
    assert take_in(bench.world, told.id) is False
    assert _texts(bench, told) == list(range(bench.recordings.piece + 1))
    assert _tape(bench, told).state == {"lines": bench.recordings.piece + 1}


def test_a_line_without_its_end_waits_for_it_unless_nobody_writes_any_more(bench: Bench, told: Session) -> None:
    bench.recordings.write(PATH, "torn")
    take_in(bench.world, told.id)
    assert _said(bench, told) == []
    drain(bench.world, told.id)
    assert [(event.kind, event.payload) for event in _said(bench, told)] == [(Kind.PARSE_WARNING, {"text": "torn"})]


def test_nothing_new_writes_nothing(bench: Bench, told: Session) -> None:
    bench.recordings.write(PATH, "")
    before = len(bench.registry.log)
    assert take_in(bench.world, told.id) is False
    assert len(bench.registry.log) == before


def test_what_has_no_tape_or_no_file_says_nothing(bench: Bench, told: Session) -> None:
    assert take_in(bench.world, uuid4()) is False
    assert take_in(bench.world, told.id) is False
    assert _said(bench, told) == []


def test_a_tape_that_is_there_stays_as_it_is(bench: Bench, told: Session) -> None:
    bench.recordings.say(PATH, Said.USER_MESSAGE, text="once")
    take_in(bench.world, told.id)
    with bench.registry.begin() as tx:
        tx.add_tape(Tape(session=told.id, provider="claude", path=PATH, form="transcript"))
    take_in(bench.world, told.id)
    assert _texts(bench, told) == ["once"]


def test_a_file_that_cannot_be_read_is_told_and_nothing_changes(bench: Bench, told: Session) -> None:
    bench.recordings.troubles = [Failed("cannot read it: Permission denied")]
    with pytest.raises(Failed, match="Permission denied"):
        take_in(bench.world, told.id)
    bench.recordings.say(PATH, Said.USER_MESSAGE, text="there")
    away(bench, lambda: take_in(bench.world, told.id))
    take_in(bench.world, told.id)
    assert _texts(bench, told) == ["there"]


def test_a_session_that_its_agent_has_left_is_still_heard(bench: Bench, told: Session) -> None:
    """Its events are its own, and no limit of it holds the agent up."""
    bench.dies(exit_code=0)
    bench.beat()
    bench.spawn()
    reset = bench.clock.time + timedelta(hours=1)
    bench.recordings.say(PATH, Said.USAGE_LIMIT_HIT, resets_at=reset.isoformat())
    drain(bench.world, told.id)
    (hit,) = [event for event in bench.registry.log if event.kind is Kind.USAGE_LIMIT_HIT]
    assert hit.session == told.id != bench.session().id
    assert bench.agent().limited_until is None


# ---- output of commands ---------------------------------------------------------------------


def test_lines_of_output_that_follow_each_other_are_one_event(bench: Bench, told: Session) -> None:
    bench.recordings.piece = 100
    for text in ("one", "", "two"):
        bench.recordings.say(PATH, Said.STDOUT, text=text)
    bench.recordings.say(PATH, Said.STDERR, text="oops")
    bench.recordings.say(PATH, Said.STDOUT, text="three")
    bench.recordings.say(PATH, Said.STDOUT, text="marked", cut=True)
    bench.recordings.say(PATH, Said.STDOUT, text=7)
    take_in(bench.world, told.id)
    assert _texts(bench, told) == ["one\n\ntwo", "oops", "three", "marked", 7]
    assert outcome_of(bench.world, told.id).text == "one\n\ntwo\nthree\nmarked"


def test_long_output_is_several_events(bench: Bench, told: Session) -> None:
    bench.recordings.piece = 10_000
    lines = [str(number) for number in range(10_000)] + ["x" * (2 * JOINED), "end"]
    for text in lines:
        bench.recordings.say(PATH, Said.STDOUT, text=text)
    drain(bench.world, told.id)
    texts = [str(text) for text in _texts(bench, told)]
    assert "\n".join(texts).split("\n") == lines
    assert len(texts) == 2 + 48890 // JOINED + 1
    assert all(len(text) <= JOINED for text in texts if "x" not in text)


# ---- a daemon that dies ---------------------------------------------------------------------


@pytest.mark.parametrize("point", ["take_in.before_commit", "take_in.committed"])
@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_killed_there_nothing_is_lost_and_nothing_comes_twice(
    bench: Bench, told: Session, point: str, after: int
) -> None:
    """Ten lines are four pieces; while the daemon is away more is written."""
    for number in range(10):
        bench.recordings.say(PATH, Said.USER_MESSAGE, text=number)
    bench.dies_at(point, lambda: drain(bench.world, told.id), after=after)
    bench.recordings.say(PATH, Said.USER_MESSAGE, text=10)
    bench.restart()
    drain(bench.world, told.id)
    assert _texts(bench, told) == list(range(11))


def test_two_that_read_at_once_take_each_line_once(bench: Bench, told: Session) -> None:
    """The one waits for the other at the tape, which the memory registry shows by its order."""
    for number in range(6):
        bench.recordings.say(PATH, Said.USER_MESSAGE, text=number)
    bench.switch.meanwhile["take_in.committed"] = lambda: take_in(bench.world, told.id)
    drain(bench.world, told.id)
    assert _texts(bench, told) == list(range(6))


# ---- usage limits ---------------------------------------------------------------------------


def test_a_usage_limit_holds_the_agent_up_until_it_is_over(bench: Bench, told: Session) -> None:
    reset = bench.clock.time + timedelta(hours=1)
    bench.recordings.say(PATH, Said.USAGE_LIMIT_HIT, resets_at=reset.isoformat())
    take_in(bench.world, told.id)
    limited = bench.agent()
    assert limited.limited_until == reset
    bench.recordings.say(PATH, Said.USAGE_LIMIT_HIT, resets_at=reset.isoformat())
    take_in(bench.world, told.id)
    assert bench.agent() == limited
    later = reset + timedelta(hours=1)
    bench.recordings.say(PATH, Said.USAGE_LIMIT_HIT, resets_at=later.isoformat())
    take_in(bench.world, told.id)
    assert bench.agent().limited_until == later
    bench.recordings.say(PATH, Said.USAGE_LIMIT_RESUMED)
    take_in(bench.world, told.id)
    assert bench.agent().limited_until is None


def test_a_limit_whose_end_is_unknown_and_an_end_of_none_change_nothing(bench: Bench, told: Session) -> None:
    before = bench.agent()
    bench.recordings.say(PATH, Said.USAGE_LIMIT_HIT, text="sometime")
    bench.recordings.say(PATH, Said.USAGE_LIMIT_RESUMED)
    take_in(bench.world, told.id)
    assert bench.agent() == before
    bench.recordings.say(PATH, Said.USAGE_LIMIT_HIT, text="sometime")
    take_in(bench.world, told.id)
    assert bench.agent() == before
    assert outcome_of(bench.world, told.id).limited


def test_the_last_word_on_the_limit_counts_and_none_of_an_agent_that_has_ended(bench: Bench, told: Session) -> None:
    reset = (bench.clock.time + timedelta(hours=1)).isoformat()
    bench.recordings.say(PATH, Said.USAGE_LIMIT_HIT, resets_at=reset)
    bench.recordings.say(PATH, Said.USAGE_LIMIT_RESUMED)
    take_in(bench.world, told.id)
    assert bench.agent().limited_until is None
    bench.kill()
    bench.recordings.say(PATH, Said.USAGE_LIMIT_HIT, resets_at=reset)
    take_in(bench.world, told.id)
    assert bench.agent().limited_until is None


@pytest.mark.parametrize("times", [1, TRIES - 1])
def test_who_is_overtaken_reads_again(bench: Bench, told: Session, times: int) -> None:
    bench.recordings.say(PATH, Said.USER_MESSAGE, text="once")
    bench.recordings.troubles = [Stale("the agent was changed")] * times
    take_in(bench.world, told.id)
    assert _texts(bench, told) == ["once"]


def test_who_is_overtaken_all_the_time_says_so(bench: Bench, told: Session) -> None:
    bench.recordings.troubles = [Stale("the agent was changed")] * TRIES
    with pytest.raises(Stale):
        take_in(bench.world, told.id)


# ---- whose conversation it is ---------------------------------------------------------------


def test_the_id_that_a_conversation_names_is_kept_once(bench: Bench, told: Session) -> None:
    own = told.provider_session
    bench.recordings.say(PATH, Said.SESSION_STARTED, provider_session=own)
    take_in(bench.world, told.id)
    assert Kind.SESSION_CAPTURED not in bench.kinds()
    bench.recordings.say(PATH, Said.SESSION_STARTED, provider_session="other")
    bench.recordings.say(PATH, Said.SESSION_STARTED, provider_session="last")
    bench.recordings.say(PATH, Said.SESSION_STARTED)
    take_in(bench.world, told.id)
    assert bench.session().provider_session == "last"
    (captured,) = [event for event in bench.events() if event.kind is Kind.SESSION_CAPTURED]
    assert (captured.payload, captured.run) == ({"provider_session": "last"}, bench.run().id)


def test_the_id_of_another_live_run_is_not_taken(bench: Bench, told: Session) -> None:
    """What was said is kept all the same."""
    bench.spawn("bob")
    theirs = bench.session("bob").provider_session
    bench.recordings.say(PATH, Said.SESSION_STARTED, provider_session=theirs)
    take_in(bench.world, told.id)
    assert bench.session().provider_session == told.provider_session
    assert [event.kind for event in _said(bench, told)] == [Kind.SESSION_STARTED]


def test_a_registry_that_does_not_take_it_says_so(bench: Bench, told: Session) -> None:
    bench.recordings.say(PATH, Said.USER_MESSAGE, text="hello")
    bench.recordings.troubles = [Conflict("no"), Conflict("no")]
    with pytest.raises(Conflict):
        take_in(bench.world, told.id)


# ---- what it comes to -----------------------------------------------------------------------


def test_an_outcome_is_made_of_all_that_was_said(bench: Bench, told: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genie.services.take_in.PAGE", 2)
    bench.recordings.say(PATH, Said.USER_MESSAGE, text="do it")
    for text in ("one", "two", "three"):
        bench.recordings.say(PATH, Said.ASSISTANT_MESSAGE, text=text)
        bench.recordings.say(PATH, Said.USAGE, input=2, output=1)
    bench.recordings.say(PATH, Said.SESSION_RESULT, text="three", turns=3)
    bench.recordings.say(PATH, Said.SESSION_ENDED, exit_code=0)
    drain(bench.world, told.id)
    outcome = outcome_of(bench.world, told.id)
    assert (outcome.text, outcome.turns, outcome.tokens.input, outcome.tokens.output) == ("three", 3, 6, 3)
    assert (outcome.ended, outcome.exit_code) == (True, 0)


def test_nothing_said_comes_to_nothing(bench: Bench, told: Session) -> None:
    assert outcome_of(bench.world, told.id).text is None
    assert outcome_of(bench.world, uuid4()).text is None


def test_every_kind_of_a_conversation_is_a_kind_of_events() -> None:
    assert {Kind(f"session.{kind.value}") for kind in Said} == set(SAID)
