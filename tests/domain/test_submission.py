"""What can be a result that a session gives itself."""

from __future__ import annotations

import json

import pytest

from genie.domain.errors import BadInput
from genie.domain.submission import DEEPEST, LONGEST, check_result, read_json


def test_a_result_may_be_long_but_not_longer() -> None:
    check_result("ß" * (LONGEST // 2))
    with pytest.raises(BadInput, match="longer than 1MiB"):
        check_result("ß" * (LONGEST // 2) + "x")


@pytest.mark.parametrize(("text", "why"), [("a\0b", "a NUL character"), ("\udcff", "not valid UTF-8")])
def test_what_the_registry_cannot_keep_is_no_result(text: str, why: str) -> None:
    with pytest.raises(BadInput, match=f"the result .*{why}"):
        check_result(text)
    for value in (text, [text], {text: 1}, {"a": [{"b": text}]}):
        with pytest.raises(BadInput, match=f"the result .*{why}"):
            read_json(json.dumps(value))


@pytest.mark.parametrize("value", [None, 1.5, "ü", [], {"a": [1, {"b": "\n"}]}])
def test_json_is_read(value: object) -> None:
    assert read_json(f" {json.dumps(value)}\n") == value


@pytest.mark.parametrize(
    "text", ["", "green", '```json\n{"a": 1}\n```', '{"a": NaN}', "-Infinity", '{"a": 1} and more']
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="the result is not JSON: ") as refused:
        read_json(text)
    assert "give JSON alone" in refused.value.hint


def test_a_result_has_a_bottom() -> None:
    assert read_json("[" * DEEPEST + "]" * DEEPEST)
    for depth in (DEEPEST + 1, 100_000):
        with pytest.raises(BadInput, match="nested"):
            read_json("[" * depth + "]" * depth)
