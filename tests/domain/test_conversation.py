"""What a conversation says, and what it comes to."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genie.domain.conversation import (
    STDOUT_KEPT,
    ConversationKind,
    Outcome,
    Said,
    Tokens,
    ToolKind,
    amount,
    fold,
    moment,
    roped,
    whole,
    words,
)

cases = settings(deadline=None, database=None, derandomize=True, max_examples=200)
K = ConversationKind
COUNT = st.integers(0, 10**9)
TOKENS = st.builds(
    Tokens,
    input=COUNT,
    output=COUNT,
    cache_read=COUNT,
    cache_write=COUNT,
    cost=st.none() | st.integers(0, 1000).map(lambda cents: cents / 4),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from(
    [
        "text",
        "is_error",
        "error",
        "turns",
        "structured",
        "exit_code",
        "success",
        "reason",
        "signal",
        "resets_at",
        "cost",
    ]
)


def folded(*said: tuple[ConversationKind, dict[str, object]]) -> Outcome:
    outcome = Outcome()
    for kind, payload in said:
        outcome = fold(outcome, Said(kind, None, payload))
    return outcome


def test_the_words_are_those_of_the_events() -> None:
    assert {kind.value for kind in ToolKind} == {
        *("shell", "file_read", "file_write", "file_edit", "search", "sub_agent", "web", "notebook", "other")
    }
    assert len({kind.value for kind in K}) == len(K) == 18


# ---- tokens ---------------------------------------------------------------------------------


@cases
@given(TOKENS, TOKENS, TOKENS)
def test_tokens_add_up(one: Tokens, two: Tokens, three: Tokens) -> None:
    assert one + two == two + one
    assert (one + two) + three == one + (two + three)
    assert one + Tokens() == one
    assert (one + two - two).counts() == one.counts()
    assert ((one + two - two).cost or 0) == (one.cost or 0)
    assert Tokens.read(json.loads(json.dumps(one.payload()))) == one


def test_a_price_that_is_not_known_is_not_nothing() -> None:
    assert (Tokens(input=1) + Tokens(input=2)).cost is None
    assert (Tokens(cost=0.5) + Tokens(input=2)).cost == 0.5
    assert (Tokens() + Tokens(cost=0.25)).cost == 0.25
    assert "cost" not in Tokens(input=1).payload()


def test_tokens_are_true_when_there_are_some() -> None:
    assert not Tokens()
    assert not Tokens(cost=0.0)
    assert Tokens(cost=0.1)
    assert Tokens(cache_write=-1)


@pytest.mark.parametrize("value", [None, "1", 1.5, True, [1], float("nan")])
def test_what_is_no_count_is_none(value: object) -> None:
    assert whole(value) == 0


@pytest.mark.parametrize(
    ("value", "number"),
    [(1, 1.0), (0.5, 0.5), (None, None), (True, None), ("1", None), (float("inf"), None), (10**400, None)],
)
def test_what_is_no_amount_is_none(value: object, number: float | None) -> None:
    assert amount(value) == number


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("2026-11-21T05:46:54.856Z", datetime(2026, 11, 21, 5, 46, 54, 856000, tzinfo=UTC)),
        ("2026-11-21T07:00:00+02:00", datetime(2026, 11, 21, 5, tzinfo=UTC)),
        ("2026-11-21T05:00:00", datetime(2026, 11, 21, 5, tzinfo=UTC)),
        ("soon", None),
        (1795243624, None),
    ],
)
def test_moments(value: object, at: datetime | None) -> None:
    assert moment(value) == at


def test_words_are_texts() -> None:
    assert words("") == ""
    assert words(1) is None


@cases
@given(st.lists(st.text(max_size=20)))
def test_a_rope_is_its_text_in_few_pieces(texts: list[str]) -> None:
    pieces: tuple[str, ...] = ()
    for text in texts:
        pieces = roped(pieces, text)
    assert "".join(pieces) == "".join(texts)
    assert all(len(one) > len(two) for one, two in pairwise(pieces))


# ---- outcomes -------------------------------------------------------------------------------


def test_nothing_was_said() -> None:
    assert Outcome().text is None
    assert folded((K.HEARTBEAT, {}), (K.USER_MESSAGE, {"text": "hi"}), (K.TOOL_CALL, {"tool": "Bash"})) == Outcome()


def test_a_result_is_the_text() -> None:
    outcome = folded(
        (K.ASSISTANT_MESSAGE, {"text": "working"}),
        (K.SESSION_RESULT, {"text": "done", "is_error": False, "turns": 3, "structured": {"a": 1}}),
    )
    assert (outcome.text, outcome.is_error, outcome.turns, outcome.structured) == ("done", False, 3, {"a": 1})
    again = fold(outcome, Said(K.SESSION_RESULT, None, {"text": "and done", "turns": 1}))
    assert (again.text, again.turns, again.structured) == ("and done", 4, {"a": 1})


def test_a_result_without_a_text_is_the_last_message() -> None:
    assert folded((K.ASSISTANT_MESSAGE, {"text": "last"}), (K.SESSION_RESULT, {"is_error": False})).text == "last"
    assert folded((K.ASSISTANT_MESSAGE, {"text": "last"})).text == "last"


def test_an_empty_result_says_nothing_new() -> None:
    outcome = folded((K.SESSION_RESULT, {"text": "one"}), (K.SESSION_RESULT, {"text": "", "turns": -5}))
    assert (outcome.text, outcome.turns) == ("one", 0)


def test_sub_agents_do_not_answer_for_the_session() -> None:
    outcome = folded(
        (K.ASSISTANT_MESSAGE, {"text": "main"}),
        (K.ASSISTANT_MESSAGE, {"text": "sub", "parent": "toolu_1"}),
        (K.PROVIDER_STATUS, {"status": "api_error", "text": "sub failed", "parent": "toolu_1"}),
        (K.ASSISTANT_MESSAGE, {"text": None}),
    )
    assert (outcome.text, outcome.is_error) == ("main", False)


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"is_error": True, "error": "no", "text": "half"}, "no"),
        ({"is_error": True, "text": "half"}, "half"),
        ({"is_error": True}, "failed"),
        ({"is_error": False, "error": "not meant"}, None),
    ],
)
def test_results_can_be_errors(payload: dict[str, object], error: str | None) -> None:
    outcome = folded((K.SESSION_RESULT, payload))
    assert (outcome.is_error, outcome.error) == (error is not None, error)


def test_an_error_ends_with_the_next_answer() -> None:
    failed = folded((K.PROVIDER_STATUS, {"status": "api_error", "text": "overloaded"}))
    assert (failed.is_error, failed.error) == (True, "overloaded")
    assert folded((K.PROVIDER_STATUS, {"status": "api_error", "error": "rate_limit"})).error == "rate_limit"
    assert folded((K.PROVIDER_STATUS, {"status": "init"})) == Outcome()
    assert folded((K.PROVIDER_STATUS, {"status": "turn_duration", "turns": 1})).turns == 1
    assert not fold(failed, Said(K.ASSISTANT_MESSAGE, None, {"text": "here again"})).is_error


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"success": True, "exit_code": 0}, None),
        ({"success": False, "exit_code": 3}, "exit code 3"),
        ({"success": False, "signal": "SIGKILL"}, "SIGKILL"),
        ({"success": False, "reason": "timeout", "signal": "SIGTERM"}, "timeout"),
    ],
)
def test_ends(payload: dict[str, object], error: str | None) -> None:
    outcome = folded((K.SESSION_ENDED, payload))
    assert (outcome.ended, outcome.is_error, outcome.error) == (True, error is not None, error)
    assert outcome.exit_code == payload.get("exit_code")


def test_an_end_keeps_the_error_that_led_to_it() -> None:
    outcome = folded((K.SESSION_RESULT, {"is_error": True, "error": "why"}), (K.SESSION_ENDED, {"success": False}))
    assert outcome.error == "why"


def test_usage_adds_up() -> None:
    outcome = folded((K.USAGE, {"input": 5, "output": 1, "cost": 0.5}), (K.USAGE, {"input": -1, "cache_read": 7}))
    assert outcome.tokens == Tokens(input=4, output=1, cache_read=7, cost=0.5)


def test_limits_come_and_go() -> None:
    limited = folded((K.USAGE_LIMIT_HIT, {"resets_at": "2026-11-21T06:47:04+00:00"}))
    assert limited.limited
    assert limited.limited_until == datetime(2026, 11, 21, 6, 47, 4, tzinfo=UTC)
    assert folded((K.USAGE_LIMIT_HIT, {})).limited
    over = fold(limited, Said(K.USAGE_LIMIT_RESUMED, None))
    assert (over.limited, over.limited_until) == (False, None)


def test_lines_are_the_result_of_a_command() -> None:
    outcome = folded((K.STDOUT, {"text": "one"}), (K.STDOUT, {"text": ""}), (K.STDOUT, {"text": "two"}))
    assert outcome.text == "one\n\ntwo"
    assert fold(outcome, Said(K.STDOUT, None, {})) == outcome
    assert fold(outcome, Said(K.SESSION_RESULT, None, {"text": "better"})).text == "better"


def test_of_a_long_output_the_end_is_kept() -> None:
    outcome, line = Outcome(), "x" * 9_999
    for number in range(500):
        outcome = fold(outcome, Said(K.STDOUT, None, {"text": f"{line}{number % 10}"}))
        assert sum(map(len, outcome.stdout)) <= 2 * STDOUT_KEPT
    assert outcome.text is not None
    assert len(outcome.text) in (STDOUT_KEPT, STDOUT_KEPT - 1)
    assert outcome.text.endswith("x8\n" + line + "9")


@cases
@given(st.lists(st.tuples(st.sampled_from(K), st.dictionaries(KEYS, JSON, max_size=6)), max_size=8))
def test_any_payload_folds(said: list[tuple[ConversationKind, dict[str, object]]]) -> None:
    outcome = folded(*said)
    assert outcome.text is None or isinstance(outcome.text, str)
    assert outcome.is_error == (outcome.error is not None) or outcome.is_error
    assert outcome.turns >= 0
