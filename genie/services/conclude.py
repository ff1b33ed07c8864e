"""What a session has come to, written in the transaction of its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from genie.domain.agent import Agent, End, Life, Reason
from genie.domain.conversation import Outcome
from genie.domain.envelope import SessionResult
from genie.domain.errors import GenieError
from genie.domain.result import Result
from genie.domain.session import Session, Standing
from genie.ports import Tx
from genie.services.judge import judge_result
from genie.services.put_on import put_on
from genie.services.take_in import drain, outcome_of
from genie.services.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What was said by a session that ends, and why it has failed where that is not its program's word. `structured` is
    its result as JSON, `misfits` what is wrong with that where it was to fit a schema."""

    outcome: Outcome = field(default_factory=Outcome)
    error: str | None = None
    structured: object = None
    misfits: tuple[str, ...] = ()


def ending(world: World, standing: Standing) -> Ending:
    """Take in the rest of what was said, and what it all comes to. To be called once nobody writes any more, before the
    transaction of the end. A conversation that cannot be read keeps no session from its end."""
    if standing.session is None:
        return Ending()
    try:
        if standing.run and standing.session.attend is None:
            put_on(world, standing.run)
        drain(world, standing.session.id)
        outcome = outcome_of(world, standing.session.id)
        submitted = world.registry.results([standing.session.id]).get(standing.session.id)
    except GenieError as error:
        return Ending(error=f"its conversation cannot be read: {error.message}")
    if submitted and submitted.submitted:
        return Ending(outcome=outcome, structured=submitted.structured)
    structured, misfits = judge_result(world, standing, outcome.text, structured=outcome.structured)
    return Ending(outcome=outcome, structured=structured, misfits=misfits)


def verdict(session: Session | None, life: Life, ending: Ending) -> tuple[Life, str | None]:
    """The state of a session that left by itself, and the reason where it is `failed`. With exit code 0 its program can
    say that it has failed all the same, and its result may not fit; one that has met a usage limit is `dead`: it goes
    on once the limit is over. One that has spent its budget has failed for good, and an agent is not judged by the
    last of its turns."""
    outcome = ending.outcome
    if session is not None and session.attend is not None and session.attend.lasting:
        spent = outcome.overspent and life in (Life.DONE, Life.DEAD)
        return (Life.FAILED, Reason.QUOTA.value) if spent else (life, None)
    if life is not Life.DONE or session is None or session.attend is None:
        return life, None
    if outcome.limited and outcome.limited_until:
        return Life.DEAD, "usage limit"
    if outcome.is_error:
        return Life.FAILED, f"exit: {_head(outcome.error or 'its program says so')}"
    if ending.misfits:
        return Life.FAILED, f"exit: {_head(f'its result does not fit the schema: {ending.misfits[0]}')}"
    return life, None


def conclude(tx: Tx, ended: Standing, ending: Ending, *, now: datetime) -> None:
    """Write the result of a session whose agent has ended: `done`, `failed` or `terminated`. One that was submitted
    stays as it is, and so does what a session had come to before it was killed."""
    agent, session, run = ended.agent, ended.session, ended.run
    if session is None:
        return
    before = tx.result(session.id)
    if before and before.success is not None and agent.life is Life.TERMINATED:
        return
    outcome, end = ending.outcome, run.end if run and run.ended_at else End()
    submitted = before is not None and before.submitted
    success = agent.life is Life.DONE
    tx.save_result(
        Result(
            session=session.id,
            agent=agent.id,
            success=success,
            text=before.text if before and submitted else outcome.text,
            structured=ending.structured,
            submitted=submitted,
            error=None if success else _why(agent, ending, end),
            turns=outcome.turns,
            tokens=outcome.tokens,
            exit_code=end.exit_code,
            signal=end.signal,
            at=now,
        )
    )


def _why(agent: Agent, ending: Ending, end: End) -> str:
    """Why it has not succeeded, in one line."""
    if agent.life is Life.TERMINATED:
        return "terminated"
    misfits = f"its result does not fit the schema: {'; '.join(ending.misfits)}"
    said = ending.error or ending.outcome.error or (misfits if ending.misfits and end.left_by_itself else None)
    if said:
        return _head(said)
    return f"{agent.reason or 'failed'}{f' ({end})' if end != End() else ''}"


def _head(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 500 else f"{line[:499]}\u2026"


def results_of(world: World, sessions: Sequence[UUID]) -> list[SessionResult]:
    """The results of these sessions, in their order, as they are given to another; what has none is left out."""
    known = world.registry.results(sessions)
    owners = {one.agent for one in known.values()}
    names = world.registry.agent_names(sorted(owners, key=str))
    found = [known[session] for session in sessions if session in known]
    return [
        SessionResult(session=one.session, name=names.get(one.agent, ""), text=one.text)
        for one in found
        if one.text is not None
    ]
