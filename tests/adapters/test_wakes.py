"""Being woken by files that change: soon, for the right ones, at no cost while nothing happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue

import pytest

from genie.adapters.wakes import Change, Notifier, Wakes
from genie.adapters.wakes._inotify import Inotify
from genie.adapters.wakes._watchfiles import Watchfiles

NEVER = 3600.0


class Deaf:
    """A system that tells nothing: only looking helps."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def watch(self, directory: str) -> bool:
        return False

    def unwatch(self, directory: str) -> None:
        return

    def wait(self, timeout: float | None) -> list[Change]:
        self._woken.wait(timeout)
        self._woken.clear()
        return []

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        return


class Woken:
    """The keys that were called back, in a queue."""

    def __init__(self) -> None:
        self.queue: Queue[str] = Queue()

    def __call__(self, key: str) -> None:
        self.queue.put(key)

    def waits_for(self, key: str, *, within: float = 10.0) -> None:
        end = time.monotonic() + within
        while True:
            try:
                if self.queue.get(timeout=max(end - time.monotonic(), 0.01)) == key:
                    return
            except Empty:
                raise AssertionError(f"{key} was not woken within {within} s") from None

    def drain(self) -> set[str]:
        keys = set()
        while not self.queue.empty():
            keys.add(self.queue.get_nowait())
        return keys


@pytest.fixture(params=[Inotify, Watchfiles])
def notifier(request: pytest.FixtureRequest) -> Callable[[], Notifier]:
    kind: Callable[[], Notifier] = request.param
    if kind is Inotify:
        try:
            Inotify().close()
        except OSError:
            pytest.skip("no inotify here")
    return kind


@pytest.fixture
def wakes(notifier: Callable[[], Notifier]) -> Iterator[Wakes]:
    with Wakes(poll=NEVER, notifier=notifier) as made:
        yield made


@pytest.fixture
def woken() -> Woken:
    return Woken()


def append(path: Path, text: str = "x\n") -> None:
    with path.open("a") as file:
        file.write(text)


def settle(wakes: Wakes, woken: Woken, tmp_path: Path) -> set[str]:
    """All that was called back before now: what is done last is told last."""
    mark = tmp_path / f"mark-{time.monotonic_ns()}"
    mark.mkdir()
    wakes.add(mark.name, str(mark), woken)
    append(mark / "file")
    keys: set[str] = set()
    end = time.monotonic() + 10
    while mark.name not in keys:
        assert time.monotonic() < end
        try:
            keys.add(woken.queue.get(timeout=0.1))
        except Empty:
            append(mark / "file")
    wakes.remove(mark.name)
    return {key for key in keys if not key.startswith("mark-")}


def test_a_written_file_wakes_its_key_only(wakes: Wakes, woken: Woken, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).touch()
        wakes.add(name, str(tmp_path / name), woken)
    settle(wakes, woken, tmp_path)
    append(tmp_path / "b")
    woken.waits_for("b")
    assert "a" not in settle(wakes, woken, tmp_path)


def test_a_file_that_comes_later(wakes: Wakes, woken: Woken, tmp_path: Path) -> None:
    path = tmp_path / "not" / "there" / "yet.jsonl"
    wakes.add("late", str(path), woken)
    path.parent.mkdir(parents=True)
    append(path)
    woken.waits_for("late")
    settle(wakes, woken, tmp_path)
    append(path)
    woken.waits_for("late")


def test_a_directory_wakes_for_what_is_in_it(wakes: Wakes, woken: Woken, tmp_path: Path) -> None:
    folder = tmp_path / "sessions"
    folder.mkdir()
    wakes.add("folder", str(folder), woken)
    append(folder / "new.jsonl")
    woken.waits_for("folder")
    settle(wakes, woken, tmp_path)
    (folder / "new.jsonl").unlink()
    woken.waits_for("folder")


def test_a_rotated_and_a_replaced_file(wakes: Wakes, woken: Woken, tmp_path: Path) -> None:
    path = tmp_path / "log"
    append(path)
    wakes.add("log", str(path), woken)
    path.rename(tmp_path / "log.1")
    woken.waits_for("log")
    append(path)
    settle(wakes, woken, tmp_path)
    append(path)
    woken.waits_for("log")
    (tmp_path / "other").write_text("other\n")
    settle(wakes, woken, tmp_path)
    (tmp_path / "other").replace(path)
    woken.waits_for("log")


def test_a_directory_that_goes_and_comes_again(wakes: Wakes, woken: Woken, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    path.parent.mkdir()
    append(path)
    wakes.add("file", str(path), woken)
    settle(wakes, woken, tmp_path)
    path.parent.rename(tmp_path / "away")
    woken.waits_for("file")
    settle(wakes, woken, tmp_path)
    path.parent.mkdir()
    append(path)
    woken.waits_for("file")
    settle(wakes, woken, tmp_path)
    append(path)
    woken.waits_for("file")


def test_a_link_to_a_file_elsewhere(wakes: Wakes, woken: Woken, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    real = tmp_path / "there" / "file"
    append(real)
    (tmp_path / "link").symlink_to(real)
    wakes.add("link", str(tmp_path / "link"), woken)
    settle(wakes, woken, tmp_path)
    append(real)
    woken.waits_for("link")


def test_a_removed_key_is_not_called(wakes: Wakes, woken: Woken, tmp_path: Path) -> None:
    path = tmp_path / "a"
    append(path)
    wakes.add("a", str(path), woken)
    wakes.add("b", str(path), woken)
    wakes.remove("a")
    wakes.remove("unknown")
    settle(wakes, woken, tmp_path)
    append(path)
    woken.waits_for("b")
    assert settle(wakes, woken, tmp_path) <= {"b"}


def test_a_key_gets_another_path(wakes: Wakes, woken: Woken, tmp_path: Path) -> None:
    wakes.add("key", str(tmp_path / "a"), woken)
    wakes.add("key", str(tmp_path / "b"), woken)
    settle(wakes, woken, tmp_path)
    append(tmp_path / "a")
    assert settle(wakes, woken, tmp_path) == set()
    append(tmp_path / "b")
    woken.waits_for("key")


def test_keys_come_and_go_in_a_callback(wakes: Wakes, woken: Woken, tmp_path: Path) -> None:
    def swap(key: str) -> None:
        wakes.remove(key)
        wakes.add("second", str(tmp_path / "b"), woken)
        woken(key)

    wakes.add("first", str(tmp_path / "a"), swap)
    append(tmp_path / "a")
    woken.waits_for("first")
    append(tmp_path / "b")
    woken.waits_for("second")


def test_a_failing_callback_stops_nobody(wakes: Wakes, woken: Woken, tmp_path: Path) -> None:
    def fail(key: str) -> None:
        woken("tried")
        raise ValueError(key)

    wakes.add("bad", str(tmp_path / "a"), fail)
    append(tmp_path / "a")
    woken.waits_for("tried")
    wakes.add("good", str(tmp_path / "b"), woken)
    append(tmp_path / "b")
    woken.waits_for("good")


def test_many_files(wakes: Wakes, woken: Woken, tmp_path: Path) -> None:
    paths = [tmp_path / f"folder-{number % 20}" / f"file-{number}" for number in range(300)]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.touch()
        wakes.add(path.name, str(path), woken)
    settle(wakes, woken, tmp_path)
    for path in paths:
        append(path)
    assert settle(wakes, woken, tmp_path) == {path.name for path in paths}


def test_where_nothing_is_told_it_looks(woken: Woken, tmp_path: Path) -> None:
    with Wakes(poll=0.02, notifier=Deaf) as wakes:
        wakes.add("a", str(tmp_path / "a"), woken)
        wakes.add("b", str(tmp_path / "b"), woken)
        append(tmp_path / "a")
        woken.waits_for("a")
        append(tmp_path / "b")
        woken.waits_for("b")
        (tmp_path / "a").unlink()
        woken.waits_for("a")


def test_it_ends(notifier: Callable[[], Notifier], woken: Woken, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    wakes = Wakes(notifier=notifier)
    wakes.add("a", str(tmp_path / "a"), woken)
    wakes.close()
    wakes.close()
    wakes.remove("a")
    assert set(threading.enumerate()) <= before


def test_soon_and_at_no_cost(woken: Woken, tmp_path: Path) -> None:
    """Of Linux's own: it sleeps while nothing happens, and wakes well within what a follower may wait."""
    waits: list[list[Change]] = []

    class Counted(Inotify):
        def wait(self, timeout: float | None) -> list[Change]:
            changes = super().wait(timeout)
            waits.append(changes)
            return changes

    with Wakes(notifier=Counted) as wakes:
        path = tmp_path / "a"
        append(path)
        wakes.add("a", str(path), woken)
        settle(wakes, woken, tmp_path)
        spans = []
        for _ in range(50):
            append(path)
            begin = time.monotonic()
            woken.waits_for("a")
            spans.append(time.monotonic() - begin)
        assert sorted(spans)[25] < 0.02
        settle(wakes, woken, tmp_path)
        count = len(waits)
        assert not threading.Event().wait(0.3)
        assert len(waits) <= count + 1
