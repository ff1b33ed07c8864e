"""Results against the schema that they have to fit."""

from __future__ import annotations

import pytest

from genie.domain.session import Standing
from genie.services.judge import judge_result
from genie.services.order import Assignment
from genie.services.spawn import spawn
from tests.services.bench import Bench

SCHEMA = '{"required": ["answer"]}'


def run(bench: Bench, schema: str | None) -> Standing:
    wanted = Assignment(schema=schema)
    return spawn(bench.world, bench.order("ada", role="engineer", prompt="x", assignment=wanted)).standing


def test_without_a_schema_everything_will_do(bench: Bench) -> None:
    interactive = bench.spawn("eve").standing
    for standing in (run(bench, None), interactive, Standing(interactive.agent, None, None)):
        assert judge_result(bench.world, standing, "not JSON") == (None, ())
        assert judge_result(bench.world, standing, None, structured={"a": 1}) == ({"a": 1}, ())


def test_what_fits_is_given_as_json(bench: Bench) -> None:
    standing = run(bench, SCHEMA)
    assert judge_result(bench.world, standing, ' {"answer": [1, "\\u00e4"]}\n') == ({"answer": [1, "ä"]}, ())
    told = judge_result(bench.world, standing, "Here it is.", structured={"answer": None})
    assert told == ({"answer": None}, ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "result: 'answer' is a required property"),
        ("[1]", "result: [1] is not of type 'object'"),
        ("Done!", "result: it is not JSON: Expecting value: line 1 column 1 (char 0)"),
        ('```json\n{"answer": 1}\n```', "result: it is not JSON: Expecting value: line 1 column 1 (char 0)"),
        ('{"answer": NaN}', "result: it is not JSON: NaN is no number of JSON"),
        ("[" * 100_000, "result: it is nested too deeply"),
        ('{"answer": "a\\u0000b"}', "result: a text in it has a NUL character, or half a one of UTF-16"),
        ('{"answer": [{"\\ud800": 1}]}', "result: a text in it has a NUL character, or half a one of UTF-16"),
        (" \n", "result: there is none"),
        (None, "result: there is none"),
    ],
)
def test_what_does_not_fit_is_told(bench: Bench, text: str | None, said: str) -> None:
    assert judge_result(bench.world, run(bench, SCHEMA), text) == (None, (said,))


def test_what_only_looks_like_a_nul_character_fits(bench: Bench) -> None:
    text = '{"answer": "\\\\u0000"}'
    assert judge_result(bench.world, run(bench, SCHEMA), text) == ({"answer": "\\u0000"}, ())


def test_a_schema_that_is_gone_is_told(bench: Bench) -> None:
    standing = run(bench, SCHEMA)
    bench.supplies.schemas.kept.clear()
    _, (said,) = judge_result(bench.world, standing, "{}")
    assert said.startswith("the JSON schema")
