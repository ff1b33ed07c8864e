"""Team files: what a whole team is to be, and the steps from what there is to that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from genie.domain.agent import LIVE, Agent, Desired, Life
from genie.domain.team import Layout, Team
from genie.domain.tree import Wish
from genie.domain.words import PermissionMode, nearest


class Until(Enum):
    """How far those must have come that a member comes after."""

    RUNNING = "running"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One entry of `members`: an agent, or `count` of them that differ in their names' numbers.

    `after` are names of other entries, or of single agents of them; they must be running, or `done`, before it comes.
    """

    name: str
    template: str | None = None
    count: int | None = None
    provider: str | None = None
    command: tuple[str, ...] = ()
    prompt: str | None = None
    model: str | None = None
    permission_mode: PermissionMode | None = None
    tags: tuple[str, ...] = ()
    description: str | None = None
    on_resume: str | None = None
    cwd: str | None = None
    env: tuple[tuple[str, str], ...] = ()
    worktree: bool = False
    after: tuple[str, ...] = ()
    until: Until = Until.RUNNING

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its agents: the entry's own where no count is said."""
        if self.count is None:
            return (self.name,)
        return tuple(f"{self.name}-{number}" for number in range(1, self.count + 1))

    @property
    def role(self) -> str | None:
        """The template's name; None for a member that is a provider or a command alone."""
        if self.template or self.provider or self.command:
            return self.template
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamFile:
    """A team file that has been checked. `base` is the directory it is about; None is for what it does not say."""

    name: str
    source: str
    base: str
    session: str | None = None
    layout: Layout | None = None
    lead: str | None = None
    native: bool | None = None
    limits: Wish = field(default_factory=Wish)
    limits_said: Mapping[str, object] = field(default_factory=dict)
    members: tuple[Member, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for member in self.members for name in member.names)


# ---- what no single field shows ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong, at a place such as ("members", 2, "after")."""

    place: tuple[int | str, ...]
    message: str
    hint: str = ""
    value: object = None


def flaws(members: Sequence[Member], lead: str | None) -> list[Flaw]:
    """What is wrong with the members together: names that are there twice or nowhere, and circles."""
    known = _known(members)
    found = [*_twice(members), *_unknown(members, known)]
    names = [name for member in members for name in member.names]
    if lead is not None and lead not in names:
        found.append(Flaw(("lead",), f"'{lead}' is no member", nearest(lead, names), lead))
    return found or _circles(members, known)


def _known(members: Sequence[Member]) -> dict[str, int]:
    """By each name that `after` may say, the place of the entry that it is of."""
    known = {name: at for at, member in enumerate(members) for name in member.names}
    return known | {member.name: at for at, member in enumerate(members)}


def _twice(members: Sequence[Member]) -> Iterable[Flaw]:
    seen: set[str] = set()
    for at, member in enumerate(members):
        names = {member.name, *member.names}
        for name in sorted(names & seen)[:1]:
            yield Flaw(("members", at, "name"), f"'{name}' is there twice", "give each a name of its own", name)
        seen |= names


def _unknown(members: Sequence[Member], known: Mapping[str, int]) -> Iterable[Flaw]:
    for at, member in enumerate(members):
        for number, name in enumerate(member.after):
            if name not in known:
                hint = nearest(name, set(known) - {member.name, *member.names})
                yield Flaw(("members", at, "after", number), f"'{name}' is no member", hint, name)


def _circles(members: Sequence[Member], known: Mapping[str, int]) -> list[Flaw]:
    _, stuck = _levels(members, known)
    if not stuck:
        return []
    names = ", ".join(members[at].name for at in stuck)
    hint = "leave one of them out of the other's 'after'"
    return [Flaw(("members", stuck[0], "after"), f"these wait for each other: {names}", hint, names)]


def _levels(members: Sequence[Member], known: Mapping[str, int]) -> tuple[list[int], list[int]]:
    """Places of the entries, each after those that it waits for and else in the file's order; and of those that can
    never come."""
    order: list[int] = []
    left = list(range(len(members)))
    while left:
        ready = [at for at in left if all(known[name] in order for name in members[at].after)]
        if not ready:
            return order, left
        order += ready
        left = [at for at in left if at not in ready]
    return order, []


def arranged(members: Sequence[Member]) -> list[Member]:
    """The members, each after those that it waits for."""
    return [members[at] for at in _levels(members, _known(members))[0]]


# ---- from what there is to what is said ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class CreateTeam:
    """The team is not there yet."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeTeam:
    """The file says something else of the team than the registry."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnMember:
    """Nobody has the name; or, with `anew`, somebody who never ran: he is ended, and comes again."""

    name: str
    member: Member
    after: tuple[str, ...]
    reason: str
    anew: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeMember:
    """It is at rest: it goes on with its conversation."""

    name: str
    after: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class LeaveAlone:
    """There is nothing to do."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class CannotBe:
    """It cannot be brought to what the file says."""

    name: str
    reason: str
    hint: str


Step = CreateTeam | ChangeTeam | SpawnMember | ResumeMember | LeaveAlone | CannotBe


def plan(file: TeamFile, team: Team | None, agents: Sequence[Agent], *, done_too: bool = False) -> tuple[Step, ...]:
    """The steps, in the order in which they are to be done.

    `agents` are those of the team and those that have names of members, terminated ones apart; `done_too` also brings
    back those that are done.
    """
    there = {agent.name: agent for agent in agents}
    steps: list[Step] = list(_of_team(file, team))
    for member in arranged(file.members):
        after = _names_after(file, member)
        again = done_too and not _is_waited_for(file, member)
        steps += [_of_member(file, member, name, there, after=after, done_too=again) for name in member.names]
    strangers = sorted(name for name, agent in there.items() if agent.team == file.name and name not in file.names)
    steps += [LeaveAlone(name, "it is not in the file") for name in strangers]
    return tuple(steps)


def differences(file: TeamFile, team: Team) -> dict[str, tuple[object, object]]:
    """What the file says otherwise than the team is, by field; the tmux session is not changed by a file."""
    said = {
        "layout": (team.layout, file.layout.value if file.layout else team.layout),
        "lead": (team.lead, file.lead or team.lead),
        "native": (team.native, team.native if file.native is None else file.native),
        "limits": (team.spawn, file.limits if file.limits != Wish() else team.spawn),
    }
    return {key: pair for key, pair in said.items() if pair[0] != pair[1]}


def _of_team(file: TeamFile, team: Team | None) -> Iterable[Step]:
    if team is None:
        yield CreateTeam(file.name, "there is no team of that name")
        return
    changed = differences(file, team)
    if changed:
        yield ChangeTeam(file.name, f"the file says another {', '.join(sorted(changed))}")


def _names_after(file: TeamFile, member: Member) -> tuple[str, ...]:
    """The agents that it comes after: of an entry all."""
    of_entry = {other.name: other.names for other in file.members}
    return tuple(dict.fromkeys(name for said in member.after for name in of_entry.get(said, (said,))))


def _is_waited_for(file: TeamFile, member: Member) -> bool:
    """Whether somebody waits for it to be done: then that is what it is for."""
    own = {member.name, *member.names}
    return any(other.until is Until.DONE and own & set(other.after) for other in file.members)


def _of_member(
    file: TeamFile, member: Member, name: str, there: Mapping[str, Agent], *, after: tuple[str, ...], done_too: bool
) -> Step:
    agent = there.get(name)
    if agent is None:
        return SpawnMember(name=name, member=member, after=after, reason="nobody has the name")
    if agent.team != file.name:
        hint = f"genie team add {file.name} {name}, or give the member another name"
        return CannotBe(name, f"it belongs to team {agent.team}", hint)
    if agent.desired is Desired.GONE:
        return CannotBe(name, "it is being killed", "genie team up once it is gone")
    if agent.life in LIVE:
        return LeaveAlone(name, _live(member, agent))
    if agent.life is Life.DONE and not done_too:
        return LeaveAlone(name, f"it is done; genie resume {name} goes on with it")
    if agent.run is None and member.until is Until.DONE and member.after:
        return SpawnMember(name=name, member=member, after=after, reason="it never ran", anew=True)
    return ResumeMember(name=name, after=after, reason=f"it is {agent.life.value}")


def _live(member: Member, agent: Agent) -> str:
    if member.role and agent.role != member.role:
        return f"it is {agent.life.value} as {agent.role}; the file says {member.role}"
    return f"it is {agent.life.value}"


# ---- taking it down ------------------------------------------------------------------------


def falling(file: TeamFile) -> list[str]:
    """The names of all members, those first that come after others."""
    return [name for member in reversed(arranged(file.members)) for name in reversed(member.names)]
