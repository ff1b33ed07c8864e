"""What Gemini CLI writes, as what was said: recorded sessions, and the records that they do not hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from genie.adapters.records import NEW, parser
from genie.domain.conversation import ConversationKind as K
from genie.domain.conversation import Tokens
from tests.adapters.records_kit import READ_AT, lines, read, tell

TOOLS = ["tool_call", "tool_result"]
SAID = "all is done\nsecond line"


def record(**fields: object) -> bytes:
    return json.dumps({"timestamp": "2026-11-21T08:00:00Z", **fields}).encode()


def piece(text: str) -> bytes:
    return record(type="message", role="assistant", content=text, delta=True)


@pytest.mark.parametrize(
    ("name", "words", "text"),
    [
        ("stream-tools", ["user_message", "assistant_message", *TOOLS, "assistant_message", "session_result"], SAID),
        (
            "stream-toolerror",
            ["user_message", "assistant_message", *TOOLS, "assistant_message", "session_result"],
            SAID,
        ),
        ("stream-resume", ["user_message", "assistant_message", "session_result"], SAID),
        ("stream-apierror", ["user_message", "session_result"], None),
    ],
)
def test_a_session(name: str, words: list[str], text: str | None) -> None:
    told = read(f"gemini-{name}")
    assert told.words() == ["session_started", *words]
    assert told.outcome.text == text
    assert told.outcome.is_error == (text is None)


def test_a_conversation_that_was_resumed() -> None:
    told = read("gemini-chat-tools")
    first = ["user_message", "assistant_message", *TOOLS, "reasoning", "assistant_message"]
    assert told.words() == ["session_started", *first, "user_message", "reasoning", "assistant_message"]
    assert [said["text"] for said in told.of(K.USER_MESSAGE)] == ["[[bash:seq 3]] do\n", "more please\n"]
    assert told.outcome.text == SAID
    # An answer that is written twice is counted once.
    assert told.outcome.tokens == Tokens(input=180, output=21, cache_read=120)


def test_a_tool_and_its_result() -> None:
    for name in ("stream-tools", "chat-tools"):
        told = read(f"gemini-{name}")
        (call,), (result,) = told.of(K.TOOL_CALL), told.of(K.TOOL_RESULT)
        assert (call["tool"], call["tool_kind"]) == ("run_shell_command", "shell")
        assert call["input"] == {"command": "seq 3", "description": "x"}
        assert (result["call"], result["is_error"], result["output"]) == (call["call"], False, "1\n2\n3")
        assert told.state.calls == ()


def test_a_tool_that_fails_says_why() -> None:
    told = read("gemini-stream-toolerror")
    (call,), (result,) = told.of(K.TOOL_CALL), told.of(K.TOOL_RESULT)
    assert (call["tool_kind"], call["path"]) == ("file_read", "/nope/x")
    assert result["is_error"] is True
    assert "Path not in workspace" in str(result["output"])


def test_what_is_paid_is_told_once() -> None:
    assert read("gemini-stream-tools").outcome.tokens == Tokens(input=120, output=14, cache_read=80)


def test_an_api_error_is_the_result() -> None:
    told = read("gemini-stream-apierror")
    assert told.outcome.error is not None
    assert "fake error 400" in told.outcome.error


def test_pieces_are_one_message_and_a_cut_one_is_partial() -> None:
    given = [piece("one "), piece("two"), record(type="tool_use", tool_id="t", tool_name="glob", parameters={})]
    told = tell("gemini", "stream-json", given)
    assert told.words() == ["assistant_message", "tool_call"]
    assert told.of(K.ASSISTANT_MESSAGE) == [{"text": "one two"}]
    reader, state = parser("gemini", "stream-json"), tell("gemini", "stream-json", [piece("half")]).state
    said, left = reader.finish(state, at=READ_AT)
    assert [dict(one.payload) for one in said] == [{"text": "half", "partial": True}]
    assert reader.finish(left, at=READ_AT)[0] == []


def test_a_process_that_begins_again_ends_what_the_last_one_said() -> None:
    told = tell("gemini", "stream-json", [piece("half"), record(type="init", session_id="s", model="m")])
    assert told.words() == ["assistant_message", "session_started"]
    assert told.of(K.ASSISTANT_MESSAGE)[0]["partial"] is True


def test_a_whole_message_needs_no_end() -> None:
    given = [record(type="message", role="assistant", content="all of it"), record(type="init", session_id=None)]
    assert tell("gemini", "stream-json", given).words() == ["assistant_message"]


@pytest.mark.parametrize(
    ("text", "until"),
    [
        (
            "You have exhausted your daily quota. Your quota will reset after 1h2m3s.",
            timedelta(hours=1, minutes=2, seconds=3),
        ),
        ("429 RESOURCE_EXHAUSTED", None),
    ],
)
def test_a_usage_limit(text: str, until: timedelta | None) -> None:
    given = [
        record(type="result", status="error", error={"message": text}),
        piece("again"),
        record(type="result", status="success"),
    ]
    told = tell("gemini", "stream-json", given[:1])
    (hit,) = told.of(K.USAGE_LIMIT_HIT)
    at = datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert hit.get("resets_at") == ((at + until).isoformat() if until else None)
    assert told.outcome.limited
    assert not tell("gemini", "stream-json", given).outcome.limited


def test_warnings_and_errors_within_a_session() -> None:
    warned = tell("gemini", "stream-json", [record(type="error", severity="warning", message="Loop detected")])
    assert not warned.outcome.is_error
    failed = tell(
        "gemini", "stream-json", [record(type="error", severity="error", message="Maximum session turns exceeded")]
    )
    assert failed.outcome.error == "Maximum session turns exceeded"


@pytest.mark.parametrize("form", ["stream-json", "chat"])
def test_what_is_not_known_is_kept(form: str) -> None:
    given = [
        record(type="novelty", more=1),
        record(type="tool_use"),
        record(type="tool_result"),
        record(type="gemini", toolCalls=["x"], tokens={"input": "many"}),
        record(type="user", content=[{"functionResponse": {}}]),
        record(type="error", content="it broke"),
        b"no json",
        b"[1]",
    ]
    told = tell("gemini", form, given)
    assert len(told.said) >= 7
    assert {said.kind for said in told.said} <= {K.PROVIDER_STATUS, K.PARSE_WARNING}


@pytest.mark.parametrize("name", ["gemini-stream-tools", "gemini-chat-tools"])
def test_a_line_torn_anywhere_never_raises(name: str) -> None:
    form = "chat" if "chat" in name else "stream-json"
    reader = parser("gemini", form)
    for line in lines(name):
        for end in range(0, len(line), 7):
            reader.parse(line[:end], NEW, at=READ_AT)
