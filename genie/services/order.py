"""What a spawn asks for, as it comes from a face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any
from uuid import UUID

from genie.domain.result import Bond
from genie.domain.schedule import FireKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: working directory, whole environment, pid (by the kernel's word, 0 for nobody)."""

    cwd: str
    env: Mapping[str, str]
    pid: int = 0

    @property
    def tmux_socket(self) -> str | None:
        """The socket of the tmux server around the caller, from $TMUX."""
        return self.env.get("TMUX", "").split(",")[0] or None

    @property
    def tmux_pane(self) -> str | None:
        return self.env.get("TMUX_PANE") if self.tmux_socket else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a session that is run to its end, or streams, is asked for besides. Selectors (`depends_on`, `context`,
    `pipe`) are words as they were typed; `worktree` and `sandbox` are "" where no name was given; `schema` is the path
    of a JSON schema; `retried_from` the id of the session of which it is another try."""

    streaming: bool = False
    system_prompt: str | None = None
    add_dirs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    mcp_config: str | None = None
    size: str | None = None
    max_turns: int | None = None
    auto_approve: bool = False
    timeout: object = None
    depends_on: tuple[str, ...] = ()
    inject: bool = False
    context: tuple[str, ...] = ()
    pipe: tuple[str, ...] = ()
    worktree: str | None = None
    sandbox: str | None = None
    network: str | None = None
    schema: str | None = None
    keep: bool = False
    retried_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A spawn as it was typed. None and empty mean "not said". With an `assignment` it is a session that is run to its
    end, or streams; without one it is interactive. `bonds` are the sessions that it has to do with, in their order.
    `worktree` is that of an interactive one, "" where no name was given; `fire` is that of the schedule which starts
    it, and is settled with it. `sdk` are the wishes that one provider knows: max_turns, max_budget, effort, resume."""

    name: str
    caller: Caller
    command: tuple[str, ...] = ()
    provider: str | None = None
    team: str | None = None
    role: str | None = None
    model: str | None = None
    skill: str | None = None
    prompt: str | None = None
    new_window: bool = False
    window: str | None = None
    layout: str | None = None
    color: str | None = None
    plan_mode: bool = False
    permission_mode: str | None = None
    extra_args: tuple[str, ...] = ()
    sdk: Mapping[str, object] = field(default_factory=dict)
    cwd: str | None = None
    session: str | None = None
    auto_resume: bool | None = None
    on_resume: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    description: str | None = None
    parent: str | None = None
    parent_pid: int | None = None
    restart: str | None = None
    ttl: object = None
    limits: Mapping[str, object] = field(default_factory=dict)
    worktree: str | None = None
    assignment: Assignment | None = None
    bonds: tuple[tuple[Bond, UUID], ...] = ()
    fire: FireKey | None = None

    @property
    def shapes(self) -> tuple[str, ...]:
        """The flags that shape a fresh session and mean nothing for one that is resumed."""
        said = {
            "--model": self.model,
            "--skill": self.skill,
            "--plan-mode": self.plan_mode,
            "--permission-mode": self.permission_mode,
            "--extra-args": self.extra_args,
            "--sdk-*": self.sdk,
            "--cwd": self.cwd,
            "--env": self.env,
            "--provider": self.provider,
            "--limit": self.limits,
            "--worktree": self.worktree is not None,
            "--on-resume": self.on_resume,
            "-- COMMAND": self.command,
        }
        return tuple(flag for flag, value in said.items() if value)


NOT_KEPT = ("caller", "env", "bonds", "parent_pid", "fire")
"""What is not kept of an order: values of the environment are in a file of the user's own, and the rest is of then."""


def kept(order: Order) -> dict[str, object]:
    """The order as plain JSON, without secrets, so that it can be given again: `again` reads it."""
    plain = {name: value for name, value in asdict(order).items() if name not in NOT_KEPT}
    return plain | {"cwd_of": order.caller.cwd, "env_named": sorted(order.env)}


def again(stored: Mapping[str, Any], caller: Caller) -> Order:
    """That order once more, by this caller, who has the environment of then. Fields that another version kept are left
    out."""
    given = _known(stored, Order)
    given["env"] = {name: caller.env[name] for name in stored.get("env_named") or () if name in caller.env}
    if given.get("assignment") is not None:
        given["assignment"] = Assignment(**_known(given["assignment"], Assignment))
    return Order(caller=caller, **given)


def _known(stored: Mapping[str, Any], kind: type[Order | Assignment]) -> dict[str, Any]:
    names = {one.name for one in fields(kind)} - set(NOT_KEPT)
    return {name: tuple(v) if isinstance(v, list) else v for name, v in stored.items() if name in names}
