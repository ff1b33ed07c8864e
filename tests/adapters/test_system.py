"""The host's clock and identity."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from genie.adapters.system import KillAt, RandomIds, SystemClock, boot_id, host_id, host_name


def test_the_time_is_aware_and_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_ids_are_random_ones() -> None:
    ids = {RandomIds().new() for _ in range(100)}
    assert len(ids) == 100
    assert {made.version for made in ids} == {4}


def test_one_boot_has_one_id() -> None:
    assert boot_id() == boot_id() != ""


def test_the_host_has_a_name() -> None:
    assert host_name()


def test_the_machine_id_is_the_hosts(tmp_path: Path) -> None:
    (tmp_path / "machine-id").write_text("abc123\n")
    assert host_id(tmp_path / "host", machine_id=tmp_path / "machine-id") == "abc123"
    assert not (tmp_path / "host").exists()


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_without_a_machine_id_one_is_made_and_kept(tmp_path: Path, content: str | None) -> None:
    machine = tmp_path / "machine-id"
    if content is not None:
        machine.write_text(content)
    made = host_id(tmp_path / "host", machine_id=machine)
    assert len(made) == 32
    assert host_id(tmp_path / "host", machine_id=machine) == made
    assert host_id(tmp_path / "other", machine_id=machine) != made
    assert {path.name for path in tmp_path.iterdir()} <= {"host", "other", "machine-id"}


def test_an_empty_file_of_ours_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "host").touch()
    made = host_id(tmp_path / "host", machine_id=tmp_path / "none")
    assert len(made) == 32
    assert (tmp_path / "host").read_text().strip() == made


def test_threads_that_make_one_at_once_agree(tmp_path: Path) -> None:
    made: list[str] = []
    start = threading.Barrier(8)

    def make() -> None:
        start.wait()
        made.append(host_id(tmp_path / "host", machine_id=tmp_path / "none"))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == 1


def test_a_fault_without_a_point_never_strikes() -> None:
    KillAt(None)("anywhere")
    KillAt("there")("here")


def test_a_fault_kills_at_its_point_only() -> None:
    program = (
        "from genie.adapters.system import KillAt; f = KillAt('b'); f('a'); print('a', flush=True); f('b'); print('b')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (-9, "a\n")


def test_a_fault_strikes_once_at_the_point_that_is_in_its_file(tmp_path: Path) -> None:
    file = tmp_path / "fault"
    program = f"from genie.adapters.system import KillAt; f = KillAt('@{file}'); f('b'); f('a'); print('alive')"
    argv = [sys.executable, "-c", program]
    for said, code, file_stays in ((None, 0, False), ("c", 0, True), ("b", -9, False)):
        if said:
            file.write_text(said)
        done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
        assert (done.returncode, file.exists()) == (code, file_stays)
    assert subprocess.run(argv, capture_output=True, timeout=30, check=False).returncode == 0
