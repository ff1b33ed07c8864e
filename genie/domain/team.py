"""Teams, and which team a spawn belongs to: five tiers, the first that answers wins."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from uuid import UUID

from genie.domain.errors import Conflict, NotFound
from genie.domain.tree import Wish
from genie.domain.words import nearest


class Layout(Enum):
    """How the panes of a team's window are arranged."""

    MOSAIC = "mosaic"
    VERTICAL = "vertical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A named group of agents with a tmux session of its own. `spawn` is what it wishes for the spawn trees in it.

    Who is spawned into one with a `repo` works there, unless something nearer says where; with `worktrees` each new
    agent that converses gets a git worktree of its own. The members of a `native` one are those of a team of Claude
    Code's own, too, where their program can be.

    One that is archived is in no list and in no tier; one that was disbanded is there for its former agents alone, and
    its name is free.
    """

    id: UUID
    name: str
    lead: str | None
    tmux_session: str
    layout: str
    cwd: str
    created_at: datetime
    spawn: Wish = field(default_factory=Wish)
    archived_at: datetime | None = None
    disbanded_at: datetime | None = None
    native: bool = False
    repo: str | None = None
    worktrees: bool = False


@dataclass(frozen=True, slots=True)
class ClaudeTeam:
    """A team of Claude Code's own, read from its config.json. `members` are names and agent types."""

    name: str
    lead_session: str | None
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TierAnswer:
    """What one tier said: the team, or None, and where it looked."""

    tier: int
    source: str
    team: str | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clues:
    """All that the five tiers look at. `template_pin` is the template's own `team:`; `has_command`
    says that the agent is a command of the caller's, which needs no template.

    `caller_session` is the provider session the caller runs in, `caller_tmux_session` the name of
    the tmux session around it. `lead_sessions` maps a lead's session id to its genie team.
    """

    name: str
    role: str
    asked: str | None = None
    has_template: bool = False
    has_command: bool = False
    template_pin: str | None = None
    env_team: str | None = None
    caller_session: str | None = None
    caller_tmux_session: str | None = None
    teams: frozenset[str] = frozenset()
    lead_sessions: tuple[tuple[str, str], ...] = ()
    claude_teams: tuple[ClaudeTeam, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolution:
    """The team, the tier it came from (None: a team of one), and the whole chain of answers.

    `new` says that the team must be made; `overrides` are lower tiers that would have said
    something else.
    """

    team: str
    tier: int | None
    chain: tuple[TierAnswer, ...]
    new: bool

    @property
    def explicit(self) -> bool:
        return self.tier == 1

    @property
    def overrides(self) -> tuple[TierAnswer, ...]:
        return tuple(a for a in self.chain if a.team and a.tier != self.tier and a.team != self.team)


def resolve(clues: Clues) -> Resolution:
    """The team of a spawn. Raises NotFound for a team that is asked for and not there, or when no
    tier answers and there is no template; Conflict when several teams have such a member."""
    chain = (
        TierAnswer(1, "--team", clues.asked, "given" if clues.asked else "not given"),
        _template(clues),
        TierAnswer(3, "$GENIE_TEAM", clues.env_team, "set" if clues.env_team else "not set"),
        _discovered(clues),
        _members(clues),
    )
    first = next((answer for answer in chain if answer.team), None)
    if first is None or first.team is None:
        _refuse_several(clues)
        return _of_one(clues, chain)
    known = clues.teams | {team.name for team in clues.claude_teams}
    if first.tier in (1, 3) and first.team not in known:
        raise NotFound(
            f"unknown team '{first.team}' (from {first.source})",
            hint=f"genie team create {first.team}, or {nearest(first.team, known) or 'leave it out'}",
            kind="team",
            name=first.team,
        )
    return Resolution(first.team, first.tier, chain, new=first.team not in clues.teams)


def _template(clues: Clues) -> TierAnswer:
    if not clues.has_template:
        return TierAnswer(2, "template", None, f"no template '{clues.role}'")
    pinned = f"template '{clues.role}' pins it" if clues.template_pin else f"template '{clues.role}' pins no team"
    return TierAnswer(2, "template", clues.template_pin, pinned)


def _discovered(clues: Clues) -> TierAnswer:
    if clues.caller_session:
        for session, team in clues.lead_sessions:
            if session == clues.caller_session:
                return TierAnswer(4, "discovery", team, f"the caller's session {session} leads it")
        for claude in clues.claude_teams:
            if claude.lead_session == clues.caller_session:
                return TierAnswer(4, "discovery", claude.name, f"the caller's session {claude.lead_session} leads it")
    for team in sorted(clues.teams):
        if clues.caller_tmux_session == tmux_name(team):
            return TierAnswer(4, "discovery", team, "the caller's tmux session has its name")
    return TierAnswer(4, "discovery", None, "the caller's session leads no team, its tmux session is none's")


def _member_teams(clues: Clues) -> list[str]:
    wanted = {clues.name, clues.role}
    return sorted(team.name for team in clues.claude_teams if wanted & set(team.members))


def _members(clues: Clues) -> TierAnswer:
    teams = _member_teams(clues)
    detail = f"member of {', '.join(teams)}" if teams else f"no team on disk has a member '{clues.name}'"
    return TierAnswer(5, "members on disk", teams[0] if len(teams) == 1 else None, detail)


def _refuse_several(clues: Clues) -> None:
    teams = _member_teams(clues)
    if len(teams) > 1:
        raise Conflict(
            f"'{clues.name}' is a member of several teams: {', '.join(teams)}",
            hint=f"say which: --team {teams[0]}",
            teams=teams,
        )


def _of_one(clues: Clues, chain: tuple[TierAnswer, ...]) -> Resolution:
    if clues.has_template or clues.has_command:
        return Resolution(clues.name, None, chain, new=clues.name not in clues.teams)
    raise NotFound(
        f"no team for '{clues.name}': none was found in any of the five tiers, and there is no template '{clues.role}'",
        hint="say it with --team, pin team: in a template, set GENIE_TEAM, spawn from the team's lead or tmux session,"
        " or be a member in ~/.claude/teams/*/config.json",
    )


def tmux_name(name: str) -> str:
    """A name as tmux keeps it: dots separate the parts of its targets."""
    return name.replace(".", "_")
