"""The examples of docs/trees.md run, and the page says what is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from genie.domain.tree import KEYS, Breach, Limits, Mode, Termination, write_limits
from tests.e2e.forest import rows
from tests.fixtures.daemon import ROOT, Genie, belonging

EXAMPLES = ROOT / "examples" / "trees"
PAGE = (ROOT / "docs" / "trees.md").read_text()


def run(genie: Genie, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, env=genie.env, cwd=genie.project, capture_output=True, text=True, timeout=100, check=False
    )


def over(genie: Genie) -> None:
    """The tree was spawned by the lead, and nothing of it is left."""
    found = rows(genie)
    assert {name: (row["parent"], row["state"]) for name, row in found.items()} == {
        "lead": (None, "terminated"),
        **{f"worker_{number}": ("lead", "terminated") for number in (1, 2, 3)},
    }
    assert (found["lead"]["ttl"], found["worker_1"]["ttl"]) == (600, 300)
    assert genie.panes() == []
    assert not belonging(genie.home)


def test_the_shell_example(genie: Genie) -> None:
    done = run(genie, "sh", str(EXAMPLES / "tree.sh"))
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()
    assert "refused by the limit 'children': 'lead' has 3 live children of 3" in done.stdout
    assert [text for text in said if re.match(r"worker_\d: exit", text)] == [
        "worker_4: exit code 5",
        "worker_1: exit code 1",
        "worker_2: exit code 2",
        "worker_3: exit code 3",
    ]
    assert [re.findall(r"exit \d", text) for text in said if re.search(r"─ worker_", text)] == [
        ["exit 1"],
        ["exit 2"],
        ["exit 3"],
    ]
    over(genie)


def test_the_python_example(genie: Genie) -> None:
    done = run(genie, sys.executable, str(EXAMPLES / "tree.py"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "refused by the limit 'children': 'lead' has 3 live children of 3" in done.stdout
    assert "{'limit': 'children', 'max': 3, 'now': 3, 'of': 'lead'}" in done.stdout
    for number in (1, 2, 3):
        assert f"worker_{number} is failed with exit code {number}" in done.stdout
        assert f"\n  worker_{number} failed {number}\n" in done.stdout
    over(genie)


@pytest.mark.parametrize("name", ["tree.sh", "tree.py"])
def test_the_page_has_the_examples_as_they_are(name: str) -> None:
    assert f"```{Path(name).suffix[1:].replace('py', 'python')}\n{(EXAMPLES / name).read_text()}```" in PAGE


def table(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, code marks and the head left out."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n|---")[2].partition("\n\n")[0]
    lines = section.replace("`", "").splitlines()[1:]
    return [[cell.strip() for cell in text.strip("|").split("|")] for text in lines]


def test_the_page_has_every_limit_with_its_default() -> None:
    told = {row[0]: row[1] for row in table("Limits")}
    defaults = {key: str(value) for key, value in write_limits(Limits()).items()}
    assert tuple(told) == KEYS
    assert told == {"memory": "no quota", **defaults}
    assert list(told) == [row[0] for row in table("Limits")]


def test_the_page_has_every_word_and_policy() -> None:
    assert {row[0].partition(" ")[0] for row in table("When a parent ends")} == {each.value for each in Termination}
    meanings = {row[0]: row[2] for row in table("Limits")}
    for key, words in {"mode": Mode, "termination": Termination, "on_breach": Breach}.items():
        assert all(word.value in meanings[key] for word in words)
