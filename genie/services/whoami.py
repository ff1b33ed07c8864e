"""Who a caller is: the agent in whose run it is, and what that one may still do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genie.domain.agent import Agent
from genie.domain.errors import NotFound
from genie.domain.session import Standing
from genie.domain.tree import Branch, Mode
from genie.ports import Windows
from genie.services.kin import caller_of
from genie.services.order import Caller
from genie.services.roster import get
from genie.services.world import World


@dataclass(frozen=True, slots=True)
class Left:
    """How many more an agent may start: direct children, agents below it that live at the same time, levels below
    it. Nobody where its mode is static."""

    children: int
    descendants: int
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An agent, the names of its parent and its root, and what is left of its limits."""

    standing: Standing
    parent: str | None
    root: str
    left: Left


def caller_in_run(world: World, caller: Caller) -> Agent:
    """The agent in whose run the caller is. Raises Refused for a token that is not good, NotFound for a caller that
    is in no run."""
    agent = caller_of(world, caller)
    if agent is None:
        raise NotFound("you are nobody: this is in no run of genie's", hint="run it in an agent's pane", kind="caller")
    return agent


def whoami(world: World, caller: Caller) -> Identity:
    """Who asks. Raises as `caller_in_run`."""
    agent = caller_in_run(world, caller)
    now = world.clock.now()
    with world.registry.begin() as tx:
        line = tx.line(agent.id)
        standing = tx.standing_of(agent.id) or Standing(agent, None, None)
        branches, _ = tx.census(line, since=Windows(parent=now, root=now))
    return Identity(
        standing=standing,
        parent=line[1].name if len(line) > 1 else None,
        root=line[-1].name,
        left=left_of(branches),
    )


def left_of(line: Sequence[Branch]) -> Left:
    """What the first of a line may still start; the others are those above it."""
    own = line[0]
    if own.limits.mode is Mode.STATIC:
        return Left(0, 0, 0)
    return Left(
        children=max(own.limits.children - own.children, 0),
        descendants=max(min(branch.limits.descendants - branch.descendants for branch in line), 0),
        depth=max(own.limits.depth - own.depth, 0),
    )


def environment(world: World, caller: Caller, name: str | None = None) -> Mapping[str, str]:
    """The variables that tell which session this is: the caller's, or that of the agent of that name. Never its
    token. Raises as `caller_in_run`, and NotFound for an unknown name."""
    agent = get(world, name).agent if name is not None else caller_in_run(world, caller)
    kin = [agent.parent, agent.root] if agent.parent else []
    names = world.registry.agent_names(kin)
    told: dict[str, object] = {
        "GENIE_SESSION_ID": agent.session,
        "GENIE_RUN_ID": agent.run,
        "GENIE_AGENT_NAME": agent.name,
        "GENIE_TEAM": agent.team,
        "GENIE_PARENT": names.get(agent.parent) if agent.parent else None,
        "GENIE_ROOT": names.get(agent.root) if agent.parent else None,
        "SPAWN_DEPTH": agent.depth,
        "GENIE_PROVIDER": agent.provider,
        "GENIE_MODEL": agent.model,
        "GENIE_HOME": world.home,
    }
    return {key: str(value) for key, value in told.items() if value not in (None, "")}
