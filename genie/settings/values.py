"""What the value of a setting may be, and how it is read."""

from __future__ import annotations

import json
import re
import shlex
from datetime import timedelta
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

from genie.domain import tree
from genie.domain.amounts import Wrong, parse_duration, parse_size, write_duration
from genie.domain.errors import BadInput
from genie.domain.notice import Medium, Occasion
from genie.domain.permission import LONGEST_WAIT
from genie.domain.rule import kinds_like
from genie.domain.startup import ACCEPTABLE
from genie.domain.team import Layout
from genie.domain.tree import Breach, Rate, Termination, parse_rate
from genie.domain.words import PermissionMode, nearest, one_of


def masked(url: str) -> str:
    """A database URL that may be shown: without its password."""
    scheme, mark, rest = url.partition("://")
    end = min((rest.find(sign) for sign in "/?#" if sign in rest), default=len(rest))
    login, at, host = rest[:end].rpartition("@")
    user, colon, _ = login.partition(":")
    query = re.sub(r"([?&](?:ssl)?password=)[^&#]*", r"\1***", rest[end:])
    return f"{scheme}{mark}{user}{':***' if colon else ''}{at}{host}{query}"


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch("-?[0-9]{1,18}", value):
        return int(value)
    raise Wrong(f"{value!r} is not a whole number")


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip() and value.isprintable():
        return value
    raise Wrong(f"{value!r} is not a text", "write it in quotes")


def _words(value: object) -> list[str]:
    """A list of texts; from the environment as JSON, or as a shell would split it."""
    try:
        if isinstance(value, str):
            value = json.loads(value) if value.lstrip().startswith("[") else shlex.split(value)
    except ValueError as error:
        raise Wrong(f"{value!r} does not read as a list: {error}") from error
    if isinstance(value, (list, tuple)) and all(isinstance(word, str) for word in value):
        return list(value)
    raise Wrong(f"{value!r} is not a list of texts", 'write ["--flag", "value"]')


def _postgresql(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"postgresql://[^\s]*", value):
        return value
    raise Wrong("not a PostgreSQL URL", "write postgresql://user:password@host:5432/database")


def _directory(value: object) -> Path:
    path = Path(value) if isinstance(value, (str, Path)) else None
    if path and path.is_absolute():
        return path
    raise Wrong(f"{value!r} is not an absolute path")


def _cgroup(value: object) -> str:
    if value in ("auto", "off") or (isinstance(value, str) and Path(value).is_absolute()):
        return str(value)
    raise Wrong(f"{value!r} is not an absolute path", "or write 'auto' or 'off'")


E = TypeVar("E", bound=Enum)


def _member(kind: str, words: type[E], value: object) -> E:
    if isinstance(value, words):
        return value
    if words is PermissionMode and value == "default":
        value = PermissionMode.MANUAL.value  # what older versions of Claude Code call it
    if not isinstance(value, str):
        raise Wrong(f"unknown {kind} {value!r}", nearest("", [str(member.value) for member in words]))
    try:
        return one_of(kind, value, words)
    except BadInput as error:
        raise Wrong(error.message, error.hint) from error


def _rate(value: object) -> Rate:
    return value if isinstance(value, Rate) else parse_rate(value)


def _at_least(least: timedelta, value: timedelta) -> timedelta:
    if value < least:
        raise Wrong(f"must be at least {write_duration(least)}")
    return value


def _at_most(most: timedelta, value: timedelta) -> timedelta:
    if value > most:
        raise Wrong(f"must be at most {write_duration(most)}")
    return value


def _flag(value: object) -> bool:
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    found = known.get(value.lower()) if isinstance(value, str) else value
    if isinstance(found, bool):
        return found
    raise Wrong(f"{value!r} is neither true nor false")


def _dialogs(value: object) -> list[str]:
    names = _words(value)
    for name in names:
        if name not in ACCEPTABLE:
            raise Wrong(f"no dialog that can be accepted: '{name}'", nearest(name, ACCEPTABLE))
    return names


def _images(value: object) -> dict[str, str]:
    """Images by name; from the environment as JSON, or as words NAME=IMAGE."""
    if isinstance(value, str):
        try:
            words = dict(word.partition("=")[::2] for word in shlex.split(value))
            value = json.loads(value) if value.lstrip().startswith("{") else words
        except ValueError as error:
            raise Wrong(f"{value!r} does not read as images: {error}") from error
    if isinstance(value, dict) and all(isinstance(image, str) and image and name for name, image in value.items()):
        return dict(value)
    raise Wrong(f"{value!r} does not name an image each", '{ claude = "registry/claude:latest" }')


def _some(kind: str, words: type[Enum], value: object) -> tuple[str, ...]:
    """Several of these words, each once."""
    return tuple(dict.fromkeys(str(_member(kind, words, word).value) for word in _words(value)))


def _events(value: object) -> tuple[str, ...]:
    """Types of events, one or several: each names at least one."""
    found = _words([value] if isinstance(value, str) else value)
    if not found:
        raise Wrong("no type of events is named", 'event = "agent.failed"')
    for word in found:
        kinds_like(word)
    return tuple(found)


def _argv(value: object) -> tuple[str, ...]:
    """A command of the user's: it is given as a list, for no shell takes it apart."""
    words = list(value) if isinstance(value, (list, tuple)) else []
    if words and words[0] and all(isinstance(word, str) and "\0" not in word for word in words):
        return tuple(words)
    raise Wrong(f"{value!r} is not a command", 'write ["program", "word"]')


class Level(Enum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


MOMENT = timedelta(milliseconds=50)
"""The shortest interval that does not make the daemon a busy loop."""

Whole = Annotated[int, BeforeValidator(_whole)]
Text = Annotated[str, BeforeValidator(_text)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Dialogs = Annotated[tuple[str, ...], BeforeValidator(_dialogs)]
Images = Annotated[dict[str, str], BeforeValidator(_images)]
Bytes = Annotated[int, BeforeValidator(parse_size)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Interval = Annotated[Duration, AfterValidator(partial(_at_least, MOMENT))]
Mode = Annotated[PermissionMode, BeforeValidator(partial(_member, "permission mode", PermissionMode))]
Arrangement = Annotated[Layout, BeforeValidator(partial(_member, "layout", Layout))]
TreeMode = Annotated[tree.Mode, BeforeValidator(partial(_member, "mode", tree.Mode))]
TreeEnd = Annotated[Termination, BeforeValidator(partial(_member, "termination", Termination))]
OnBreach = Annotated[Breach, BeforeValidator(partial(_member, "on_breach", Breach))]
SpawnRate = Annotated[Rate, BeforeValidator(_rate)]
Count = Annotated[Whole, Field(ge=0)]
AnswerWait = Annotated[Duration, AfterValidator(partial(_at_most, LONGEST_WAIT))]
Occasions = Annotated[tuple[str, ...], BeforeValidator(partial(_some, "occasion", Occasion))]
Media = Annotated[tuple[str, ...], BeforeValidator(partial(_some, "way", Medium))]
Events = Annotated[tuple[str, ...], BeforeValidator(_events)]
Argv = Annotated[tuple[str, ...], BeforeValidator(_argv)]
LogLevel = Annotated[Level, BeforeValidator(partial(_member, "level", Level))]
Directory = Annotated[Path, BeforeValidator(_directory)]
Cgroup = Annotated[str, BeforeValidator(_cgroup)]
Url = Annotated[str, BeforeValidator(_postgresql)]
