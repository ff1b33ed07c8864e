"""Telling a human of an agent: who is needed, who looks already, and the ways to tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from genie.domain.agent import Life
from genie.domain.errors import Failed, GenieError
from genie.domain.notice import AWAY, ENDS, HUMAN, Medium, Need, Wishes, need_of, sentence
from genie.domain.session import PaneIdentity, Standing
from genie.ports import Desktop, Programs, Wanted
from genie.services.world import World

LASTING = timedelta(seconds=2)
"""How long a line stands in tmux: the panes behind it stand still as long."""
LONGEST = 1000
"""Characters of the detail that a command is given."""


@dataclass(frozen=True, slots=True)
class Needed:
    """An agent for which a human is needed."""

    standing: Standing
    need: Need


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlets:
    """How people are reached besides tmux."""

    desktop: Desktop
    programs: Programs


def needed(world: World) -> list[Needed]:
    """The agents of this host with which a human has something to do, who waits longest first. Does not ask tmux.
    Raises RegistryAway."""
    found = [one for one in _all(world, Wanted(lives=(Life.RUNNING, Life.FAILED))) if one.need.occasion in HUMAN]
    return sorted(found, key=lambda one: (one.need.since, one.standing.agent.name))


def waiting(world: World) -> list[UUID]:
    """The agents of this host that live, and of which a human may have to be told. Raises RegistryAway."""
    return [one.standing.agent.id for one in _all(world, Wanted(lives=(Life.RUNNING, Life.DEAD)))]


def _all(world: World, wanted: Wanted) -> list[Needed]:
    return _needed(world, world.registry.roster(wanted))


def needs_of(world: World, agents: Sequence[UUID]) -> dict[UUID, Needed]:
    """Those of these agents for which somebody is needed now. Raises RegistryAway."""
    if not agents:
        return {}
    return {one.standing.agent.id: one for one in _needed(world, world.registry.standings(agents))}


def _needed(world: World, standings: Sequence[Standing]) -> list[Needed]:
    now = world.clock.now()
    found = [(one, need_of(one.agent, now=now)) for one in standings if one.agent.host == world.host]
    return [Needed(one, need) for one, need in found if need]


def looked_at(world: World, one: Needed) -> bool:
    """Whether somebody looks at its pane, and sees for themselves. Of an end everybody is told."""
    pane = _pane(one.standing)
    if pane is None or one.need.occasion in ENDS:
        return False
    since = world.clock.now() - AWAY
    try:
        there = world.terminal.onlookers(pane.server.socket)
    except GenieError:
        return False
    return any(who.screen and who.pane == pane.pane and who.touched >= since for who in there)


def tell(world: World, outlets: Outlets, wishes: Wishes, one: Needed) -> dict[Medium, GenieError]:
    """Tell it in every way that is wanted; what went wrong, by the way. One that fails keeps no other from it."""
    ways: Mapping[Medium, Callable[[], object]] = {
        Medium.MESSAGE: lambda: _message(world, one),
        Medium.BELL: lambda: _ring(world, one),
        Medium.DESKTOP: lambda: _show(outlets, wishes, one),
        Medium.COMMAND: lambda: _run(outlets, wishes, one),
    }
    troubles = {}
    for medium, way in ways.items():
        if medium in wishes.media:
            try:
                way()
            except GenieError as error:
                troubles[medium] = error
    return troubles


def _message(world: World, one: Needed) -> None:
    """To the clients that look at its session."""
    standing = one.standing
    pane, run = _pane(standing), standing.run
    socket = pane.server.socket if pane else standing.agent.placement.socket
    seen = world.terminal.panes(socket).pane(pane.pane) if pane else None
    known = run.tmux_session if run else standing.agent.placement.session
    session = seen.session if seen and pane and seen.is_of(pane.run) else known
    for who in world.terminal.onlookers(socket):
        if who.session == session:
            world.terminal.announce(socket, who.client, f"genie: {sentence(standing.agent, one.need)}", lasting=LASTING)


def _ring(world: World, one: Needed) -> None:
    pane = _pane(one.standing)
    if pane:
        world.terminal.ring(pane)


def _show(outlets: Outlets, wishes: Wishes, one: Needed) -> None:
    agent = one.standing.agent
    if outlets.desktop.there:
        outlets.desktop.show(f"genie: {agent.name}", sentence(agent, one.need), timeout=wishes.timeout)


def _run(outlets: Outlets, wishes: Wishes, one: Needed) -> None:
    if not wishes.command:
        return
    ran = outlets.programs.run(wishes.command, env=variables(one), cwd=None, timeout=wishes.timeout)
    if ran.code:
        raise Failed(f"{wishes.command[0]} ended with {ran.code}: {ran.said or 'it has said nothing'}")


def variables(one: Needed) -> dict[str, str]:
    """What a command is told. The detail may tell what an agent wants to do: it stands on no command line."""
    agent, need, pane = one.standing.agent, one.need, _pane(one.standing)
    return {
        "GENIE_NOTICE_OCCASION": need.occasion.value,
        "GENIE_NOTICE_NAME": agent.name,
        "GENIE_NOTICE_TEAM": agent.team,
        "GENIE_NOTICE_TEXT": sentence(agent, need),
        "GENIE_NOTICE_DETAIL": need.detail[:LONGEST],
        "GENIE_NOTICE_SINCE": need.since.isoformat(),
        "GENIE_NOTICE_SESSION_ID": str(agent.session or ""),
        "GENIE_NOTICE_PANE": pane.pane if pane else "",
    }


def _pane(standing: Standing) -> PaneIdentity | None:
    return standing.run.pane if standing.run else None
