"""What a spawn asks for, as it comes from a face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


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
class Order:
    """A spawn as it was typed. None and empty mean "not said"."""

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
    cwd: str | None = None
    session: str | None = None
    auto_resume: bool | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    description: str | None = None
    parent: str | None = None
    parent_pid: int | None = None
    restart: str | None = None
    ttl: object = None
    limits: Mapping[str, object] = field(default_factory=dict)

    @property
    def shapes(self) -> tuple[str, ...]:
        """The flags that shape a fresh session and mean nothing for one that is resumed."""
        said = {
            "--model": self.model,
            "--skill": self.skill,
            "--plan-mode": self.plan_mode,
            "--permission-mode": self.permission_mode,
            "--extra-args": self.extra_args,
            "--cwd": self.cwd,
            "--env": self.env,
            "--provider": self.provider,
            "--limit": self.limits,
            "-- COMMAND": self.command,
        }
        return tuple(flag for flag, value in said.items() if value)
