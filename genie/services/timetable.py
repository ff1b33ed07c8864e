"""What the use cases of schedules are given besides the world, and what a schedule's order is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from genie.domain.errors import NotFound
from genie.domain.schedule import NextAfter, Schedule, Trigger, What
from genie.domain.words import nearest
from genie.ports import Alarms, Calendar
from genie.services.order import Caller, Order, again
from genie.services.world import World

_CALLER, _OWN = "caller:", "env:"
"""Before the names of the caller's environment, and of what `--env` gave, in the one file that is kept."""


@dataclass(frozen=True, slots=True)
class Starter:
    """How one kind of order is started, and how it is tried without starting anything. Both raise what is wrong with
    the order."""

    start: Callable[[World, Order], object]
    rehearse: Callable[[World, Order], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timetable:
    """The world, and what schedules need besides. A kind without a starter cannot be scheduled."""

    world: World
    calendar: Calendar
    alarms: Alarms
    starters: Mapping[What, Starter]

    def next_after(self, trigger: Trigger, zone: str) -> NextAfter:
        def following(after: datetime) -> datetime | None:
            return self.calendar.next_after(trigger, zone, after)

        return following

    def times(self, schedule: Schedule) -> NextAfter:
        return self.next_after(schedule.trigger, schedule.timezone)

    def arm(self, schedule: Schedule) -> None:
        """Have the alarms ring for it from now on; not while it is paused. Raises RegistryAway."""
        first = None if schedule.paused else self.times(schedule)(schedule.seen)
        self.alarms.set(schedule, first)


def called(table: Timetable, name: str) -> Schedule:
    """The schedule of that name. Raises NotFound with the nearest one."""
    found = table.world.registry.find_schedule(name)
    if found is None:
        known = [one.name for one in table.world.registry.schedules()]
        raise NotFound(
            f"there is no schedule '{name}'", hint=nearest(name, known) or "genie schedule add", schedule=name
        )
    return found


def keep_values(table: Timetable, schedule: Schedule, order: Order) -> None:
    """Keep the values of the order's environments in a file of the user's own."""
    theirs = {f"{_CALLER}{key}": value for key, value in order.caller.env.items()}
    own = {f"{_OWN}{key}": value for key, value in order.env.items()}
    table.world.launches.keep_environment(schedule.id, theirs | own)


def order_of(table: Timetable, schedule: Schedule) -> Order:
    """What the schedule starts, with the environment of who has added it. Raises Failed where that cannot be read."""
    values = table.world.launches.environment(schedule.id)
    caller = Caller(cwd=str(schedule.wanted["cwd_of"]), env=_part(values, _CALLER))
    return replace(again(schedule.wanted, caller), env=_part(values, _OWN))


def _part(values: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}
