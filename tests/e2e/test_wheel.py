"""The wheel is complete: built from the project, put into a directory of its own, run from there on a daemon."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.fixtures.daemon import ROOT, Genie

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
OFFLINE = ("--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")


def pip(*words: str | Path) -> None:
    # what the machine's pip is told of indexes means nothing here
    env = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words], env=env | {"PIP_CONFIG_FILE": os.devnull}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """The wheel, built by the backend that is installed with the tests."""
    pip("wheel", *OFFLINE, "--no-build-isolation", "--wheel-dir", tmp_path / "dist", ROOT)
    (built,) = (tmp_path / "dist").glob("*.whl")
    return built


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Path:
    pip("install", *OFFLINE, "--target", tmp_path / "site", wheel)
    return tmp_path / "site"


def files(folder: str, pattern: str) -> set[str]:
    """Paths in a folder of the project, relative to it."""
    return {path.relative_to(ROOT / folder).as_posix() for path in (ROOT / folder).rglob(pattern)}


def test_nothing_is_missing_in_the_wheel_and_nothing_is_there_too_much(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    inside = {name.removeprefix("genie/") for name in names if name.startswith("genie/")}
    templates, revisions = files("agents", "AGENTS.md"), files("migrations", "*.py") | {"script.py.mako"}
    assert len(templates) >= 8
    expected = {f"_agents/{path}" for path in templates} | {f"_migrations/{path}" for path in revisions}
    assert inside == files("genie", "*.py") | {"py.typed"} | expected
    assert {name.split("/")[0] for name in names} == {"genie", wheel.name.rsplit("-", 3)[0] + ".dist-info"}
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_it_runs_from_where_it_is_installed_templates_and_migrations_included(
    make_genie: Callable[..., Genie], installed: Path, empty_dsn: str
) -> None:
    genie = make_genie(PYTHONPATH=str(installed), GENIE_DATABASE_URL=empty_dsn)
    assert genie("version").startswith("genie 0.")
    found = genie.json("template", "ls")
    assert {row["name"] for row in found} == {path.split("/")[0] for path in files("agents", "AGENTS.md")}
    assert all(Path(row["source"]).is_relative_to(installed / "genie" / "_agents") for row in found)
    told = genie.json("db", "status")
    assert (told["state"], told["schema"]) == ("up", told["head"])
    assert (installed / "genie" / "_migrations" / "versions").is_dir()
    assert genie.json("spawn", "engineer")["state"] == "running"
