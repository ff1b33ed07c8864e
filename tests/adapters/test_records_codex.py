"""What Codex writes, as what was said: recorded sessions, and the records that they do not hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from genie.domain.conversation import ConversationKind as K
from genie.domain.conversation import Tokens
from tests.adapters.records_kit import lines, read, tell

TOOLS = ["tool_call", "tool_result"]
LIMIT = (
    "You’ve hit your usage limit. Visit https://chatgpt.com/settings/usage to purchase more credits or try again at "
)


def record(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def item(kind: str, event: str = "item.completed", **fields: object) -> bytes:
    return record(type=event, item={"id": "item_1", "type": kind, **fields})


def response(kind: str, **fields: object) -> bytes:
    return record(type="response_item", payload={"type": kind, **fields})


def event(kind: str, **fields: object) -> bytes:
    return record(timestamp="2026-11-21T05:48:15Z", type="event_msg", payload={"type": kind, **fields})


# ---- recorded -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words", "text"),
    [
        ("exec-plain", ["assistant_message", "session_result"], "ok: hello there"),
        ("exec-resume", ["assistant_message", "session_result"], "ok: and more"),
        ("exec-tools", [*(2 * TOOLS), "assistant_message", "session_result"], "all done"),
        ("exec-apierror", ["session_result"], None),
        ("exec-http500", ["session_result"], None),
        ("exec-limit", ["usage_limit_hit", "session_result"], None),
        ("rollout-plain", ["user_message", "assistant_message", "session_result"], "ok: hello there"),
        ("rollout-resume", 2 * ["user_message", "assistant_message", "session_result"], "ok: and more"),
        ("rollout-tools", ["user_message", *(2 * TOOLS), "assistant_message", "session_result"], "all done"),
        ("rollout-patch", ["user_message", *TOOLS, "assistant_message", "session_result"], "patched"),
        ("rollout-apierror", ["user_message", "session_result"], None),
        ("rollout-limit", ["user_message", "usage_limit_hit", "session_result"], None),
    ],
)
def test_a_session(name: str, words: list[str], text: str | None) -> None:
    told = read(f"codex-{name}")
    assert told.words() == ["session_started", *words]
    assert told.outcome.text == text
    assert told.outcome.is_error == (text is None)
    assert told.outcome.turns == words.count("session_result")
    assert not told.state.calls


@pytest.mark.parametrize("name", ["plain", "tools", "resume"])
def test_both_forms_come_to_the_same_tokens(name: str) -> None:
    assert read(f"codex-exec-{name}").outcome.tokens == read(f"codex-rollout-{name}").outcome.tokens


def test_a_resumed_thread_counts_on() -> None:
    before = read("codex-exec-plain")
    after = read("codex-exec-resume", before.state)
    assert after.words() == ["assistant_message", "session_result"]
    assert (before.outcome.tokens + after.outcome.tokens) == Tokens(input=10599, output=14)


@pytest.mark.parametrize("form", ["exec", "rollout"])
def test_tools(form: str) -> None:
    told = read(f"codex-{form}-tools")
    assert [call["tool_kind"] for call in told.of(K.TOOL_CALL)] == ["shell", "shell"]
    results = told.of(K.TOOL_RESULT)
    assert [result["is_error"] for result in results] == [False, True]
    assert str(results[0]["output"]).endswith("hi\na.txt\n")
    assert [result["call"] for result in results] == [call["call"] for call in told.of(K.TOOL_CALL)]


def test_the_files_of_a_patch() -> None:
    [call] = read("codex-rollout-patch").of(K.TOOL_CALL)
    assert (call["tool_kind"], call["path"]) == ("file_write", "c.txt")
    patch = "*** Begin Patch\n*** Update File: src/a.py\n@@\n-x\n+y\n*** Add File: b\n+b\n*** End Patch"
    told = tell("codex", "rollout", [response("custom_tool_call", name="apply_patch", input=patch, call_id="c")])
    assert (told.of(K.TOOL_CALL)[0]["tool_kind"], told.of(K.TOOL_CALL)[0]["path"]) == ("file_edit", "src/a.py")
    changes = [{"path": "/p/a", "kind": "add"}]
    told = tell("codex", "exec", [item("file_change", changes=changes, status="completed")])
    assert told.words() == TOOLS
    assert (told.of(K.TOOL_RESULT)[0]["tool_kind"], told.of(K.TOOL_RESULT)[0]["path"]) == ("file_write", "/p/a")


@pytest.mark.parametrize("form", ["exec", "rollout"])
def test_a_usage_limit(form: str) -> None:
    told = read(f"codex-{form}-limit")
    [hit] = told.of(K.USAGE_LIMIT_HIT)
    assert hit["resets_at"] == "2026-11-21T06:49:00+00:00"  # the end of the minute that it names
    assert told.outcome.limited_until == datetime(2026, 11, 21, 6, 49, tzinfo=UTC)
    assert str(told.outcome.error).startswith("You’ve hit your usage limit")
    after = tell("codex", "exec", [item("agent_message", text="back")], told.state)
    assert after.words() == ["usage_limit_resumed", "assistant_message"]


def test_an_error_is_told_in_the_words_of_the_server() -> None:
    for form in ("exec", "rollout"):
        assert read(f"codex-{form}-apierror").outcome.error == "fake error 400"
    retries = [said for said in read("codex-exec-http500").of(K.PROVIDER_STATUS) if said["status"] == "retry"]
    assert len(retries) == 5


def test_what_the_program_says_in_the_users_name_is_no_message() -> None:
    [message] = read("codex-rollout-plain").of(K.USER_MESSAGE)
    assert message["text"] == "hello there"
    context = [{"type": "input_text", "text": "<environment_context>\n</environment_context>"}]
    spoken = [{"type": "input_text", "text": "hi"}]
    old = [response("message", role="user", content=text) for text in (context, spoken)]
    assert [said["text"] for said in tell("codex", "rollout", old).of(K.USER_MESSAGE)] == ["hi"]


# ---- other records --------------------------------------------------------------------------


def test_items_are_numbered_anew_in_each_process() -> None:
    begun = [record(type="thread.started", thread_id="t"), item("command_execution", "item.started", command="ls")]
    told = tell("codex", "exec", [*begun, *begun])
    assert told.words() == ["session_started", "tool_call", "tool_call"]


@pytest.mark.parametrize(
    ("fields", "tool", "kind", "failed", "output"),
    [
        (
            {"type": "mcp_tool_call", "server": "db", "tool": "ask", "arguments": {"q": 1}, "status": "failed"}
            | {"error": {"message": "no"}},
            "mcp__db__ask",
            "other",
            True,
            "no",
        ),
        (
            {"type": "mcp_tool_call", "server": "db", "tool": "ask", "status": "completed"}
            | {"result": {"content": [{"type": "text", "text": "yes"}]}},
            "mcp__db__ask",
            "other",
            False,
            "yes",
        ),
        ({"type": "web_search", "query": "tmux"}, "web_search", "web", False, ""),
        ({"type": "collab_tool_call", "tool": "spawn_agent", "prompt": "p"}, "spawn_agent", "sub_agent", False, ""),
    ],
    ids=["failed", "mcp", "web", "agent"],
)
def test_other_items(fields: dict[str, object], tool: str, kind: str, failed: bool, output: str) -> None:
    told = tell("codex", "exec", [record(type="item.completed", item={"id": "item_1", **fields})])
    [call], [result] = told.of(K.TOOL_CALL), told.of(K.TOOL_RESULT)
    assert (call["tool"], call["tool_kind"], result["is_error"], result["output"]) == (tool, kind, failed, output)


def test_pieces_of_items_come_whole() -> None:
    told = tell("codex", "exec", [item("agent_message", "item.updated", text="ha"), item("agent_message", text="half")])
    assert [message["text"] for message in told.of(K.ASSISTANT_MESSAGE)] == ["half"]
    told = tell("codex", "exec", [item("reasoning", text="hm"), item("todo_list", items=[])])
    assert (told.words(), len(told.said)) == (["reasoning"], 2)


@pytest.mark.parametrize(
    ("output", "failed"),
    [
        ('{"output":"done","metadata":{"exit_code":0}}', False),
        ('{"output":"done","metadata":{"exit_code":2}}', True),
        ("Chunk ID: 1\nProcess exited with code 1\nOutput:\nx", True),
        ("Exit code: 0\nWall time: 1 seconds\nOutput:\nx", False),
        ({"content": "x", "success": False}, True),
        ([{"type": "input_text", "text": "x"}], False),
        ("aborted by user after 3 s", True),
        ("", False),
    ],
)
def test_whether_a_tool_failed(output: object, failed: bool) -> None:
    told = tell("codex", "rollout", [response("function_call_output", call_id="c", output=output)])
    assert told.of(K.TOOL_RESULT)[0]["is_error"] is failed


def test_other_records_of_a_rollout() -> None:
    told = tell(
        "codex",
        "rollout",
        [
            response("reasoning", summary=[{"type": "summary_text", "text": "hm"}], encrypted_content="…"),
            response("local_shell_call", call_id="c", action={"command": ["ls"]}),
            response("web_search_call", id="w", action={"query": "tmux"}),
            event("exec_approval_request", call_id="c", command=["rm", "x"], reason="needs to"),
            event("turn_aborted", reason="interrupted"),
        ],
    )
    assert told.words() == ["reasoning", "tool_call", "tool_call", "permission", "session_result"]
    assert told.of(K.REASONING)[0]["text"] == "hm"
    assert [call["tool_kind"] for call in told.of(K.TOOL_CALL)] == ["shell", "web"]
    assert told.of(K.PERMISSION)[0]["input"] == {"command": ["rm", "x"], "reason": "needs to"}
    assert told.outcome.error == "turn aborted: interrupted"


def test_a_fork_does_not_become_the_thread_it_came_from() -> None:
    metas = [record(type="session_meta", payload={"id": name}) for name in ("own", "parent")]
    told = tell("codex", "rollout", metas)
    assert told.words() == ["session_started"]
    assert told.state.session == "own"


def test_a_limit_said_in_an_event() -> None:
    told = tell("codex", "rollout", [event("error", message=LIMIT + "Nov 25th, 2026 3:05 PM.")])
    assert told.of(K.USAGE_LIMIT_HIT)[0]["resets_at"] == "2026-11-25T15:06:00+00:00"


def test_the_same_sum_told_twice_counts_once() -> None:
    usage = {"input_tokens": 100, "cached_input_tokens": 60, "cache_write_input_tokens": 10, "output_tokens": 5}
    counted = event("token_count", info={"total_token_usage": usage})
    told = tell("codex", "rollout", [record(type="token_usage_record", payload={"thread_token_usage": usage}), counted])
    assert told.outcome.tokens == Tokens(input=30, cache_read=60, cache_write=10, output=5)
    assert len(told.said) == 2
    assert tell("codex", "rollout", [counted, counted]).outcome.tokens == told.outcome.tokens


def test_no_line_of_a_sample_is_without_a_word() -> None:
    for name in ("codex-rollout-tools", "codex-exec-tools"):
        assert len(read(name).said) >= len(lines(name))
