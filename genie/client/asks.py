"""What can be asked for by keyword; kept apart since building these types takes longer than a request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypedDict


class Started(TypedDict, total=False):
    """What a spawn and a run may ask for both; what is left out is decided by the template, the settings or the team.

    `env` and `tags` are added to it; `limits` are those of its spawn tree, such as {"children": "5"}; `ttl` is how long
    it may live, in seconds or as "30m"; `cwd` is relative to the caller's; `worktree` names a git worktree of its own,
    and makes up a name for "". `on_resume` is what it is told when it was brought back, "none" for nothing.
    `sdk` are wishes for provider claude-sdk: max_turns, max_budget in USD, effort, resume. With `dry_run` nothing is
    started, and the answer tells what would be.
    """

    command: Sequence[str]
    provider: str | None
    team: str | None
    role: str | None
    model: str | None
    skill: str | None
    window: str | None
    color: str | None
    permission_mode: str | None
    extra_args: Sequence[str]
    cwd: str | None
    env: Mapping[str, str]
    tags: Sequence[str]
    description: str | None
    parent: str | None
    parent_pid: int | None
    ttl: str | float | None
    limits: Mapping[str, str]
    worktree: str | None
    on_resume: str | None
    sdk: Mapping[str, object]
    dry_run: bool


class Spawn(Started, total=False):
    """What a spawn may ask for. `restart` is on-failure, always or never; `session` a tmux session; `layout` mosaic or
    vertical."""

    prompt: str | None
    new_window: bool
    layout: str | None
    plan_mode: bool
    session: str | None
    auto_resume: bool | None
    restart: str | None


class Run(Started, total=False):
    """What a run may ask for.

    `timeout` is how long it may run, in seconds or as "10m"; `size` is small, medium or large. `depends_on`, `context`
    and `pipe` are names and ids of sessions: to be done before it starts, whose results it is told, both of that.
    `inject` tells it the results of those it depends on. `files` go with the prompt; `json_schema`, a path or JSON, is
    what its result must fit. `streaming` keeps it open for `input`; `keep` leaves its pane when it is done.
    """

    size: str | None
    streaming: bool
    system_prompt: str | None
    add_dirs: Sequence[str]
    files: Sequence[str]
    mcp_config: str | None
    max_turns: int | None
    auto_approve: bool
    timeout: str | float | None
    depends_on: Sequence[str]
    inject: bool
    context: Sequence[str]
    pipe: Sequence[str]
    sandbox: str | None
    network: str | None
    json_schema: str | None
    keep: bool


class Events(TypedDict, total=False):
    """Which events of a session: of these types, after and before these numbers, the last so many of them; with `every`
    those of all sessions that agents of that name had."""

    types: Iterable[str]
    last: int | None
    after: int | None
    before: int | None
    every: bool


class Search(TypedDict, total=False):
    """What a search is narrowed to: roles (user, assistant, reasoning, tool, result), a tool or a kind of tools, a
    provider, ISO times, and agents by tags, team or name."""

    roles: Iterable[str]
    tool: str | None
    provider: str | None
    since: str | None
    until: str | None
    tags: Iterable[str]
    team: str | None
    name: str | None
    limit: int
