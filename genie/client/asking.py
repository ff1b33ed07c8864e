"""Requests, put together: queries, selections, and who asks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from genie.domain.errors import BadInput

Row = dict[str, Any]
"""One JSON object of a request or an answer."""

AnyRow = Mapping[str, Any]
"""One row of an answer, whatever kind of row it is."""

Pair = tuple[str, str]


def words_of(values: Iterable[str]) -> list[str]:
    """A list of words; a text alone is one word, not its letters."""
    return [values] if isinstance(values, str) else list(values)


def each(key: str, values: Iterable[str]) -> list[Pair]:
    return [(key, value) for value in words_of(values)]


def selection(words: Iterable[str], team: str | None, tags: Iterable[str], latest: bool) -> list[Pair]:
    """Sessions by names, ids or their beginnings, by team and tags, or as the newest."""
    group = [*each("team", [team] if team is not None else []), *each("latest", ["true"] if latest else [])]
    return [*each("word", words), *each("tag", tags), *group]


def chosen(words: Iterable[str], team: str | None, tags: Iterable[str], latest: bool) -> Row:
    """The same in the body of a request."""
    return {"words": words_of(words), "team": team, "tags": words_of(tags), "latest": latest}


def to_path(path: str, pairs: Sequence[Pair]) -> str:
    return f"{path}?{urlencode(pairs, errors='surrogateescape')}" if pairs else path


def segment(word: str) -> str:
    """A word as one segment of a path, whatever is in it."""
    return quote(word, safe="", errors="surrogateescape")


def events_path(*, after: int, follow: bool, types: Iterable[str], team: str | None, tags: Iterable[str]) -> str:
    """What happens in all sessions after an event."""
    pairs = [("after", str(after)), ("follow", "true" if follow else "false")]
    pairs += [*each("type", types), *each("team", [team] if team else []), *each("tag", tags)]
    return to_path("/v1/events", pairs)


def told_path(sessions: Iterable[str], *, types: Iterable[str], after: int) -> str:
    """What is told in these sessions after an event."""
    return to_path("/v1/sessions/events", [*each("word", sessions), *each("type", types), ("after", str(after))])


def caller() -> Row:
    """Who asks, for what a spawn takes from its surroundings."""
    return {"cwd": cwd(), "env": dict(os.environ), "pid": os.getpid()}


def cwd() -> str:
    """The current directory. Raises BadInput where it is gone."""
    try:
        return os.getcwd()  # noqa: PTH109 — the bytes as they are
    except FileNotFoundError as error:
        raise BadInput("the current directory does not exist any more", hint="cd into one that does") from error


def myself() -> Row:
    """Who asks, by no more than what shows it."""
    shown = {name: os.environ[name] for name in ("GENIE_AGENT_TOKEN",) if name in os.environ}
    return {"cwd": "", "env": shown, "pid": os.getpid()}
