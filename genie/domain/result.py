"""What a session has come to, and what it got from other sessions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from uuid import UUID

from genie.domain.conversation import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a session. `success` is None before its end: then only what it has submitted itself is here.

    `text` is what it submitted (`submitted`), else its provider's final message; `structured` is that as JSON where
    the provider gives it so. `error` says why it has failed.
    """

    session: UUID
    agent: UUID
    success: bool | None
    text: str | None = None
    structured: object = None
    submitted: bool = False
    error: str | None = None
    turns: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    exit_code: int | None = None
    signal: int | None = None
    at: datetime


class Bond(Enum):
    """Why a session has to do with an earlier one: it waits for its end, is fed with its result, or is another try."""

    DEPENDS = "depends-on"
    CONTEXT = "context"
    PIPE = "pipe"
    RETRY = "retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """`session` got something from `source`; `place` is the source's place among those of that bond, from 0."""

    session: UUID
    source: UUID
    bond: Bond
    place: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a queued session waits for: a session and how that has ended, None while it has not."""

    source: UUID
    name: str
    success: bool | None
