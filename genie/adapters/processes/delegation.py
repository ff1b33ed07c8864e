"""Where genie may make cgroups: what was delegated to it, or what it was told to use; never merely what it could."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from genie.adapters.processes.cgroup import OFF, Absent, Cgroups

_MARKS = ("user.delegate", "trusted.delegate")
"""Attributes by which systemd marks a cgroup that it leaves to its service."""


@dataclass(frozen=True, slots=True)
class _Mount:
    """`root` of the hierarchy is seen at `point`."""

    point: Path
    root: Path


def open_cgroups(wanted: str, *, owner: str, max_processes: int = 4096) -> Cgroups | Absent:
    """Those of one genie's runs; for the arguments see `find_base` and `Cgroups`."""
    base = find_base(wanted)
    return base if isinstance(base, Absent) else Cgroups(base, owner, max_processes=max_processes)


def find_base(wanted: str, *, process: Path = Path("/proc/self")) -> Path | Absent:
    """The cgroup to make others in. `wanted` is "auto", "off" or an absolute path. `process` is the folder in
    /proc of who asks."""
    if wanted == "off":
        return OFF
    mounts = list(_mounts(process / "mountinfo"))
    if wanted != "auto":
        return _told(Path(wanted), mounts)
    for mount in mounts:
        own = _own(process / "cgroup", mount)
        base = _delegated(own, mount.point) if own is not None else None
        if base is not None:
            return base if _writable(base) else Absent(f"cgroup {base} is not writable")
    return Absent("no cgroup v2 is delegated to genie")


def _told(path: Path, mounts: list[_Mount]) -> Path | Absent:
    if not os.access(path, os.X_OK) or not path.is_dir():
        return Absent(f"cgroup {path} is not a directory that can be entered")
    real = path.resolve()
    if not any(real.is_relative_to(mount.point) for mount in mounts) or not (real / "cgroup.procs").exists():
        return Absent(f"cgroup {path} is not on a cgroup2 mount")
    return real if _writable(real) else Absent(f"cgroup {path} is not writable")


def _mounts(mountinfo: Path) -> Iterator[_Mount]:
    """Those of cgroup v2; none where the system has no such file."""
    try:
        lines = mountinfo.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup2 "):
            _, _, _, root, point = before.split()[:5]
            yield _Mount(Path(_plain(point)), Path(_plain(root)))


def _plain(text: str) -> str:
    """Blanks stand as \\040 there."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def _own(membership: Path, mount: _Mount) -> Path | None:
    """The cgroup v2 that a process is in, as this mount shows it."""
    for line in membership.read_text().splitlines():
        if line.startswith("0::/"):
            path = Path(line[3:])
            seen = path.is_relative_to(mount.root) and ".." not in path.parts
            return mount.point / path.relative_to(mount.root) if seen else None
    return None


def _delegated(own: Path, top: Path) -> Path | None:
    """`own`, when it or a cgroup above it that is this user's is marked as delegated. Where the mark is that of the
    service itself (its processes are in a cgroup below), the service's: it has no processes of its own, and so can
    have controllers. One of systemd's own instance for a user is not: that makes and removes cgroups there itself."""
    for directory in (own, *own.parents):
        if not directory.is_relative_to(top) or not _ours(directory):
            return None
        if _marked(directory):
            return own if directory.name.startswith("user@") else directory
    return None


def _ours(directory: Path) -> bool:
    try:
        return directory.stat().st_uid == os.geteuid()
    except OSError:
        return False


def _marked(directory: Path) -> bool:
    return any(_attribute(directory, mark) == b"1" for mark in _MARKS)


def _attribute(directory: Path, name: str) -> bytes:
    try:
        return os.getxattr(directory, name)
    except OSError:
        return b""


def _writable(directory: Path) -> bool:
    return all(os.access(path, os.W_OK) for path in (directory, directory / "cgroup.procs"))
