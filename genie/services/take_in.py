"""From what programs write of their conversations to events, each once.

What was read and how far are written in one transaction, which holds the session's tape: whoever reads it too waits,
and a daemon that dies has either written both or nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from genie.domain.agent import ENDED, Agent
from genie.domain.conversation import FOLDED, ConversationKind, Outcome, Said, fold, moment, words
from genie.domain.errors import Conflict, Stale
from genie.domain.events import Event, Kind, event
from genie.domain.session import Standing
from genie.domain.tape import Heard
from genie.ports import Stretch, Tx
from genie.services.anew import anew
from genie.services.world import World

JOINED = 2**15
"""Characters of a command's output that are one event at most, where its lines are shorter."""
PAGE = 500
_FOLDED = tuple(Kind(f"session.{kind.value}") for kind in FOLDED)
_LIMITS = (ConversationKind.USAGE_LIMIT_HIT, ConversationKind.USAGE_LIMIT_RESUMED)


def take_in(world: World, session: UUID, *, final: bool = False) -> bool:
    """Read on in a session's tape, a bounded piece, and write what it says as events; whether there is more.

    `final` says that nobody writes any more: a line without its end is taken, too. Nothing happens where there is no
    tape. Raises RegistryAway, Failed for a file that cannot be read, Stale when others change the agent all the time.
    """
    try:
        return anew(lambda: _take_in(world, session, final=final, named=True))
    except Stale:
        raise
    except Conflict:  # another live run has the id that the conversation names
        return anew(lambda: _take_in(world, session, final=final, named=False))


def drain(world: World, session: UUID) -> None:
    """Take in all that was said, by a session to whose tape nobody writes any more. Raises what `take_in` raises."""
    while take_in(world, session, final=True):
        pass


def outcome_of(world: World, session: UUID) -> Outcome:
    """What the session has come to, by what was taken in of it."""
    outcome = Outcome()
    for happened in _told(world, session):
        kind = ConversationKind(happened.kind.word)
        outcome = fold(outcome, Said(kind, happened.at, happened.payload))
    return outcome


def _told(world: World, session: UUID) -> Iterator[Event]:
    """The events that an outcome comes from."""
    of = Stretch(session=session, kinds=_FOLDED)
    while page := world.registry.stretch(of, limit=PAGE):
        yield from page
        of = replace(of, after=page[-1].seq or 0)


# ---- one piece ------------------------------------------------------------------------------


def _take_in(world: World, session: UUID, *, final: bool, named: bool) -> bool:
    with world.registry.begin() as tx:
        found = tx.speaker(session)
        if found is None:
            return False
        tape, speaker = found
        heard = world.recordings.hear(tape, final=final)
        if heard.tape != tape:
            tx.move_tape(heard.tape)
        if heard.said:
            _write(world, tx, speaker, heard, named=named)
            world.fault("take_in.before_commit")
    if heard.said:
        world.fault("take_in.committed")
    return heard.more


def _write(world: World, tx: Tx, speaker: Standing, heard: Heard, *, named: bool) -> None:
    now = world.clock.now()
    tx.record(*(_event(said, speaker, now=now) for said in _joined(heard.said)))
    if named:
        _name(tx, speaker, heard.said, now=now)
    if speaker.agent.session == heard.tape.session:
        _limit(tx, speaker.agent, heard.said)


def _event(said: Said, speaker: Standing, *, now: datetime) -> Event:
    return Event(
        kind=Kind(f"session.{said.kind.value}"),
        at=said.at or now,
        agent=speaker.agent.id,
        session=speaker.session.id if speaker.session else None,
        run=speaker.run.id if speaker.run else None,
        payload=said.payload,
    )


def _joined(said: Iterable[Said]) -> Iterator[Said]:
    """The same with the lines of a command's output that follow each other in one piece."""
    first: Said | None = None
    lines: list[str] = []
    length = 0
    for one in said:
        text = _line(one)
        if first and (text is None or length + len(text) >= JOINED):
            yield replace(first, payload={"text": "\n".join(lines)})
            first, lines, length = None, [], 0
        if text is None:
            yield one
        else:
            first = first or one
            lines.append(text)
            length += len(text) + 1
    if first:
        yield replace(first, payload={"text": "\n".join(lines)})


def _line(said: Said) -> str | None:
    """The text of a line of output that says nothing else."""
    plain = said.kind is ConversationKind.STDOUT and said.payload.keys() == {"text"}
    return words(said.payload["text"]) if plain else None


# ---- what it changes ------------------------------------------------------------------------


def _name(tx: Tx, speaker: Standing, said: Iterable[Said], *, now: datetime) -> None:
    """Keep the id under which the provider goes on with the conversation. Raises Conflict."""
    session = speaker.session
    started = [one.payload for one in said if one.kind is ConversationKind.SESSION_STARTED]
    named = [own for payload in started if (own := words(payload.get("provider_session")))]
    if session is None or not named or named[-1] == session.provider_session:
        return
    tx.save_session(replace(session, provider_session=named[-1]))
    tx.record(
        replace(
            event(Kind.SESSION_CAPTURED, speaker.agent, speaker.run, at=now, provider_session=named[-1]),
            session=session.id,
        )
    )


def _limit(tx: Tx, agent: Agent, said: Iterable[Said]) -> None:
    """Note until when a usage limit holds the agent up. Raises Stale."""
    limits = [one for one in said if one.kind in _LIMITS]
    if not limits or agent.life in ENDED:
        return
    limited = limits[-1].kind is ConversationKind.USAGE_LIMIT_HIT
    until = moment(limits[-1].payload.get("resets_at")) if limited else None
    if limited and until is None:
        return
    if until != agent.limited_until:
        tx.save_agent(replace(agent, limited_until=until))
