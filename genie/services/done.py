"""`genie done`: an agent says that it is done, and what its session's result is."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from genie.domain.errors import BadInput, Refused
from genie.domain.events import Kind, event
from genie.domain.result import Result
from genie.domain.session import Session, Standing
from genie.domain.submission import check_result, read_json
from genie.ports import Tx
from genie.services.order import Caller
from genie.services.whoami import caller_in_run
from genie.services.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """Whose result it is, the result as it is kept now, and whether it takes the place of an earlier one."""

    standing: Standing
    result: Result
    replaced: bool


def done(world: World, caller: Caller, text: str | None = None) -> Submitted:
    """Keep `text` as the result of the caller's session, in the place of an earlier one. Without a text its last
    message is the result, unless it has given one before.

    Raises NotFound for a caller that is in no run, Refused for a token that is not good and for a run that has ended
    meanwhile, BadInput for what cannot be kept or does not follow the session's JSON schema: then nothing is changed.
    """
    if text is not None:
        check_result(text)
    agent = caller_in_run(world, caller)
    found = next(iter(world.registry.standings([agent.id])), None)
    structured = _structured(world, found.session if found else None, text)
    with world.registry.begin() as tx:
        standing, session = _living(tx, agent.id, agent.run, agent.name)
        before = tx.result(session.id)
        now = world.clock.now()
        given = before if before and before.submitted and before.success is None else None
        result = Result(
            session=session.id,
            agent=agent.id,
            success=None,
            text=given.text if given and text is None else text,
            structured=given.structured if given and text is None else structured,
            submitted=given is not None or text is not None,
            at=now,
        )
        tx.save_result(result)
        said = {"text": result.text, "structured": result.structured, "submitted": True}
        tx.record(event(Kind.SESSION_RESULT, standing.agent, standing.run, at=now, **said))
    return Submitted(standing=standing, result=result, replaced=given is not None and text is not None)


def _structured(world: World, session: Session | None, text: str | None) -> object:
    """The result as JSON where the session has a schema, which it must follow. Raises BadInput."""
    schema = session.attend.schema if session and session.attend else None
    if schema is None:
        return None
    if text is None:
        raise BadInput("this session has a JSON schema, and no result is given", hint="give --result or --result-file")
    value = read_json(text)
    problems = world.supplies.schemas.violations(schema, value)
    if problems:
        raise BadInput(
            f"the result does not follow the JSON schema of this session: {'; '.join(problems)}",
            hint="correct it, and call genie done again",
            violations=problems,
            schema=schema,
        )
    return value


def _living(tx: Tx, agent: UUID, run: UUID | None, name: str) -> tuple[Standing, Session]:
    standing = tx.standing_of(agent)
    now = standing.run if standing else None
    if standing is None or standing.session is None or now is None or now.id != run or now.ended_at is not None:
        raise Refused(f"the run of '{name}' has ended", hint="nothing more is said in its session")
    return standing, standing.session
