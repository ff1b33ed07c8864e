"""Parsers, all of them: nothing raises, nothing is lost, whatever stands in a file."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genie.adapters.records import NEW, LineParser, State, forms, parser
from genie.adapters.records._limits import reset_time
from genie.domain.conversation import ConversationKind as K
from genie.domain.conversation import Outcome, Said, fold
from genie.domain.errors import BadInput
from tests.adapters.records_kit import READ_AT, SAMPLES, lines, tell

cases = settings(
    deadline=None, database=None, derandomize=True, max_examples=80, suppress_health_check=list(HealthCheck)
)
ALL = [("claude", "transcript"), ("claude", "stream-json"), ("codex", "rollout"), ("codex", "exec"), ("any", "ndjson")]
EVERY = [*ALL, ("any", "text")]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def record(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def storable(said: Said) -> bool:
    """Whether it is JSON that PostgreSQL takes, whole."""
    text = json.dumps(said.payload, ensure_ascii=False, allow_nan=False)
    text.encode()
    return re.search(r"(?<!\\)(?:\\\\)*\\u0000", text) is None


# ---- finding them ---------------------------------------------------------------------------


def test_every_provider_has_the_forms_of_anybody() -> None:
    assert set(forms("shell")) == {"text", "ndjson"}
    assert set(forms("claude")) == {"text", "ndjson", "transcript", "stream-json"}
    assert set(forms("codex")) == {"text", "ndjson", "rollout", "exec"}


@pytest.mark.parametrize("provider", ["shell", "_state", "../claude", "", "plain"])
def test_an_unknown_form(provider: str) -> None:
    with pytest.raises(BadInput, match="unknown format 'rollout'"):
        parser(provider, "rollout")


# ---- nothing is lost ------------------------------------------------------------------------


@pytest.mark.parametrize(("provider", "form"), EVERY)
@cases
@given(line=st.binary(max_size=200))
def test_any_bytes_say_something(provider: str, form: str, line: bytes) -> None:
    said, _ = parser(provider, form, zone=UTC).parse(line, NEW, at=READ_AT)
    assert all(storable(one) for one in said)
    blank = not line.strip() and form != "text"
    assert bool(said) is not blank


@pytest.mark.parametrize(("provider", "form"), ALL)
@cases
@given(fields=st.dictionaries(st.text(max_size=8), JSON, max_size=6))
def test_any_object_is_kept_whole(provider: str, form: str, fields: dict[str, object]) -> None:
    said, _ = parser(provider, form, zone=UTC).parse(json.dumps(fields).encode(), NEW, at=READ_AT)
    assert said
    assert all(storable(one) for one in said)


PIECES = st.sampled_from(
    [record for path in sorted(SAMPLES.glob("*.ndjson")) for record in path.read_bytes().splitlines()[:25]]
)


@pytest.mark.parametrize(("provider", "form"), EVERY)
@cases
@given(data=st.data())
def test_records_with_other_values_in_them(provider: str, form: str, data: st.DataObject) -> None:
    """Real records, in any order and of any program, with something else in the place of some of their values."""
    reader, state, outcome = parser(provider, form, zone=UTC), NEW, Outcome()
    for line in data.draw(st.lists(PIECES, min_size=1, max_size=4)):
        value = disturbed(json.loads(line), data)
        said, state = reader.parse(json.dumps(value).encode(), state, at=READ_AT)
        assert all(storable(one) for one in said)
        for one in said:
            outcome = fold(outcome, one)
        assert State.from_json(json.loads(json.dumps(state.to_json()))).to_json() == state.to_json()
        assert said or b"stream_event" in line or value.get("type") in ("item.started", "item.updated")


def disturbed(value: dict[str, object], data: st.DataObject) -> dict[str, object]:
    changed = dict(value)
    for key in data.draw(st.lists(st.sampled_from(sorted(value)), max_size=2)) if value else []:
        inner = changed.get(key)
        if isinstance(inner, dict) and inner and data.draw(st.booleans()):
            changed[key] = disturbed(inner, data)
        elif isinstance(inner, list) and inner and data.draw(st.booleans()):
            changed[key] = [disturbed(item, data) if isinstance(item, dict) else item for item in inner]
        elif key != "type":
            changed[key] = data.draw(JSON)
    return changed


@pytest.mark.parametrize(("provider", "form"), ALL)
@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"assistant","message":{"content":[{"type":"te',
        b"\x00\x00\x00\x00",
        b"[1, 2]",
        b'"text"',
        b"12" * 5000,
        b"[" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b'{"a":' * 300 + b"1" + b"}" * 300,
        b'{"a":1}{"b":2}',
    ],
    ids=["torn", "zeros", "list", "text", "number", "deep", "deep-object", "deeper", "two"],
)
def test_what_is_no_record_is_a_warning(provider: str, form: str, line: bytes) -> None:
    [said], state = parser(provider, form).parse(line, NEW, at=READ_AT)
    assert (said.kind, said.at, state) == (K.PARSE_WARNING, READ_AT, NEW)
    assert len(str(said.payload["text"])) <= 2000
    assert said.payload["bytes"] == len(line)


@pytest.mark.parametrize(("provider", "form"), ALL)
@pytest.mark.parametrize("line", [b"", b"\n", b"  \r\n", b"\t"])
def test_a_blank_line_says_nothing(provider: str, form: str, line: bytes) -> None:
    assert parser(provider, form).parse(line, NEW) == ([], NEW)


def test_an_unknown_record_is_kept_with_all_that_is_in_it() -> None:
    fields: dict[str, object] = {"type": "hologram", "subtype": "blue", "deep": {"a": [1, None, "é"]}}
    for provider, form in ALL:
        [said], _ = parser(provider, form).parse(record(**fields), NEW, at=READ_AT)
        assert said.kind is K.PROVIDER_STATUS
        assert said.payload == {"status": "hologram/blue", "raw": fields}


def test_of_a_long_unknown_record_the_texts_are_cut() -> None:
    long = {"type": "blob", "system": ["x" * 100_000], "n": 1}
    [said], _ = parser("claude", "transcript").parse(record(**long), NEW)
    assert (said.payload["cut"], said.payload["bytes"]) == (True, len(record(**long)))
    assert said.payload["raw"] == {"type": "blob", "system": ["x" * 1000 + "…"], "n": 1}


def test_what_cannot_be_stored_is_replaced() -> None:
    text = r'{"type":"user","message":{"content":"a\u0000b \ud800 \ud83d\ude00 \\u0000"},"n":1e999,"m":NaN}'
    [said], _ = parser("claude", "transcript").parse(text.encode(), NEW)
    assert said.payload["text"] == "a�b � 😀 \\u0000"
    [kept], _ = parser("claude", "transcript").parse(b'{"type":"x","n":1e999,"m":NaN,"k":-Infinity}', NEW)
    assert kept.payload["raw"] == {"type": "x", "n": "1e999", "m": "NaN", "k": "-Infinity"}


# ---- the runner's records -------------------------------------------------------------------


@pytest.mark.parametrize(("provider", "form"), EVERY)
def test_the_runner_speaks_between_the_lines(provider: str, form: str) -> None:
    told = tell(
        provider,
        form,
        [
            record(genie="started", at="2026-11-21T05:00:00Z", pid=7),
            record(genie="input", text="go on"),
            record(genie="stdout", text="a line"),
            record(genie="stderr", text="oops"),
            record(genie="event", level="info", text="noted"),
            record(genie="heartbeat"),
            record(genie="dance", x=1),
            record(genie="ended", at="2026-11-21T05:01:00Z", exit_code=3, success=False),
        ],
    )
    assert [said.kind for said in told.said] == [
        *(K.PROVIDER_STATUS, K.USER_MESSAGE, K.STDOUT, K.STDERR, K.USER_EVENT, K.HEARTBEAT, K.PROVIDER_STATUS),
        K.SESSION_ENDED,
    ]
    assert told.said[0].payload == {"pid": 7, "status": "process_started"}
    assert told.said[0].at == datetime(2026, 11, 21, 5, tzinfo=UTC)
    assert told.said[6].payload == {"status": "runner/dance", "raw": {"genie": "dance", "x": 1}}
    assert (told.outcome.text, told.outcome.exit_code, told.outcome.error) == ("a line", 3, "exit code 3")


# ---- text -----------------------------------------------------------------------------------


def test_lines_of_text() -> None:
    told = tell("make", "text", [b"one\r", b"", b'{"type":"result"}', b"caf\xc3\xa9 \xff\x00", b'{"genie"'])
    assert {said.kind for said in told.said} == {K.STDOUT}
    assert told.outcome.text == 'one\n\n{"type":"result"}\ncafé ��\n{"genie"'


# ---- generic NDJSON -------------------------------------------------------------------------


def test_objects_with_a_type_and_a_text() -> None:
    told = tell(
        "mine",
        "ndjson",
        [
            record(type="session_started", model="m"),
            record(type="user", text="hi"),
            record(type="thinking", text="hm"),
            record(type="assistant", content=[{"type": "text", "text": "hello"}], timestamp="2026-01-01T00:00:00Z"),
            record(type="tool_use", tool="ls", input={}),
            record(type="usage", input=3, output="many"),
            record(type="usage_limit_hit", resets_at="2026-11-21T06:00:00+00:00"),
            record(type="message", text="back"),
            record(type="error", message="no"),
            record(type="result", result="fine", is_error=False),
        ],
    )
    assert told.words() == [
        *("session_started", "user_message", "reasoning", "assistant_message", "tool_call", "usage_limit_hit"),
        *("usage_limit_resumed", "assistant_message", "session_result"),
    ]
    assert told.of(K.ASSISTANT_MESSAGE)[0]["text"] == "hello"
    assert told.said[3].at == datetime(2026, 1, 1, tzinfo=UTC)
    assert (told.outcome.text, told.outcome.tokens.input, told.outcome.is_error) == ("fine", 3, False)


# ---- times of limits ------------------------------------------------------------------------

CEST = timezone(timedelta(hours=2))
NOON = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("resets 3pm (UTC)", "2026-11-21T15:01+00:00"),
        ("resets 11:05am (UTC)", "2026-11-22T11:06+00:00"),
        ("try again at 12:00 PM.", "2026-11-22T12:01+02:00"),
        ("resets at 12:00pm (UTC)", "2026-11-21T12:01+00:00"),
        ("try again at 12:30 AM", "2026-11-22T00:31+02:00"),
        ("try again at 23:59", "2026-11-22T00:00+02:00"),
        ("resets Jan 2 at 9am (America/New_York)", "2027-01-02T09:01-05:00"),
        ("try again at Nov 25th, 2026 3:05 PM.", "2026-11-25T15:06+02:00"),
        ("resets 3pm (Middle/Earth)", "2026-11-21T15:01+02:00"),
        ("try again in 3 days 4 hours 5 minutes.", "2026-11-24T16:05:30+00:00"),
        ("try again in 90s", "2026-11-21T12:02+00:00"),
        ("limit reached|1795243624", "2026-11-21T06:47:04+00:00"),
        ("Resets at 1795243624", "2026-11-21T06:47:04+00:00"),
        ("resets 25:61pm", None),
        ("resets Foo 33 at 3pm", None),
        ("resets 5", None),
        ("resets in 3 moons", None),
        ("resets soon", None),
        ("resets at 99999999999999999", None),
        ("", None),
    ],
)
def test_when_a_limit_ends(text: str, expected: str | None) -> None:
    at = reset_time(text, at=NOON, zone=CEST)
    assert at == (datetime.fromisoformat(expected) if expected else None)


def test_without_a_time_only_a_date_in_seconds_tells() -> None:
    assert reset_time("resets 3pm (UTC)", at=None) is None
    assert reset_time("Resets at 1795243624", at=None) is not None


@cases
@given(text=st.text(max_size=80).map(lambda text: f"try again at {text}"))
def test_any_words_about_a_limit(text: str) -> None:
    reset_time(text, at=NOON, zone=CEST)


# ---- how much a state holds -----------------------------------------------------------------


def test_a_state_stays_small() -> None:
    reader: LineParser = parser("claude", "transcript")
    state = NEW
    for number in range(1000):
        block = {"type": "tool_use", "id": f"t{number}", "name": "Bash", "input": {}}
        message = {"id": f"m{number}", "content": [block], "usage": {"input_tokens": 1}}
        _, state = reader.parse(record(type="assistant", message=message), state)
    assert len(json.dumps(state.to_json())) < 10_000
    assert state.tool("t999") == "Bash"


@cases
@given(stored=st.dictionaries(st.sampled_from(sorted(NEW.to_json())), JSON))
def test_any_stored_state_reads(stored: dict[str, object]) -> None:
    State.from_json(stored).to_json()


def test_samples_hold_nothing_of_a_machine() -> None:
    for path in SAMPLES.glob("*.ndjson"):
        content = path.read_text()
        assert "sk-ant" not in content
        assert "/root/" not in content
        assert "/tmp/" not in content
        assert lines(path.stem)
