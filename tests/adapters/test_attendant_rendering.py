"""What people see of a provider's lines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genie.lettering import cut, harmless
from genie.rendering import LONGEST_LINE, Renderer, renderer


def make(form: str, *, width: int = 60, colour: bool = False) -> Renderer:
    return renderer(form, colour=colour, width=lambda: width)


def render(form: str, *records: object, **options: Any) -> str:  # noqa: ANN401 - options of make
    made = make(form, **options)
    return "".join(made.line(json.dumps(record).encode()) for record in records) + made.close()


def assistant(*blocks: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"type": "assistant", "message": {"id": "m1", "content": list(blocks)}, **more}


def tool(name: str, **arguments: object) -> dict[str, Any]:
    return assistant({"type": "tool_use", "name": name, "input": arguments})


def event(kind: str, **more: object) -> dict[str, Any]:
    return {"type": "stream_event", "event": {"type": kind, **more}}


def delta(text: str) -> dict[str, Any]:
    return event("content_block_delta", delta={"type": "text_delta", "text": text})


def outcome(text: object, *, failed: bool = False) -> dict[str, Any]:
    block = {"type": "tool_result", "content": text, "is_error": failed}
    return {"type": "user", "message": {"content": [block]}}


START = event("message_start", message={"id": "m1"})
WHOLE = {"type": "text", "text": "Hello there"}


# ---- claude ---------------------------------------------------------------------------------


def test_a_text_that_came_in_pieces_is_not_shown_twice() -> None:
    stop = event("content_block_stop")
    assert render("claude", START, delta("Hello "), delta("there"), assistant(WHOLE), stop) == "Hello there\n"
    assert render("claude", START, assistant(WHOLE)) == "Hello there\n"


def test_pieces_are_shown_as_they_come() -> None:
    made = make("claude")
    made.line(json.dumps(START).encode())
    assert made.line(json.dumps(delta("Hel")).encode()) == "Hel"
    assert made.line(json.dumps(tool("Bash", command="ls")).encode()) == "\n● Bash  ls\n"


def test_a_subagents_text_is_not_taken_for_one_that_was_shown() -> None:
    inner = assistant({"type": "text", "text": "inner"}, parent_tool_use_id="t1")
    assert render("claude", START, delta("outer"), inner) == "outer\n  inner\n"


@pytest.mark.parametrize(
    ("call", "row"),
    [
        (tool("Bash", command="npm test", description="Run tests"), "● Bash  npm test\n"),
        (tool("Edit", file_path="src/a.py", old_string="x"), "● Edit  src/a.py\n"),
        (tool("Bash", command="a\n  b\tc"), "● Bash  a b c\n"),
        (tool("mcp__x__y", n=1), '● mcp__x__y  {"n": 1}\n'),
        (tool("Stop"), "● Stop\n"),
        (tool("AskUserQuestion", questions=[{"question": "Which?", "options": []}]), "● AskUserQuestion  Which?\n"),
        (tool("Bash", command="漢" * 40), "● Bash  " + "漢" * 25 + "…\n"),
    ],
)
def test_a_call_is_one_row(call: dict[str, Any], row: str) -> None:
    assert render("claude", call) == row


def test_a_result_is_three_rows_at_most() -> None:
    assert render("claude", outcome("1\n2\n3\n")) == "    1\n    2\n    3\n"
    assert render("claude", outcome("1\n2\n3\n4\n5")) == "    1\n    2\n    … 3 more lines\n"
    assert render("claude", outcome([{"type": "text", "text": "in a block"}, {"type": "image"}])) == "    in a block\n"
    assert render("claude", outcome("no", failed=True), colour=True) == "\x1b[31m    no\x1b[0m\n"


def test_a_failed_request_is_said_once() -> None:
    text = {"type": "text", "text": "API Error: 400"}
    result = {"type": "result", "is_error": True, "result": "API Error: 400", "terminal_reason": "api_error"}
    shown = render("claude", assistant(text, error="invalid_request"), result)
    assert shown == "API Error: 400\n✗ api_error · 0 turns · 0 in, 0 out · 0.0 s\n"
    assert render("claude", result).startswith("API Error: 400\n✗ api_error")


def test_the_end_names_turns_tokens_cost_and_time() -> None:
    usage = {"input_tokens": 1000, "cache_read_input_tokens": 1_500_000, "output_tokens": 12}
    result = {"type": "result", "num_turns": 1, "usage": usage, "total_cost_usd": 0.25, "duration_ms": 1500}
    assert render("claude", result) == "✓ 1 turn · 1.5M in, 12 out · $0.2500 · 1.5 s\n"


def test_a_turn_that_was_interrupted_is_told_in_a_word() -> None:
    errors = ["[ede_diagnostic] result_type=user last_content_type=n/a stop_reason=null"]
    result = {"type": "result", "is_error": True, "errors": errors, "terminal_reason": "aborted_streaming"}
    assert render("claude", result) == "✗ interrupted · 0 turns · 0 in, 0 out · 0.0 s\n"


def test_its_head_is_shown_once_and_when_something_else_is_in_it() -> None:
    begun = {"type": "system", "subtype": "init", "model": "opus", "permissionMode": "plan", "cwd": "/x"}
    edits = {**begun, "permissionMode": "acceptEdits"}
    shown = render("claude", begun, begun, edits, begun)
    assert shown == "opus · plan · /x\nopus · acceptEdits · /x\nopus · plan · /x\n"


def test_what_waits_or_is_refused_is_shown() -> None:
    retry = {"type": "system", "subtype": "api_retry", "attempt": 2, "max_retries": 10, "retry_delay_ms": 1200}
    assert render("claude", {**retry, "error": "overloaded"}) == "overloaded: attempt 2/10, again in 1.2 s\n"
    limit = {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 0}}
    assert render("claude", limit) == "usage limit reached\n"
    ask = {"subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "rm x"}}
    assert render("claude", {"type": "control_request", "request": ask}) == "? may it use Bash  rm x\n"


# ---- codex ----------------------------------------------------------------------------------


def item(kind: str, when: str = "completed", **more: object) -> dict[str, Any]:
    return {"type": f"item.{when}", "item": {"id": "i1", "type": kind, **more}}


def test_a_command_is_called_once_and_its_failure_shown() -> None:
    command = "/bin/bash -lc 'seq 6; false'"
    begun = item("command_execution", "started", command=command, exit_code=None)
    done = item("command_execution", command=command, aggregated_output="1\n2\n", exit_code=1, status="failed")
    shown = "● Bash  seq 6; false\n    1\n    2\n    exit code 1\n"
    assert render("codex", begun, done) == shown
    assert render("codex", done) == shown


@pytest.mark.parametrize(
    ("record", "row"),
    [
        (item("agent_message", text="hi\nyou"), "hi\nyou\n"),
        (item("reasoning", text="let me\nthink"), "✻ let me think\n"),
        (item("file_change", changes=[{"path": "a.py", "kind": "update"}]), "● Edit  a.py (update)\n"),
        (item("web_search", query="genie"), "● WebSearch  genie\n"),
        (item("mcp_tool_call", server="s", tool="t", arguments={"path": "p"}), "● s.t  p\n"),
        (item("todo_list", items=[{"completed": True}, {"completed": False}]), "● Todo  1 of 2 done\n"),
        ({"type": "error", "message": '{"error": {"message": "inner"}}'}, "inner\n"),
    ],
)
def test_the_items_of_codex(record: dict[str, Any], row: str) -> None:
    assert render("codex", record) == row


def test_an_error_and_the_failure_it_causes_are_one() -> None:
    shown = render("codex", {"type": "error", "message": "no"}, {"type": "turn.failed", "error": {"message": "no"}})
    assert shown == "no\n✗ failed · 0.0 s\n"


# ---- gemini ---------------------------------------------------------------------------------


def test_a_session_of_gemini() -> None:
    assert (
        render(
            "gemini",
            {"type": "init", "session_id": "s", "model": "flash"},
            {"type": "message", "role": "user", "content": "do it"},
            {"type": "message", "role": "assistant", "content": "I lo", "delta": True},
            {"type": "message", "role": "assistant", "content": "ok.", "delta": True},
            {"type": "tool_use", "tool_name": "run_shell_command", "parameters": {"command": "seq 3"}},
            {"type": "tool_result", "status": "success", "output": "1\n2"},
            {"type": "tool_result", "status": "error", "error": {"message": "no"}},
            {"type": "tool_result", "status": "success"},
            {
                "type": "result",
                "status": "success",
                "stats": {"input_tokens": 200, "output_tokens": 14, "duration_ms": 325},
            },
        )
        == "I look.\n● run_shell_command  seq 3\n    1\n    2\n    no\n✓ 200 in, 14 out · 0.3 s\n"
    )


def test_a_failure_of_gemini() -> None:
    record = {"type": "result", "status": "error", "error": {"message": "no credit"}}
    assert render("gemini", {"type": "error", "message": "hm"}, record) == "hm\nno credit\n✗ 0 in, 0 out · 0.0 s\n"


# ---- others, and anything -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "row"),
    [
        ({"type": "message", "content": "hi"}, "hi\n"),
        ({"message": {"content": [{"text": "deep"}]}}, "deep\n"),
        ({"n": 1}, '{"n": 1}\n'),
        ([1], "[1]\n"),
    ],
)
def test_lines_of_json_show_their_text(record: object, row: str) -> None:
    assert render("ndjson", record) == row


@pytest.mark.parametrize("form", ["claude", "codex", "gemini", "ndjson"])
def test_a_line_that_is_no_json_is_shown_as_it_is(form: str) -> None:
    assert make(form).line(b"plain \xff words\r") == "plain \ufffd words\n"
    assert make(form).line(b"[" * 100_000 + b"\x1b") != ""
    assert make(form).line(b"x" * (LONGEST_LINE + 1)) == "… a line of 4.0 MB\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "␛[31m"),
        ("\x9b31m", "\ufffd31m"),
        ("a\r\nb\rc\td\0\x7f", "a\nb␍c\td␀␡"),
        ("\u202ertl \ud800", "\ufffdrtl \ufffd"),
    ],
)
def test_nothing_that_a_terminal_obeys_passes(text: str, shown: str) -> None:
    assert harmless(text) == shown


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("漢字", 4, "漢字"),
        ("漢字漢", 4, "漢…"),
        ("e\u0301" * 3, 3, "e\u0301" * 3),
    ],
)
def test_a_row_is_cut_by_columns(text: str, width: int, shown: str) -> None:
    assert cut(text, width) == shown


KEYS = [
    *("type", "subtype", "message", "content", "event", "delta", "text", "item", "items", "changes", "usage", "error"),
    *("errors", "result", "is_error", "name", "input", "id", "request", "rate_limit_info", "parent_tool_use_id"),
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=20,
)
KINDS = [
    *("assistant", "user", "system", "result", "stream_event", "control_request", "rate_limit_event", "error"),
    *("item.started", "item.completed", "turn.completed", "turn.failed", "thread.started"),
]


@given(
    st.sampled_from(["claude", "codex", "gemini", "ndjson"]),
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(KEYS), VALUES),
)
def test_no_shape_raises_or_passes_an_escape(form: str, kind: str, record: dict[str, Any]) -> None:
    shown = make(form).line(json.dumps({**record, "type": kind}).encode())
    assert not [sign for sign in shown if ord(sign) < 32 and sign not in "\n\t"]
    shown.encode()
