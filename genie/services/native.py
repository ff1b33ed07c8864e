"""Teams of Claude Code's own: an agent of a native team is started as a member of one, and genie is its lead.

Which agents are members is kept by those who write the team's folder; what they are is brought to what the registry
says, again and again: a daemon that dies between two steps leaves nothing that the next one does not put right.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from genie.domain.agent import Agent
from genie.domain.errors import Conflict, GenieError, NotAllowed, RegistryAway
from genie.domain.events import Kind, event
from genie.domain.native import (
    PROVIDER,
    SWITCH,
    Member,
    Roll,
    flags,
    member_name,
    standing_in,
    team_name,
)
from genie.domain.session import PaneIdentity, Session, Standing
from genie.domain.team import Team
from genie.services.world import World

FOLLOWED = frozenset(
    {
        Kind.RUNNING,
        Kind.RESUMED,
        Kind.ADOPTED,
        Kind.DIED,
        Kind.STOPPED,
        Kind.TERMINATED,
        Kind.DONE,
        Kind.FAILED,
        Kind.EXHAUSTED,
        Kind.TTL_EXPIRED,
        Kind.RESUME_FAILED,
        Kind.MOVED,
        Kind.TEAM_CHANGED,
        Kind.TEAM_RENAMED,
        Kind.TEAM_ARCHIVED,
        Kind.TEAM_DISBANDED,
    }
)
"""After these a team's folder may say something else than the registry."""
Trouble = tuple[str, GenieError]


# ---- starting -------------------------------------------------------------------------------


def enlist(
    world: World, standing: Standing, pane: PaneIdentity, argv: tuple[str, ...], env: Mapping[str, str]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """What the program of an agent is started with, and what its environment gets: a member of a native team is
    written into its folder before. One that cannot be a member is started as it is, and that is told. Raises
    RegistryAway."""
    agent, session = standing.agent, standing.session
    team = native_team(world, agent.team)
    if team is None or session is None or not _fits(world, session):
        return argv, {}
    try:
        with world.natives.held():
            world.natives.check_program(argv[0])
            roll, member = _joined(world, standing, team, pane, env)
            world.natives.keep(roll)
    except RegistryAway:
        raise
    except GenieError as error:
        _leave_out(world, standing, error)
        return argv, {}
    return (argv[0], *flags(roll, member), *argv[1:]), dict([SWITCH])


def native_team(world: World, name: str) -> Team | None:
    with world.registry.begin() as tx:
        team = tx.team(name)
    return team if team and team.native else None


def _fits(world: World, session: Session) -> bool:
    """Whether its program has a screen of its own, on this host."""
    if session.provider != PROVIDER or session.attend is not None:
        return False
    return not world.supplies.sandboxes.made(session.id, session.launch.argv)


def _joined(
    world: World, standing: Standing, team: Team, pane: PaneIdentity, env: Mapping[str, str]
) -> tuple[Roll, Member]:
    agent, session, run = standing.agent, standing.session, standing.run
    assert session is not None  # noqa: S101  it is started
    assert run is not None  # noqa: S101
    roll = roll_of(world, team, env)
    member = Member(
        agent=agent.id,
        name=member_name(agent.name),
        color=agent.color,
        cwd=session.launch.cwd,
        model=agent.model,
        pane=pane.pane,
        joined_at=run.created_at,
    )
    others = tuple(one for one in roll.members if one.agent != agent.id)
    same = next((one for one in others if one.name == member.name), None)
    if same:
        raise Conflict(f"team '{roll.name}' has a member '{member.name}' already", hint="take another name")
    return replace(roll, members=(*others, member)), member


def roll_of(world: World, team: Team, env: Mapping[str, str]) -> Roll:
    """Who is in that team now, for those with that environment. Raises BadInput for a name that Claude Code keeps for
    itself."""
    blank = Roll(
        directory=world.natives.place(env),
        name=team_name(team.name),
        team=team.name,
        lead=team.id,
        created_at=team.created_at,
    )
    key = (blank.directory, blank.name, blank.team)
    known = next((one for one in world.natives.rolls() if (one.directory, one.name, one.team) == key), blank)
    return replace(_as_now(world, known, {team.name: team}), lead=team.id)


def check_team(world: World, team: Team, env: Mapping[str, str]) -> None:
    """Whether the team can be one of Claude Code's own, for those with that environment. Raises BadInput for its name,
    Conflict where one of that name is there that genie has not made, Failed."""
    if team.native:
        world.natives.check_free(roll_of(world, team, env))


def _leave_out(world: World, standing: Standing, error: GenieError) -> None:
    said = {"team": standing.agent.team, "reason": error.message, "hint": error.hint or None}
    with world.registry.begin() as tx:
        tx.record(event(Kind.NATIVE_LEFT_OUT, standing.agent, standing.run, at=world.clock.now(), **said))
    with suppress(GenieError), world.natives.held():
        for roll in world.natives.rolls():
            if roll.of(standing.agent.id):
                left = tuple(one for one in roll.members if one.agent != standing.agent.id)
                world.natives.keep(replace(roll, members=left))


def left_out(world: World, standing: Standing) -> tuple[str, ...]:
    """Why an agent that was started just now is no member of its native team, in a line; empty where it is one."""
    if standing.run is None or standing.agent.provider != PROVIDER:
        return ()
    told = world.registry.history(standing.agent.id, limit=1, kinds=(Kind.NATIVE_LEFT_OUT,))
    if not told or told[-1].run != standing.run.id:
        return ()
    return (f"not a member of Claude Code's own team: {told[-1].payload.get('reason')}",)


# ---- following ------------------------------------------------------------------------------


def follow(world: World) -> list[Trouble]:
    """Bring every folder to what the registry says; what went wrong, by team. Raises RegistryAway, Failed."""
    troubles: list[Trouble] = []
    with world.natives.held():
        rolls = world.natives.rolls()
        teams = {team.name: team for team in world.registry.teams()} if rolls else {}
        for roll in rolls:
            now = _as_now(world, roll, teams)
            try:
                if now.members:
                    world.natives.keep(now)
                else:
                    world.natives.remove(roll)
            except GenieError as error:
                troubles.append((roll.team, error))
    return troubles


def _as_now(world: World, roll: Roll, teams: Mapping[str, Team]) -> Roll:
    team = teams.get(roll.team)
    if team is None or not team.native or not roll.members:
        return replace(roll, members=())
    found = {one.agent.id: one.agent for one in world.registry.standings([one.agent for one in roll.members])}
    members = [_member_now(one, found.get(one.agent), roll) for one in roll.members]
    return replace(roll, members=tuple(one for one in members if one))


def _member_now(member: Member, agent: Agent | None, roll: Roll) -> Member | None:
    standing = standing_in(agent.life) if agent and agent.team == roll.team else None
    return replace(member, standing=standing) if standing else None


# ---- their inboxes --------------------------------------------------------------------------


def has_inbox(world: World, to: Standing) -> bool:
    """Whether the agent's present process is a member, which looks into its inbox."""
    return _listed(world, to) is not None


def put_into_inbox(world: World, to: Standing, text: str, *, id: UUID) -> None:  # noqa: A002  the message's own
    """Write to a member. Raises NotAllowed for who is none now, Failed for what was not written."""
    found = _listed(world, to)
    if found is None:
        raise NotAllowed(f"'{to.agent.name}' is no member of a team of Claude Code's own now")
    world.natives.put(found[0], found[1].name, text, id=str(id))


def _listed(world: World, to: Standing) -> tuple[Roll, Member] | None:
    run = to.run
    if to.agent.provider != PROVIDER or run is None or run.ended_at is not None:
        return None
    for roll in world.natives.rolls():
        member = roll.of(to.agent.id)
        if member and member.joined_at == run.created_at:
            return roll, member
    return None
