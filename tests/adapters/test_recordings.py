"""From the bytes of a file to what was said: whole lines, bounded pieces, over truncations, rotations and turns."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from genie.adapters.recordings import BEGUN_ANEW, EVENTS, FileRecordings
from genie.adapters.records import Listener
from genie.adapters.transcripts import LONGEST, read
from genie.domain.conversation import ConversationKind as Kind
from genie.domain.conversation import Said
from genie.domain.errors import BadInput, Failed
from genie.domain.tape import Tape
from genie.paths import Home

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture
def recordings(tmp_path: Path) -> FileRecordings:
    return FileRecordings(home=Home(tmp_path / "home"), read=read, listen=Listener, now=lambda: NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "said.jsonl"


def tape_of(path: Path, form: str = "transcript", provider: str = "claude") -> Tape:
    return Tape(session=uuid4(), provider=provider, path=str(path), form=form)


def stored(tape: Tape) -> Tape:
    """As it comes back from the registry."""
    position: Mapping[str, object] = json.loads(json.dumps(dict(tape.position)))
    state: Mapping[str, object] = json.loads(json.dumps(dict(tape.state)))
    return Tape(
        session=tape.session, provider=tape.provider, path=tape.path, form=tape.form, position=position, state=state
    )


def hear_all(recordings: FileRecordings, tape: Tape, *, final: bool = False) -> tuple[list[Said], Tape]:
    said: list[Said] = []
    more = True
    while more:
        heard = recordings.hear(stored(tape), final=final)
        said += heard.said
        tape, more = heard.tape, heard.more
    return said, tape


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def message(text: str) -> bytes:
    content = [{"type": "text", "text": text}]
    record = {"type": "assistant", "message": {"id": text[:9], "role": "assistant", "content": content}}
    return json.dumps(record).encode() + b"\n"


def texts(said: list[Said]) -> list[object]:
    return [one.payload.get("text") for one in said]


# ---- reading --------------------------------------------------------------------------------


def test_what_is_written_bit_by_bit_is_heard_as_what_is_written_at_once(
    recordings: FileRecordings, path: Path, tmp_path: Path
) -> None:
    """Torn anywhere, and the reader begun anew each time."""
    content = (SAMPLES / "claude-transcript-tools.ndjson").read_bytes()
    whole = tmp_path / "whole.jsonl"
    whole.write_bytes(content)
    expected, _ = hear_all(recordings, tape_of(whole), final=True)
    tape, said = tape_of(path), []
    for begin in range(0, len(content), 997):
        append(path, content[begin : begin + 997])
        more, tape = hear_all(recordings, tape)
        said += more
    more, _ = hear_all(recordings, tape, final=True)
    assert said + more == expected
    assert len(expected) > 10


def test_records_that_nobody_knows_are_kept_whole(recordings: FileRecordings, path: Path) -> None:
    record = {"type": "invented-tomorrow", "number": 7, "deep": [{"x": "\\u0000"}]}
    append(path, json.dumps(record).encode() + b"\nnot JSON\n")
    (unknown, torn), _ = hear_all(recordings, tape_of(path))
    assert unknown == Said(Kind.PROVIDER_STATUS, NOW, {"status": "invented-tomorrow", "raw": record})
    assert (torn.kind, torn.payload["text"]) == (Kind.PARSE_WARNING, "not JSON")


def test_what_was_not_finished_is_said_when_nobody_writes_any_more(recordings: FileRecordings, path: Path) -> None:
    delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "half a"}}
    append(path, json.dumps({"type": "stream_event", "event": delta, "parent_tool_use_id": None}).encode() + b"\n")
    said, tape = hear_all(recordings, tape_of(path, "stream-json"))
    assert said == []
    append(path, b'{"type": "torn')
    said, tape = hear_all(recordings, tape, final=True)
    assert [(one.kind, one.payload.get("text"), one.payload.get("partial")) for one in said] == [
        (Kind.PARSE_WARNING, '{"type": "torn', None),
        (Kind.ASSISTANT_MESSAGE, "half a", True),
    ]
    assert hear_all(recordings, tape, final=True)[0] == []


def test_no_file_is_no_error_and_what_cannot_be_read_is(recordings: FileRecordings, path: Path) -> None:
    heard = recordings.hear(tape_of(path))
    assert (heard.said, heard.missing, heard.more) == ((), True, False)
    path.mkdir()
    with pytest.raises(Failed, match="no regular file"):
        recordings.hear(tape_of(path))
    with pytest.raises(BadInput, match="unknown format 'morse'"):
        recordings.hear(tape_of(path.with_name("none"), "morse"))


def test_a_line_that_is_too_long_is_marked(recordings: FileRecordings, path: Path) -> None:
    append(path, b"x" * (LONGEST + 5) + b"\nnext\n")
    said, _ = hear_all(recordings, tape_of(path, "text", "shell"))
    assert [(len(str(one.payload["text"])), one.payload.get("cut")) for one in said] == [(LONGEST, True), (4, None)]


# ---- bounds ---------------------------------------------------------------------------------


def test_a_piece_of_very_many_lines_is_bounded(recordings: FileRecordings, path: Path) -> None:
    append(path, b"\n".join(str(number).encode() for number in range(5000)) + b"\n")
    heard = recordings.hear(tape_of(path, "text", "shell"))
    assert (len(heard.said), heard.more) == (EVENTS, True)
    said, _ = hear_all(recordings, tape_of(path, "text", "shell"))
    assert texts(said) == [str(number) for number in range(5000)]


def test_a_piece_of_lines_that_say_very_much_is_bounded(recordings: FileRecordings, path: Path) -> None:
    """Each line is some messages: no line is divided, and none is lost where a piece ends in the middle of a read."""
    blocks = 301
    for line in range(20):
        content = [{"type": "text", "text": f"{line}.{block}"} for block in range(blocks)]
        record = {"type": "assistant", "message": {"id": str(line), "role": "assistant", "content": content}}
        append(path, json.dumps(record).encode() + b"\n")
    heard = recordings.hear(tape_of(path))
    assert (len(heard.said), heard.more) == (7 * blocks, True)
    said, _ = hear_all(recordings, tape_of(path))
    assert texts(said) == [f"{line}.{block}" for line in range(20) for block in range(blocks)]


def test_a_large_file_is_read_in_bounded_memory(recordings: FileRecordings, path: Path) -> None:
    """100 MB: long lines of text, and a hole of zeros, which is one line without an end."""
    process, line = psutil.Process(), message("x" * 2**18)
    with path.open("wb") as file:
        for _ in range(40):
            file.write(line * 8)
        file.truncate(file.tell() + 20 * 2**20)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + line)
    assert path.stat().st_size > 100 * 10**6
    tape, count, more = tape_of(path), 0, True
    hear_all(recordings, tape_of(SAMPLES / "claude-transcript-tools.ndjson"))
    before = most = process.memory_info().rss
    while more:
        heard = recordings.hear(tape)
        count, tape, more = count + len(heard.said), heard.tape, heard.more
        most = max(most, process.memory_info().rss)
        assert sum(len(str(one.payload.get("text"))) for one in heard.said) <= 2 * 2**20
    assert count == 40 * 8 + 2
    assert most - before < 120 * 2**20


# ---- files that are not only appended to ----------------------------------------------------


def test_a_truncated_file_is_begun_anew_and_says_so(recordings: FileRecordings, path: Path) -> None:
    append(path, message("one") + message("two"))
    _, tape = hear_all(recordings, tape_of(path))
    path.write_bytes(message("three"))
    said, tape = hear_all(recordings, tape)
    assert [(one.kind, one.payload.get("status"), one.payload.get("text")) for one in said] == [
        (Kind.PROVIDER_STATUS, BEGUN_ANEW, None),
        (Kind.ASSISTANT_MESSAGE, None, "three"),
    ]
    assert hear_all(recordings, tape)[0] == []


def test_a_rotated_file_is_read_to_its_end_before_the_next(recordings: FileRecordings, path: Path) -> None:
    append(path, message("one"))
    _, tape = hear_all(recordings, tape_of(path))
    append(path, message("two"))
    path.rename(f"{path}.1")
    append(path, message("three"))
    said, _ = hear_all(recordings, tape)
    assert texts(said) == ["two", "three"]


def test_a_conversation_goes_over_to_another_file_and_back(recordings: FileRecordings, path: Path) -> None:
    """Each file from where it was left; what the parser remembers goes with it."""
    other = path.with_name("other.jsonl")
    append(path, message("one"))
    append(other, message("two"))
    _, tape = hear_all(recordings, tape_of(path))
    said, tape = hear_all(recordings, recordings.turn(stored(tape), str(other)))
    assert (texts(said), tape.path) == (["two"], str(other))
    append(path, message("three"))
    append(other, message("four"))
    said, tape = hear_all(recordings, recordings.turn(stored(tape), str(path)))
    assert texts(said) == ["three"]
    said, tape = hear_all(recordings, recordings.turn(stored(tape), str(other)))
    assert texts(said) == ["four"]
    assert tape.state["counted"] is not None


# ---- where logs are -------------------------------------------------------------------------


def test_logs_and_folders_are_closed_to_others_and_marked(recordings: FileRecordings, tmp_path: Path) -> None:
    session, home = uuid4(), tmp_path / "home"
    assert recordings.path(session) == str(home / "logs" / "sessions" / f"{session}.ndjson")
    assert recordings.fifo(session) == str(home / "sessions" / str(session) / "input")
    folder = Path(recordings.folder(session))
    assert [entry.name for entry in folder.iterdir()] == [".genie"]
    for made in (home / "logs" / "sessions", home / "sessions", folder):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_folders_that_cannot_be_made_are_told(recordings: FileRecordings, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(Failed, match="cannot make"):
        recordings.path(uuid4())
    (tmp_path / "home").unlink()
    session = uuid4()
    folder = Path(recordings.folder(session))
    (folder / ".genie").unlink()
    (folder / ".genie").symlink_to(tmp_path / "none" / "there")
    with pytest.raises(Failed, match="cannot make"):
        recordings.folder(session)
