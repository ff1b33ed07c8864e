"""One AGENTS.md: read, checked, and everything that is wrong with it named."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml.nodes import Node

from genie.adapters.templates.fields import EXPECTED, MODELS, Frontmatter
from genie.adapters.templates.frontmatter import Unreadable, compose, line_of, plain
from genie.domain.amounts import Wrong
from genie.domain.errors import BadInput, BadTemplate
from genie.domain.template import Scope, Template
from genie.domain.tree import read_wish
from genie.domain.words import check_name, nearest


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be read, and how to complain about it."""

    path: Path
    scope: Scope

    @property
    def name(self) -> str:
        return self.path.parent.name

    def problem(self, message: str, *, line: int | None = None, field: str = "", hint: str = "") -> BadTemplate:
        place = f"{self.path}:{line}" if line else str(self.path)
        said = f"field '{field}': {message}" if field else message
        return BadTemplate(f"{place}: {said}", hint=hint, file=str(self.path), line=line, field=field or None)


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
        return (source.problem(str(error), line=error.line + 2),)
    try:
        said = Frontmatter.model_validate(fields)
    except ValidationError as error:
        return tuple(_complaint(source, node, details) for details in error.errors(include_url=False))
    if said.name not in (None, source.name):
        hint = f"write {source.name}, or leave it out"
        message = f"is '{said.name}', but its folder is '{source.name}'"
        return (source.problem(message, line=line_of(node, ("name",)), field="name", hint=hint),)
    return _template(source, said, fields.get("spawn") or {}, body, checksum)


def _template(source: Source, said: Frontmatter, spawn: dict[str, object], body: str, checksum: str) -> Template:
    values: dict[str, Any] = {field: getattr(said, field) for field in Frontmatter.model_fields}
    values |= {field: tuple(value) for field, value in values.items() if isinstance(value, list)}
    values |= {"name": source.name, "env": tuple(said.env.items()), "spawn": read_wish(spawn)}
    return Template(**values, source=str(source.path), scope=source.scope, checksum=checksum, prompt=body)


def _complaint(source: Source, node: Node | None, details: Any) -> BadTemplate:  # noqa: ANN401 (a dict of Pydantic's)
    loc = tuple(part for part in details["loc"] if isinstance(part, (int, str)))
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".")
    wrong = details.get("ctx", {}).get("error")
    if details["type"] == "extra_forbidden":
        message, hint = "unknown field", nearest(str(loc[-1]), MODELS[loc[:-1]].model_fields)
    elif isinstance(wrong, Wrong):
        message, hint = str(wrong), wrong.hint
    else:
        message, hint = EXPECTED.get(details["type"], (details["msg"].replace("Input should", "must"), ""))
    return source.problem(message, line=line_of(node, loc), field=field, hint=hint)
