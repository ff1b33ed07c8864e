"""Starting what is due: each due time once, whatever dies in between.

A due time is claimed in one transaction, and settled in that which makes the session. What was claimed and not settled
is started by whoever finds it next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from uuid import UUID

from genie.domain.errors import GenieError, RegistryAway, Unreachable
from genie.domain.schedule import Fire, Outcome, Overlap, Schedule, due, fires
from genie.ports import Tx
from genie.services.timetable import Timetable, order_of


def look_over(table: Timetable) -> list[Schedule]:
    """This host's schedules that are not paused; the alarms forget all others. Raises RegistryAway."""
    world = table.world
    running = [one for one in world.registry.schedules(world.host) if not one.paused]
    for stranger in table.alarms.known() - {one.id for one in running}:
        table.alarms.clear(stranger)
    return running


def keep_ringing(table: Timetable, schedules: Sequence[Schedule]) -> Iterator[tuple[Schedule, GenieError]]:
    """See that the alarms know these; those for which they could not be set, and why. Raises RegistryAway."""
    known = table.alarms.known()
    for one in schedules:
        try:
            if one.id not in known:
                table.arm(one)
        except RegistryAway:
            raise
        except GenieError as error:
            yield one, error


def claim_due(table: Timetable, id_: UUID) -> None:
    """Claim what is due of that schedule now. Raises RegistryAway, and what is wrong with its trigger."""
    world = table.world
    with world.registry.begin() as tx:
        one, now = tx.schedule(id_), world.clock.now()
        if one is None or one.paused or one.host != world.host:
            return
        todo = due(table.times(one), seen=one.seen, now=now, missed=one.missed)
        if todo.until is None:
            return
        tx.add_fires(*fires(one, todo, busy=is_busy(tx, one), at=now))
        tx.save_schedule(replace(one, seen=todo.until))
        world.fault("schedule.before_claim")
    world.fault("schedule.claimed")


def is_busy(tx: Tx, one: Schedule) -> bool:
    """Whether the session that it has started last still lives, where that matters."""
    last = tx.last_fire(one.id) if one.overlap is Overlap.SKIP else None
    if last is None or last.outcome is Outcome.CLAIMED:
        return last is not None
    standing = tx.standing_of(last.agent) if last.agent else None
    return standing is not None and standing.agent.session == last.session and standing.agent.counted


def start_fire(table: Timetable, fire: Fire) -> None:
    """Start what was claimed. Raises what is in the way; that is noted, but for a server that does not answer: then it
    stays claimed, to be tried again."""
    world = table.world
    with world.registry.begin() as tx:
        one = tx.schedule(fire.schedule)
    if one is None:
        return
    try:
        order = replace(order_of(table, one), fire=fire.key)
        table.starters[one.what].start(world, order)
    except Unreachable:
        raise
    except GenieError as error:
        give_up(table, fire, error.message)
        raise


def give_up(table: Timetable, fire: Fire, why: str) -> None:
    """Note that it was not started; nothing, where it was. Raises RegistryAway."""
    failed = replace(fire, outcome=Outcome.FAILED, detail=why, settled_at=table.world.clock.now())
    with table.world.registry.begin() as tx:
        tx.settle_fire(failed)
