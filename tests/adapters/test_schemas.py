"""A result against a schema: where it is wrong, in words; a schema that is wrong itself; and nothing fetched."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from genie.adapters.schemas import LONGEST, StoredSchemas
from genie.adapters.schemas.judging import check, check_schema
from genie.domain.errors import BadInput, Failed
from genie.paths import Home

REPORT = {
    "type": "object",
    "required": ["verdict", "files"],
    "additionalProperties": False,
    "properties": {
        "verdict": {"enum": ["pass", "fail"]},
        "files": {"type": "array", "items": {"$ref": "#/$defs/file"}},
    },
    "$defs": {"file": {"type": "object", "properties": {"first line": {"type": "integer"}}}},
}


def test_a_value_that_fits_has_nothing_wrong() -> None:
    assert check(REPORT, {"verdict": "pass", "files": [{"first line": 1}]}) == []
    assert check(True, object()) == []


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("text", ["result: 'text' is not of type 'object'"]),
        ({"verdict": "pass"}, ["result: 'files' is a required property"]),
        (
            {"verdict": "maybe", "files": [{}, {"first line": "3"}]},
            [
                "result.files[1]['first line']: '3' is not of type 'integer'",
                "result.verdict: 'maybe' is not one of ['pass', 'fail']",
            ],
        ),
        (
            {"verdict": "pass", "files": [], "x": 1},
            ["result: Additional properties are not allowed ('x' was unexpected)"],
        ),
    ],
)
def test_each_problem_is_a_sentence_with_its_path(value: object, said: list[str]) -> None:
    assert check(REPORT, value) == said


def test_of_alternatives_the_nearest_is_told() -> None:
    schema = {"anyOf": [{"type": "object", "properties": {"n": {"type": "integer"}}}, {"type": "null"}]}
    (said,) = check({"properties": {"a": schema}}, {"a": {"n": "x"}})
    assert said.startswith("result.a: {'n': 'x'} is not valid under any of the given schemas; nearest: ")
    assert said.endswith("; nearest: result.a.n: 'x' is not of type 'integer'")


def test_a_long_value_is_shortened_and_many_problems_are_counted() -> None:
    (said,) = check({"type": "object"}, "x" * 10_000)
    assert len(said) < 400
    assert said.endswith("is not of type 'object'")
    many = check({"items": {"type": "string"}}, list(range(50)))
    assert (len(many), many[-1]) == (21, "and 30 more problems")


def test_problems_are_in_the_order_of_the_value() -> None:
    said = check({"items": {"type": "string"}}, list(range(12)))
    assert [line.partition(":")[0] for line in said] == [f"result[{number}]" for number in range(12)]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "objekt"}, "invalid at schema.type: 'objekt' is not valid"),
        ({"properties": {"a": {"minLength": "3"}}}, "invalid at schema.properties.a.minLength: '3' is not of type"),
        ({"properties": {"a": {"pattern": "("}}}, r"invalid at schema.properties.a.pattern: '\(' is not a 'regex'"),
        ({"$schema": "http://example.org/mine"}, "'http://example.org/mine' is no known draft"),
        ({"$schema": 3}, "3 is no known draft"),
        ([], "a JSON schema is an object, not an array"),
        ("{}", "a JSON schema is an object, not a string"),
        (None, "a JSON schema is an object, not null"),
    ],
)
def test_a_schema_that_is_invalid_says_where(schema: object, said: str) -> None:
    for use in (check_schema, lambda schema: check(schema, {})):
        with pytest.raises(BadInput, match=said):
            use(schema)


def test_an_older_draft_is_read_as_such() -> None:
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}
    assert check(schema, [1]) == ["result[0]: 1 is not of type 'string'"]


@pytest.mark.parametrize("ref", ["#/$defs/none", "http://127.0.0.1:9/x.json", "file:///etc/passwd"])
def test_a_reference_to_what_is_not_there_is_refused_and_nothing_is_fetched(
    ref: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "socket", None)
    with pytest.raises(BadInput, match=r"refers to '.*', which it does not hold"):
        check({"$ref": ref}, {})


def test_a_schema_that_never_ends_is_refused() -> None:
    with pytest.raises(BadInput, match="without end"):
        check({"$ref": "#"}, {})


def test_a_format_is_checked() -> None:
    assert check({"format": "date"}, "tomorrow") == ["result: 'tomorrow' is not a 'date'"]


# ---- kept ------------------------------------------------------------------------------------

OBJECT = {"type": "object", "required": ["größe"]}


@pytest.fixture
def schemas(tmp_path: Path) -> StoredSchemas:
    return StoredSchemas(Home(tmp_path / "home"))


def test_a_file_is_copied_for_its_owner_only_and_the_copy_stays(schemas: StoredSchemas, tmp_path: Path) -> None:
    file = tmp_path / "answer.json"
    file.write_text(json.dumps(OBJECT), encoding="utf-8-sig")
    kept = schemas.keep("answer.json", base=str(tmp_path))
    file.unlink()
    assert Path(kept).stat().st_mode & 0o777 == 0o600
    assert json.loads(Path(kept).read_text()) == OBJECT
    assert schemas.violations(kept, {"größe": 1}) == []
    assert schemas.violations(kept, {}) == ["result: 'größe' is a required property"]


def test_a_schema_can_be_written_as_it_is_and_is_kept_once(schemas: StoredSchemas, tmp_path: Path) -> None:
    (tmp_path / "s").write_text(json.dumps(OBJECT, indent=4))
    paths = {schemas.keep(said, base=str(tmp_path)) for said in (f"  {json.dumps(OBJECT)}", str(tmp_path / "s"))}
    assert len(paths) == 1
    assert len(list((tmp_path / "home" / "schemas").iterdir())) == 1


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ('{"type": "objekt"}', "the JSON schema is invalid at schema.type: 'objekt' is not"),
        ("{broken", "the JSON schema is not JSON: "),
        ("missing.json", "JSON schema 'missing.json' is not there"),
        ("", "'' is no path of a JSON schema"),
        ("a\0b", "is no path of a JSON schema"),
        (".", "JSON schema '.' cannot be read: Is a directory"),
        ("true.json", "fits everything or nothing"),
        ("list.json", "a JSON schema is an object, not an array"),
        ("latin.json", "JSON schema 'latin.json' is not UTF-8"),
        ("deep.json", "JSON schema 'deep.json' is nested too deeply"),
        ("long.json", "JSON schema 'long.json' has 1,048,577 bytes: more than the 1,048,576"),
        ("fifo", "JSON schema 'fifo' is not JSON"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_kept(
    schemas: StoredSchemas, tmp_path: Path, said: str, message: str
) -> None:
    (tmp_path / "true.json").write_text("true")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "latin.json").write_bytes('{"title": "größe"}'.encode("latin-1"))
    (tmp_path / "deep.json").write_text("[" * 100_000)
    (tmp_path / "long.json").write_text(" " * (LONGEST + 1))
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(BadInput) as refusal:
        schemas.keep(said, base=str(tmp_path))
    assert message in refusal.value.message
    assert not (tmp_path / "home").exists()


def test_a_home_that_cannot_be_written_is_told(schemas: StoredSchemas, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(Failed, match="cannot write"):
        schemas.keep("{}", base="/")


def test_a_copy_that_is_gone_or_torn_is_told(schemas: StoredSchemas, tmp_path: Path) -> None:
    (tmp_path / "torn.json").write_text('{"type"')
    for path in (tmp_path / "gone.json", tmp_path / "torn.json"):
        with pytest.raises(Failed, match="cannot be read"):
            schemas.violations(str(path), 1)


def test_the_library_is_imported_only_to_judge() -> None:
    script = "import sys, genie.bootstrap; print('jsonschema' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
