"""What there is around a spawn: read once, before its transaction, which holds the only connection."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from genie.domain.team import ClaudeTeam, Team
from genie.services.kin import parent_of
from genie.services.order import Order
from genie.services.world import Rules, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """`socket` is the tmux server the pane goes to, `sessions` its sessions; `around` is the one that holds
    the caller's pane, if it is on that server, and `window` the name of its window; `around_anywhere` is the
    session on whatever server; `parent` is the agent that spawns."""

    socket: str
    sessions: frozenset[str]
    around: str | None
    window: str | None
    around_anywhere: str | None
    teams: tuple[Team, ...]
    lead_sessions: tuple[tuple[str, str], ...]
    claude_teams: tuple[ClaudeTeam, ...]
    caller_session: str | None
    parent: UUID | None
    rules: Rules
    warnings: tuple[str, ...]

    def team(self, name: str) -> Team | None:
        return next((team for team in self.teams if team.name == name), None)


def look_around(world: World, order: Order) -> Scene:
    """Raises Unreachable where registry or tmux is away, and what `parent_of` raises."""
    caller = order.caller
    rules = world.rules_at(caller.cwd, caller.env)
    socket = rules.socket or caller.tmux_socket or world.terminal.default_socket()
    panes = world.terminal.panes(socket).panes
    own = next((pane for pane in panes if pane.pane == caller.tmux_pane), None)
    around = own.session if own else None
    same = caller.tmux_socket == socket
    claude_teams, warnings = world.team_files.teams(env=caller.env)
    session = caller.env.get("CLAUDE_CODE_SESSION_ID") or world.team_files.newest_session(caller.cwd, env=caller.env)
    return Scene(
        socket=socket,
        sessions=frozenset(pane.session for pane in panes),
        around=around if same else None,
        window=own.window if own and same else None,
        around_anywhere=around if same else _elsewhere(world, order),
        teams=tuple(world.registry.teams()),
        lead_sessions=tuple(world.registry.lead_sessions()) if session else (),
        claude_teams=claude_teams,
        caller_session=session,
        parent=parent_of(world, order),
        rules=rules,
        warnings=warnings,
    )


def _elsewhere(world: World, order: Order) -> str | None:
    socket, pane = order.caller.tmux_socket, order.caller.tmux_pane
    if socket is None or pane is None:
        return None
    seen = world.terminal.panes(socket).pane(pane)
    return seen.session if seen else None
