"""Messages: sent once, handed over in their order when their readers can take them, proved, answered."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from genie.domain.agent import Activity, Desired, Life
from genie.domain.conversation import ConversationKind
from genie.domain.errors import (
    BadInput,
    Drafted,
    Failed,
    Foreign,
    GenieError,
    NotAllowed,
    NotFound,
    Refused,
    TimedOut,
    Unproven,
)
from genie.domain.events import Event, Kind
from genie.domain.message import MOST_TRIES, PROOF, Channel, Message, State
from genie.domain.session import Standing
from genie.domain.tape import Tape
from genie.services.deliver import CATCH_UP, DRAFT_PATIENCE, OPENS, OUTLIVED, REACTS, SPEAKS, deliver
from genie.services.inbox import inbox, letter, letters, whose
from genie.services.order import Assignment
from genie.services.run import run
from genie.services.send import LONGEST_LINE, LONGEST_TYPED, Sent, post, send
from genie.services.tell import close, reads, tell
from tests.services.bench import HOST, Bench, away, env_of
from tests.services.chance import Killed

SECOND = timedelta(seconds=1)
SAID = "/claude/said.jsonl"


@pytest.fixture
def ada(bench: Bench) -> Bench:
    """An agent with a conversation on a terminal."""
    bench.machine.open("main")
    bench.spawn("ada")
    return bench


def said(bench: Bench, text: str, name: str = "ada", *, from_: str | None = None, **asked: Any) -> Sent:  # noqa: ANN401
    caller = bench.caller(env_of(bench, from_)) if from_ else bench.caller()
    return send(bench.world, caller, name, text, **asked)


def go(bench: Bench, name: str, **asked: Any) -> None:  # noqa: ANN401
    """`genie run`."""
    own = Assignment(streaming=bool(asked.pop("streaming", False)))
    run(bench.world, bench.order(name, role="engineer", assignment=own, **asked))


def is_(bench: Bench, activity: Activity, name: str = "ada") -> None:
    """Its provider tells what it does."""
    now = bench.world.clock.now()
    with bench.registry.begin() as tx:
        found = tx.standing(name)
        assert found
        tx.save_agent(replace(found.agent, activity=activity, activity_since=now, activity_source="hook"))


def hears(bench: Bench, kind: Kind, name: str = "ada", **payload: object) -> None:
    """Its transcript tells something."""
    found = bench.standing(name)
    with bench.registry.begin() as tx:
        at, session = bench.world.clock.now(), found.agent.session
        tx.record(Event(kind=kind, at=at, agent=found.agent.id, session=session, payload=payload))


def echoes(bench: Bench) -> None:
    """Whatever is handed over is in the transcript at once."""
    bench.channels.on_given = lambda to, text: hears(bench, Kind.USER_MESSAGE, to.agent.name, text=text)


def brings(bench: Bench, name: str = "ada") -> None:
    deliver(bench.world, bench.agent(name).id)


def kept(bench: Bench, sent: Sent) -> Message:
    return bench.registry.store.messages[sent.message.id]


def state(bench: Bench, sent: Sent) -> State:
    return kept(bench, sent).state


def given(bench: Bench) -> list[str]:
    """The texts that were handed over."""
    return [text.partition(">")[2].partition("</message>")[0] or text for _, _, text in bench.channels.given]


def told(bench: Bench, sent: Sent) -> list[str]:
    mine = [event for event in bench.registry.log if event.payload.get("message") == str(sent.message.id)]
    return [event.kind.word for event in mine]


# ---- sending --------------------------------------------------------------------------------


def test_it_is_kept_and_told_once(ada: Bench) -> None:
    sent = said(ada, "do it")
    assert (sent.message.wrote, sent.message.sender, sent.repeated) == ("user", None, False)
    assert (state(ada, sent), told(ada, sent), ada.channels.given) == (State.QUEUED, ["queued"], [])


def test_who_wrote_is_what_the_token_says(ada: Bench) -> None:
    ada.spawn("bob", team=ada.agent().team)
    sent = said(ada, "do it", from_="bob")
    assert (sent.message.wrote, sent.message.sender) == (f"bob@{ada.agent('bob').team}", ada.agent("bob").id)


def test_a_token_that_is_not_good(ada: Bench) -> None:
    with pytest.raises(Refused, match="not a token"):
        send(ada.world, ada.caller(GENIE_AGENT_TOKEN="x"), "ada", "do it")


def test_another_team(ada: Bench) -> None:
    ada.team("red")
    ada.spawn("bob", team="red")
    with pytest.raises(Refused, match="'ada' is in team ada, and you are in red") as refused:
        said(ada, "do it", from_="bob")
    assert refused.value.hint == "--cross-team"
    assert said(ada, "do it", from_="bob", cross_team=True).message.wrote == "bob@red"
    assert said(ada, "do it", "bob").message.wrote == "user"


def test_a_key_makes_a_repeat_harmless(ada: Bench) -> None:
    first, again = (said(ada, text, key="k") for text in ("one", "two"))
    assert (again.message.id, again.repeated, again.message.text) == (first.message.id, True, "one")
    assert told(ada, first) == ["queued"]
    ada.spawn("bob", team=ada.agent().team)
    assert not said(ada, "one", "bob", key="k").repeated
    assert not said(ada, "one", key="k", from_="bob").repeated
    assert not said(ada, "one", key="other").repeated


@pytest.mark.parametrize(
    ("text", "asked", "why"),
    [
        ("", {}, "empty"),
        (" \n", {}, "empty"),
        ("x" * (2**20 + 1), {}, "longer than 1048576 bytes"),
        ("é" * (LONGEST_TYPED // 2 + 1), {}, f"longer than {LONGEST_TYPED} bytes"),
        ("x", {"key": ""}, "a key has"),
        ("x", {"key": "k" * 201}, "a key has"),
    ],
)
def test_what_is_no_message(ada: Bench, text: str, asked: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        said(ada, text, **asked)
    assert not ada.registry.store.messages


def test_who_is_not_there(ada: Bench) -> None:
    with pytest.raises(NotFound):
        said(ada, "x", "nobody")


def test_who_was_killed(ada: Bench) -> None:
    ada.kill()
    with pytest.raises(NotAllowed, match="'ada' was killed"):
        said(ada, "x")


def test_who_reads_no_messages(ada: Bench) -> None:
    go(ada, "shot", prompt="p")
    ada.spawn("cmd", role=None, command=("sh",))
    with pytest.raises(NotAllowed, match="'shot' reads no messages: it is one-shot"):
        said(ada, "x", "shot")
    with pytest.raises(NotAllowed, match="'cmd' reads no messages: it is a command of provider shell") as refused:
        said(ada, "x", "cmd")
    assert "stdin: true" in refused.value.hint


def command(bench: Bench) -> None:
    bench.templates.add("lines", provider="shell", stdin=True)
    bench.spawn("cmd", role="lines", command=("cat",))


def test_a_command_answers_nothing(bench: Bench) -> None:
    command(bench)
    with pytest.raises(NotAllowed, match="'cmd' answers no messages: it is a command of provider shell") as refused:
        said(bench, "how many?", "cmd", answer=True)
    assert refused.value.hint == "genie send --wait-delivered, and genie read cmd"
    assert inbox(bench.world, bench.agent("cmd").id) == []


def test_a_command_that_reads_lines(bench: Bench) -> None:
    bench.machine.open("main")
    command(bench)
    sent = said(bench, "one\ntwo", "cmd", raw=True)
    with pytest.raises(BadInput, match="a line of the message is longer"):
        said(bench, "x" * (LONGEST_LINE + 1), "cmd")
    brings(bench, "cmd")
    assert bench.channels.given == [(Channel.STDIN, "cmd", "one\ntwo")]
    assert told(bench, sent) == ["queued", "delivered"]
    brings(bench, "cmd")
    assert bench.registry.mailboxes(HOST) == []


# ---- delivering -----------------------------------------------------------------------------


BUSY = [one for one in Activity if one not in (Activity.IDLE, Activity.ERROR, Activity.LIMITED)]


@pytest.mark.parametrize("activity", BUSY)
def test_nothing_is_typed_unless_it_is_idle(ada: Bench, activity: Activity) -> None:
    sent = said(ada, "do it")
    is_(ada, activity)
    brings(ada)
    assert ada.channels.given == []
    assert letter(ada.world, sent.message.id).waits == f"'ada' is not idle: {activity.value}"


def test_after_an_error_its_box_is_ready(ada: Bench) -> None:
    said(ada, "go on")
    is_(ada, Activity.ERROR)
    brings(ada)
    assert [channel for channel, _, _ in ada.channels.given] == [Channel.TYPE]


def test_at_a_usage_limit_it_waits(ada: Bench) -> None:
    sent = said(ada, "go on")
    is_(ada, Activity.LIMITED)
    ada.channels.listening = True
    brings(ada)
    assert letter(ada.world, sent.message.id).waits == "'ada' is at a usage limit"
    with ada.registry.begin() as tx:
        until = datetime(2026, 11, 21, 11, 5, tzinfo=UTC)
        tx.save_agent(replace(ada.agent(), limited_until=until))
    assert letter(ada.world, sent.message.id).waits == "'ada' is at a usage limit until 2026-11-21 11:05 UTC"
    assert ada.channels.given == []


def test_its_programs_own_word_shows_a_turn_that_was_over_in_a_moment(ada: Bench) -> None:
    echoes(ada)
    for text in ("one", "two"):
        said(ada, text)
    is_(ada, Activity.IDLE)
    brings(ada)
    brings(ada)
    assert given(ada) == ["one"]
    ada.clock.advance(SECOND)
    ada.channels.idle = ada.clock.time
    brings(ada)
    assert given(ada) == ["one", "two"]


# ---- other teams ----------------------------------------------------------------------------


@pytest.fixture
def red(ada: Bench) -> Bench:
    """Another team, with bob in it."""
    ada.team("red")
    ada.spawn("bob", team="red")
    return ada


@pytest.mark.parametrize(("allowed", "may"), [(True, True), (("ada",), True), (("blue",), False), (False, False)])
def test_a_template_may_allow_it(red: Bench, allowed: bool | tuple[str, ...], may: bool) -> None:
    red.templates.add("engineer", cross_team=allowed)
    if may:
        said(red, "x", from_="bob")
    else:
        with pytest.raises(Refused, match="'ada' is in team ada"):
            said(red, "x", from_="bob")


def test_the_rule_holds_for_input_too(red: Bench) -> None:
    bob = red.agent("bob")
    with pytest.raises(Refused, match="'ada' is in team ada"):
        tell(red.world, red.standing(), "x", sender=bob)
    assert tell(red.world, red.standing(), "x", sender=bob, cross_team=True).wrote == "bob@red"


# ---- groups ---------------------------------------------------------------------------------


def test_input_to_an_agent_on_a_terminal_is_sent(ada: Bench) -> None:
    sent = tell(ada.world, ada.standing(), "as it is")
    assert (sent.state, sent.raw) == (State.QUEUED, True)
    signed = tell(ada.world, ada.standing(), "signed", raw=False)
    assert not signed.raw


def test_who_of_a_group_is_meant(ada: Bench) -> None:
    go(ada, "fed", streaming=True)
    go(ada, "shot", prompt="p")
    ada.spawn("cmd", role=None, command=("sh",))
    ada.spawn("gone")
    ada.kill("gone")
    names = ("ada", "fed", "shot", "cmd", "gone")
    assert [name for name in names if reads(ada.world, ada.standing(name))] == ["ada", "fed"]
    assert [name for name in names if reads(ada.world, ada.standing(name), closing=True)] == ["fed"]


# ---- its socket -----------------------------------------------------------------------------


def by(bench: Bench) -> list[tuple[Channel, str]]:
    """The channels by which the texts were handed over."""
    return [(channel, text) for (channel, _, _), text in zip(bench.channels.given, given(bench), strict=True)]


@pytest.fixture
def listening(ada: Bench) -> Bench:
    """One whose program has a socket."""
    ada.channels.listening = True
    return ada


def test_who_works_is_told_by_its_socket(listening: Bench) -> None:
    echoes(listening)
    is_(listening, Activity.WORKING)
    for text in ("one", "two"):
        said(listening, text)
    for _ in range(3):
        brings(listening)
    assert by(listening) == [(Channel.SOCKET, "one"), (Channel.SOCKET, "two")]
    listening.clock.advance(SECOND)
    is_(listening, Activity.IDLE)
    said(listening, "three")
    brings(listening)
    assert by(listening)[-1] == (Channel.TYPE, "three")


@pytest.mark.parametrize("activity", [one for one in BUSY if one is not Activity.WORKING])
def test_before_a_dialog_it_waits_where_it_can_be_seen(listening: Bench, activity: Activity) -> None:
    said(listening, "do it")
    is_(listening, activity)
    brings(listening)
    assert listening.channels.given == []


def test_a_bare_text_is_meant_for_the_box(listening: Bench) -> None:
    sent = said(listening, "/compact", raw=True)
    is_(listening, Activity.WORKING)
    brings(listening)
    assert letter(listening.world, sent.message.id).waits == "'ada' is not idle: working"
    is_(listening, Activity.IDLE)
    listening.channels.troubles = [NotAllowed("copy mode")]
    brings(listening)
    assert (listening.channels.given, kept(listening, sent).reason) == ([], "copy mode")


@pytest.mark.parametrize("trouble", [NotAllowed("copy mode"), Drafted("a draft")])
def test_where_the_box_is_not_free_its_socket_is(listening: Bench, trouble: GenieError) -> None:
    sent = said(listening, "do it")
    is_(listening, Activity.IDLE)
    listening.channels.troubles = [trouble]
    brings(listening)
    assert by(listening) == [(Channel.SOCKET, "do it")]
    assert (state(listening, sent), kept(listening, sent).channel) == (State.DELIVERING, Channel.SOCKET)


def test_a_socket_that_takes_nothing_is_tried_again(listening: Bench) -> None:
    sent = said(listening, "do it")
    is_(listening, Activity.IDLE)
    listening.channels.troubles = [NotAllowed("copy mode"), Failed("nobody listens")]
    brings(listening)
    assert (state(listening, sent), kept(listening, sent).tries) == (State.QUEUED, 1)


def test_nothing_is_typed_before_its_first_prompt_was_taken(bench: Bench) -> None:
    bench.machine.open("main")
    bench.spawn("ada", prompt="build it")
    sent = said(bench, "one")
    is_(bench, Activity.IDLE)
    bench.clock.advance(SECOND)
    brings(bench)
    assert (given(bench), letter(bench.world, sent.message.id).waits) == ([], "'ada' has had a message just now")
    hears(bench, Kind.USER_MESSAGE, text="build it")
    brings(bench)
    assert given(bench) == ["one"]


def test_nothing_is_typed_before_what_a_resume_tells_was_taken(ada: Bench) -> None:
    hears(ada, Kind.USER_MESSAGE, text="of before")
    ada.stop()
    ada.spawn("ada", prompt="go on")
    ada.clock.advance(SECOND)
    said(ada, "one")
    is_(ada, Activity.IDLE)
    brings(ada)
    assert given(ada) == []
    hears(ada, Kind.USER_MESSAGE, text="go on")
    brings(ada)
    assert given(ada) == ["one"]


def test_a_program_that_shows_no_prompt_is_not_waited_for_without_end(bench: Bench) -> None:
    bench.machine.open("main")
    bench.spawn("ada", prompt="build it")
    said(bench, "one")
    is_(bench, Activity.IDLE)
    bench.clock.advance(OPENS)
    brings(bench)
    assert given(bench) == ["one"]


def test_what_it_waits_for_is_told_until_it_is_handed_over(ada: Bench) -> None:
    sent = said(ada, "one")
    is_(ada, Activity.IDLE)
    ada.channels.troubles = [Drafted("somebody's draft is in its box")]
    brings(ada)
    ada.clock.advance(SECOND)
    assert letter(ada.world, sent.message.id).waits == "somebody's draft is in its box"


def test_a_draft_is_not_waited_for_without_end(ada: Bench) -> None:
    sent, after = said(ada, "one"), said(ada, "two")
    is_(ada, Activity.IDLE)
    start = ada.clock.time
    while state(ada, sent) is not State.FAILED:
        assert ada.clock.time < start + 2 * DRAFT_PATIENCE
        ada.channels.troubles = [Drafted("somebody's draft is in its box")]
        brings(ada)
        ada.channels.troubles = []
        ada.clock.advance(timedelta(minutes=1))
    assert ada.clock.time >= start + DRAFT_PATIENCE
    assert kept(ada, sent).reason == "somebody's draft is in its box"
    ada.channels.troubles = [Drafted("somebody's draft is in its box")]
    brings(ada)
    assert state(ada, after) is State.QUEUED


@pytest.mark.parametrize("activity", [Activity.WORKING, Activity.PERMISSION, Activity.QUESTION, Activity.LIMITED])
def test_what_a_program_keeps_is_waited_for_until_it_can_take_it(listening: Bench, activity: Activity) -> None:
    sent = said(listening, "do it")
    is_(listening, Activity.WORKING)
    brings(listening)
    is_(listening, activity)
    listening.clock.advance(timedelta(hours=3))
    brings(listening)
    assert state(listening, sent) is State.DELIVERING
    is_(listening, Activity.IDLE)
    listening.clock.advance(PROOF - SECOND)
    brings(listening)
    assert state(listening, sent) is State.DELIVERING
    listening.clock.advance(2 * SECOND)
    brings(listening)
    assert state(listening, sent) is State.UNPROVEN


def test_what_a_program_kept_is_gone_with_it(listening: Bench) -> None:
    sent = said(listening, "do it")
    is_(listening, Activity.WORKING)
    brings(listening)
    listening.stop()
    listening.clock.advance(PROOF)
    brings(listening)
    assert state(listening, sent) is State.UNPROVEN


def test_what_a_program_kept_is_gone_with_it_also_when_it_is_back(listening: Bench) -> None:
    sent = said(listening, "do it")
    is_(listening, Activity.WORKING)
    brings(listening)
    listening.clock.advance(SECOND)
    listening.dies()
    listening.beat()
    listening.beat()
    assert listening.life() is Life.RUNNING
    is_(listening, Activity.WORKING)
    brings(listening)
    assert state(listening, sent) is State.DELIVERING
    listening.clock.advance(PROOF)
    brings(listening)
    assert state(listening, sent) is State.UNPROVEN


def test_it_is_typed_and_proved_by_the_transcript(ada: Bench) -> None:
    sent = said(ada, "do <it>")
    is_(ada, Activity.IDLE)
    brings(ada)
    brings(ada)
    envelope = f'<message from="user" id="{sent.message.mark}">do &lt;it&gt;</message>'
    assert ada.channels.given == [(Channel.TYPE, "ada", envelope)]
    assert state(ada, sent) is State.DELIVERING
    hears(ada, Kind.USER_MESSAGE, text="something else")
    brings(ada)
    assert state(ada, sent) is State.DELIVERING
    hears(ada, Kind.USER_MESSAGE, text=ada.channels.given[0][2])
    brings(ada)
    assert (state(ada, sent), told(ada, sent)) == (State.DELIVERED, ["queued", "delivered"])


def test_what_was_said_before_proves_nothing(ada: Bench) -> None:
    hears(ada, Kind.USER_MESSAGE, text="go on")
    sent = said(ada, "go on", raw=True)
    is_(ada, Activity.IDLE)
    brings(ada)
    assert ada.channels.given == [(Channel.TYPE, "ada", "go on")]
    brings(ada)
    assert state(ada, sent) is State.DELIVERING
    hears(ada, Kind.USER_MESSAGE, text="go on")
    brings(ada)
    assert state(ada, sent) is State.DELIVERED


def test_the_proof_may_be_far_down(ada: Bench) -> None:
    sent = said(ada, "do it")
    is_(ada, Activity.IDLE)

    def much(to: Standing, text: str) -> None:
        for line in (*"x" * 600, text):
            hears(ada, Kind.USER_MESSAGE, text=line)

    ada.channels.on_given = much
    brings(ada)
    brings(ada)
    assert state(ada, sent) is State.DELIVERED


def test_one_that_is_on_its_way_by_now_waits_for_nothing(ada: Bench) -> None:
    sent = said(ada, "one")
    is_(ada, Activity.IDLE)
    brings(ada)
    assert state(ada, sent) is State.DELIVERING
    assert [one.waits for one in letters(ada.world, [sent.message])] == [None]


def test_without_a_proof_it_is_not_typed_again(ada: Bench) -> None:
    sent, after = said(ada, "one"), said(ada, "two")
    is_(ada, Activity.IDLE)
    brings(ada)
    ada.clock.advance(PROOF - SECOND)
    brings(ada)
    assert (given(ada), state(ada, sent)) == (["one"], State.DELIVERING)
    assert letter(ada.world, after.message.id).waits == "the one before is being delivered"
    ada.clock.advance(2 * SECOND)
    brings(ada)
    assert (state(ada, sent), told(ada, sent)) == (State.UNPROVEN, ["queued", "unproven"])
    assert "is not sent again" in str(kept(ada, sent).reason)
    is_(ada, Activity.IDLE)
    brings(ada)
    assert given(ada) == ["one", "two"]


def test_one_after_the_other(ada: Bench) -> None:
    echoes(ada)
    for number in range(3):
        said(ada, str(number))
    is_(ada, Activity.IDLE)
    brings(ada)
    brings(ada)
    assert given(ada) == ["0"]
    assert [one.waits for one in inbox(ada.world, None)][1:] == ["'ada' has had a message just now"] * 2
    for _ in range(2):
        is_(ada, Activity.WORKING)
        brings(ada)
        is_(ada, Activity.IDLE)
        brings(ada)
        brings(ada)
    assert given(ada) == ["0", "1", "2"]


def test_who_is_away_gets_it_when_it_is_back(ada: Bench) -> None:
    ada.stop()
    sent = said(ada, "do it")
    brings(ada)
    assert letter(ada.world, sent.message.id).waits == "'ada' is suspended"
    assert ada.registry.mailboxes(HOST) == []
    ada.resume()
    is_(ada, Activity.IDLE)
    assert ada.registry.mailboxes(HOST) == [ada.agent().id]
    brings(ada)
    assert given(ada) == ["do it"]


def test_those_to_a_killed_one_fail(ada: Bench) -> None:
    sent = [said(ada, text) for text in ("one", "two")]
    ada.kill()
    assert ada.registry.mailboxes(HOST) == [ada.agent().id]
    brings(ada)
    assert [told(ada, one) for one in sent] == [["queued", "failed"]] * 2
    assert kept(ada, sent[0]).reason == "'ada' was killed"
    assert ada.registry.mailboxes(HOST) == []


@pytest.mark.parametrize("error", [Failed("broken"), Foreign("not ours"), TimedOut("full")])
def test_failures_end(ada: Bench, error: GenieError) -> None:
    sent, after = said(ada, "one"), said(ada, "two")
    is_(ada, Activity.IDLE)
    for _ in range(MOST_TRIES):
        ada.channels.troubles = [error]
        brings(ada)
        ada.clock.advance(timedelta(minutes=2))
    assert (state(ada, sent), kept(ada, sent).reason) == (State.FAILED, error.message)
    assert told(ada, sent) == ["queued", "failed"]
    assert (given(ada), state(ada, after)) == (["two"], State.DELIVERING)


def test_a_bad_moment_is_waited_out(ada: Bench) -> None:
    sent = said(ada, "one")
    is_(ada, Activity.IDLE)
    for _ in range(2 * MOST_TRIES):
        ada.channels.troubles = [NotAllowed("a dialog is open on its screen")]
        brings(ada)
        assert letter(ada.world, sent.message.id).waits == "a dialog is open on its screen"
        ada.clock.advance(2 * SECOND)
    ada.channels.troubles = []
    brings(ada)
    assert (given(ada), kept(ada, sent).tries) == (["one"], 0)


def test_what_may_have_been_typed_is_not_typed_again(ada: Bench) -> None:
    sent = said(ada, "one")
    is_(ada, Activity.IDLE)
    ada.channels.troubles = [Unproven("not all of it")]
    brings(ada)
    assert state(ada, sent) is State.DELIVERING
    ada.clock.advance(PROOF + SECOND)
    brings(ada)
    assert (state(ada, sent), given(ada)) == (State.UNPROVEN, [])


def test_codex_is_queued_for_while_it_works(ada: Bench) -> None:
    ada.spawn("cy", provider="codex")
    echoes(ada)
    for text, activity in (("one", Activity.WORKING), ("two", Activity.IDLE)):
        is_(ada, activity, "cy")
        ada.clock.advance(timedelta(minutes=2))
        said(ada, text, "cy")
        brings(ada, "cy")
        brings(ada, "cy")
    assert [channel for channel, _, _ in ada.channels.given] == [Channel.QUEUE, Channel.PASTE]


def test_another_hosts_agents_are_left_to_their_daemon(ada: Bench) -> None:
    said(ada, "one")
    is_(ada, Activity.IDLE)
    ada.world = replace(ada.world, host="host-2")
    brings(ada)
    assert ada.channels.given == []
    assert ada.registry.mailboxes("host-2") == []


def test_nobody_has_no_messages(ada: Bench) -> None:
    deliver(ada.world, uuid4())
    with pytest.raises(NotFound, match="unknown message"):
        letter(ada.world, uuid4())


def test_a_session_that_changed_meanwhile_is_looked_at_anew(ada: Bench) -> None:
    sent = said(ada, "one")
    is_(ada, Activity.IDLE)
    former, fresh = ada.session(), uuid4()
    real = ada.registry.before_last

    def changing(of: object, count: int) -> int:
        ada.registry.before_last = real  # type: ignore[method-assign]  # once
        with ada.registry.begin() as tx:
            tx.add_session(replace(former, id=fresh, provider_session=str(fresh)))
            tx.save_agent(replace(ada.agent(), session=fresh))
        return real(of, count)  # type: ignore[arg-type]

    ada.registry.before_last = changing  # type: ignore[method-assign]
    brings(ada)
    assert kept(ada, sent).session == fresh


# ---- sessions that are fed ------------------------------------------------------------------


@pytest.fixture
def fed(bench: Bench) -> Bench:
    """A session that is fed."""
    bench.machine.open("main")
    go(bench, "ada", streaming=True)
    return bench


def test_a_session_that_is_fed_gets_all_at_once_and_in_order(fed: Bench) -> None:
    sent = [said(fed, str(number), raw=True) for number in range(3)]
    fifo = fed.recordings.fifo(fed.session().id)
    tell(fed.world, fed.standing(), "3")
    close(fed.world, fed.standing())
    assert fed.recordings.fed == [*((fifo, str(number)) for number in range(4)), (fifo, None)]
    assert {state(fed, one) for one in sent} == {State.DELIVERED}
    assert [one.message.text for one in inbox(fed.world, fed.agent().id)] == ["0", "1", "2", "3"]


def test_input_fails_at_once(fed: Bench) -> None:
    fed.channels.troubles = [TimedOut("full")]
    with pytest.raises(TimedOut, match="full"):
        tell(fed.world, fed.standing(), "one")
    (one,) = inbox(fed.world, None)
    assert (one.message.state, one.message.reason, one.waits) == (State.FAILED, "full", None)


def test_input_stands_behind_what_is_tried_again(fed: Bench) -> None:
    sent = said(fed, "one", raw=True)
    fed.channels.troubles = [TimedOut("full")]
    brings(fed)
    tell(fed.world, fed.standing(), "two")
    assert (state(fed, sent), given(fed)) == (State.QUEUED, [])
    fed.clock.advance(2 * SECOND)
    brings(fed)
    assert given(fed) == ["one", "two"]


def test_a_long_message_may_be_fed(fed: Bench) -> None:
    said(fed, "x" * (LONGEST_TYPED + 1))
    brings(fed)
    assert len(fed.recordings.fed) == 1


# ---- answers --------------------------------------------------------------------------------


def test_the_answer_is_what_was_said_at_the_end_of_the_turn(ada: Bench) -> None:
    echoes(ada)
    sent = said(ada, "how many?")
    is_(ada, Activity.IDLE)
    hears(ada, Kind.ASSISTANT_MESSAGE, text="of before")
    brings(ada)
    brings(ada)
    hears(ada, Kind.ASSISTANT_MESSAGE, text="let me see")
    hears(ada, Kind.PROVIDER_STATUS, status="thinking")
    brings(ada)
    assert state(ada, sent) is State.DELIVERED
    hears(ada, Kind.ASSISTANT_MESSAGE, text="42")
    hears(ada, Kind.ASSISTANT_MESSAGE, text="of a sub-agent", parent="t1")
    hears(ada, Kind.ASSISTANT_MESSAGE, text="")
    hears(ada, Kind.PROVIDER_STATUS, status="turn_duration", turns=1)
    hears(ada, Kind.ASSISTANT_MESSAGE, text="of after")
    assert ada.registry.mailboxes(HOST) == [ada.agent().id]
    brings(ada)
    assert (state(ada, sent), kept(ada, sent).answer) == (State.ANSWERED, "42")
    assert told(ada, sent) == ["queued", "delivered", "answered"]
    assert ada.registry.mailboxes(HOST) == []


def test_who_has_become_idle_has_answered(ada: Bench) -> None:
    echoes(ada)
    sent = said(ada, "how many?")
    is_(ada, Activity.IDLE)
    brings(ada)
    brings(ada)
    assert state(ada, sent) is State.DELIVERED
    hears(ada, Kind.ASSISTANT_MESSAGE, text="42")
    is_(ada, Activity.WORKING)
    brings(ada)
    assert state(ada, sent) is State.DELIVERED
    is_(ada, Activity.IDLE)
    ada.clock.advance(SPEAKS)
    brings(ada)
    assert kept(ada, sent).answer == "42"


def test_who_is_idle_before_its_last_words_were_read(ada: Bench) -> None:
    sent = reached(ada)
    is_(ada, Activity.WORKING)
    hears(ada, Kind.ASSISTANT_MESSAGE, text="let me see")
    is_(ada, Activity.IDLE)
    brings(ada)
    assert state(ada, sent) is State.DELIVERED
    hears(ada, Kind.ASSISTANT_MESSAGE, text="42")
    hears(ada, Kind.PROVIDER_STATUS, status="turn_duration", turns=1)
    brings(ada)
    assert (state(ada, sent), kept(ada, sent).answer) == (State.ANSWERED, "42")


def test_a_turn_without_words_is_over_too(ada: Bench) -> None:
    echoes(ada)
    sent = said(ada, "go")
    is_(ada, Activity.IDLE)
    brings(ada)
    brings(ada)
    hears(ada, Kind.SESSION_RESULT, is_error=True)
    brings(ada)
    assert (state(ada, sent), kept(ada, sent).answer) == (State.ANSWERED, None)


def test_a_session_that_is_fed_answers_one_after_the_other(fed: Bench) -> None:
    hears(fed, Kind.USER_MESSAGE, text="its first prompt")
    sent = [said(fed, text, raw=True) for text in ("one", "two")]
    brings(fed)
    brings(fed)
    for text in ("one", "two"):
        hears(fed, Kind.USER_MESSAGE, text=text)
    answers = []
    for number in range(3):
        hears(fed, Kind.SESSION_RESULT, text=f"answer {number}")
        brings(fed)
        answers.append([kept(fed, one).answer for one in sent])
    assert answers == [[None, None], ["answer 1", None], ["answer 1", "answer 2"]]


def test_what_is_taken_in_during_a_turn_is_answered_with_it(fed: Bench) -> None:
    hears(fed, Kind.USER_MESSAGE, text="its first prompt", taken=True)
    sent = [said(fed, text, raw=True) for text in ("one", "two")]
    brings(fed)
    for text in ("one", "two"):
        hears(fed, Kind.USER_MESSAGE, text=text, taken=True)
    hears(fed, Kind.SESSION_RESULT, text="to all")
    brings(fed)
    assert [(state(fed, one), kept(fed, one).answer) for one in sent] == [(State.ANSWERED, "to all")] * 2


def test_turns_of_before_a_death_and_interrupts_answer_nothing(fed: Bench) -> None:
    """Each process of a session answers what it was told itself."""

    def told(run: UUID, *kinds: Kind, **payload: object) -> None:
        agent, now = fed.agent(), fed.world.clock.now()
        with fed.registry.begin() as tx:
            for kind in kinds:
                tx.record(Event(kind=kind, at=now, agent=agent.id, session=agent.session, run=run, payload=payload))

    died, lives = uuid4(), uuid4()
    told(died, Kind.USER_MESSAGE, text="what it has never answered")
    told(lives, Kind.USER_MESSAGE, text="interrupted")
    told(lives, Kind.USER_MESSAGE, text="[Request interrupted by user]", synthetic=True)
    told(lives, Kind.SESSION_RESULT, is_error=True)
    sent = [said(fed, text, raw=True) for text in ("one", "two")]
    brings(fed)
    brings(fed)
    for text in ("one", "two"):
        told(lives, Kind.USER_MESSAGE, text=text)
        told(lives, Kind.SESSION_RESULT, text=f"answer to {text}")
    brings(fed)
    assert [kept(fed, one).answer for one in sent] == ["answer to one", "answer to two"]


def reached(bench: Bench, activity: Activity = Activity.IDLE) -> Sent:
    """A message that its reader has in its transcript."""
    echoes(bench)
    sent = said(bench, "how many?", answer=True)
    is_(bench, activity)
    brings(bench)
    brings(bench)
    assert state(bench, sent) is State.DELIVERED
    bench.clock.advance(SECOND)
    return sent


def test_a_turn_that_ends_with_an_api_error_is_over_at_once(ada: Bench) -> None:
    sent = reached(ada)
    hears(ada, Kind.PROVIDER_STATUS, status="api_error", text="of a sub-agent", parent="t1")
    hears(ada, Kind.PROVIDER_STATUS, status="api_error", text="API Error: 500 overloaded\nsee the docs", error="server")
    is_(ada, Activity.WORKING)
    brings(ada)
    assert state(ada, sent) is State.DELIVERED, "its program may go on"
    is_(ada, Activity.ERROR)
    brings(ada)
    found = kept(ada, sent)
    assert (found.state, found.answer, found.reason) == (State.ANSWERED, None, "API Error: 500 overloaded")
    assert told(ada, sent) == ["queued", "delivered", "answered"]


def test_one_error_after_another_ends_its_turn_too(ada: Bench) -> None:
    """The agent was in trouble before, and is again within a moment: nobody has noted that it worked meanwhile."""
    sent = reached(ada, Activity.ERROR)
    hears(ada, Kind.PROVIDER_STATUS, status="api_error", text="API Error: 500")
    brings(ada)
    assert state(ada, sent) is State.DELIVERED, "its program does not say that it rests"
    ada.channels.idle = ada.clock.time
    brings(ada)
    assert (kept(ada, sent).state, kept(ada, sent).reason) == (State.ANSWERED, "API Error: 500")


def test_an_error_after_which_it_went_on_is_none(ada: Bench) -> None:
    sent = reached(ada)
    hears(ada, Kind.PROVIDER_STATUS, status="api_error", error="overloaded")
    hears(ada, Kind.ASSISTANT_MESSAGE, text="42")
    is_(ada, Activity.IDLE)
    ada.clock.advance(SPEAKS)
    brings(ada)
    assert (kept(ada, sent).answer, kept(ada, sent).reason) == ("42", None)


def test_a_turn_that_only_stalls_is_not_over(ada: Bench) -> None:
    sent = reached(ada)
    with ada.registry.begin() as tx:
        stalls = replace(ada.agent(), activity=Activity.ERROR, activity_since=ada.clock.time)
        tx.save_agent(replace(stalls, activity_source="hook: it works, and the model has said nothing since 12:00"))
    brings(ada)
    assert state(ada, sent) is State.DELIVERED


def test_who_was_killed_does_not_answer(ada: Bench) -> None:
    sent = reached(ada)
    hears(ada, Kind.ASSISTANT_MESSAGE, text="let me see")
    ada.kill()
    assert ada.registry.mailboxes(HOST) == [ada.agent().id]
    brings(ada)
    found = kept(ada, sent)
    assert (found.state, found.answer) == (State.ANSWERED, "let me see")
    assert found.reason == "'ada' is terminated, and its turn was not over"
    assert ada.registry.mailboxes(HOST) == []


def test_who_was_fed_and_has_ended_answers_nothing_more(fed: Bench) -> None:
    sent = said(fed, "one", raw=True)
    brings(fed)
    assert state(fed, sent) is State.DELIVERED
    fed.kill()
    with fed.registry.begin() as tx:
        tx.add_tape(Tape(session=fed.session().id, provider="claude", path=SAID, form="stream-json"))
    fed.recordings.troubles = [Failed("cannot read it")]
    brings(fed)
    assert fed.recordings.troubles == []
    assert (state(fed, sent), kept(fed, sent).answer) == (State.ANSWERED, None)
    assert "its turn was not over" in str(kept(fed, sent).reason)


# ---- what a daemon before has left ----------------------------------------------------------


def test_what_was_left_is_settled_as_soon_as_its_program_is_seen_to_be_idle(ada: Bench) -> None:
    sent = said(ada, "one")
    is_(ada, Activity.IDLE)
    ada.dies_at("deliver.claimed", lambda: brings(ada))
    assert state(ada, sent) is State.DELIVERING
    ada.clock.advance(SECOND)
    ada.restart()
    brings(ada)
    ada.clock.advance(REACTS)
    brings(ada)
    assert state(ada, sent) is State.DELIVERING, "its program says nothing of itself"
    ada.channels.idle = ada.clock.time
    brings(ada)
    assert (state(ada, sent), given(ada)) == (State.UNPROVEN, [])


def test_what_was_left_is_proved_by_what_nobody_has_read_yet(ada: Bench) -> None:
    sent = said(ada, "one")
    is_(ada, Activity.IDLE)
    ada.dies_at("deliver.handed", lambda: brings(ada))
    ada.clock.advance(SECOND)
    ada.restart()
    ada.channels.idle = ada.clock.time
    brings(ada)
    assert state(ada, sent) is State.DELIVERING, "it may not have begun yet"
    ada.clock.advance(REACTS)
    ada.providers.claude.transcripts[ada.session().id] = SAID
    for text in ("before", "it", "there were", ada.channels.given[0][2]):
        ada.recordings.say(SAID, ConversationKind.USER_MESSAGE, text=text)
    brings(ada)
    assert (told(ada, sent)[1], len(given(ada))) == ("delivered", 1)


@pytest.mark.parametrize("arrived", [False, True])
def test_what_was_typed_to_one_that_has_died_holds_up_the_next_for_some_seconds(ada: Bench, arrived: bool) -> None:
    ada.clock.advance(CATCH_UP)
    sent, after = said(ada, "one"), said(ada, "two")
    is_(ada, Activity.IDLE)
    brings(ada)
    ada.clock.advance(SECOND)
    ada.stop()
    ada.resume()
    is_(ada, Activity.IDLE)
    ada.providers.claude.transcripts[ada.session().id] = SAID
    ada.clock.advance(OUTLIVED - timedelta(milliseconds=1))
    brings(ada)
    assert (state(ada, sent), state(ada, after)) == (State.DELIVERING, State.QUEUED)
    if arrived:
        ada.recordings.say(SAID, ConversationKind.USER_MESSAGE, text=ada.channels.given[0][2])
    ada.clock.advance(timedelta(milliseconds=1))
    brings(ada)
    assert state(ada, sent) is (State.ANSWERED if arrived else State.UNPROVEN)
    brings(ada)
    assert given(ada) == ["one", "two"]


# ---- inboxes --------------------------------------------------------------------------------


def test_whose_inbox(ada: Bench) -> None:
    ada.spawn("bob", team=ada.agent().team)
    assert whose(ada.world, ada.caller(), None) is None
    assert whose(ada.world, ada.caller(), "bob") == ada.agent("bob").id
    assert whose(ada.world, ada.caller(env_of(ada, "bob")), None) == ada.agent("bob").id
    assert whose(ada.world, ada.caller(env_of(ada, "bob")), "ada") == ada.agent().id
    with pytest.raises(NotFound):
        whose(ada.world, ada.caller(), "nobody")


def test_inboxes(ada: Bench) -> None:
    ada.spawn("bob")
    for number in range(3):
        said(ada, str(number))
        said(ada, f"b{number}", "bob")
    assert [(one.to, one.message.text) for one in inbox(ada.world, None, limit=2)] == [("ada", "2"), ("bob", "b2")]
    assert [one.message.text for one in inbox(ada.world, ada.agent().id)] == ["0", "1", "2"]
    assert inbox(ada.world, uuid4()) == []


def test_what_would_be_handed_over_waits_for_nothing(ada: Bench) -> None:
    sent = said(ada, "one")
    is_(ada, Activity.IDLE)
    assert letter(ada.world, sent.message.id).waits is None
    ada.kill()
    assert letter(ada.world, sent.message.id).waits == "'ada' was killed"
    brings(ada)
    assert letters(ada.world, [sent.message])[0].waits is None


def test_a_template_that_does_not_read_keeps_it_waiting(bench: Bench) -> None:
    bench.machine.open("main")
    command(bench)
    sent = said(bench, "one", "cmd")
    bench.templates.broken.add("lines")
    with pytest.raises(BadInput):
        brings(bench, "cmd")
    assert letter(bench.world, sent.message.id).waits == "'cmd' reads no messages"
    bench.templates.broken.clear()
    brings(bench, "cmd")
    assert given(bench) == ["one"]


def test_of_whom_nothing_waits_nothing_is_remembered(ada: Bench) -> None:
    said(ada, "one")
    is_(ada, Activity.IDLE)
    ada.channels.troubles = [Drafted("somebody's draft is in its box")]
    brings(ada)
    assert vars(ada.world.mail)["_drafts"]
    ada.clock.advance(2 * SECOND)
    brings(ada)
    assert not vars(ada.world.mail)["_drafts"]
    assert not vars(ada.world.mail)["_boxes"]


# ---- a daemon that dies ---------------------------------------------------------------------

POINTS = ["deliver.claimed", "deliver.handed", "deliver.settled"]


def settles(bench: Bench) -> None:
    """Time passes, and the deliverer looks."""
    for _ in range(8):
        is_(bench, Activity.WORKING)
        is_(bench, Activity.IDLE)
        bench.clock.advance(SPEAKS)
        for agent in bench.registry.mailboxes(HOST):
            deliver(bench.world, agent)
        bench.clock.advance(timedelta(seconds=30))


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("proved", [True, False])
def test_it_is_typed_once_whatever_dies(ada: Bench, point: str, proved: bool) -> None:
    if proved:
        echoes(ada)
    sent, after = said(ada, "one"), said(ada, "two")
    is_(ada, Activity.IDLE)

    def work() -> None:
        settles(ada)

    ada.dies_at(point, work)
    ada.restart()
    settles(ada)
    arrived = proved and point != "deliver.claimed"
    assert given(ada).count("one") == (point != "deliver.claimed")
    assert state(ada, sent) is (State.ANSWERED if arrived else State.UNPROVEN)
    assert given(ada).count("two") == 1
    assert told(ada, sent).count("queued") == 1
    assert told(ada, sent)[1:] == (["delivered", "answered"] if arrived else ["unproven"])
    assert state(ada, after) in (State.ANSWERED, State.UNPROVEN)


@pytest.mark.parametrize("point", POINTS)
def test_it_is_fed_once_whatever_dies(fed: Bench, point: str) -> None:
    sent = said(fed, "one", raw=True)
    fed.dies_at(point, lambda: brings(fed))
    fed.restart()
    hears(fed, Kind.USER_MESSAGE, text="one")
    settles(fed)
    assert len(fed.recordings.fed) == (point != "deliver.claimed")
    assert told(fed, sent)[:2] == ["queued", "delivered"]


def test_a_message_that_was_committed_is_sent(ada: Bench) -> None:
    ada.dies_at("send.committed", lambda: said(ada, "one", key="k"))
    ada.restart()
    assert said(ada, "one", key="k").repeated
    is_(ada, Activity.IDLE)
    brings(ada)
    assert given(ada) == ["one"]


def test_a_new_daemon_reads_on_before_it_gives_up(ada: Bench) -> None:
    sent = said(ada, "one")
    is_(ada, Activity.IDLE)
    ada.dies_at("deliver.handed", lambda: brings(ada))
    ada.clock.advance(timedelta(hours=1))
    ada.restart()
    brings(ada)
    assert state(ada, sent) is State.DELIVERING
    ada.clock.advance(CATCH_UP - SECOND)
    hears(ada, Kind.USER_MESSAGE, text=ada.channels.given[0][2])
    brings(ada)
    assert state(ada, sent) is State.DELIVERED


def test_with_the_registry_away_nothing_is_handed_over(ada: Bench) -> None:
    sent = said(ada, "one")
    is_(ada, Activity.IDLE)
    away(ada, lambda: brings(ada))
    assert given(ada) == []
    brings(ada)
    assert state(ada, sent) is State.DELIVERING


@pytest.mark.parametrize("seed", range(20))
def test_in_order_and_at_most_once_whatever_happens(ada: Bench, seed: int) -> None:
    """Deaths, bad moments, failures and lost proofs: what arrives arrives once and in its order, and all is settled."""
    chance = random.Random(seed)
    ada.channels.on_given = lambda to, text: (
        chance.random() < 0.8
        and hears(  # type: ignore[assignment,func-returns-value]
            ada, Kind.USER_MESSAGE, text=text
        )
    )
    sent: list[Sent] = []
    faults: list[Callable[[], None]] = [
        lambda: ada.channels.troubles.append(chance.choice([NotAllowed("no"), Failed("no"), Unproven("no")])),
        lambda: _dies(ada, chance.choice(POINTS)),
        lambda: is_(ada, chance.choice(list(Activity))),
        lambda: ada.clock.advance(timedelta(seconds=chance.randrange(90))),
    ]
    for number in range(60):
        sent.append(said(ada, str(number), key=str(number)))
        chance.choice(faults)()
        is_(ada, chance.choice([Activity.IDLE, Activity.WORKING, Activity.PERMISSION]))
        brings(ada)
    ada.channels.troubles = []
    for _ in range(60):
        settles(ada)
    numbers = [int(text) for text in given(ada)]
    assert numbers == sorted(set(numbers))
    assert {state(ada, one) for one in sent} <= {State.ANSWERED, State.UNPROVEN, State.FAILED, State.DELIVERED}
    for one in sent:
        assert len([word for word in told(ada, one) if word in ("delivered", "failed", "unproven")]) == 1
        if state(ada, one) in (State.ANSWERED, State.DELIVERED):
            assert int(one.message.text) in numbers


def _dies(bench: Bench, point: str) -> None:
    is_(bench, Activity.IDLE)
    bench.clock.advance(timedelta(minutes=2))
    bench.switch.point, bench.switch.after = point, 1 + bench.switch.passed.count(point)
    with suppress(Killed):
        brings(bench)
    bench.restart()


def test_posted_unchecked(ada: Bench) -> None:
    assert post(ada.world, ada.agent(), "x").message.raw is False


def test_what_no_transcript_can_show_is_not_waited_for(bench: Bench) -> None:
    bench.machine.open("main")
    command(bench)
    sent, after = said(bench, "one", "cmd"), said(bench, "two", "cmd")
    bench.dies_at("deliver.claimed", lambda: brings(bench, "cmd"))
    bench.restart()
    brings(bench, "cmd")
    assert (state(bench, sent), state(bench, after)) == (State.UNPROVEN, State.DELIVERED)


def test_a_killed_one_that_was_being_delivered_to(ada: Bench) -> None:
    sent, after = said(ada, "one"), said(ada, "two")
    is_(ada, Activity.IDLE)
    brings(ada)
    ada.kill()
    assert (ada.life(), ada.agent().desired) == (Life.TERMINATED, Desired.GONE)
    ada.clock.advance(PROOF + CATCH_UP)
    brings(ada)
    assert (state(ada, sent), state(ada, after)) == (State.UNPROVEN, State.FAILED)


def test_a_message_without_a_session_has_no_proof(ada: Bench) -> None:
    sent = said(ada, "one")
    is_(ada, Activity.IDLE)
    with ada.registry.begin() as tx:
        tx.save_agent(replace(ada.agent(), session=None))
    brings(ada)
    brings(ada)
    assert (state(ada, sent), kept(ada, sent).session) == (State.DELIVERING, None)
