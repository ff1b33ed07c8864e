"""YAML as plain values, with the line of each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

_KINDS = frozenset({"null", "bool", "int", "float", "str", "timestamp", "merge", "seq", "map"})
"""What YAML itself makes of a value; anything else was asked for by a tag."""


class Unreadable(Exception):
    """YAML that is refused before any field is looked at; `line` counts from 0 in the frontmatter."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def compose(block: str) -> MappingNode | None:
    """A block of YAML as nodes, which know their lines; None when it is empty."""
    try:
        node = YAML(typ="safe", pure=True).compose(block)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unreadable(mark.line if mark else 0, f"not valid YAML: {error.problem}") from error
    except YAMLError as error:
        line = block.count("\n", 0, getattr(error, "position", 0))
        raise Unreadable(line, f"not valid YAML: {getattr(error, 'reason', error)}") from error
    except RecursionError as error:
        raise Unreadable(0, "nested too deeply") from error
    if node is None or isinstance(node, MappingNode):
        return node
    raise Unreadable(node.start_mark.line, "there must be lines of YAML such as 'name: value'")


def plain(node: Node) -> Any:  # noqa: ANN401 (whatever the YAML holds)
    """Plain values: text, whole numbers, true and false, lists, mappings. Nothing that a tag or an
    anchor could make of it; a number with a fraction and a date stay the text they were written as."""
    kind = str(node.tag).removeprefix("tag:yaml.org,2002:")
    if node.anchor or kind not in _KINDS:
        raise Unreadable(node.start_mark.line, "anchors and tags are not taken")
    if isinstance(node, MappingNode):
        return _mapping(node)
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.value]
    if kind == "null":
        return None
    if kind == "bool":
        return node.value.lower() == "true"
    return int(node.value) if kind == "int" and re.fullmatch("[-+]?[0-9]{1,18}", node.value) else node.value


def _mapping(node: MappingNode) -> dict[str, Any]:
    """Its pairs; what has no value is not said. Values of `env` are the text as written."""
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            raise Unreadable(key.start_mark.line, "a field's name must be a word")
        if key.value in found:
            raise Unreadable(key.start_mark.line, f"field '{key.value}' is there twice")
        found[key.value] = _as_written(value) if key.value == "env" else plain(value)
    return {name: value for name, value in found.items() if value is not None}


def _as_written(node: Node) -> Any:  # noqa: ANN401 (whatever the YAML holds)
    if not isinstance(node, MappingNode):
        return plain(node)
    checked = _mapping(node)
    return {
        key.value: value.value if isinstance(value, ScalarNode) else checked[key.value] for key, value in node.value
    }


def line_of(node: Node | None, loc: Iterable[int | str], *, first: int) -> int:
    """The file's line of a field, or of the nearest thing around it that has one; `first` is that of the block."""
    line = node.start_mark.line if node else 0
    for part in loc:
        if isinstance(node, MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == part), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line, pair[1]
        elif isinstance(node, SequenceNode) and isinstance(part, int):
            node = node.value[part]
            line = node.start_mark.line
    return int(line) + first
