"""Sessions without a screen from beginning to end: what a provider says is run under the attendant, its log is read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from genie.adapters.providers import InstalledProviders
from genie.adapters.records import NEW, parser
from genie.domain.conversation import Outcome, fold
from genie.domain.session import Way
from genie.ports import Attended, Task
from tests.adapters.records_kit import READ_AT
from tests.adapters.test_providers import make_ask
from tests.fakes.attended import Session, Sessions
from tests.fakes.programs import put_program

ONE_SHOT = Task(way=Way.ONE_SHOT)
COUNT = """\
import json, sys
for line in sys.stdin:
    print(json.dumps({"type": "message", "text": line.strip()[::-1]}), flush=True)
"""


class Stage:
    """A directory with programs, and sessions in it."""

    def __init__(self, directory: Path, sessions: Sessions) -> None:
        self.directory, self.sessions = directory, sessions
        for name in ("gemini", "ollama"):
            put_program(directory / "bin", name)
        self.providers = InstalledProviders({}, directory / "providers")
        self.env = {"HOME": str(directory), "PATH": f"{directory / 'bin'}:{os.environ['PATH']}"}

    def attended(self, name: str, task: Task = ONE_SHOT, **changes: object) -> Attended:
        asked = {"cwd": str(self.directory), "env": self.env, "session": uuid4(), **changes}
        return self.providers.get(name).attended(make_ask(self.directory / "bin", **asked), task)

    def start(self, given: Attended) -> Session:
        stdin = None if given.stdin is None else str(self.sessions.file(given.stdin.encode()))
        return self.sessions.start(
            given.plan.argv,
            env=self.env | dict(given.plan.env),
            cwd=str(self.directory),
            form=given.screen,
            stdin=stdin,
            keep_open=given.keep_open,
            fifo=given.keep_open,
        )

    def outcome(self, name: str, given: Attended, session: Session) -> Outcome:
        reader, outcome, state = parser(name, given.form), Outcome(), NEW
        for line in session.log.read_bytes().splitlines():
            said, state = reader.parse(line, state, at=READ_AT)
            for one in said:
                outcome = fold(outcome, one)
        return outcome


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    sessions = Sessions(tmp_path)
    yield Stage(tmp_path, sessions)
    sessions.end()


def test_gemini(stage: Stage) -> None:
    given = stage.attended("gemini", replace(ONE_SHOT, auto_approve=True), prompt="it's $(so)", role_prompt="Ada.")
    session = stage.start(given)
    assert session.wait() == 0
    outcome = stage.outcome("gemini", given, session)
    assert (outcome.text, outcome.exit_code) == ("heard: Ada.\n\nit's $(so)", 0)
    assert outcome.tokens.output == 7


def test_gemini_that_fails(stage: Stage) -> None:
    for prompt, approve, code in (("fail", True, 144), ("go", False, 55)):
        given = stage.attended("gemini", replace(ONE_SHOT, auto_approve=approve), prompt=prompt)
        session = stage.start(given)
        assert session.wait() == code
    assert session.records("stderr")[-1]["text"] == "Gemini CLI is not running in a trusted directory."


def test_ollama(stage: Stage) -> None:
    given = stage.attended("ollama", model="llama3.2", prompt="two\nlines")
    session = stage.start(given)
    assert session.wait() == 0
    assert stage.outcome("ollama", given, session).text == "llama3.2 heard: two\nlines"


def test_ollama_without_the_model(stage: Stage) -> None:
    session = stage.start(stage.attended("ollama", model="missing", prompt="go"))
    assert session.wait() == 1
    assert "pull model manifest" in session.records("stderr")[0]["text"]


def test_a_command(stage: Stage) -> None:
    given = stage.attended("shell", command=("tr", "a-z", "A-Z"), prompt="loud\n")
    session = stage.start(given)
    assert session.wait() == 0
    assert stage.outcome("shell", given, session).text == "LOUD"


def test_a_declared_one_streams(stage: Stage) -> None:
    folder = stage.directory / "providers"
    folder.mkdir()
    (stage.directory / "count.py").write_text(COUNT)
    (folder / "backwards.toml").write_text('output = "ndjson"\nstreaming = ["python3", "{cwd}/count.py"]\n')
    given = stage.attended("backwards", Task(way=Way.STREAMING), prompt="one")
    session = stage.start(given)
    session.say(b'two\n{"genie": "close"}\n')
    assert session.wait() == 0
    lines = session.log.read_text().splitlines()
    assert [line for line in lines if "message" in line] == [
        '{"type": "message", "text": "eno"}',
        '{"type": "message", "text": "owt"}',
    ]
    assert stage.outcome("backwards", given, session).text == "owt"
