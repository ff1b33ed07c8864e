"""`genie cancel`: end sessions that have not ended, with their whole process trees."""

from __future__ import annotations

from genie.domain.errors import BadInput
from genie.domain.note import check_text
from genie.domain.session import Standing
from genie.services.kill import kill_found
from genie.services.wait import at_rest
from genie.services.world import World

LONGEST_REASON = 4000


def cancel(world: World, found: Standing, *, reason: str | None = None) -> tuple[Standing, bool]:
    """Terminate an agent, its descendants as its policy says; returns it, and whether there was anything to end.

    What waits for its start is simply terminated, what has ended stays as it is. Raises what `kill` raises, and
    BadInput for a reason that is too long or cannot be kept.
    """
    if reason is not None:
        check_text("the reason", reason)
        if len(reason) > LONGEST_REASON:
            raise BadInput(f"a reason has at most {LONGEST_REASON} characters, this one {len(reason)}")
    current = next(iter(world.registry.standings([found.agent.id])), found)
    if at_rest(current):
        return current, False
    return kill_found(world, current, reason=reason), True
