"""Files that grow, read line by line: torn, truncated, replaced, rotated, long."""

from __future__ import annotations

import json
import os
import threading
import tracemalloc
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genie.adapters.transcripts import START, Batch, Position, Tail
from genie.domain.errors import Failed
from genie.logger import Log

cases = settings(
    deadline=None, database=None, derandomize=True, max_examples=100, suppress_health_check=list(HealthCheck)
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.jsonl"


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def stored(position: Position) -> Position:
    """As it comes back from the database."""
    return Position.from_json(json.loads(json.dumps(position.to_json())))


class Reader:
    """Somebody who keeps the position, and all lines so far."""

    def __init__(self, path: Path, **limits: int) -> None:
        self.tail = Tail(str(path), **limits)
        self.position = START
        self.lines: list[bytes] = []
        self.restarts = 0

    def read(self, *, final: bool = False) -> list[bytes]:
        """What is new now."""
        new: list[bytes] = []
        for batch in self.tail.batches(stored(self.position), final=final):
            if batch.restarted:
                self.restarts += 1
            new += batch.lines
            self.position = batch.position
        self.lines += new
        return new


def test_only_whole_lines(path: Path) -> None:
    reader = Reader(path)
    append(path, b"one\ntw")
    assert reader.read() == [b"one"]
    assert reader.read() == []
    append(path, b"o\n")
    assert reader.read() == [b"two"]
    append(path, b"\n\nla")
    assert reader.read() == [b"", b""]
    append(path, b"st")
    assert reader.read(final=True) == [b"last"]
    assert reader.read(final=True) == []
    assert reader.restarts == 0


def test_a_missing_file_is_no_error(path: Path) -> None:
    tail = Tail(str(path))
    assert tail.read(START) == Batch((), START, missing=True)
    assert Tail(str(path / "below")).read(START).missing
    append(path, b"one\n")
    batch = tail.read(START)
    assert batch.lines == (b"one",)
    path.unlink()
    assert tail.read(batch.position) == Batch((), batch.position, missing=True)


def test_an_empty_file(path: Path) -> None:
    append(path, b"")
    reader = Reader(path)
    assert reader.read(final=True) == []
    append(path, b"one\n")
    assert reader.read() == [b"one"]
    assert reader.restarts == 0


@pytest.mark.parametrize(
    "after", [b"", b"x\n", b"a longer one than before\nand more\n"], ids=["empty", "short", "long"]
)
def test_a_truncated_file_begins_anew(path: Path, after: bytes) -> None:
    reader = Reader(path)
    append(path, b"one\ntwo\n")
    reader.read()
    path.write_bytes(after)
    assert reader.read() == after.splitlines()
    assert reader.restarts == 1
    append(path, b"next\n")
    assert reader.read() == [b"next"]
    assert reader.restarts == 1


def test_a_replaced_file_begins_anew(path: Path, tmp_path: Path) -> None:
    reader = Reader(path)
    append(path, b"one\n")
    reader.read()
    other = tmp_path / "other"
    other.write_bytes(b"one\ntwo\n")
    other.replace(path)
    assert reader.read() == [b"one", b"two"]
    assert reader.restarts == 1


def test_an_inode_that_is_used_again_is_not_the_same_file(path: Path) -> None:
    reader = Reader(path)
    append(path, b"first life\n")
    reader.read()
    known = reader.position
    path.unlink()
    append(path, b"other life\nmore\n")
    seen = path.stat()
    reader.position = Position(
        device=seen.st_dev, inode=seen.st_ino, offset=known.offset, sealed=known.sealed, seal=known.seal
    )
    assert reader.read() == [b"other life", b"more"]
    assert reader.restarts == 1


def test_a_rewritten_begin_far_before_the_place_is_not_noticed_but_a_near_one_is(path: Path) -> None:
    reader = Reader(path)
    append(path, b"x" * 5000 + b"\n")
    reader.read()
    with path.open("r+b") as file:
        file.seek(4500)
        file.write(b"y")
    assert reader.read() == [b"x" * 4500 + b"y" + b"x" * 499]
    assert reader.restarts == 1


def test_a_rotated_file_is_read_to_its_end_first(path: Path) -> None:
    reader = Reader(path)
    append(path, b"one\ntwo\n")
    assert reader.read() == [b"one", b"two"]
    append(path, b"three\n")
    path.rename(f"{path}.1")
    append(path, b"four\n")
    assert reader.read() == [b"three", b"four"]
    assert reader.restarts == 0


def test_a_file_rotated_twice(path: Path) -> None:
    reader = Reader(path)
    append(path, b"1\n")
    reader.read()
    append(path, b"2\n")
    path.rename(f"{path}.2")
    Path(f"{path}.1").write_bytes(b"3\n4\n")
    append(path, b"5\n6")
    assert reader.read() == [b"2", b"3", b"4", b"5"]
    append(path, b"\n")
    assert reader.read() == [b"6"]
    assert reader.restarts == 0


def test_a_moment_within_a_rotation(path: Path) -> None:
    reader = Reader(path)
    append(path, b"one\nto")
    reader.read()
    path.rename(f"{path}.1")
    assert reader.read() == []  # its writer may still have it open
    append(Path(f"{path}.1"), b"rn\n")
    assert reader.read() == [b"torn"]


def test_a_line_that_is_rotated_in_its_middle(path: Path) -> None:
    reader = Reader(path, chunk=8)
    append(path, b"one\nbegin of a long line")
    assert reader.read() == [b"one"]
    path.rename(f"{path}.2")
    Path(f"{path}.1").write_bytes(b" that goes on")
    append(path, b" and on")
    assert reader.read() == []
    append(path, b" to its end\nnext\n")
    assert reader.read() == [b"begin of a long line that goes on and on to its end", b"next"]
    assert reader.restarts == 0


def test_a_file_under_two_names_in_the_middle_of_a_rotation(path: Path) -> None:
    append(path, b"one\n")
    os.link(path, f"{path}.1")
    assert Reader(path).read() == [b"one"]


def test_the_first_look_begins_with_the_oldest_file(path: Path) -> None:
    Path(f"{path}.1").write_bytes(b"old\n")
    append(path, b"new\n")
    assert Reader(path).read() == [b"old", b"new"]


def test_the_log_of_a_run_is_followed_through_its_rotations(path: Path) -> None:
    reader, log = Reader(path, chunk=512), Log(os.fsencode(path), 1000, 8)
    written = []
    for number in range(300):
        line = f"line {number:04d} {'x' * (number % 40)}"
        written.append(line.encode())
        log.write(written[-1] + b"\n")
        if number % 13 == 0:
            reader.read()
    reader.read(final=True)
    assert reader.lines == written
    assert Path(f"{path}.2").exists()


def test_a_line_that_is_too_long_is_cut(path: Path) -> None:
    tail = Tail(str(path), chunk=100, longest=1000)
    append(path, b"short\n" + b"x" * 1050 + b"\n" + b"y" * 1000 + b"\n" + b"z" * 5000 + b"\nend\n")
    batches = list(tail.batches(START))
    assert [(line, 0 in batch.cut) for batch in batches for line in batch.lines] == [
        (b"short", False),
        (b"x" * 1000, True),
        (b"y" * 1000, False),
        (b"z" * 1000, True),
        (b"end", False),
    ]


def test_a_line_that_is_too_long_while_it_is_written(path: Path) -> None:
    reader = Reader(path, chunk=100, longest=1000)
    for _ in range(30):
        append(path, b"x" * 90)
        reader.read()
    assert reader.lines == [b"x" * 1000]
    assert reader.position.skipping
    append(path, b"\nnext\n")
    assert reader.read() == [b"next"]


@cases
@given(
    pieces=st.lists(st.binary(max_size=40).map(lambda data: data.replace(b"\r", b"\n")), max_size=12),
    chunk=st.integers(1, 30),
)
def test_however_it_is_written_each_line_comes_once(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], chunk: int
) -> None:
    path = tmp_path_factory.mktemp("tail") / "file"
    reader = Reader(path, chunk=chunk, longest=10_000)
    for piece in pieces:
        append(path, piece)
        reader.read()
    reader.read(final=True)
    whole = b"".join(pieces)
    assert reader.lines == (whole.removesuffix(b"\n").split(b"\n") if whole else [])
    assert reader.restarts == 0


def test_it_follows_a_writer(path: Path) -> None:
    lines = [b"%d %s" % (number, b"x" * (number % 300)) for number in range(5000)]

    def write() -> None:
        with path.open("ab", buffering=0) as file:
            for line in lines:
                file.write(line[:3])
                file.write(line[3:] + b"\n")

    reader, writer = Reader(path, chunk=4096), threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        reader.read()
    writer.join()
    reader.read()
    assert reader.lines == lines


def test_a_large_file_takes_little_memory(path: Path) -> None:
    line = b"x" * 9_999 + b"\n"
    with path.open("wb") as file:
        for _ in range(100):
            file.write(line * 100)
    assert path.stat().st_size == 100_000_000
    tracemalloc.start()
    try:
        count = sum(len(batch.lines) for batch in Tail(str(path)).batches(START))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 10_000
    assert peak < 8 * 2**20


def test_what_is_no_file(path: Path, tmp_path: Path) -> None:
    with pytest.raises(Failed, match="regular file"):
        Tail(str(tmp_path)).read(START)
    os.mkfifo(path)
    with pytest.raises(Failed, match="regular file"):
        Tail(str(path)).read(START)


def test_a_path_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="cannot read"):
        Tail(str(tmp_path / ("x" * 300))).read(START)


@cases
@given(
    st.dictionaries(
        st.sampled_from(sorted(START.to_json())), st.none() | st.integers() | st.text(max_size=3) | st.booleans()
    )
)
def test_any_stored_position_reads(stored_as: dict[str, object]) -> None:
    position = Position.from_json(stored_as)
    assert 0 <= position.sealed <= position.offset


def open_files() -> int:
    return psutil.Process().num_fds()


def test_no_file_stays_open(path: Path) -> None:
    append(path, b"one\n")
    before = open_files()
    for _ in range(50):
        Tail(str(path)).read(START)
    assert open_files() == before
