"""The fields of an AGENTS.md and what each may be."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import Enum
from functools import partial
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from genie.domain.agent import Restart
from genie.domain.amounts import Wrong, parse_duration, parse_size
from genie.domain.errors import BadInput
from genie.domain.team import Layout
from genie.domain.template import PromptMode
from genie.domain.words import Color, PermissionMode, check_name, nearest, one_of

_RATE = re.compile(r"[1-9][0-9]*/[smh]")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _size(value: object) -> object:
    """A size as it was written, once it reads."""
    parse_size(value)
    return value


def _positive(value: timedelta) -> timedelta:
    if not value:
        raise Wrong("must be more than nothing")
    return value


def _written_as(kind: str, rule: re.Pattern[str], example: str, value: object) -> object:
    if not isinstance(value, bool) and isinstance(value, (int, str)) and rule.fullmatch(str(value)):
        return value
    raise Wrong(f"{value!r} is not a {kind}", f"write {example}")


E = TypeVar("E", bound=Enum)


def word_of(kind: str, words: type[E], value: object) -> E:
    if words is PermissionMode and value == "default":
        value = PermissionMode.MANUAL.value  # what older versions of Claude Code call it
    if not isinstance(value, str):
        raise Wrong(f"unknown {kind} {value!r}", nearest("", [str(member.value) for member in words]))
    try:
        return one_of(kind, value, words)
    except BadInput as error:
        raise Wrong(error.message, error.hint) from error


def _choice(kind: str, words: tuple[str, ...], value: object) -> object:
    if value in words:
        return value
    raise Wrong(f"unknown {kind} {value!r}", nearest(str(value), words))


def legal(kind: str, value: str) -> str:
    """A name, once it is one that such a thing may have."""
    try:
        return check_name(kind, value)
    except BadInput as error:
        raise Wrong(error.message, error.hint) from error


def _variables(values: dict[str, str]) -> dict[str, str]:
    for name in values:
        if not _VARIABLE.fullmatch(name):
            raise Wrong(f"illegal name of a variable {name!r}", "letters, digits and _, no digit first")
    return values


def _teams(value: object) -> object:
    """true, false, or names of teams."""
    if isinstance(value, bool):
        return value
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return [legal("team", name) for name in value]
    raise Wrong("expected true, false or a list of teams", "write [one, two]")


Text = Annotated[str, Field(min_length=1)]
Texts = list[Text]
Count = Annotated[int, Field(ge=0)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Size = Annotated[int | str, BeforeValidator(_size)]
Rate = Annotated[str, BeforeValidator(partial(_written_as, "rate", _RATE, "10/s, 100/m or 1000/h"))]


Variables = Annotated[dict[str, str], AfterValidator(_variables)]
Permission = Annotated[PermissionMode, BeforeValidator(partial(word_of, "permission mode", PermissionMode))]
Arrangement = Annotated[Layout, BeforeValidator(partial(word_of, "layout", Layout))]
TreeMode = Annotated[str, BeforeValidator(partial(_choice, "mode", ("dynamic", "static")))]
Ending = Annotated[str, BeforeValidator(partial(_choice, "termination", ("cascade", "orphan", "reparent")))]
Breach = Annotated[str, BeforeValidator(partial(_choice, "on_breach", ("refuse", "kill-newest", "kill-tree")))]


class Block(BaseModel):
    """Fields that are all named here, each of its own type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Limits(Block):
    """What a tree of agents may grow to."""

    children: Count | None = None
    depth: Count | None = None
    descendants: Count | None = None
    total: Count | None = None
    memory: Size | None = None
    rate: Rate | None = None


class Spawn(Block):
    """Whether an agent may start others, how many, and what becomes of them when it ends."""

    mode: TreeMode | None = None
    limits: Limits | None = None
    termination: Ending | None = None
    on_breach: Breach | None = None


class Frontmatter(Block):
    """Every field of an AGENTS.md; one that is left out is not said."""

    name: Text | None = None
    description: str = ""
    provider: Text = "claude"
    model: Text | None = None
    effort: Text | None = None
    permission_mode: Permission | None = None
    prompt_mode: Annotated[PromptMode, BeforeValidator(partial(word_of, "prompt mode", PromptMode))] = PromptMode.APPEND
    team: Annotated[str, AfterValidator(partial(legal, "team"))] | None = None
    color: Annotated[Color, BeforeValidator(partial(word_of, "color", Color))] | None = None
    layout: Arrangement | None = None
    skills: Texts = Field(default_factory=list)
    tools: Texts = Field(default_factory=list)
    disallowed_tools: Texts = Field(default_factory=list)
    mcp: Texts = Field(default_factory=list)
    add_dirs: Texts = Field(default_factory=list)
    env: Variables = Field(default_factory=dict)
    extra_args: Texts = Field(default_factory=list)
    auto_resume: bool | None = None
    restart: Annotated[Restart, BeforeValidator(partial(word_of, "restart policy", Restart))] | None = None
    max_resume_attempts: Count | None = None
    cooldown: Duration | None = None
    stable_after: Duration | None = None
    ttl: Annotated[Duration, AfterValidator(_positive)] | None = None
    spawn: Spawn | None = None
    on_resume: Text | None = None
    cwd: Text | None = None
    worktree: bool = False
    stdin: bool = False
    cross_team: Annotated[bool | list[Text], BeforeValidator(_teams)] = False


MODELS: dict[tuple[str, ...], type[BaseModel]] = {
    (): Frontmatter,
    ("spawn",): Spawn,
    ("spawn", "limits"): Limits,
}
EXPECTED = {
    "missing": ("is missing", ""),
    "string_type": ("expected text", "put it in quotes"),
    "string_too_short": ("is empty", "leave it out, or write something"),
    "int_type": ("expected a whole number", ""),
    "bool_type": ("expected true or false", ""),
    "list_type": ("expected a list", "write [one, two]"),
    "dict_type": ("expected a block of names and values", ""),
    "model_type": ("expected a block of fields", ""),
}
