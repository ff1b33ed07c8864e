"""`genie schedule`: add, show, pause, resume, remove, run now."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from genie.domain.agent import Agent
from genie.domain.amounts import Wrong, parse_duration
from genie.domain.errors import BadInput, Conflict, LimitReached, NotAllowed, NotFound
from genie.domain.schedule import (
    SHORTEST,
    Cron,
    Every,
    Fire,
    Missed,
    Once,
    Outcome,
    Overlap,
    Schedule,
    Trigger,
    What,
    due,
    fires,
    upcoming,
)
from genie.domain.words import check_name, one_of
from genie.services.firing import is_busy, start_fire
from genie.services.kin import TOKEN, caller_of
from genie.services.order import Order, kept
from genie.services.timetable import Starter, Timetable, called, keep_values

NOT_KEPT = ("TMUX_PANE", TOKEN)
"""What is of the moment of adding only: a pane may be another's by then, and the token's run over."""
SOON = 5
"""How many of the next due times are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A schedule as it was typed; one of `cron`, `every`, `at` and `in_` says when."""

    name: str
    what: str
    order: Order
    cron: str | None = None
    every: object = None
    at: str | None = None
    in_: object = None
    timezone: str | None = None
    missed: str | None = None
    overlap: str | None = None
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A schedule, its next due times (none while it is paused), and the last fire."""

    schedule: Schedule
    next: tuple[datetime, ...]
    last: Fire | None


# ---- asking ---------------------------------------------------------------------------------


def schedules(table: Timetable) -> list[Shown]:
    """All of them, in the order of their names."""
    found = table.world.registry.schedules()
    last = table.world.registry.last_fires([one.id for one in found])
    return [_shown(table, one, last.get(one.id)) for one in found]


def schedule(table: Timetable, name: str) -> Shown:
    """Raises NotFound."""
    found = called(table, name)
    return _shown(table, found, table.world.registry.last_fires([found.id]).get(found.id))


def history(table: Timetable, name: str, *, limit: int) -> tuple[list[Fire], Mapping[UUID, str]]:
    """What became of its latest due times, latest first, and the names of the agents that they started. Raises
    NotFound."""
    found = table.world.registry.fires(called(table, name).id, limit=limit)
    agents = [fire.agent for fire in found if fire.agent]
    return found, table.world.registry.agent_names(agents)


def _shown(table: Timetable, one: Schedule, last: Fire | None) -> Shown:
    after = max(table.world.clock.now(), one.seen)
    times = () if one.paused else upcoming(table.times(one), after=after, count=SOON)
    return Shown(one, times, last)


# ---- adding ---------------------------------------------------------------------------------


def add(table: Timetable, wish: Wish) -> Shown:
    """Keep a schedule, once everything about it has been seen to be right.

    Raises BadInput, NotFound, Conflict, Refused for what cannot be started, or never would be; Conflict where there is
    one of that name.
    """
    world = table.world
    check_name("schedule", wish.name)
    if world.registry.find_schedule(wish.name):
        raise Conflict(f"there is a schedule '{wish.name}' already", hint=f"genie schedule remove {wish.name}")
    what = one_of("kind", wish.what, What)
    adder = caller_of(world, wish.order.caller)
    now = world.clock.now()
    zone = _zone(table, wish)
    trigger = _trigger(table, wish, zone, now=now)
    order = _order(wish.order, adder)
    _rehearse(table, _starter(table, what), order)
    made = Schedule(
        id=world.ids.new(),
        name=wish.name,
        host=world.host,
        what=what,
        wanted=kept(order) | {"env_names": sorted(order.env)},
        trigger=trigger,
        timezone=zone,
        missed=one_of("policy for what is missed", wish.missed or Missed.RUN_ONCE.value, Missed),
        overlap=one_of("policy for an overlap", wish.overlap or Overlap.SKIP.value, Overlap),
        paused=wish.paused,
        seen=now,
        created_at=now,
        created_by=adder.name if adder else "user",
    )
    keep_values(table, made, order)
    with world.registry.begin() as tx:
        tx.add_schedule(made)
        world.fault("schedule.before_add")
    world.fault("schedule.added")
    table.arm(made)
    return _shown(table, made, None)


def _starter(table: Timetable, what: What) -> Starter:
    if what not in table.starters:
        raise BadInput(f"a '{what.value}' cannot be scheduled", hint="genie schedule add NAME … spawn NAME")
    return table.starters[what]


def _rehearse(table: Timetable, starter: Starter, order: Order) -> None:
    with suppress(LimitReached):  # how many there are now says nothing about then
        starter.rehearse(table.world, order)


def _order(order: Order, adder: Agent | None) -> Order:
    """As it is started later: from no pane, and as a child of the agent that has added it."""
    if order.parent_pid is not None:
        raise BadInput("--parent-pid is a process of now, and not of a schedule's", hint="give --parent NAME")
    env = {key: value for key, value in order.caller.env.items() if key not in NOT_KEPT}
    parent = order.parent or (adder.name if adder else None)
    return replace(order, caller=replace(order.caller, env=env, pid=0), parent=parent)


def _zone(table: Timetable, wish: Wish) -> str:
    """The one that was given, else that of the caller's environment, else this host's."""
    if wish.timezone is not None:
        return table.calendar.zone(wish.timezone)
    with suppress(BadInput):
        return table.calendar.zone(wish.order.caller.env.get("TZ", "").lstrip(":") or None)
    return table.calendar.zone(None)


def _trigger(table: Timetable, wish: Wish, zone: str, *, now: datetime) -> Trigger:
    said = [word for word in (wish.cron, wish.every, wish.at, wish.in_) if word is not None]
    if len(said) != 1:
        raise BadInput("when is it due?", hint="give one of --cron, --every, --at and --in")
    trigger = _read(table, wish, zone, now=now)
    table.calendar.check(trigger, zone)
    if table.calendar.next_after(trigger, zone, now) is None:
        past = isinstance(trigger, Once)
        raise BadInput(f"{said[0]} {'is over' if past else 'never comes'}", hint="give a time to come")
    return trigger


def _read(table: Timetable, wish: Wish, zone: str, *, now: datetime) -> Trigger:
    if wish.cron is not None:
        return Cron(wish.cron)
    if wish.at is not None:
        return Once(table.calendar.moment(wish.at, zone))
    if wish.in_ is not None:
        return Once(_later(now, _span("--in", wish.in_)))
    span = _span("--every", wish.every)
    if span < SHORTEST or span % SHORTEST:
        raise BadInput(f"--every {wish.every} is not a number of whole seconds", hint="--every 10m")
    return Every(span, _later(now.replace(microsecond=0), span))


def _span(flag: str, said: object) -> timedelta:
    try:
        return parse_duration(said)
    except Wrong as error:
        raise BadInput(f"{flag}: {error}", hint=error.hint) from error


def _later(now: datetime, span: timedelta) -> datetime:
    try:
        return now + span
    except OverflowError as error:
        raise BadInput(f"{span} from now is after the end of all calendars", hint="give a shorter time") from error


# ---- changing -------------------------------------------------------------------------------


def pause(table: Timetable, name: str) -> Shown:
    """It starts nothing until it is resumed. Raises NotFound."""
    one = called(table, name)
    with table.world.registry.begin() as tx:
        held = tx.schedule(one.id)
        if held is None:
            raise _gone(name)
        paused = replace(held, paused=True)
        tx.save_schedule(paused)
    table.arm(paused)
    return schedule(table, name)


def resume(table: Timetable, name: str, *, missed: str | None = None) -> Shown:
    """It goes on. What was due while it was paused is left out, or made up for as `missed` says. Raises NotFound,
    NotAllowed where it is not paused, BadInput for a wrong word."""
    policy = one_of("policy for what is missed", missed, Missed) if missed is not None else None
    one, now = called(table, name), table.world.clock.now()
    with table.world.registry.begin() as tx:
        held = tx.schedule(one.id)
        if held is None:
            raise _gone(name)
        if not held.paused:
            raise NotAllowed(f"schedule '{name}' is not paused", hint=f"genie schedule show {name}")
        if policy:
            todo = due(table.times(held), seen=held.seen, now=now, missed=policy)
            tx.add_fires(*fires(held, todo, busy=is_busy(tx, held), at=now))
        resumed = replace(held, paused=False, seen=now)
        tx.save_schedule(resumed)
    table.arm(resumed)
    return schedule(table, name)


def remove(table: Timetable, name: str) -> Schedule:
    """Forget it and its history. What it has started goes on. Raises NotFound."""
    one = called(table, name)
    with table.world.registry.begin() as tx:
        tx.remove_schedule(one.id)
    table.alarms.clear(one.id)
    return one


def by_hand(table: Timetable, name: str) -> Fire:
    """A fire of now, not written yet. Raises NotFound."""
    one, now = called(table, name), table.world.clock.now()
    return Fire(schedule=one.id, due=now, by_hand=True, outcome=Outcome.CLAIMED, claimed_at=now)


def run_now(table: Timetable, claimed: Fire) -> Fire:
    """Start it now, whether it is paused, and whether the one before still lives or not; its due times stay. Raises
    what is in the way of the start."""
    with table.world.registry.begin() as tx:
        tx.add_fires(claimed)
    start_fire(table, claimed)
    return table.world.registry.fire(claimed.key) or claimed


def _gone(name: str) -> NotFound:
    return NotFound(f"there is no schedule '{name}' any more", hint="genie schedule ls", schedule=name)
