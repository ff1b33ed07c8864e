"""What a spawn means and may do, settled before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, replace

from genie.domain.agent import Agent, Placement, Resume, SpawnDecision, decide_spawn
from genie.domain.errors import BadInput, LimitReached, NotFound
from genie.domain.resume_note import check_on_resume
from genie.domain.session import Standing
from genie.domain.team import Resolution, Team, tmux_name
from genie.domain.template import Template
from genie.domain.tree import Limits, Mode, Wish
from genie.domain.words import nearest
from genie.ports import Provider, Sandbox, Tx, Worktree
from genie.services.compose import RUNS, Wishes, placement_of, understand
from genie.services.kin import Kin, kin_of
from genie.services.limits import check_tree_spawn, limits_of
from genie.services.order import Order
from genie.services.resolve import resolve_team
from genie.services.scene import Scene
from genie.services.world import Rules, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplied:
    """What there is for a spawn before it is written. `asked` is the order as it was given, with the path of a private
    copy of its schema, and `base` the directory that it was given for; `prompt` is the whole of it, `cwd` where it
    works. `reads` are files outside of that which a sandboxed session has to see."""

    asked: Order
    base: str
    prompt: str | None
    cwd: str
    worktree: Worktree | None = None
    sandbox: Sandbox | None = None
    reads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Everything about a spawn that is settled before anything is written."""

    order: Order
    row: Standing | None
    role: str
    template: Template | None
    provider: Provider
    resolution: Resolution
    decision: SpawnDecision
    wishes: Wishes
    rules: Rules
    placement: Placement
    kin: Kin
    limits: Limits
    warnings: tuple[str, ...]
    supplied: Supplied | None = None
    worktrees: bool = False
    """Whether its team gives it a worktree of its own."""

    @property
    def on_resume(self) -> str | None:
        """What it is told when it was brought back: a text, "none", or None for a note of genie's. What keeps no
        conversation is told nothing."""
        if not self.provider.conversational:
            return None
        return self.order.on_resume or (self.template.on_resume if self.template else None)


DEFAULT_PROVIDER = "claude"
"""Who is run where nothing else is said."""
SDK = "claude-sdk"
"""The provider that the wishes `sdk` of an order are for."""


class OverLimit(Exception):
    """A limit of the parent's tree says no."""

    def __init__(self, parent: Agent, reached: LimitReached) -> None:
        super().__init__(reached.message)
        self.parent = parent
        self.reached = reached


def plan(world: World, tx: Tx, order: Order, scene: Scene) -> Planned:
    """What this order means now. Raises BadInput, NotFound, Conflict, Refused, Stale."""
    row = tx.standing(order.name)
    agent = row.agent if row else None
    rules = scene.rules
    role = order.role or (agent.role if agent else order.name)
    template = world.templates.find(role, cwd=order.caller.cwd)
    if template is None and order.role is not None and not (agent and agent.role == role):
        raise _no_template(world, order, role)  # a slip of the pen would be an agent that knows nothing of its part
    resolution = _resolution(world, order, scene, role=role, template=template, row=agent)
    provider = world.providers.get(_provider_name(world, order, template, role, row))
    team = scene.team(resolution.team)
    wishes = understand(world, order, template, rules, team)
    order = _with_its_command(order, provider, row)
    _check_on_resume(order, provider)
    same = agent is not None and agent.provider == provider.name
    resumable = same and provider.conversational and not order.command and order.assignment is None
    kin = kin_of(tx, scene.parent, row=agent)
    above = agent is not None and any(ancestor.id == agent.id for ancestor in kin.line)
    decision = decide_spawn(agent, team=resolution.team, role=role, resumable=resumable, above=above)
    placement = placement_of(order, scene, resolution, team, wishes.layout)
    return Planned(
        order=order,
        row=row,
        role=role,
        template=template,
        provider=provider,
        resolution=resolution,
        decision=decision,
        wishes=wishes,
        rules=rules,
        placement=placement,
        kin=kin,
        limits=limits_of(kin.parent, rules.limits, *_wishes(kin, team, resolution, wishes)),
        warnings=scene.warnings + _warnings(order, decision, placement, team, resolution) + _unknown(order, provider),
        worktrees=bool(team and team.worktrees and provider.conversational and order.assignment is None),
    )


def _wishes(kin: Kin, team: Team | None, resolution: Resolution, wishes: Wishes) -> tuple[Wish, ...]:
    """Who says something about the limits, the last with the last word. A parent of the same team has the team's."""
    same = kin.parent is not None and kin.parent.team == resolution.team
    return (team.spawn if team and not same else Wish(), *wishes.tree)


def check_limits(world: World, tx: Tx, planned: Planned) -> None:
    """Whether the parent may spawn; raises OverLimit. A resume takes up the place that it had: that is checked
    where it is claimed."""
    parent = planned.kin.parent
    if parent is None:
        return
    try:
        if not isinstance(planned.decision, Resume) or parent.limits.mode is Mode.STATIC:
            check_tree_spawn(world, tx, planned.kin.line)
    except LimitReached as error:
        raise OverLimit(parent, error) from error


def _resolution(
    world: World, order: Order, scene: Scene, *, role: str, template: Template | None, row: Agent | None
) -> Resolution:
    """The team. Where neither a tier nor a template answers, a name that is nearly right helps most."""
    try:
        found = resolve_team(order, scene, role=role, template=template, row=row)
        if order.assignment and found.tier is None and row is None:
            return replace(found, team=RUNS, new=scene.team(RUNS) is None)
        return found
    except NotFound as error:
        if error.details.get("kind") == "team":
            raise
        near = nearest(role, [known.name for known in world.templates.all(cwd=order.caller.cwd)])
        raise NotFound(error.message, hint=f"{near} -- or {error.hint}", kind="template", name=role) from error


def _provider_name(world: World, order: Order, template: Template | None, role: str, row: Standing | None) -> str:
    if order.command and order.provider not in (None, "shell"):
        raise BadInput(f"provider {order.provider} takes no command of yours", hint="leave out '-- COMMAND'")
    if order.provider or order.command:
        return order.provider or "shell"
    if _is_plain_command(world, order, row) and row:
        return row.agent.provider
    if template:
        return template.provider
    if row and row.session:
        return row.agent.provider
    if order.assignment and order.role is None:
        return DEFAULT_PROVIDER
    raise _no_template(world, order, role)


def _no_template(world: World, order: Order, role: str) -> NotFound:
    names = [known.name for known in world.templates.all(cwd=order.caller.cwd)]
    other = "leave out --role" if order.role else "give --role TEMPLATE, --provider, or a command after --"
    return NotFound(f"no template '{role}'", hint=f"{nearest(role, names)} -- or {other}", kind="template", name=role)


def _check_on_resume(order: Order, provider: Provider) -> None:
    if order.on_resume is None:
        return
    check_on_resume(order.on_resume)
    if not provider.conversational:
        raise BadInput(
            f"provider {provider.name} takes no --on-resume: it keeps no conversation",
            hint="its command is run again as it was",
        )


def _is_plain_command(world: World, order: Order, row: Standing | None) -> bool:
    """Whether the name is that of a command, and nothing else is asked of it now."""
    if row is None or row.session is None or order.role is not None:
        return False
    return not world.providers.get(row.agent.provider).conversational


def _with_its_command(order: Order, provider: Provider, row: Standing | None) -> Order:
    """A plain command that is spawned anew without being named again is the one that it was."""
    if order.command or provider.conversational or row is None or row.session is None:
        return order
    return replace(order, command=row.session.launch.argv) if row.session.provider == provider.name else order


def _unknown(order: Order, provider: Provider) -> tuple[str, ...]:
    """What is said of wishes that only another provider knows."""
    if not order.sdk or provider.name == SDK:
        return ()
    return (f"--sdk-* is for provider {SDK}; ignored by {provider.name}",)


def _warnings(
    order: Order, decision: SpawnDecision, placement: Placement, team: Team | None, resolution: Resolution
) -> tuple[str, ...]:
    said = []
    home = team.tmux_session if team else tmux_name(resolution.team)
    if order.session and placement.session != home:
        said.append(f"tmux session '{order.session}' is not that of team {resolution.team}")
    if isinstance(decision, Resume) and order.shapes:
        said.append(f"a resumed session keeps what it was spawned with; ignored: {', '.join(order.shapes)}")
    return tuple(said)
