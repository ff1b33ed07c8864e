"""Logs of runs: read across their files while they are written, and swept without touching anything else."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genie.adapters.runlogs import FileRunLogs
from genie.domain.errors import BadInput, Failed
from genie.logger import Log
from genie.paths import Home
from genie.ports import LogPiece

WEEK = timedelta(days=7)
GB = 10**9


@pytest.fixture
def logs(home: Home) -> FileRunLogs:
    return FileRunLogs(home, age=WEEK, total=GB)


@pytest.fixture
def run() -> UUID:
    return uuid4()


def writer(logs: FileRunLogs, run: UUID, *, most: int = 1000, keep: int = 3) -> Log:
    """What the logger does."""
    return Log(os.fsencode(logs.path(run)), most, keep)


def whole(logs: FileRunLogs, run: UUID, piece: LogPiece) -> bytes:
    """A piece with all that follows it now."""
    content = piece.content
    while piece.more:
        piece = logs.after(run, piece.mark)
        content += piece.content
    return content


def test_its_directory_is_closed_to_others(home: Home, logs: FileRunLogs, run: UUID) -> None:
    assert Path(logs.path(run)).parent == home.run_logs == home.logs / "runs"
    assert home.run_logs.stat().st_mode & 0o777 == 0o700
    home.run_logs.chmod(0o755)
    home.make()
    assert home.run_logs.stat().st_mode & 0o777 == 0o700


def test_a_run_without_a_log(logs: FileRunLogs, run: UUID) -> None:
    assert not logs.has(run)
    piece = logs.tail(run, lines=None)
    assert (piece.content, piece.more) == (b"", False)
    log = writer(logs, run)
    log.write(b"first\n")
    assert logs.after(run, piece.mark).content == b"first\n"
    assert logs.has(run)


@pytest.mark.parametrize(
    ("lines", "last"),
    [(None, b"a\nb\nc\n"), (1, b"c\n"), (2, b"b\nc\n"), (3, b"a\nb\nc\n"), (9, b"a\nb\nc\n")],
)
def test_the_last_lines(logs: FileRunLogs, run: UUID, lines: int | None, last: bytes) -> None:
    writer(logs, run).write(b"a\nb\nc\n")
    assert logs.tail(run, lines=lines).content == last


def test_a_line_that_has_not_ended_is_one(logs: FileRunLogs, run: UUID) -> None:
    writer(logs, run).write(b"a\nb\nc")
    assert logs.tail(run, lines=1).content == b"c"
    assert logs.tail(run, lines=2).content == b"b\nc"


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    data=st.binary(max_size=400).map(lambda raw: bytes(byte % 12 + 4 for byte in raw)),  # many line breaks
    most=st.integers(1, 150),
    piece=st.integers(8, 90),
    lines=st.integers(1, 12),
)
def test_lines_are_counted_across_files(home: Home, data: bytes, most: int, piece: int, lines: int) -> None:
    logs, run = FileRunLogs(home, age=WEEK, total=GB, piece=piece), uuid4()
    writer(logs, run, most=most, keep=1000).write(data)
    assert whole(logs, run, logs.tail(run, lines=None)) == data
    wanted = b"".join(_lines(data)[-lines:])
    assert whole(logs, run, logs.tail(run, lines=lines)) == wanted


def _lines(data: bytes) -> list[bytes]:
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def test_many_lines_are_found_from_the_end(logs: FileRunLogs, run: UUID) -> None:
    numbers = [b"%d\n" % number for number in range(60000)]
    writer(logs, run, most=100_000, keep=9).write(b"".join(numbers))
    assert whole(logs, run, logs.tail(run, lines=30000)) == b"".join(numbers[-30000:])


@pytest.mark.parametrize("most", [5, 64, 10_000])
def test_a_follower_gets_each_byte_once_over_rotations(logs: FileRunLogs, run: UUID, most: int) -> None:
    log = writer(logs, run, most=most, keep=500)
    piece, got, put = logs.tail(run, lines=None), b"", b""
    for number in range(300):
        words = b"line %d\n" % number
        log.write(words)
        put += words
        if number % 7 == 0:
            got += whole(logs, run, piece := logs.after(run, piece.mark))
    got += whole(logs, run, logs.after(run, piece.mark))
    assert got == put


def test_a_follower_that_is_too_slow_goes_on_with_what_is_kept(logs: FileRunLogs, run: UUID) -> None:
    log = writer(logs, run, most=100, keep=1)
    log.write(b"old\n")
    mark = logs.tail(run, lines=None).mark
    log.write(b"".join(b"%04d\n" % number for number in range(200)))
    got = whole(logs, run, logs.after(run, mark))
    assert got.endswith(b"0199\n")
    assert 100 <= len(got) <= 200


def test_a_character_is_not_cut(home: Home, run: UUID) -> None:
    logs = FileRunLogs(home, age=WEEK, total=GB, piece=8)
    log = writer(logs, run, most=5)
    text = "aé😀ß–x" * 3
    raw = text.encode()
    log = writer(logs, run, most=5, keep=50)
    piece, got = logs.tail(run, lines=None), []
    for byte in raw:
        log.write(bytes([byte]))
        piece = logs.after(run, piece.mark)
        got.append(piece.content.decode())  # raises where one was cut
    assert "".join(got) == text
    assert whole(logs, run, logs.tail(run, lines=None)) == raw


@pytest.mark.parametrize("raw", [b"\xff\xfe\x80", b"abc\xf8", b"\x80\x80\x80\x80\x80", b"\xe2\x82\xac\x80"])
def test_what_is_no_text_is_not_held_back(logs: FileRunLogs, run: UUID, raw: bytes) -> None:
    writer(logs, run).write(raw)
    assert logs.tail(run, lines=None).content == raw


@pytest.mark.parametrize(
    "mark",
    ["", "x", "1-2", "1-2-3", "-1-00000000", "1-2-0000000g", "9" * 30 + "-1-00000000", "1--2-00000000", "١-٢-00000000"],
)
def test_what_is_no_mark(logs: FileRunLogs, run: UUID, mark: str) -> None:
    writer(logs, run).write(b"x")
    with pytest.raises(BadInput, match="no mark"):
        logs.after(run, mark)


def test_a_gap_between_two_files_is_a_rotation_under_way(logs: FileRunLogs, run: UUID) -> None:
    for number, words in ((2, b"one "), (1, b"two "), (0, b"three")):
        Path(f"{logs.path(run)}.{number}".removesuffix(".0")).write_bytes(words)
    assert logs.tail(run, lines=None).content == b"one two three"
    Path(f"{logs.path(run)}.1").unlink()
    assert logs.tail(run, lines=None).content == b"one three"
    Path(logs.path(run)).rename(f"{logs.path(run)}.1")
    assert logs.tail(run, lines=None).content == b"one three"
    assert logs.has(run)


def test_a_file_that_moves_on_while_it_is_read_counts_once(
    logs: FileRunLogs, run: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = writer(logs, run, most=4, keep=5)
    log.write(b"one two ")
    plain, opened = os.open, list[str]()

    def rotating(path: str, flags: int) -> int:
        descriptor = plain(path, flags)
        if not opened:
            opened.append(path)
            log.write(b"new!")
        return descriptor

    with monkeypatch.context() as patch:
        patch.setattr(
            os, "open", lambda path, flags, *mode: rotating(path, flags) if not mode else plain(path, flags, *mode)
        )
        assert logs.tail(run, lines=None).content == b"one two "
    assert logs.tail(run, lines=None).content == b"one two new!"


def test_a_link_is_no_log(logs: FileRunLogs, run: UUID, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    Path(logs.path(run)).symlink_to(tmp_path / "secret")
    with pytest.raises(Failed, match=str(run)):
        logs.tail(run, lines=None)


# ---- the sweep ----


def old(logs: FileRunLogs, run: UUID, *, days: float, size: int = 3, files: int = 1) -> list[Path]:
    """A log last written to so many days ago."""
    paths = [Path(f"{logs.path(run)}.{number}".removesuffix(".0")) for number in range(files)]
    for number, path in enumerate(paths):
        path.write_bytes(b"x" * size)
        when = path.stat().st_mtime - (days + number) * 86400
        os.utime(path, (when, when))
    return paths


def left(home: Home) -> set[str]:
    return {path.name for path in home.run_logs.iterdir()}


def test_old_logs_go_with_all_their_files(logs: FileRunLogs, home: Home) -> None:
    ancient, fresh, live = uuid4(), uuid4(), uuid4()
    old(logs, ancient, days=8, files=3)
    kept = old(logs, fresh, days=6.5, files=3) + old(logs, live, days=100)
    logs.sweep(keep=frozenset({live}))
    assert left(home) == {path.name for path in kept}


def test_the_oldest_go_where_there_is_too_much(home: Home) -> None:
    logs = FileRunLogs(home, age=WEEK, total=250)
    runs = [uuid4() for _ in range(5)]
    for days, run in enumerate(runs):
        old(logs, run, days=days + 0.5, size=50, files=2)
    logs.sweep(keep=frozenset({runs[4]}))
    assert left(home) == {Path(logs.path(run)).name + end for run in (runs[0], runs[4]) for end in ("", ".1")}
    logs.sweep(keep=frozenset({runs[4]}))
    assert len(left(home)) == 4


def test_a_sweep_leaves_what_genie_did_not_name(logs: FileRunLogs, home: Home, tmp_path: Path) -> None:
    name = str(uuid4())
    strange = ["notes.log", f"{name}.log.bak", f"{name}.log.0", f"{name}.txt", f"a{name}.log", name, f"{name}.log.1.gz"]
    for each in strange:
        path = home.run_logs / each
        path.write_text("mine")
        os.utime(path, (0, 0))
    victim = tmp_path / "victim"
    victim.write_text("mine")
    link, folder = home.run_logs / f"{uuid4()}.log", home.run_logs / f"{uuid4()}.log"
    link.symlink_to(victim)
    os.utime(link, (0, 0), follow_symlinks=False)
    folder.mkdir()
    os.utime(folder, (0, 0))
    logs.sweep(keep=frozenset())
    assert left(home) == {*strange, link.name, folder.name}
    assert victim.exists()


def test_a_sweep_without_a_directory_is_nothing(logs: FileRunLogs, home: Home) -> None:
    home.run_logs.rmdir()
    logs.sweep(keep=frozenset())
    assert not home.run_logs.exists()
