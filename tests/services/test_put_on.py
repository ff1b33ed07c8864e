"""Which file a session's conversation is read from, and what happens when that changes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from genie.domain.conversation import ConversationKind as Said
from genie.domain.session import Attend, Run
from genie.domain.tape import Tape
from genie.services.put_on import Spot, put_on
from genie.services.take_in import drain, take_in
from tests.services.bench import Bench

FIRST, SECOND = "/said", "/said.next"


@pytest.fixture
def run(bench: Bench) -> Run:
    bench.machine.open("main")
    bench.spawn()
    return bench.run()


def _tape(bench: Bench, run: Run) -> Tape | None:
    return bench.registry.store.tapes.get(run.session)


def _texts(bench: Bench) -> list[object]:
    return [event.payload["text"] for event in bench.events() if event.kind.value.startswith("session.")]


def _say(bench: Bench, path: str, *texts: str) -> None:
    for text in texts:
        bench.recordings.say(path, Said.USER_MESSAGE, text=text)


def test_the_tape_is_made_once_the_file_can_be_told(bench: Bench, run: Run) -> None:
    assert put_on(bench.world, run) == Spot(bench.session())
    assert _tape(bench, run) is None
    bench.providers.claude.transcripts[run.session] = FIRST
    spot = put_on(bench.world, run, Spot(bench.session()))
    assert spot == Spot(bench.session(), FIRST)
    assert not spot.settled
    assert _tape(bench, run) == Tape(session=run.session, provider="claude", path=FIRST, form="transcript")


def test_an_answer_that_holds_costs_the_registry_nothing(bench: Bench, run: Run) -> None:
    bench.providers.claude.transcripts[run.session] = FIRST
    spot = put_on(bench.world, run)
    bench.registry.away = True
    assert put_on(bench.world, run, spot) is spot
    del bench.providers.claude.transcripts[run.session]
    assert put_on(bench.world, run, spot) is spot


def test_a_plain_command_and_a_stranger_keep_no_conversation(bench: Bench, run: Run) -> None:
    bench.spawn("job", role=None, command=("sleep", "1"))
    assert put_on(bench.world, bench.run("job")) is None
    assert put_on(bench.world, replace(run, session=run.agent)) is None


def test_a_provider_that_has_not_told_its_id_is_waited_for(bench: Bench, run: Run) -> None:
    bench.spawn("cody", provider="codex")
    session = bench.session("cody")
    bench.providers.codex.transcripts[session.id] = FIRST
    assert put_on(bench.world, bench.run("cody")) == Spot(session)
    named = replace(session, provider_session="theirs")
    with bench.registry.begin() as tx:
        tx.save_session(named)
    assert put_on(bench.world, replace(bench.run("cody"), pane=None), Spot(session)) == Spot(named, FIRST)


def test_an_attended_session_has_its_log_for_good(bench: Bench, run: Run) -> None:
    """Also where its tape is there already, read to some place."""
    attended = replace(bench.session(), attend=Attend(screen="claude", form="stream-json"))
    path = bench.recordings.path(run.session)
    tape = Tape(session=run.session, provider="claude", path=path, form="stream-json", position={"at": 7})
    with bench.registry.begin() as tx:
        tx.save_session(attended)
        tx.add_tape(tape)
    spot = put_on(bench.world, run)
    assert spot == Spot(attended, path)
    assert spot.settled
    assert _tape(bench, run) == tape


def test_a_conversation_that_goes_on_in_another_file_is_read_on_there(bench: Bench, run: Run) -> None:
    """All of the former first, and a half line of it is waited for: it may be gone on with there some day."""
    files = bench.providers.claude.transcripts
    files[run.session] = FIRST
    spot = put_on(bench.world, run)
    _say(bench, FIRST, "one", "two", "three", "four", "five")
    bench.recordings.write(FIRST, '{"kind": "user_message", ')
    _say(bench, SECOND, "six")
    files[run.session] = SECOND
    spot = put_on(bench.world, run, spot)
    assert spot == Spot(bench.session(), SECOND)
    take_in(bench.world, run.session)
    assert _texts(bench) == ["one", "two", "three", "four", "five", "six"]
    tape = _tape(bench, run)
    assert tape
    assert (tape.path, tape.state) == (SECOND, {"lines": 6})
    bench.recordings.write(FIRST, '"at": null, "payload": {"text": "seven"}}\n')
    files[run.session] = FIRST
    put_on(bench.world, run, spot)
    drain(bench.world, run.session)
    files[run.session] = SECOND
    _say(bench, SECOND, "eight")
    put_on(bench.world, run)
    drain(bench.world, run.session)
    assert _texts(bench)[5:] == ["six", "seven", "eight"]


def test_of_two_that_turn_the_tape_one_does(bench: Bench, run: Run) -> None:
    files = bench.providers.claude.transcripts
    files[run.session] = FIRST
    put_on(bench.world, run)
    _say(bench, FIRST, "one")
    _say(bench, SECOND, "two")
    files[run.session] = SECOND

    def other() -> None:
        put_on(bench.world, run)
        drain(bench.world, run.session)

    bench.switch.meanwhile["take_in.committed"] = other
    put_on(bench.world, run)
    drain(bench.world, run.session)
    assert _texts(bench) == ["one", "two"]


@pytest.mark.parametrize("point", ["take_in.before_commit", "take_in.committed"])
@pytest.mark.parametrize("after", [1, 2])
def test_killed_while_it_turns_nothing_is_lost_and_nothing_comes_twice(
    bench: Bench, run: Run, point: str, after: int
) -> None:
    files = bench.providers.claude.transcripts
    files[run.session] = FIRST
    put_on(bench.world, run)
    _say(bench, FIRST, "one", "two", "three", "four")
    _say(bench, SECOND, "five")
    files[run.session] = SECOND
    bench.dies_at(point, lambda: put_on(bench.world, run), after=after)
    bench.restart()
    put_on(bench.world, run)
    drain(bench.world, run.session)
    assert _texts(bench) == ["one", "two", "three", "four", "five"]
