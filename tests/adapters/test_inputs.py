"""Inputs of sessions that are fed: real FIFOs."""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from threading import Timer

import pytest

from genie.adapters.inputs import FifoInputs
from genie.domain.errors import Failed, NotAllowed, TimedOut


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "input"


def reader(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)


def test_it_is_there_before_its_reader_and_waits_for_it(path: Path) -> None:
    inputs, found = FifoInputs(), []
    inputs.make(str(path))
    inputs.make(str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    late = Timer(0.1, lambda: found.append(reader(path)))
    late.start()
    inputs.feed(str(path), "hello")
    late.join()
    assert json.loads(os.read(found[0], 4096)) == {"genie": "say", "text": "hello"}
    os.close(found[0])


def test_an_interrupt_is_a_request_and_no_message(path: Path) -> None:
    inputs = FifoInputs(patience=0.05)
    inputs.make(str(path))
    with pytest.raises(TimedOut, match="has not begun to read"):
        inputs.interrupt(str(path))
    descriptor = reader(path)
    inputs.interrupt(str(path))
    inputs.interrupt(str(path))
    first, second = map(json.loads, os.read(descriptor, 4096).splitlines())
    assert (first["type"], first["request"]) == ("control_request", {"subtype": "interrupt"})
    assert first["request_id"] != second["request_id"]
    os.close(descriptor)


def test_a_reader_that_does_not_come(path: Path) -> None:
    inputs = FifoInputs(patience=0.05)
    inputs.make(str(path))
    with pytest.raises(TimedOut, match="has not begun to read"):
        inputs.feed(str(path), "hello")


def test_it_is_removed_with_its_session(path: Path) -> None:
    inputs = FifoInputs()
    inputs.make(str(path))
    inputs.remove(str(path))
    inputs.remove(str(path))
    with pytest.raises(NotAllowed, match="reads no more"):
        inputs.feed(str(path), None)


def test_what_is_no_input_stays(path: Path) -> None:
    inputs = FifoInputs()
    path.write_text("mine")
    inputs.remove(str(path))
    with pytest.raises(Failed, match="is no input of a session"):
        inputs.make(str(path))
    with pytest.raises(Failed, match="is no input of a session"):
        inputs.feed(str(path), "x")
    assert path.read_text() == "mine"


def test_a_folder_that_is_not_there(path: Path) -> None:
    with pytest.raises(Failed, match="cannot make"):
        FifoInputs().make(str(path / "x"))


def test_a_long_message_lies_in_a_file_that_goes_where_it_is_not_taken(path: Path) -> None:
    inputs = FifoInputs(patience=0.05)
    inputs.make(str(path))
    taken = reader(path)
    inputs.feed(str(path), "x" * 200_000)
    record = json.loads(os.read(taken, 4096))
    assert Path(record["file"]).read_text() == "x" * 200_000
    os.set_blocking(taken, False)
    with suppress(BlockingIOError):
        while True:
            os.write(taken, b"y" * 4000)
    before = sorted(path.parent.iterdir())
    with pytest.raises(TimedOut, match="has not read its input"):
        inputs.feed(str(path), "z" * 200_000)
    assert sorted(path.parent.iterdir()) == before
    os.close(taken)
