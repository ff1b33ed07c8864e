"""Which cgroup genie may use, and what people are told of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from uuid import uuid4

import pytest

from genie.adapters.processes import SystemProcesses, open_cgroups
from genie.adapters.processes.cgroup import Absent
from genie.adapters.processes.delegation import find_base
from genie.daemon import doctor
from genie.daemon.engine import Engine
from genie.settings import Settings
from tests.adapters import cgroup_kit
from tests.adapters.cgroup_kit import mount_point

cgroup = cgroup_kit.cgroup
MARK = "user.delegate"


@pytest.fixture
def proc(tmp_path: Path) -> Callable[[Path], Path]:
    """What /proc says of a process that is in that cgroup."""

    def made(cgroup: Path) -> Path:
        top = mount_point()
        assert top is not None
        folder = tmp_path / uuid4().hex
        folder.mkdir()
        (folder / "cgroup").write_text(f"4:memory:/elsewhere\n0::/{cgroup.relative_to(top)}\n")
        shutil.copy("/proc/self/mountinfo", folder / "mountinfo")
        return folder

    return made


Proc = Callable[[Path], Path]
NOT_DELEGATED = Absent("no cgroup v2 is delegated to genie")


def test_what_systemd_delegates_is_used(cgroup: Path, proc: Proc) -> None:
    assert find_base("auto", process=proc(cgroup)) == NOT_DELEGATED  # though root may write there
    os.setxattr(cgroup, MARK, b"0")
    assert find_base("auto", process=proc(cgroup)) == NOT_DELEGATED
    os.setxattr(cgroup, MARK, b"1")
    assert find_base("auto", process=proc(cgroup)) == cgroup


def test_the_delegated_cgroup_of_a_service_is_that_without_its_processes(cgroup: Path, proc: Proc) -> None:
    below = cgroup / "service" / "daemon"
    below.mkdir(parents=True)
    os.setxattr(cgroup / "service", MARK, b"1")
    assert find_base("auto", process=proc(below)) == cgroup / "service"


def test_a_users_instance_of_systemd_keeps_its_own(cgroup: Path, proc: Proc) -> None:
    below = cgroup / "user@1000.service" / "app.slice" / "genie.service"
    below.mkdir(parents=True)
    os.setxattr(cgroup / "user@1000.service", MARK, b"1")
    assert find_base("auto", process=proc(below)) == below


def test_what_is_delegated_to_somebody_else_is_not_used(cgroup: Path, proc: Proc) -> None:
    below = cgroup / "theirs" / "ours"
    below.mkdir(parents=True)
    os.setxattr(cgroup / "theirs", MARK, b"1")
    assert find_base("auto", process=proc(below)) == cgroup / "theirs"
    os.chown(cgroup / "theirs", 12345, -1)
    assert find_base("auto", process=proc(below)) == NOT_DELEGATED


def test_a_cgroup_that_is_not_seen_here_is_not_used(cgroup: Path, proc: Proc) -> None:
    folder = proc(cgroup)
    for path in ("/../elsewhere", "/gone (deleted)"):
        (folder / "cgroup").write_text(f"0::{path}\n")
        assert find_base("auto", process=folder) == NOT_DELEGATED


def test_only_a_part_of_the_hierarchy_may_be_mounted(cgroup: Path, proc: Proc) -> None:
    (cgroup / "ours").mkdir()
    os.setxattr(cgroup / "ours", MARK, b"1")
    folder = proc(cgroup)
    (folder / "cgroup").write_text("0::/docker/7/ours\n")
    (folder / "mountinfo").write_text(f"41 31 0:38 /docker/7 {cgroup} rw,relatime shared:9 - cgroup2 cgroup2 rw\n")
    assert find_base("auto", process=folder) == cgroup / "ours"
    (folder / "cgroup").write_text("0::/docker/8/ours\n")
    assert find_base("auto", process=folder) == NOT_DELEGATED


def test_a_mount_with_blanks_in_its_name(tmp_path: Path) -> None:
    mounted = tmp_path / "a b"
    mounted.mkdir()
    (mounted / "cgroup.procs").touch()
    (tmp_path / "mountinfo").write_text(f"41 31 0:38 / {tmp_path}/a\\040b rw - cgroup2 cgroup2 rw\n")
    assert find_base(str(mounted), process=tmp_path) == mounted


def test_a_system_without_cgroups(tmp_path: Path) -> None:
    assert find_base("auto", process=tmp_path / "none") == NOT_DELEGATED
    assert find_base("off", process=tmp_path / "none") == Absent("cgroups are off")


def test_a_path_that_is_no_cgroup_is_not_used(cgroup: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert find_base(str(cgroup)) == cgroup
    assert find_base(str(tmp_path)) == Absent(f"cgroup {tmp_path} is not on a cgroup2 mount")
    for path in (tmp_path / "none", tmp_path / "file"):
        assert find_base(str(path)) == Absent(f"cgroup {path} is not a directory that can be entered")


def test_one_that_is_not_writable_is_not_used(cgroup: Path, proc: Proc, monkeypatch: pytest.MonkeyPatch) -> None:
    os.setxattr(cgroup, MARK, b"1")
    # Root may write everywhere: the kernel is made to refuse it.
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    for wanted in ("auto", str(cgroup)):
        assert find_base(wanted, process=proc(cgroup)) == Absent(f"cgroup {cgroup} is not writable")


# ---- what people are told ----


def told(processes: SystemProcesses, path: str) -> doctor.Check:
    engine = SimpleNamespace(
        world=SimpleNamespace(processes=processes), configured=Settings.model_validate({"cgroup": {"path": path}})
    )
    (check,) = doctor._memory(cast("Engine", engine), Path("/"))
    return check


def test_the_doctor_names_what_measures_memory(tmp_path: Path) -> None:
    for path in ("off", "auto"):
        check = told(SystemProcesses(), path)
        line = "process search; memory by proportional set size (/proc); cgroups are off"
        assert (check.check, check.status, check.detail, check.fix) == ("memory", doctor.Status.OK, line, "")


def test_the_doctor_warns_of_a_named_cgroup_that_cannot_be_used(cgroup: Path, tmp_path: Path) -> None:
    for path in (tmp_path, cgroup):
        check = told(SystemProcesses(cgroups=open_cgroups(str(path), owner="me")), str(path))
        assert check.status is (doctor.Status.OK if path == cgroup else doctor.Status.WARN)
        assert (f"{path} is not on a cgroup2 mount" in check.detail) == (path == tmp_path)
        assert ("set cgroup.path" in check.fix) == (path == tmp_path)


def test_a_named_cgroup_that_went_away_is_told_of(cgroup: Path) -> None:
    below = cgroup / "ours"
    below.mkdir()
    processes = SystemProcesses(cgroups=open_cgroups(str(below), owner="me"))
    below.rmdir()
    check = told(processes, str(below))
    assert check.status is doctor.Status.WARN
    assert "No such file or directory" in check.detail
