"""The examples run: each in sh and in Python, with agents that are told what to say to the examples' own prompts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from genie.client import AgentRow
from tests.e2e.runs import heard, one_for_all
from tests.fakes.programs import put_program
from tests.fixtures.daemon import ROOT, belonging
from tests.fixtures.quick import Quick

EXAMPLES = ROOT / "examples"
COORDINATE = """
tag=$(printf %s "$AGENT_GOAL" | grep -o 'coordinator-[0-9]*-part' | head -n 1)
for part in locking rollback; do genie run -q --provider claude --tag $tag "find out about $part"; done
genie wait -q --tag $tag
genie done --result "$(genie collect --tag $tag | grep found)"
"""
SCRIPT = [
    # pipeline
    ("Edit this article", "[[text:the edited article]]"),
    ("Write an article", "[[text:the draft]]"),
    ("List the five facts", "[[text:it is a file & a socket]]"),
    # race: one reviewer fails, and the large model would never answer
    ("model opus\n(?s:.*)Which of these findings", "[[hang]]"),
    ("Which of these findings", "[[text:mend line 3]]"),
    ("for correctness", "[[text:line 3 is wrong]]"),
    ("for security", "[[text:no idea]] [[exit:3]]"),
    ("for clarity", "[[text:nothing]]"),
    # critic
    ("second draft(?s:.*)Do you accept", '[[text:{"accept": true, "changes": []}]]'),
    ("Do you accept", '[[text:{"accept": false, "changes": ["shorter"]}]]'),
    ("second draft(?s:.*)hard to please", "[[text:ACCEPT]]"),
    ("hard to please", "[[text:REVISE: shorter]]"),
    ("Change your text", "[[text:second draft]]"),
    ("cart survive", "[[text:first draft]]"),
    # coordinator
    ("You coordinate", f"[[sh:{COORDINATE}]] [[text:I am done]]"),
    ("find out about locking", "[[text:found: locks]]"),
    ("find out about rollback", "[[text:found: a way back]]"),
    # hierarchy
    ("Split it into", "[[text:a table of codes\nthe shape of a body]]"),
    ("You lead this part of the plan: a table", "[[text:order: list the codes]]"),
    ("You lead this part of the plan: the shape", "[[text:order: show a body]]"),
    ("Do what your lead", "[[text:the work]]"),
    ("Put the workers' results together", "[[text:the report]]"),
    # reaction
    ("has failed; this is what", "[[text:line 7 of cart.py]]"),
    # debate
    ("You judge this debate", "[[text:FOR, by the second argument]]"),
    ("A debate", "[[text:an argument]]"),
    # docs/library.md
    ("Write one report of these", "[[text:all is well]]"),
    ("total = price(?s:.*)Review the attached module cart.py", "[[text:nothing]]"),
    # healing
    ("model haiku\n(?s:.*)Which trains", "[[text:there are two]]"),
    ("model sonnet\n(?s:.*)Which trains", '[[text:{"trains": [{"time": "7:12"}]}]]'),
    ("model opus\n(?s:.*)Which trains", '[[text:{"trains": [{"time": "07:12", "platform": 4}]}]]'),
]


@pytest.fixture(scope="module")
def genie(template: str) -> Iterator[Quick]:
    """One for all of them; its claude is found on the PATH."""
    with one_for_all(template, GENIE_CLAUDE__BINARY="claude") as one:
        put_program(one.directory / "bin", "claude")
        script = one.directory / "script.json"
        script.write_text(json.dumps(SCRIPT))
        path = f"{one.directory / 'bin'}:{one.env['PATH']}"
        one.env |= {"PATH": path, "FAKE_AGENT_SCRIPT": str(script), "IS_SANDBOX": "1"}
        (one.project / "cart.py").write_text("total = price + 1\n")
        yield one


@dataclass(frozen=True)
class Ran:
    """An example that has ended."""

    genie: Quick
    name: str
    pid: int
    code: int
    out: str
    err: str

    def rows(self, *more: str) -> dict[str, AgentRow]:
        """Its agents, by name without the process's number."""
        tags = [f"{self.name}-{self.pid}", *(f"{self.name}-{self.pid}-{word}" for word in more)]
        rows = self.genie.api.ls(tags=tags, everything=True)
        return {row["name"].removesuffix(f"-{self.pid}"): row for row in rows}

    def heard(self, row: AgentRow) -> str:
        """What the agent was told first in its last session."""
        return heard(self.genie, str(row["session_id"]))[0]


def run(genie: Quick, name: str, kind: str, *words: str, stdin: str = "") -> Ran:
    program = sys.executable if kind == "py" else "sh"
    argv = [program, str(EXAMPLES / name / f"{name}.{kind}"), *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        argv, env=genie.env, cwd=genie.project, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        out, err = process.communicate(stdin, timeout=100)
    return Ran(genie, name, process.pid, process.returncode, out, err)


def check_pipeline(ran: Ran) -> None:
    assert ran.out == "the edited article\n"
    rows = ran.rows()
    assert set(rows) == {"researcher", "author", "editor"}
    assert "it is a file &amp; a socket</session-result>" in ran.heard(rows["author"])
    assert "the draft</session-result>" in ran.heard(rows["editor"])


def check_race(ran: Ran) -> None:
    assert ran.out.rstrip().endswith(f"\nfirst: sum-small-{ran.pid}\nmend line 3")
    assert "line 3 is wrong" in ran.out
    assert "not every reviewer has succeeded" in ran.err
    rows = ran.rows("sum")
    assert set(rows) == {"correctness", "security", "clarity", "sum-small", "sum-large"}
    assert "total = price + 1" in ran.heard(rows["correctness"])
    assert ran.heard(rows["sum-small"]).count("</session-result>") == 3
    reasons = [event["payload"].get("reason") for event in ran.genie.api.history(rows["sum-large"]["name"])]
    assert "another one was faster" in reasons


def check_critic(ran: Ran) -> None:
    assert ran.out.rstrip() == "second draft"
    assert [line.partition(":")[0] for line in ran.err.splitlines()] == ["round 1", "round 2"]
    rows = ran.rows()
    assert set(rows) == {"writer", "critic"}
    told = ran.heard(rows["writer"])
    assert "first draft</session-result>" in told
    assert "shorter" in told


def check_coordinator(ran: Ran) -> None:
    assert sorted(ran.out.split("\n")) == ["", "found: a way back", "found: locks"]
    rows = ran.rows("part")
    (lead,) = (row for row in rows.values() if row["parent"] is None)
    assert [row["parent"] for row in rows.values() if row is not lead] == [lead["name"]] * 2
    assert "find out about" in ran.heard(next(row for row in rows.values() if row is not lead))
    assert len(re.findall("(?m)^.+done", ran.err)) == 3


def check_hierarchy(ran: Ran) -> None:
    assert ran.out == "the report\n"
    assert "the shape of a body" in ran.err
    rows = ran.rows("work")
    assert set(rows) == {"director", "lead-1", "lead-2", "worker-1", "worker-2", "report"}
    assert "order: show a body</session-result>" in ran.heard(rows["worker-2"])
    assert ran.heard(rows["report"]).count("the work</session-result>") == 2


def check_reaction(ran: Ran) -> None:
    assert ran.out == "line 7 of cart.py\nfailed\n"
    rows = ran.rows()
    assert set(rows) == {"check", "triage"}
    assert "E: cart.py:7</session-result>" in ran.heard(rows["triage"])


def check_debate(ran: Ran) -> None:
    assert ran.out == "FOR, by the second argument\n"
    rows = ran.rows()
    told = ran.heard(rows["judge"])
    assert re.findall(r'name="([a-z]+-\d)', told) == ["pro-1", "con-1", "pro-2", "con-2"]
    assert re.findall(r'name="([a-z]+-\d)', ran.heard(rows["con-2"])) == ["pro-2"]


def check_healing(ran: Ran) -> None:
    assert ran.out in ("07:12 platform 4\n", '{"trains": [{"time": "07:12", "platform": 4}]}')
    assert [line for line in ran.err.splitlines() if "again" in line] == ["trying again: medium", "trying again: large"]
    assert ran.err.count("failed: ") == 2
    (row,) = ran.rows().values()
    assert len(ran.genie.api.show(row["name"])["sessions"]) == 3


EACH: dict[str, tuple[Callable[[Ran], None], list[str], str]] = {
    "pipeline": (check_pipeline, [], ""),
    "race": (check_race, ["cart.py"], ""),
    "critic": (check_critic, [], ""),
    "coordinator": (check_coordinator, [], ""),
    "hierarchy": (check_hierarchy, [], "yes\n"),
    "reaction": (check_reaction, ["echo E: cart.py:7; exit 2"], ""),
    "debate": (check_debate, [], ""),
    "healing": (check_healing, [], ""),
}


@pytest.mark.parametrize("kind", ["sh", "py"])
@pytest.mark.parametrize("name", list(EACH))
def test_an_example(genie: Quick, name: str, kind: str) -> None:
    check, words, stdin = EACH[name]
    ran = run(genie, name, kind, *words, stdin=stdin)
    assert ran.code == 0, ran.out + ran.err
    check(ran)
    rows = [*ran.rows("sum", "part", "work").values()]
    assert {row["state"] for row in rows} == {"terminated"}
    runs = {row["run_id"] for row in rows}
    assert not [pane for pane, of, _ in genie.panes() if of in runs]
    assert not [one for one in belonging(genie.home) if one.environ().get("GENIE_RUN_ID") in runs]


@pytest.mark.parametrize("kind", ["sh", "py"])
def test_nobody_is_hired_without_a_yes(genie: Quick, kind: str) -> None:
    ran = run(genie, "hierarchy", kind, stdin="\n")
    assert (ran.code, set(ran.rows("work"))) == (1, {"director"})
    assert "stopped: the plan was not approved" in ran.out + ran.err


def test_the_page_names_each_example_and_no_other() -> None:
    named = re.findall(r"^\| \[(\w+)\]\((\w+)\) \|", (EXAMPLES / "README.md").read_text(), flags=re.MULTILINE)
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert {word for pair in named for word in pair} == folders
    assert {folder: sorted(path.suffix for path in (EXAMPLES / folder).glob("*.*")) for folder in folders} == {
        folder: [".py", ".sh"] for folder in folders
    }
    assert set(EACH) == folders - {"trees"}


def test_the_example_of_the_library(genie: Quick) -> None:
    page = (ROOT / "docs" / "library.md").read_text()
    script = genie.directory / "review.py"
    script.write_text(page.partition("```python\n")[2].partition("```")[0])
    argv = [sys.executable, str(script), str(genie.project)]
    done = subprocess.run(argv, env=genie.env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "all is well\n"), done.stderr
    assert done.stderr == "review-cart completed 5 tokens \n"


def test_an_example_takes_another_provider(genie: Quick) -> None:
    for words, env in ((["--provider", "nobody"], {}), ([], {"GENIE_EXAMPLE_PROVIDER": "nobody"})):
        for kind in ("sh", "py"):
            program = sys.executable if kind == "py" else "sh"
            argv = [program, str(EXAMPLES / "pipeline" / f"pipeline.{kind}"), *words]
            done = subprocess.run(argv, env=genie.env | env, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode != 0
            assert "unknown provider 'nobody'" in done.stderr
