"""What faces send. Unknown fields are refused."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SkipValidation

from genie.services.order import Assignment, Caller, Order
from genie.services.teams import TeamOrder


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("a text is wanted")
    return value


Text = Annotated[SkipValidation[str], BeforeValidator(_text)]
"""A text that may hold lone surrogates: bytes of the caller's that are no UTF-8."""


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CallerBody(Body):
    cwd: Text
    env: dict[Any, Any] = Field(default_factory=dict)
    pid: int = 0


class SpawnBody(Body):
    """POST /v1/agents."""

    name: str
    caller: CallerBody
    command: tuple[Text, ...] = ()
    provider: str | None = None
    team: str | None = None
    role: str | None = None
    model: str | None = None
    skill: str | None = None
    prompt: Text | None = None
    new_window: bool = False
    window: str | None = None
    layout: str | None = None
    color: str | None = None
    plan_mode: bool = False
    permission_mode: str | None = None
    extra_args: tuple[Text, ...] = ()
    sdk: dict[str, Any] = Field(default_factory=dict)
    cwd: Text | None = None
    session: str | None = None
    auto_resume: bool | None = None
    on_resume: Text | None = None
    env: dict[Any, Any] = Field(default_factory=dict)
    tags: tuple[str, ...] = ()
    description: str | None = None
    parent: str | None = None
    parent_pid: int | None = None
    restart: str | None = None
    ttl: str | float | None = None
    limits: dict[str, Any] = Field(default_factory=dict)
    worktree: str | None = None
    dry_run: bool = False

    def order(self, *, pid: int) -> Order:
        """As the use case wants it; `pid` is the caller's by the kernel's word."""
        return self.as_order(pid=pid)

    def as_order(self, *, pid: int, leave_out: Collection[str] = (), assignment: Assignment | None = None) -> Order:
        """The order without some of the fields."""
        known = set(type(self).model_fields) - {"caller", "dry_run", *leave_out}
        given = {name: getattr(self, name) for name in known} | {"env": _texts(self.env)}
        caller = Caller(cwd=self.caller.cwd, env=_texts(self.caller.env), pid=pid or self.caller.pid)
        return Order(caller=caller, assignment=assignment, **given)


def _texts(env: dict[Any, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in env.items()}


class SelectBody(Body):
    """POST /v1/agents/stop, resume and kill."""

    names: tuple[str, ...] = ()
    team: str | None = None
    tags: tuple[str, ...] = ()
    all: bool = False


class TeamBody(Body):
    """POST /v1/teams."""

    name: str
    cwd: str
    session: str | None = None
    layout: str | None = None
    lead: str | None = None
    limits: dict[str, Any] = Field(default_factory=dict)
    native: bool | None = None
    repo: str | None = None
    worktrees: bool = False
    env: dict[Text, Text] = Field(default_factory=dict)

    def order(self) -> TeamOrder:
        return TeamOrder(**self.model_dump())


class PathBody(Body):
    """POST /v1/database/backup and restore."""

    path: str


class HookBody(Body):
    """POST /v1/hooks: an event of tmux (`pane-died`), or of an agent's own hooks (`claude.Stop`), which shows the
    token of its run; `payload` is the JSON that the hook was given. Fields vary with the sender."""

    model_config = ConfigDict(extra="allow", frozen=True)

    event: str
    run: str | None = None
    token: str | None = None
    payload: str = ""
    at: float | None = None
