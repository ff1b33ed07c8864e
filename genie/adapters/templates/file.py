"""One AGENTS.md: read, checked, and everything that is wrong with it named."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml.nodes import Node

from genie.adapters.templates.fields import EXPECTED, MODELS, Frontmatter
from genie.adapters.templates.frontmatter import Unreadable, compose, line_of, plain
from genie.domain.amounts import Wrong
from genie.domain.errors import BadInput, BadTemplate
from genie.domain.template import Scope, Template
from genie.domain.tree import read_wish
from genie.domain.words import check_name, nearest

FIRST = 2
"""The line of the file in which the frontmatter begins."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be read, and how to complain about it."""

    path: Path
    scope: Scope

    @property
    def name(self) -> str:
        return self.path.parent.name

    def problem(
        self, message: str, *, line: int | None = None, field: str = "", hint: str = "", value: object = None
    ) -> BadTemplate:
        text, details = placed(self.path, message, line=line, field=field, value=value)
        return BadTemplate(text, hint=hint, **details)


def placed(path: Path, message: str, *, line: int | None, field: str, value: object) -> tuple[str, dict[str, Any]]:
    """A complaint with its place in front, and the same for JSON: file, line, field and the value that was found."""
    place = f"{path}:{line}" if line else str(path)
    said = f"field '{field}': {message}" if field else message
    shown = value if isinstance(value, (str, int, bool, type(None))) else repr(value)
    return f"{place}: {said}", {"file": str(path), "line": line, "field": field or None, "value": shown}


UNKNOWN = "unknown field"
Reading = Template | tuple[BadTemplate, ...]


def read(source: Source) -> Reading:
    """The template, or everything that is wrong with it."""
    try:
        check_name("template", source.name)
        data = source.path.read_bytes()
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except BadInput as error:
        return (source.problem(error.message, hint=error.hint),)
    except OSError as error:
        return (source.problem(f"cannot be read: {error.strerror}"),)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return (source.problem("is not UTF-8", line=line, hint="save it as UTF-8"),)
    if "\0" in text:
        return (source.problem("holds a NUL byte", line=text.count("\n", 0, text.index("\0")) + 1),)
    block, body = _split(text)
    if block is None:
        return (source.problem("the frontmatter has no end", line=1, hint="close it with a line ---"),)
    return _checked(source, block, body.strip(), hashlib.sha256(data).hexdigest())


def _split(text: str) -> tuple[str | None, str]:
    """Frontmatter and body. The first is empty where there is none, None where it is not closed."""
    first, *rest = text.split("\n")
    if first.rstrip() != "---":
        return "", text
    for number, line in enumerate(rest):
        if line.rstrip() == "---":
            return "\n".join(rest[:number]) + "\n", "\n".join(rest[number + 1 :])
    return None, ""


def _checked(source: Source, block: str, body: str, checksum: str) -> Reading:
    try:
        node = compose(block)
        fields = plain(node) if node else {}
    except Unreadable as error:
        return (source.problem(str(error), line=error.line + FIRST),)
    try:
        said = Frontmatter.model_validate(fields)
    except ValidationError as error:
        found = [misfit(details, MODELS) for details in error.errors(include_url=False)]
        return tuple(_complaint(source, node, one) for one in in_order(found, node))
    if said.name not in (None, source.name):
        hint = f"write {source.name}, or leave it out"
        message = f"is '{said.name}', but its folder is '{source.name}'"
        return (
            source.problem(
                message, line=line_of(node, ("name",), first=FIRST), field="name", hint=hint, value=said.name
            ),
        )
    return _template(source, said, fields.get("spawn") or {}, body, checksum)


def _template(source: Source, said: Frontmatter, spawn: dict[str, object], body: str, checksum: str) -> Template:
    values: dict[str, Any] = {field: getattr(said, field) for field in Frontmatter.model_fields}
    values |= {field: tuple(value) for field, value in values.items() if isinstance(value, list)}
    values |= {"name": source.name, "env": tuple(said.env.items()), "spawn": read_wish(spawn)}
    return Template(**values, source=str(source.path), scope=source.scope, checksum=checksum, prompt=body)


@dataclass(frozen=True, slots=True)
class Misfit:
    """A field that is not what it may be: where in the block it is, and what is wrong with its value."""

    loc: tuple[int | str, ...]
    message: str
    hint: str
    value: object

    @property
    def field(self) -> str:
        """As it is written: `spawn.limits.depth`, `tools[2]`."""
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.loc).lstrip(".")


def in_order(found: Iterable[Misfit], node: Node | None) -> list[Misfit]:
    """As they stand in the file; what is not there comes last, as it may stand there by another name."""
    missing = EXPECTED["missing"][0]
    return sorted(found, key=lambda one: (one.message == missing, line_of(node, one.loc, first=FIRST)))


def misfit(details: Any, models: Mapping[tuple[str, ...], type[BaseModel]]) -> Misfit:  # noqa: ANN401 (a dict of Pydantic's)
    """What Pydantic says, in our words. `models` are the blocks by the names that lead to them."""
    loc = tuple(part for part in details["loc"] if isinstance(part, (int, str)))
    wrong, value = details.get("ctx", {}).get("error"), details.get("input")
    if details["type"] == "extra_forbidden":
        block = tuple(part for part in loc[:-1] if isinstance(part, str))
        return Misfit(loc, UNKNOWN, nearest(str(loc[-1]), models[block].model_fields), value)
    if isinstance(wrong, Wrong):
        return Misfit(loc, str(wrong), wrong.hint, value)
    said, hint = EXPECTED.get(details["type"], (details["msg"].replace("Input should", "must"), ""))
    shown = f", not {value!r}" if said.startswith("expected") and isinstance(value, (str, int)) else ""
    return Misfit(loc, said + shown, hint, None if details["type"] == "missing" else value)


def _complaint(source: Source, node: Node | None, found: Misfit) -> BadTemplate:
    line = line_of(node, found.loc, first=FIRST)
    return source.problem(found.message, line=line, field=found.field, hint=found.hint, value=found.value)


def pieces(path: Path) -> tuple[str, str]:
    """Frontmatter and body of a file that reads, as text."""
    block, body = _split(path.read_text("utf-8-sig").replace("\r\n", "\n"))
    return block or "", body


def blame(source: Source, field: str, message: str, *, hint: str, value: object) -> BadTemplate:
    """A complaint about a field of a file that reads: with its line, if the file still has one."""
    try:
        line = line_of(compose(pieces(source.path)[0]), (field,), first=FIRST)
    except (OSError, UnicodeDecodeError, Unreadable):
        line = None
    return source.problem(message, line=line, field=field, hint=hint, value=value)
