"""The logger: every byte, a bounded size, and an end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genie import logger
from genie.logger import Log
from tests.fixtures.tmux import until

PROGRAM = Path(logger.__file__)
LIMIT = 4096


@dataclass
class Running:
    """A logger and the file it writes."""

    process: subprocess.Popen[bytes]
    path: Path

    def feed(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def close(self) -> int:
        """End its input; its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(timeout=20)

    def kept(self) -> bytes:
        """All files, the oldest first."""
        return b"".join(path.read_bytes() for path in files(self.path))


def files(path: Path) -> list[Path]:
    old = [entry for entry in path.parent.glob(f"{path.name}.*") if entry.suffix[1:].isdigit()]
    return [*sorted(old, key=lambda entry: -int(entry.suffix[1:])), *([path] if path.exists() else [])]


Run = Callable[..., Running]


@dataclass
class Starter:
    path: Path
    made: list[Running] = field(default_factory=list)

    def __call__(self, *, most: int = LIMIT, keep: int = 2, pid: int | None = None, program: Path = PROGRAM) -> Running:
        watched = os.getpid() if pid is None else pid
        argv = [sys.executable, "-I", "-S", str(program), str(self.path), str(most), str(keep), str(watched)]
        # A shell that ignores signals hands that on, as tmux's does.
        shell = ["sh", "-c", "trap '' HUP INT; exec \"$@\"", "sh", *argv]
        running = Running(subprocess.Popen(shell, stdin=subprocess.PIPE), self.path)
        self.made.append(running)
        return running


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Starter]:
    starter = Starter(tmp_path / "run.log")
    yield starter
    for running in starter.made:
        assert running.process.stdin is not None
        running.process.stdin.close()
        running.process.kill()
        running.process.wait()


def test_it_writes_what_it_is_given_byte_for_byte(run: Starter) -> None:
    data = bytes(range(256)) * 3 + b"\r\n\x00"
    running = run()
    running.feed(data)
    until(lambda: running.path.exists() and running.path.read_bytes() == data, what="the data, while it runs")
    assert running.close() == 0
    assert running.kept() == data
    assert running.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_it_never_holds_more_than_it_may(run: Starter, keep: int) -> None:
    data = b"".join(b"%07d\n" % number for number in range(5000))
    running = run(keep=keep)
    running.feed(data)
    assert running.close() == 0
    sizes = [path.stat().st_size for path in files(running.path)]
    assert len(sizes) == keep + 1
    assert all(size <= LIMIT for size in sizes)
    assert sizes[:-1] == [LIMIT] * keep
    assert data.endswith(running.kept())


def test_one_that_comes_after_another_goes_on_in_its_file(run: Starter) -> None:
    for word in (b"one\n", b"two\n"):
        running = run()
        running.feed(word)
        assert running.close() == 0
    assert running.kept() == b"one\ntwo\n"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_it_is_not_ended_by_what_ends_its_group(run: Starter, number: int) -> None:
    running = run()
    running.feed(b"one\n")
    until(lambda: running.path.exists(), what="the file")
    running.process.send_signal(number)
    running.feed(b"two\n")
    assert running.close() == 0
    assert running.kept() == b"one\ntwo\n"


def shortened(tmp_path: Path) -> Path:
    """The same program with less patience."""
    program = tmp_path / "short.py"
    program.write_text(PROGRAM.read_text().replace("QUIET = 10.0", "QUIET = 0.3"))
    return program


def test_it_ends_some_time_after_the_process_it_writes_for(run: Starter, tmp_path: Path) -> None:
    with subprocess.Popen(["tail", "-f", "/dev/null"]) as sleeper:
        running = run(pid=sleeper.pid, program=shortened(tmp_path))
        running.feed(b"one\n")
        until(lambda: running.path.exists(), what="the file")
        with pytest.raises(subprocess.TimeoutExpired):
            running.process.wait(timeout=1)
        sleeper.kill()
    running.feed(b"left over\n")
    assert running.process.wait(timeout=10) == 0
    assert running.kept() == b"one\nleft over\n"


def test_of_a_process_that_has_ended_it_takes_what_is_there(run: Starter, tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as over:
        pass
    running = run(pid=over.pid, program=shortened(tmp_path))
    running.feed(b"words\n")
    assert running.process.wait(timeout=10) == 0
    assert running.kept() == b"words\n"


def test_a_full_disk_loses_only_what_does_not_fit(tmp_path: Path) -> None:
    """A limit on the size of a file stands for the disk: the same write fails, and works again later."""
    path = tmp_path / "run.log"
    program = f"""
import resource, signal, sys
sys.path.insert(0, {str(PROGRAM.parents[1])!r})
from genie.logger import Log
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = Log({os.fsencode(path)!r}, 100000, 1)
log.write(b"before ")
resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
log.write(b"1234567890")
log.write(b"lost")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.write(b"after")
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    note = logger.LOST % 11
    assert path.read_bytes() == b"before 123" + note + b"after"


def test_a_directory_that_comes_late_is_used(tmp_path: Path) -> None:
    path = tmp_path / "later" / "run.log"
    log = Log(os.fsencode(path), LIMIT, 1)
    log.write(b"lost")
    path.parent.mkdir()
    log.write(b"here")
    assert path.read_bytes() == logger.LOST % 4 + b"here"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "run.log").symlink_to(victim)
    Log(os.fsencode(tmp_path / "run.log"), LIMIT, 1).write(b"not yours")
    assert victim.read_text() == "mine"


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    chunks=st.lists(st.binary(min_size=1, max_size=60), max_size=30),
    most=st.integers(1, 50),
    keep=st.integers(0, 3),
)
def test_what_is_kept_is_always_the_end(tmp_path: Path, chunks: list[bytes], most: int, keep: int) -> None:
    path = tmp_path / "any.log"
    for old in files(path):
        old.unlink()
    log = Log(os.fsencode(path), most, keep)
    for chunk in chunks:
        log.write(chunk)
        assert sum(entry.stat().st_size for entry in files(path)) <= (keep + 1) * most
    kept, given_ = b"".join(entry.read_bytes() for entry in files(path)), b"".join(chunks)
    assert given_.endswith(kept)
    assert len(kept) >= min(len(given_), keep * most)
    os.close(log._file) if log._file >= 0 else None


def test_it_is_small(run: Starter) -> None:
    """Beside the interpreter it needs next to nothing."""
    running = run(most=2**20)
    running.feed(b"x" * 500_000)
    until(lambda: running.path.exists() and running.path.stat().st_size == 500_000, what="the data")
    bare = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", "import sys; print('up', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with bare:
        assert bare.stdout is not None
        bare.stdout.readline()
        own = psutil.Process(running.process.pid).memory_info().rss
        assert own < psutil.Process(bare.pid).memory_info().rss + 1_500_000
        bare.communicate()
