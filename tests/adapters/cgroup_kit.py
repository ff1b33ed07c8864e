"""A real cgroup for a test, where a cgroup2 mount can be written to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.fixtures.tmux import until


def mount_point() -> Path | None:
    """Of cgroup v2, without blanks in its name."""
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except FileNotFoundError:
        return None
    return next((Path(line.split()[4]) for line in lines if " - cgroup2 " in line), None)


def inside(cgroup: Path) -> set[int]:
    """Who is in it or below it, found without the code under test."""
    return {int(word) for path in cgroup.rglob("cgroup.procs") for word in path.read_text().split()}


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A cgroup of the test's own; with all in it it is gone after the test."""
    top = mount_point()
    if top is None:
        pytest.skip("no cgroup2 mount here: the kernel's kill of a cgroup is not tested")
    made = top / f"genie-test-{uuid4().hex[:12]}"
    try:
        made.mkdir()
    except OSError as error:
        pytest.skip(f"{top} cannot be written to ({error.strerror}): the kernel's kill of a cgroup is not tested")
    yield made
    (made / "cgroup.kill").write_text("1")
    until(lambda: "populated 0" in (made / "cgroup.events").read_text(), what="the end of all in the cgroup")
    for directory in sorted(made.rglob("*/"), reverse=True):
        directory.rmdir()
    made.rmdir()
