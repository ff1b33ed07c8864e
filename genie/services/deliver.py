"""Delivering: what was sent is handed over when its reader can take it, and what was handed over is proved.

A message is claimed, in a transaction of its own, right before it is handed over. A daemon that dies in between leaves
it claimed: then only what the session says can tell whether it has got it, and it is never handed over again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from genie.domain.activity import stalled
from genie.domain.agent import ENDED, Activity, Agent
from genie.domain.conversation import words
from genie.domain.errors import Drafted, Failed, GenieError, NotAllowed, Unproven
from genie.domain.events import Event, Kind
from genie.domain.message import AT_ONCE, IN_BOX, Channel, Fail, Hand, Message, State, beside, judge, proves, wording
from genie.domain.session import Run, Standing, Way
from genie.ports import Stretch, Tx
from genie.services.native import has_inbox, put_into_inbox
from genie.services.put_on import put_on
from genie.services.send import channels_of, tell_of
from genie.services.take_in import drain, take_in
from genie.services.world import World

CATCH_UP = timedelta(seconds=15)
"""How long a new daemon reads on before it says that there is no proof."""
REACTS = timedelta(seconds=5)
"""Within this an idle program shows that Enter was pressed."""
OUTLIVED = timedelta(seconds=10)
"""Within this what was typed to a program that has died is in its transcript, or in that of the next one, which may
have got it while it came up."""
OPENS = timedelta(seconds=30)
"""Within this a program shows the prompt that it was started with."""
SPEAKS = timedelta(seconds=3)
"""Within this the transcript of a program that says that its turn is over has the end of it, too."""
DRAFT_PATIENCE = timedelta(hours=1)
"""How long a message waits for a draft in the box to go, where there is no other way."""
PAGE = 500
LONGEST_TROUBLE = 200
"""Characters of the error that a turn has ended with."""
_ENDS = (Kind.SESSION_RESULT, Kind.PROVIDER_STATUS)
_TAKEN = (Kind.USER_MESSAGE, Kind.SESSION_RESULT)
_WORDS = (Kind.ASSISTANT_MESSAGE, Kind.PROVIDER_STATUS)
_TOLD = {
    State.DELIVERED: Kind.MESSAGE_DELIVERED,
    State.ANSWERED: Kind.MESSAGE_ANSWERED,
    State.FAILED: Kind.MESSAGE_FAILED,
    State.UNPROVEN: Kind.MESSAGE_UNPROVEN,
}


def deliver(world: World, agent: UUID, *, at_once: UUID | None = None) -> None:
    """Do for the messages of an agent all that can be done now, one after the other in their order.

    The message `at_once` is tried once: it fails with what goes wrong with it, which is raised. Raises RegistryAway,
    and BadTemplate or BadInput where the agent's template or provider does not read.
    """
    with world.mail.box(agent):
        while True:
            while _step(world, agent, at_once):
                pass
            if not _hear_answers(world, agent):
                break


def _step(world: World, agent: UUID, at_once: UUID | None) -> bool:
    """Bring the first open message on; whether there may be more to do."""
    with world.registry.begin() as tx:
        found, waiting = tx.standing_of(agent), tx.open_messages(agent)
    if found is None or not waiting or found.agent.host != world.host:
        return False
    since = world.mail.since(world.clock.now())
    if waiting[0].state is State.DELIVERING:
        return _prove(world, found, waiting[0], since=since)
    claimed = _claim(world, found)
    if isinstance(claimed, bool):
        return claimed
    world.fault("deliver.claimed")
    return _hand_over(world, *claimed, strict=claimed[1].id == at_once)


def _claim(world: World, found: Standing) -> tuple[Standing, Message, Sequence[Channel]] | bool:
    """Claim the first message if it may be handed over now, by one of these channels; else whether there may be more
    to do."""
    channels = _open(world, found, channels_of(world, found))
    after = _last_seq(world, found)
    opens = opening(world, found)
    with world.registry.begin() as tx:
        standing = tx.standing_of(found.agent.id) or found
        if standing.agent.session != found.agent.session:
            return True
        first, now = tx.open_messages(found.agent.id)[0], world.clock.now()
        agent = _as_told(world, standing)
        verdict = judge(first, agent, channels, last=now if opens else tx.last_claim(agent.id), now=now)
        if isinstance(verdict, Fail):
            _settle(tx, first.to(State.FAILED, now=now, reason=verdict.reason))
        if not isinstance(verdict, Hand):
            return isinstance(verdict, Fail)
        claimed = first.claimed(verdict.channel, session=standing.agent.session, after=after, now=now)
        tx.save_message(claimed)
    return standing, claimed, channels


def opening(world: World, found: Standing) -> bool:
    """Whether its program was started with a prompt that it has not taken yet: it may say that it is idle, and is
    about to begin a turn. One that does not show what it was told is waited for no longer than `OPENS`."""
    run, session = found.run, found.session
    if run is None or session is None or world.clock.now() >= run.created_at + OPENS:
        return False
    noted = world.launches.was_told(run.id)
    heard = [said.at for said in _read(world, Stretch(session=session.id, kinds=(Kind.USER_MESSAGE,)))]
    if noted:
        return not any(at >= run.created_at for at in heard)
    return session.launch.prompt is not None and not heard


def _as_told(world: World, found: Standing) -> Agent:
    """The agent, at rest since when its program says so: a turn that was over in a moment is a change nobody notes."""
    agent = found.agent
    since = world.channels.idle_since(found) if _rests(agent) else None
    return replace(agent, activity_since=since) if since and since > agent.activity_since else agent


def _open(world: World, found: Standing, channels: Sequence[Channel]) -> Sequence[Channel]:
    """Those of the channels that its present process has; a member of a team has its inbox before all of them."""
    shut = Channel.SOCKET in channels and not world.channels.listens(found)
    own = [channel for channel in channels if not (shut and channel is Channel.SOCKET)]
    return [Channel.INBOX, *own] if own and has_inbox(world, found) else own


def _hand_over(world: World, to: Standing, message: Message, channels: Sequence[Channel] = (), *, strict: bool) -> bool:
    """Hand it over by its channel; where its box is not free, by another of these."""
    channel = message.channel
    assert channel is not None  # noqa: S101  it was claimed
    try:
        if channel is Channel.INBOX:
            put_into_inbox(world, to, wording(message), id=message.id)
        else:
            world.channels.hand_over(channel, to, wording(message))
    except Unproven:
        return False
    except GenieError as error:
        other = beside(message, channels) if isinstance(error, NotAllowed) else None
        if other is not None:
            return _hand_over(world, to, _rerouted(world, message, other), strict=strict)
        _not_given(world, message, error, strict=strict)
        return True
    world.mail.settled(message.agent)
    world.fault("deliver.handed")
    if channel not in AT_ONCE:
        return False
    with world.registry.begin() as tx:
        _settle(tx, message.to(State.DELIVERED, now=world.clock.now()))
    world.fault("deliver.settled")
    return True


def _rerouted(world: World, message: Message, channel: Channel) -> Message:
    other = replace(message, channel=channel)
    with world.registry.begin() as tx:
        tx.save_message(other)
    return other


def _not_given(world: World, message: Message, error: GenieError, *, strict: bool) -> None:
    now = world.clock.now()
    given_up = isinstance(error, Drafted) and world.mail.drafted(message.agent, message.id, now) >= DRAFT_PATIENCE
    with world.registry.begin() as tx:
        if strict or given_up:
            left = message.to(State.FAILED, now=now, reason=error.message)
        else:
            left = message.put_off(error.message, now=now, failed=not isinstance(error, NotAllowed))
        _settle(tx, left)
    if strict:
        raise error


def _settle(tx: Tx, message: Message) -> None:
    """Write what has become of it, and tell that once."""
    tx.save_message(message)
    if message.state in _TOLD:
        tell_of(tx, _TOLD[message.state], message)


# ---- proof ----------------------------------------------------------------------------------


def _prove(world: World, found: Standing, message: Message, *, since: datetime) -> bool:
    """See whether a message that was handed over has arrived; whether that is settled. This daemon delivers since
    then."""
    now = world.clock.now()
    left = _was_left(world, found, message, since=since, now=now)
    if left:
        _read_on(world, left)
    proof = _proof(world, message)
    if proof is not None:
        settled = replace(message, proof=proof).to(State.DELIVERED, now=now)
    elif not left and message.channel is not Channel.STDIN and _may_come(found, message, since=since, now=now):
        return False
    else:
        settled = message.to(State.UNPROVEN, now=now, reason="nothing has shown that it arrived; it is not sent again")
    with world.registry.begin() as tx:
        _settle(tx, settled)
    world.fault("deliver.settled")
    return True


def _was_left(world: World, found: Standing, message: Message, *, since: datetime, now: datetime) -> Run | None:
    """The run, where what its program was given is in the transcript by now, or never will be: another one has died
    over what was typed to it, or a daemon over it, and the program says of itself that it does nothing."""
    run, claimed = found.run, message.claimed_at
    if message.channel not in IN_BOX or claimed is None or run is None:
        return None
    if claimed < run.created_at <= now - OUTLIVED:
        return run
    left = claimed < since <= now - REACTS
    return run if left and world.channels.idle_since(found) is not None else None


def _read_on(world: World, run: Run) -> None:
    """Take in what its program has written so far."""
    with suppress(Failed):  # then nothing is proved
        put_on(world, run)
        while take_in(world, run.session):
            pass


def _may_come(found: Standing, message: Message, *, since: datetime, now: datetime) -> bool:
    """Whether a proof is still waited for."""
    began = found.run.created_at if found.run else None
    return now < since + CATCH_UP or not message.overdue(found.agent, began=began, now=now)


def _proof(world: World, message: Message) -> int | None:
    """The event of the session that shows the message."""
    if message.session is None:
        return None
    of = Stretch(session=message.session, kinds=(Kind.USER_MESSAGE,), after=message.after or 0)
    for said in _read(world, of):
        if proves(message, said.payload.get("text"), at=said.at):
            return said.seq
    return None


def _last_seq(world: World, found: Standing) -> int:
    session = found.agent.session
    return world.registry.before_last(Stretch(session=session), 0) if session else 0


def _read(world: World, of: Stretch) -> Iterator[Event]:
    while page := world.registry.stretch(of, limit=PAGE):
        yield from page
        of = replace(of, after=page[-1].seq or of.after)


# ---- answers --------------------------------------------------------------------------------


def _hear_answers(world: World, agent: UUID) -> bool:
    """Link what was said at the end of the turns that messages have started; whether one has ended."""
    waiting = world.registry.unanswered(agent)
    if not waiting:
        return False
    heard = False
    with world.registry.begin() as tx:
        found = tx.standing_of(agent)
    for message in waiting:
        answered = _answered(world, found, message) if found else None
        if answered:
            with world.registry.begin() as tx:
                _settle(tx, answered)
            heard = True
    return heard


def _answered(world: World, found: Standing, message: Message) -> Message | None:
    """The message, answered; None as long as its turn goes on. One that has failed, or was given up, has a reason."""
    gone = found.agent.life in ENDED
    if gone and message.session is not None:
        with suppress(Failed):  # what cannot be read now never can
            drain(world, message.session)
    proof = message.proof or _proof(world, message)
    end = _end_of_turn(world, found, message.session, proof) if message.session and proof is not None else None
    agent, now = _as_told(world, found), world.clock.now()
    if end is None and not (gone or (proof is not None and _is_over(agent, message.claimed_at))):
        return None
    answer, trouble = _said_of(world, message.session, proof, end)
    if end is None and not (gone or trouble) and now < agent.activity_since + SPEAKS:
        return None  # its last words may not have been read yet
    if end is None and gone:
        trouble = trouble or f"'{found.agent.name}' is {found.agent.life.value}, and its turn was not over"
    return replace(message, proof=proof, answer=answer).to(State.ANSWERED, now=now, reason=trouble)


def _said_of(world: World, session: UUID | None, proof: int | None, end: Event | None) -> tuple[str | None, str | None]:
    """What was said last in a turn, and the error that it has ended with, in a line."""
    said = words(end.payload.get("text")) if end else None
    answer, trouble = None, None
    if session is None or proof is None:
        return answer, trouble
    of = Stretch(session=session, kinds=_WORDS, after=proof, before=end.seq if end else None)
    for event in _read(world, of):
        if "parent" in event.payload:
            continue
        if event.kind is Kind.ASSISTANT_MESSAGE:
            answer, trouble = words(event.payload.get("text")) or answer, None
        elif event.payload.get("status") == "api_error":
            trouble = _line(event.payload.get("text"), event.payload.get("error"))
    if end is not None and end.kind is Kind.SESSION_RESULT:
        failed = end.payload.get("is_error") is True
        trouble = _line(end.payload.get("error"), end.payload.get("reason"), said) if failed else None
    return said or answer, trouble


def _line(*texts: object) -> str:
    told = next((text for text in map(words, texts) if text), "an error")
    return told.strip().partition("\n")[0][:LONGEST_TROUBLE]


def _end_of_turn(world: World, found: Standing, session: UUID, proof: int) -> Event | None:
    """What ends the turn. A session that is fed takes its messages one after the other: those before come first."""
    left = 1
    if found.session is not None and found.session.way is Way.STREAMING:
        left = _unanswered(world, session, proof)
    for event in _read(world, Stretch(session=session, kinds=_ENDS, after=proof)):
        if event.kind is Kind.SESSION_RESULT or "turns" in event.payload:
            left -= 1
            if not left:
                return event
    return None


def _unanswered(world: World, session: UUID, proof: int) -> int:
    """How many messages its process has still to answer up to that one, which counts. What a process has left
    unanswered that died is no turn any more, and what the program writes itself is none. What it has taken in is
    answered at once, also where that was during the turn of another."""
    left, run = 0, None
    for event in _read(world, Stretch(session=session, kinds=_TAKEN, before=proof + 1)):
        if event.run != run:
            left, run = 0, event.run
        if event.kind is Kind.SESSION_RESULT:
            left = max(left - 1, 0)
        elif not event.payload.get("synthetic"):
            left = 1 if event.payload.get("taken") else left + 1
    return max(left, 1)


def _is_over(agent: Agent, claimed: datetime | None) -> bool:
    """Whether its program has come to the end of a turn since. One that only stalls may go on."""
    return _rests(agent) and claimed is not None and agent.activity_since > claimed


def _rests(agent: Agent) -> bool:
    return agent.activity is Activity.IDLE or (agent.activity is Activity.ERROR and not stalled(agent))


def channels_for(world: World, found: Standing) -> Sequence[Channel]:
    """The ways into its session now, none where that cannot be told."""
    try:
        return _open(world, found, channels_of(world, found))
    except GenieError:
        return ()
