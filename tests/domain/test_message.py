"""Messages: their states, their wording, and when they may be handed over."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genie.domain.agent import Activity, Agent, Desired, Life
from genie.domain.envelope import visible
from genie.domain.errors import NotAllowed
from genie.domain.message import (
    IN_BOX,
    LONGEST_PAUSE,
    MOST_TRIES,
    MOVES,
    PROOF,
    STALE_AFTER,
    Channel,
    Fail,
    Hand,
    Message,
    State,
    Wait,
    beside,
    judge,
    pieces,
    proves,
    typeable,
    wording,
)
from tests.contract.values import NOW, an_agent

SECOND = timedelta(seconds=1)


def a_message(**changed: object) -> Message:
    message = Message(
        id=UUID(int=0x1F0C9A77B2E4 << 80),
        agent=UUID(int=1),
        sender=UUID(int=2),
        wrote="ada@web",
        text="do it",
        created_at=NOW,
        changed_at=NOW,
    )
    return replace(message, **changed)  # type: ignore[arg-type]  # by name


def reader(**changed: object) -> Agent:
    fields = {"life": Life.RUNNING, "desired": Desired.RUNNING, "activity": Activity.IDLE, "activity_since": NOW}
    return replace(an_agent(), **(fields | changed))  # type: ignore[arg-type]  # by name


# ---- states ---------------------------------------------------------------------------------


@pytest.mark.parametrize("state", State)
def test_only_what_the_table_has_happens(state: State) -> None:
    for other in State:
        message = a_message(state=state)
        if other in MOVES[state]:
            assert message.to(other, now=NOW + SECOND, reason="so").changed_at == NOW + SECOND
        else:
            with pytest.raises(NotAllowed, match=state.value):
                message.to(other, now=NOW)


def test_what_may_have_been_typed_is_never_queued_again() -> None:
    assert not MOVES[State.UNPROVEN]
    assert State.QUEUED not in MOVES[State.DELIVERED]


def test_a_claim_says_where_proof_is_to_be_found() -> None:
    claimed = a_message().claimed(Channel.TYPE, session=UUID(int=3), after=7, now=NOW)
    assert (claimed.state, claimed.session, claimed.after) == (State.DELIVERING, UUID(int=3), 7)
    assert (claimed.claimed_at, claimed.deadline) == (NOW, NOW + PROOF)


def test_failures_are_tried_again_ever_later_and_not_for_ever() -> None:
    message, pauses = a_message(), []
    for _ in range(MOST_TRIES - 1):
        message = message.claimed(Channel.TYPE, session=None, after=0, now=NOW).put_off("no", now=NOW, failed=True)
        assert message.next_try is not None
        pauses.append(message.next_try - NOW)
    assert [pause.seconds for pause in pauses] == [1, 2, 4, 8, 16, 32, 60]
    last = message.claimed(Channel.TYPE, session=None, after=0, now=NOW).put_off("no", now=NOW, failed=True)
    assert (last.state, last.reason) == (State.FAILED, "no")
    assert max(pauses) <= LONGEST_PAUSE


def test_a_bad_moment_is_no_failure() -> None:
    message = a_message()
    for _ in range(3 * MOST_TRIES):
        message = message.claimed(Channel.TYPE, session=None, after=0, now=NOW).put_off("no", now=NOW, failed=False)
    assert (message.state, message.tries, message.claimed_at) == (State.QUEUED, 0, None)


# ---- wording --------------------------------------------------------------------------------


def test_the_envelope() -> None:
    said = wording(a_message(text="a <b> & c"))
    assert said == ('<message from="ada@web" id="1f0c9a77b2e4" reply="genie send ada …">a &lt;b&gt; &amp; c</message>')


def test_nobody_can_answer_a_person() -> None:
    assert wording(a_message(sender=None, wrote="user")) == '<message from="user" id="1f0c9a77b2e4">do it</message>'


def test_the_bare_text() -> None:
    assert wording(a_message(raw=True, text="/compact <x>")) == "/compact <x>"


@given(st.text(), st.text(min_size=1))
def test_a_parser_reads_what_was_written(text: str, wrote: str) -> None:
    read = ET.fromstring(wording(a_message(text=text, wrote=wrote)))  # noqa: S314  our own
    assert (read.text or "") == visible(text)
    assert read.attrib["from"] == visible(wrote)


@given(st.text())
def test_what_is_typed_has_no_keys_in_it(text: str) -> None:
    said = typeable(text)
    assert not any((ord(char) < 0x20 and char != "\n") or 0x7F <= ord(char) < 0xA0 for char in said)
    said.encode()


def test_lines_stay_lines() -> None:
    assert typeable("\n\ta\r\nb\rc\x1b[31m\x7f\x9b\n") == "    a\nb\nc␛[31m␡\ufffd"


@given(st.text(alphabet=st.sampled_from("ab\n")), st.integers(1, 9), st.integers(1, 3))
def test_pieces_are_small_and_together_the_whole(text: str, longest: int, breaks: int) -> None:
    found = pieces(text, longest=longest, breaks=breaks)
    assert "".join(found) == text
    assert all(0 < len(piece) <= longest and piece.count("\n") <= breaks for piece in found)


# ---- proof ----------------------------------------------------------------------------------

TYPED = a_message(claimed_at=NOW)
BARE = a_message(claimed_at=NOW, raw=True, text="do\tit ")


@pytest.mark.parametrize(
    ("message", "said", "at", "proved"),
    [
        (TYPED, wording(TYPED), NOW, True),
        (TYPED, f"<pasted_content>{wording(TYPED)}</pasted_content>", NOW, True),
        (TYPED, "do it", NOW, False),
        (TYPED, wording(a_message(id=UUID(int=1))), NOW, False),
        (TYPED, None, NOW, False),
        (BARE, "do    it", NOW, True),
        (BARE, "do it", NOW - timedelta(milliseconds=1), True),
        (BARE, "do it", NOW - SECOND, False),
        (BARE, "do it now", NOW, False),
        (replace(BARE, claimed_at=None), "do it", NOW, False),
    ],
)
def test_what_proves_that_it_arrived(message: Message, said: object, at: object, proved: bool) -> None:
    assert proves(message, said, at=at) is proved  # type: ignore[arg-type]  # a time


# ---- when -----------------------------------------------------------------------------------

TUI, QUEUEING = (Channel.TYPE,), (Channel.PASTE, Channel.QUEUE)
LATER = NOW + timedelta(seconds=5)


@pytest.mark.parametrize(
    ("changed", "channels", "verdict"),
    [
        ({}, TUI, Hand(Channel.TYPE)),
        ({}, QUEUEING, Hand(Channel.PASTE)),
        ({"activity": Activity.WORKING}, QUEUEING, Hand(Channel.QUEUE)),
        ({"activity": Activity.UNKNOWN}, TUI, Wait("'ada' is not idle: unknown")),
        ({"activity": Activity.PERMISSION}, TUI, Wait("'ada' is not idle: permission")),
        ({"activity": Activity.UNKNOWN}, (Channel.STREAM,), Hand(Channel.STREAM)),
        ({"activity": Activity.UNKNOWN}, (Channel.STDIN,), Hand(Channel.STDIN)),
        ({"life": Life.DEAD}, TUI, Wait("'ada' is dead")),
        ({"life": Life.SUSPENDED, "desired": Desired.STOPPED}, TUI, Wait("'ada' is suspended")),
        ({"desired": Desired.STOPPED}, TUI, Wait("'ada' is running")),
        ({"life": Life.TERMINATED}, TUI, Fail("'ada' was killed")),
        ({"desired": Desired.GONE}, TUI, Fail("'ada' was killed")),
        ({}, (), Fail("'ada' reads no messages")),
    ],
)
def test_whether_it_is_handed_over(changed: dict[str, object], channels: tuple[Channel, ...], verdict: object) -> None:
    agent = reader(**changed)
    assert judge(a_message(), agent, channels, last=None, now=LATER) == verdict


def test_it_waits_for_its_next_try() -> None:
    message = a_message(next_try=LATER, reason="no")
    assert judge(message, reader(), TUI, last=None, now=NOW) == Wait("no")
    assert judge(replace(message, reason=None), reader(), TUI, last=None, now=NOW) == Wait("it is tried again")
    assert judge(message, reader(), TUI, last=None, now=LATER) == Hand(Channel.TYPE)


def test_an_idleness_of_before_the_last_message_is_none() -> None:
    agent = reader()
    assert judge(a_message(), agent, TUI, last=LATER, now=LATER) == Wait("'ada' has had a message just now")
    assert judge(a_message(), agent, TUI, last=NOW - SECOND, now=LATER) == Hand(Channel.TYPE)
    assert judge(a_message(), agent, TUI, last=LATER, now=LATER + STALE_AFTER) == Hand(Channel.TYPE)


@given(
    st.sampled_from(Life),
    st.sampled_from(Desired),
    st.sampled_from(Activity),
    st.lists(st.sampled_from(Channel), unique=True),
    st.none() | st.integers(-100, 100),
)
def test_a_box_is_never_typed_into_but_that_of_an_idle_one_that_runs(
    life: Life, desired: Desired, activity: Activity, channels: list[Channel], last: int | None
) -> None:
    agent = reader(life=life, desired=desired, activity=activity)
    claimed = None if last is None else NOW + last * SECOND
    verdict = judge(a_message(), agent, channels, last=claimed, now=LATER)
    if isinstance(verdict, Hand):
        assert (life, desired) == (Life.RUNNING, Desired.RUNNING)
        assert verdict.channel in channels
        assert verdict.channel not in IN_BOX or activity is Activity.IDLE


# ---- what a program keeps -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("life", "socket", "queue"),
    [
        (Life.RUNNING, False, False),
        (Life.DEAD, True, False),
        (Life.SUSPENDED, True, False),
        (Life.DONE, True, True),
        (Life.TERMINATED, True, True),
    ],
)
def test_a_queue_of_its_own_outlives_a_program(life: Life, socket: bool, queue: bool) -> None:
    agent = replace(an_agent(), life=life, activity=Activity.WORKING)
    late = NOW + 2 * PROOF
    for channel, overdue in ((Channel.SOCKET, socket), (Channel.QUEUE, queue), (Channel.TYPE, True)):
        message = a_message().claimed(channel, session=agent.session, after=0, now=NOW)
        assert message.overdue(agent, began=None, now=late) is overdue
        assert not message.overdue(agent, began=None, now=NOW + PROOF / 2)


def test_what_is_put_beside_the_box() -> None:
    typed = a_message().claimed(Channel.TYPE, session=None, after=0, now=NOW)
    assert beside(typed, (Channel.TYPE, Channel.SOCKET)) is Channel.SOCKET
    assert beside(replace(typed, raw=True), (Channel.TYPE, Channel.SOCKET)) is None
    assert beside(replace(typed, raw=True), (Channel.PASTE, Channel.QUEUE)) is Channel.QUEUE
    assert beside(typed, (Channel.TYPE,)) is None
    assert beside(replace(typed, channel=Channel.SOCKET), (Channel.SOCKET, Channel.QUEUE)) is None
