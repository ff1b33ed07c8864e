"""What a fire of a schedule has come to, in the transaction of what it started."""

from __future__ import annotations

from datetime import datetime

from genie.domain.errors import Conflict
from genie.domain.schedule import Fire, FireKey, Outcome
from genie.domain.session import Standing
from genie.ports import Tx


def settle(tx: Tx, key: FireKey, standing: Standing, *, at: datetime) -> None:
    """Note that the fire has started this. Raises Conflict where another has settled it: what was written with it is
    rolled back then, and nothing is started twice."""
    started = Fire(
        schedule=key.schedule,
        due=key.due,
        outcome=Outcome.STARTED,
        agent=standing.agent.id,
        session=standing.agent.session,
        claimed_at=at,
        settled_at=at,
    )
    if not tx.settle_fire(started):
        raise Conflict("that fire of the schedule was dealt with already", hint="genie schedule history NAME")
