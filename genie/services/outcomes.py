"""What sessions have come to: from their results where they have ended, else from what was said so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from genie.domain.agent import ENDED, Agent, Life
from genie.domain.conversation import Outcome, Tokens
from genie.domain.envelope import SessionResult
from genie.domain.errors import Failed
from genie.domain.result import Result
from genie.domain.selecting import Match, Selection, one_of
from genie.domain.session import Session, Way
from genie.services.conclude import results_of
from genie.services.selecting import select
from genie.services.status import WORDS, word_of
from genie.services.take_in import outcome_of
from genie.services.world import World

COMPLETED, FAILED = WORDS[Life.DONE], Life.FAILED.value
"""How a past session is, in a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of one session. `status` is the word for how it is. `text` is its result, while it lives what can
    be taken for one; `structured` that as JSON where there is some; `error` says why it has failed. `submitted`: it has
    given the result itself."""

    session: UUID | None
    agent: Agent
    provider: str
    status: str
    text: str | None = None
    structured: object = None
    submitted: bool = False
    error: str | None = None
    turns: int = 0
    tokens: Tokens = field(default_factory=Tokens)

    @property
    def succeeded(self) -> bool:
        return self.status == COMPLETED


def collect(world: World, wanted: Selection) -> list[Known]:
    """What these sessions have come to, those of the words first and in their order. Raises what `select` raises."""
    return known(world, select(world, wanted, past=True))


def told_so_far(world: World, sessions: Sequence[UUID]) -> list[SessionResult]:
    """What these sessions have come to by now, in their order, as it is given to another; what has said nothing is left
    out."""
    told = {one.session: one for one in results_of(world, sessions)}
    rest = tuple(str(session) for session in sessions if session not in told)
    for one in collect(world, Selection(words=rest)) if rest else ():
        if one.session and one.text is not None:
            told[one.session] = SessionResult(session=one.session, name=one.agent.name, text=one.text)
    return [told[session] for session in sessions if session in told]


def output(world: World, wanted: Selection) -> Known:
    """The one session that is meant, which has a result or has ended well without one.

    Raises what `select_one` raises, and Failed for one without a result that has failed, or has not ended.
    """
    (found,) = known(world, [one_of(select(world, wanted, past=True))])
    if found.text is None and not found.succeeded:
        raise _nothing(found)
    return found


def known(world: World, matches: Sequence[Match], *, texts: bool = True) -> list[Known]:
    """The same for sessions that were selected before. Without `texts` what was said by those whose result is not known
    is not read."""
    results = world.registry.results([match.id for match in matches if match.id])
    return [_known(world, match, results.get(match.id) if match.id else None, texts=texts) for match in matches]


def _known(world: World, match: Match, result: Result | None, *, texts: bool) -> Known:
    if match.id is None:
        agent = match.standing.agent
        return Known(session=None, agent=agent, provider=agent.provider, status=word_of(agent))
    over = match.past is not None or match.standing.agent.life in ENDED
    if over and result and result.success is not None:
        return _ended(world, match, result)
    return _told(world, match, match.id, outcome_of(world, match.id) if texts else Outcome(), result)


def _ended(world: World, match: Match, result: Result) -> Known:
    agent = match.standing.agent
    past = COMPLETED if result.success else FAILED
    return Known(
        session=result.session,
        agent=agent,
        provider=_provider(world, match),
        status=past if match.past else word_of(agent),
        text=result.text,
        structured=result.structured,
        submitted=result.submitted,
        error=result.error,
        turns=result.turns,
        tokens=result.tokens,
    )


def _told(world: World, match: Match, session: UUID, outcome: Outcome, result: Result | None) -> Known:
    """A session without an end that is known: of what it said, unless it has given a result itself."""
    agent = match.standing.agent
    past = FAILED if outcome.is_error else COMPLETED
    submitted = result if result and result.submitted else None
    return Known(
        session=session,
        agent=agent,
        provider=_provider(world, match),
        status=past if match.past else word_of(agent),
        text=submitted.text if submitted else _said(match, outcome),
        structured=submitted.structured if submitted else outcome.structured,
        submitted=submitted is not None,
        error=outcome.error or (agent.reason if agent.life in ENDED and not match.past else None),
        turns=outcome.turns,
        tokens=outcome.tokens,
    )


def _said(match: Match, outcome: Outcome) -> str | None:
    """Of one that works without a screen the last message is no result before its program says so."""
    session = match.standing.session
    at_work = match.past is None and match.standing.agent.life not in ENDED
    if at_work and session and session.way is not Way.INTERACTIVE:
        return outcome.final
    return outcome.text


def _provider(world: World, match: Match) -> str:
    """An agent's past sessions can be another provider's."""
    return _past(world, match).provider if match.past else match.standing.agent.provider


def _past(world: World, match: Match) -> Session:
    sessions = world.registry.sessions(match.standing.agent.id)
    return next(session for session in sessions if session.id == match.past)


def _nothing(found: Known) -> Failed:
    agent = found.agent
    if found.error:
        return Failed(
            f"'{agent.name}' has no result: {found.status}: {found.error}",
            hint=f"genie explain {agent.name}",
            status=found.status,
        )
    if agent.life in ENDED:
        return Failed(f"'{agent.name}' has no result: it is {found.status}", hint=f"genie explain {agent.name}")
    hint = f"genie wait {agent.name}"
    return Failed(f"'{agent.name}' has no result yet: it is {found.status}", hint=hint, status=found.status)
