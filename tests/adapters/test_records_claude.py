"""What Claude Code writes, as what was said: recorded sessions, and the records that they do not hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from genie.adapters.records import NEW, parser
from genie.domain.conversation import ConversationKind as K
from genie.domain.conversation import Tokens
from tests.adapters.records_kit import READ_AT, read, tell

TOOLS = ["tool_call", "tool_result"]


def record(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def streamed(event: dict[str, object], parent: str | None = None) -> bytes:
    return record(type="stream_event", event=event, parent_tool_use_id=parent)


def delta(text: str) -> bytes:
    return streamed({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})


START = streamed({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})


# ---- recorded -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words", "text"),
    [
        ("plain", ["assistant_message", "session_result"], "ok: hello there"),
        ("thinking", ["reasoning", "assistant_message", "session_result"], "thought about it"),
        ("partial", ["reasoning", "assistant_message", "session_result"], "thought about it"),
        ("tools", [*(6 * TOOLS), "assistant_message", "session_result"], "all done"),
        ("toolerror", [*(2 * TOOLS), "assistant_message", "session_result"], "failed then"),
        (
            "denied",
            ["tool_call", "permission", "tool_result", "assistant_message", "session_result"],
            "denied then",
        ),
        ("warn", ["assistant_message", "session_result"], "answered with a warning"),
        ("hooks", ["assistant_message", "session_result"], "ok: hello hooks"),
    ],
)
def test_a_stream(name: str, words: list[str], text: str) -> None:
    told = read(f"claude-stream-{name}")
    assert told.words() == ["session_started", *words]
    assert (told.outcome.text, told.outcome.is_error) == (text, False)
    assert told.outcome.turns == max(words.count("tool_call"), 0) + 1
    assert not told.state.calls
    assert not told.state.partials


@pytest.mark.parametrize(
    ("name", "words", "text"),
    [
        ("thinking", ["user_message", "reasoning", "assistant_message"], "thought about it"),
        ("tools", ["user_message", *(6 * TOOLS), "assistant_message"], "all done"),
        ("denied", ["user_message", "tool_call", "permission", "tool_result", "assistant_message"], "denied then"),
        ("resume", ["user_message", "assistant_message", "user_message", "assistant_message"], "ok: and more"),
        ("apierror", ["user_message"], None),
        ("limit", ["user_message", "usage_limit_hit"], None),
        ("limitkey", ["user_message", "usage_limit_hit"], None),
        ("maxturns", ["user_message", *TOOLS], None),
        ("clear", ["user_message", "user_message", "user_message", "assistant_message"], "ok: after clear"),
        (
            "tui",
            ["user_message", *TOOLS, "user_message", *(["assistant_message", "user_message"] * 2)],
            "long long st",
        ),
    ],
)
def test_a_transcript(name: str, words: list[str], text: str | None) -> None:
    told = read(f"claude-transcript-{name}")
    assert told.words() == ["session_started", *words]
    assert told.outcome.text == text


@pytest.mark.parametrize("name", ["resume", "tools", "thinking", "denied"])
def test_a_transcript_and_a_stream_come_to_the_same(name: str) -> None:
    stream, transcript = read(f"claude-stream-{name}").outcome, read(f"claude-transcript-{name}").outcome
    if name == "resume":  # the transcript holds the run before it, too
        before = read("claude-stream-plain")
        stream = read("claude-stream-resume", before.state).outcome
        stream = type(stream)(tokens=stream.tokens + before.outcome.tokens, last=stream.last)
    assert stream.tokens.counts() == transcript.tokens.counts()
    assert stream.tokens.cost == pytest.approx(transcript.tokens.cost)
    assert stream.last == transcript.last


def test_it_begins() -> None:
    [started] = read("claude-stream-plain").of(K.SESSION_STARTED)
    assert started["provider_session"] == "3a3e0bee-20ed-4f6b-a72b-2c20f39dbab0"
    assert (started["model"], started["cwd"]) == ("claude-opus-5-5", "/home/ada/project")


def test_tools() -> None:
    told = read("claude-stream-tools")
    calls, results = told.of(K.TOOL_CALL), told.of(K.TOOL_RESULT)
    assert [call["tool_kind"] for call in calls] == [
        "shell",
        "file_read",
        "file_edit",
        "file_write",
        "search",
        "search",
    ]
    assert [call.get("path") for call in calls[:4]] == [None, *(f"/home/ada/project/{n}.txt" for n in "aab")]
    assert [call["call"] for call in calls] == [result["call"] for result in results]
    assert [result["tool"] for result in results] == [call["tool"] for call in calls]
    assert [result["is_error"] for result in results] == [False, False, False, False, True, True]
    assert (calls[0]["input"], results[0]["output"]) == (
        {"command": "echo hi; ls a.txt", "description": "say hi"},
        "hi\na.txt",
    )
    assert [result["is_error"] for result in read("claude-stream-toolerror").of(K.TOOL_RESULT)] == [True, True]


@pytest.mark.parametrize("form", ["stream", "transcript"])
def test_a_tool_that_may_not_run(form: str) -> None:
    told = read(f"claude-{form}-denied")
    [denied], [call] = told.of(K.PERMISSION), told.of(K.TOOL_CALL)
    assert (denied["decision"], denied["call"]) == ("denied", call["call"])
    assert "needs approval" in str(denied["text"])


def test_what_it_costs() -> None:
    assert read("claude-stream-tools").outcome.tokens == Tokens(input=22791, output=9, cost=0.091344)
    told = read("claude-stream-subagent").outcome
    assert told.tokens.counts() == (11987, 84, 0, 0)
    assert told.tokens.cost == pytest.approx(0.049628)
    assert read("claude-stream-streaming").outcome.tokens.cost == pytest.approx(0.011412 + 0.0119)


def test_an_error_is_no_result() -> None:
    for form in ("stream", "transcript"):
        outcome = read(f"claude-{form}-apierror").outcome
        assert (outcome.text, outcome.is_error, outcome.error) == (None, True, "API Error: 400 fake error 400")
    limit = read("claude-stream-maxturns").outcome
    assert (limit.is_error, limit.error) == (True, "Reached maximum number of turns (1)")


def test_an_interrupt_is_told_in_a_word() -> None:
    errors = ["[ede_diagnostic] result_type=user last_content_type=n/a stop_reason=null"]
    end = record(
        type="result", subtype="error_during_execution", is_error=True, errors=errors, terminal_reason="aborted_tools"
    )
    outcome = tell("claude", "stream-json", [end]).outcome
    assert (outcome.is_error, outcome.error) == (True, "interrupted")


@pytest.mark.parametrize("form", ["stream", "transcript"])
def test_a_usage_limit_is_told_once(form: str) -> None:
    told = read(f"claude-{form}-limit")
    [hit] = told.of(K.USAGE_LIMIT_HIT)
    assert (hit["resets_at"], hit["limit"]) == ("2026-11-21T06:47:04+00:00", "five_hour")
    assert told.outcome.limited_until == datetime(2026, 11, 21, 6, 47, 4, tzinfo=UTC)
    after = tell(
        "claude", "stream-json", [record(type="assistant", message={"id": "m", "content": "back"})], told.state
    )
    assert after.words() == ["usage_limit_resumed", "assistant_message"]
    assert after.state.limited is None


def test_a_warning_is_no_limit() -> None:
    assert not read("claude-stream-warn").outcome.limited


def test_a_sub_agent_speaks_for_itself() -> None:
    told = read("claude-stream-subagent")
    spoken = told.of(K.ASSISTANT_MESSAGE)
    [call] = told.of(K.TOOL_CALL)
    assert [message.get("parent") for message in spoken] == [None, call["call"], None]
    assert call["tool_kind"] == "sub_agent"
    assert len(told.of(K.SESSION_RESULT)) == 2
    assert str(told.outcome.text).startswith("done: ")


def test_clearing_begins_another_session() -> None:
    told = read("claude-stream-streaming")
    first, second = told.of(K.SESSION_STARTED)
    assert second["before"] == first["provider_session"]
    assert [(message["text"], message.get("taken")) for message in told.of(K.USER_MESSAGE)] == [
        ("one", True),
        ("two", True),
    ]
    caveat, command, spoken = read("claude-transcript-clear").of(K.USER_MESSAGE)
    assert (caveat["synthetic"], command["command"], spoken) == (True, True, {"text": "after clear"})


def test_a_message_sent_during_a_turn_and_an_interruption() -> None:
    told = read("claude-transcript-tui")
    first, queued, story, interrupted = told.of(K.USER_MESSAGE)
    assert (queued["text"], queued["queued"]) == ("queued message", True)
    assert (interrupted["text"], interrupted["synthetic"]) == ("[Request interrupted by user]", True)
    assert "synthetic" not in first | story
    assert told.outcome.turns == 1


# ---- in pieces ------------------------------------------------------------------------------


def test_pieces_that_never_come_whole_are_said_at_the_end() -> None:
    told = tell("claude", "stream-json", [START, delta("half "), delta("a wo")])
    assert told.said == ()
    reader = parser("claude", "stream-json")
    [said], state = reader.finish(told.state, at=READ_AT)
    assert (said.kind, said.at, said.payload) == (K.ASSISTANT_MESSAGE, READ_AT, {"text": "half a wo", "partial": True})
    assert reader.finish(state) == ([], state)


def test_pieces_of_a_killed_program_are_said_when_it_is_back() -> None:
    told = tell(
        "claude",
        "stream-json",
        [
            START,
            delta("half"),
            record(type="system", subtype="init", session_id="s"),
            record(type="result", result="x"),
        ],
    )
    assert told.words() == ["assistant_message", "session_started", "session_result"]


def test_a_repeated_message_is_said_once() -> None:
    whole = record(type="assistant", message={"id": "m", "content": [{"type": "text", "text": "whole"}]})
    again = streamed({"type": "message_start", "message": {}})
    told = tell("claude", "stream-json", [START, delta("wh"), again, START, delta("whole"), whole])
    assert told.words() == ["assistant_message"]
    [lost] = told.of(K.PROVIDER_STATUS)
    assert (lost["status"], lost["text"]) == ("interrupted", "wh")


def test_pieces_of_a_sub_agent_stay_apart() -> None:
    other = streamed({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "sub"}}, "toolu_1")
    told = tell("claude", "stream-json", [START, delta("ma"), other, delta("in")])
    said, _ = parser("claude", "stream-json").finish(told.state)
    assert [(one.payload["text"], one.payload.get("parent")) for one in said] == [("main", None), ("sub", "toolu_1")]


def test_many_pieces_cost_little() -> None:
    told = tell("claude", "stream-json", [START])
    reader, state = parser("claude", "stream-json"), told.state
    line = delta("0123456789ab")
    for _ in range(20_000):
        said, state = reader.parse(line, state)
        assert not said
    assert len(state.partials[0].pieces) < 30
    assert len(state.partials[0].text) == 240_000


# ---- other records --------------------------------------------------------------------------


def test_each_message_counts_its_tokens_once() -> None:
    def block(text: str, output: int) -> bytes:
        usage = {"input_tokens": 10, "output_tokens": output, "cache_read_input_tokens": 3}
        return record(
            type="assistant", message={"id": "m", "usage": usage, "content": [{"type": "text", "text": text}]}
        )

    told = tell("claude", "transcript", [block("a", 1), block("b", 1), block("c", 7)])
    assert told.outcome.tokens == Tokens(input=10, output=7, cache_read=3)


def test_an_older_release_tells_the_tokens_of_a_turn_and_the_price_of_a_session() -> None:
    def result(cost: float, tokens: int) -> bytes:
        usage = {"input_tokens": tokens, "output_tokens": 1}
        return record(type="result", result="x", usage=usage, total_cost_usd=cost, num_turns=1)

    told = tell("claude", "stream-json", [result(0.5, 10), result(0.75, 20)])
    assert told.outcome.tokens == Tokens(input=30, output=2, cost=0.75)


def test_without_the_difference_the_sums_of_the_models_are_compared() -> None:
    def result(cost: float, tokens: int) -> bytes:
        return record(type="result", result="x", modelUsage={"opus": {"inputTokens": tokens, "costUSD": cost}})

    told = tell("claude", "stream-json", [result(0.5, 10), result(0.75, 20), result(0.25, 5)])
    assert told.outcome.tokens == Tokens(input=25, cost=1.0)


def test_a_structured_result() -> None:
    told = tell("claude", "stream-json", [record(type="result", result="", structured_output={"a": 1}, num_turns=2)])
    assert (told.outcome.structured, told.outcome.turns) == ({"a": 1}, 2)


def test_a_program_that_asks_for_permission() -> None:
    request = {"subtype": "can_use_tool", "tool_name": "Bash", "tool_use_id": "t", "input": {"command": "ls"}}
    told = tell("claude", "stream-json", [record(type="control_request", request_id="r", request=request)])
    assert told.of(K.PERMISSION) == [
        {"decision": "asked", "tool": "Bash", "call": "t", "input": {"command": "ls"}, "request": "r"}
    ]
    other = record(type="control_request", request_id="r", request={"subtype": "interrupt"})
    assert tell("claude", "stream-json", [other]).words() == []


@pytest.mark.parametrize(
    ("text", "resets_at"),
    [
        ("You've hit your 5-hour limit · resets 6:47am (UTC)", "2026-11-21T06:48:00+00:00"),
        ("You’ve hit your weekly limit · resets Nov 25 at 3pm (Europe/Berlin)", "2026-11-25T14:01:00+00:00"),
        ("Claude AI usage limit reached|1795243624", "2026-11-21T06:47:04+00:00"),
        ("You've hit your limit", None),
    ],
)
def test_limits_in_words_only(text: str, resets_at: str | None) -> None:
    line = record(
        type="assistant",
        isApiErrorMessage=True,
        error="rate_limit",
        message={"model": "<synthetic>", "content": [{"type": "text", "text": text}]},
        timestamp="2026-11-21T05:47:04Z",
    )
    told = tell("claude", "transcript", [line, line])
    [hit] = told.of(K.USAGE_LIMIT_HIT)
    assert hit.get("resets_at") == resets_at


def test_the_program_says_itself_that_a_limit_is_over() -> None:
    limit = record(type="rate_limit_event", rate_limit_info={"status": "rejected", "resetsAt": 1795243624})
    reset = "Your claude.ai usage limit has reset. Continue the task"
    told = tell("claude", "transcript", [limit, record(type="user", message={"role": "user", "content": reset})])
    assert told.words() == ["usage_limit_hit", "usage_limit_resumed", "user_message"]
    assert told.of(K.USER_MESSAGE)[0]["synthetic"]


def test_times_are_the_records_own() -> None:
    reader = parser("claude", "transcript")
    own = record(type="user", message={"content": "hi"}, timestamp="2026-01-01T00:00:00Z")
    assert reader.parse(own, NEW, at=READ_AT)[0][0].at == datetime(2026, 1, 1, tzinfo=UTC)
    assert reader.parse(record(type="user", message={"content": "hi"}), NEW, at=READ_AT)[0][0].at == READ_AT
    later = READ_AT + timedelta(hours=1)
    bad = record(type="user", message={"content": "hi"}, timestamp="yesterday")
    assert reader.parse(bad, NEW, at=later)[0][0].at == later


def test_blocks_that_are_not_text() -> None:
    content = [
        {"type": "image", "source": {"data": "…"}},
        {"type": "text", "text": "what is this"},
        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image"}, {"type": "text", "text": "seen"}]},
    ]
    told = tell("claude", "transcript", [record(type="user", message={"content": content})])
    assert told.of(K.USER_MESSAGE)[0]["attached"] == [content[0]]
    assert told.of(K.TOOL_RESULT)[0]["output"] == "[image]\nseen"
    odd = record(type="assistant", message={"content": [{"type": "redacted_thinking"}, {"type": "hologram", "x": 1}]})
    told = tell("claude", "transcript", [odd])
    assert told.of(K.REASONING)[0]["redacted"]
    assert told.of(K.PROVIDER_STATUS) == [{"status": "block/hologram", "raw": {"type": "hologram", "x": 1}}]
