"""The fake agents, started by the providers in a real terminal: what all other tests build upon."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

from genie.adapters.providers import InstalledProviders, ProviderOptions
from genie.domain.session import Session
from genie.ports import Plan
from tests.adapters.test_providers import bin_dir, make_ask, session_of
from tests.fakes.programs import put_program
from tests.real.kit import Desk, until

__all__ = ["bin_dir"]


class Stage:
    """A desk with both fakes on PATH, and what they have logged."""

    def __init__(self, directory: Path, desk: Desk) -> None:
        self.directory, self.desk = directory, desk
        self.project = directory / "project"
        self.project.mkdir()
        self.log = directory / "log"
        programs = {name: put_program(directory / "bin", name) for name in ("claude", "codex")}
        self.providers = InstalledProviders({n: ProviderOptions(binary=str(p)) for n, p in programs.items()})
        self.env = {
            "HOME": str(directory),
            "PATH": os.environ["PATH"],
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "CLAUDE_CONFIG_DIR": str(directory / "claude"),
            "CODEX_HOME": str(directory / "codex"),
            "FAKE_AGENT_LOG": str(self.log),
        }

    def plan(self, name: str, **changes: object) -> Plan:
        asked = {"cwd": str(self.project), "env": self.env, "session": uuid4(), **changes}
        return self.providers.get(name).plan(make_ask(self.directory, **asked))

    def session(self, name: str, plan: Plan) -> Session:
        found = session_of(plan, str(self.project), name=name)
        return replace(found, created_at=datetime.now(UTC) - timedelta(seconds=60))

    def start(self, argv: tuple[str, ...], **env: str) -> str:
        return self.desk.start(argv, env={**self.env, **env}, cwd=self.project)

    def shows(self, pane: str, text: str) -> None:
        until(lambda: text in self.desk.screen(pane), what=f"'{text}' in {pane}")

    def logged(self, key: str) -> list[dict[str, Any]]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [record for record in map(json.loads, lines) if key in record]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Desk(tmp_path / "desk") as desk:
        yield Stage(tmp_path, desk)


def registry(stage: Stage, pid: int) -> dict[str, Any]:
    path = stage.directory / "claude" / "sessions" / f"{pid}.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def test_a_conversation_of_claude_outlives_kill_9(stage: Stage) -> None:
    agent, prompt = stage.providers.get("claude"), 'say "$(id)" `x`\n😀'
    plan = stage.plan("claude", prompt=prompt, role_prompt="Be brief.")
    session = stage.session("claude", plan)
    first = stage.start(plan.argv)
    stage.shows(first, "● ok: say")
    until(lambda: registry(stage, stage.desk.pid(first)).get("status") == "idle", what="idle")
    stage.desk.crash(first)
    second = stage.start(agent.resume(session.launch, session=session, env=stage.env))
    stage.shows(second, f"resumed {session.provider_session} (2 messages)")
    started = stage.logged("argv")
    assert started[0]["argv"] == list(plan.argv[1:])
    assert started[0]["argv"][-1] == prompt
    assert prompt not in started[1]["argv"]
    assert started[1]["cwd"] == str(stage.project)
    stage.desk.line(second, "more")
    stage.shows(second, "● ok: more")
    stage.desk.line(second, "/exit")
    assert stage.desk.end(second) == 0
    assert not registry(stage, started[1]["pid"])


@pytest.mark.parametrize("flag", ["--session-id", "--resume"])
def test_the_fake_refuses_what_claude_refuses(flag: str, stage: Stage) -> None:
    plan = stage.plan("claude", prompt="hi")
    first = stage.start(plan.argv)
    stage.shows(first, "● ok: hi")
    ident = plan.argv[2] if flag == "--session-id" else str(uuid4())
    assert stage.desk.end(stage.start((plan.argv[0], flag, ident))) == 1
    assert stage.desk.end(stage.start((plan.argv[0], "--no-such-option"))) == 1


def test_a_transcript_without_a_message_is_started_anew(stage: Stage) -> None:
    plan = stage.plan("claude", prompt="hi")
    session = stage.session("claude", plan)
    folder = stage.directory / "claude" / "projects" / "anything"
    folder.mkdir(parents=True)
    (folder / f"{session.provider_session}.jsonl").write_text('{"type":"mode"}\n')
    agent = stage.providers.get("claude")
    stage.shows(stage.start(agent.resume(session.launch, session=session, env=stage.env)), "● ok: hi")


def test_codex_is_found_among_its_like_and_goes_on(stage: Stage) -> None:
    agent = stage.providers.get("codex")
    plan = stage.plan("codex", prompt="same words", role_prompt="Be brief.")
    session = stage.session("codex", plan)
    panes = [stage.start(plan.argv) for _ in range(2)]
    for pane in panes:
        stage.shows(pane, "● ok: same words")
    ids = [
        agent.find_session(session, env=stage.env, since=session.created_at, pid=stage.desk.pid(pane)) for pane in panes
    ]
    assert None not in ids
    assert ids[0] != ids[1]
    stage.desk.crash(panes[0])
    known = replace(session, provider_session=ids[0])
    again = stage.start(agent.resume(session.launch, session=known, env=stage.env))
    stage.shows(again, f"resumed {ids[0]}")
    pid = stage.desk.pid(again)
    assert agent.find_session(session, env=stage.env, since=session.created_at, pid=pid) == ids[0]
    assert stage.desk.end(stage.start((plan.argv[0], "resume", str(uuid4())))) == 1


@pytest.mark.parametrize("name", ["claude", "codex"])
@pytest.mark.parametrize(
    ("order", "end"), [("[[exit:3]]", 3), ("[[exit:7:after=0.2]]", 7), ("[[signal:15:after=0.1]]", -15)]
)
def test_orders_in_a_prompt(name: str, order: str, end: int, stage: Stage) -> None:
    assert stage.desk.end(stage.start(stage.plan(name, prompt=f"do {order}").argv)) == end


def test_orders_in_the_environment_and_in_a_typed_line(stage: Stage) -> None:
    assert stage.desk.end(stage.start(stage.plan("claude").argv, FAKE_AGENT="[[exit:4:after=0.1]]")) == 4
    typed = stage.start(stage.plan("claude").argv)
    stage.shows(typed, "❯")
    stage.desk.line(typed, "[[signal:9]]")
    assert stage.desk.end(typed) == -9


def test_signals_end_it_as_they_end_claude(stage: Stage) -> None:
    for number, code in ((signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 0)):
        pane = stage.start(stage.plan("claude").argv)
        stage.shows(pane, "❯")
        os.kill(stage.desk.pid(pane), number)
        assert stage.desk.end(pane) == code


def test_a_dialog_loses_what_is_typed_and_enter_approves(stage: Stage) -> None:
    pane = stage.start(stage.plan("claude", prompt="[[ask]]").argv)
    stage.shows(pane, "Do you want to proceed?")
    until(lambda: registry(stage, stage.desk.pid(pane)).get("status") == "waiting", what="waiting")
    stage.desk.line(pane, "my next task")
    stage.shows(pane, "● approved")
    assert "ok: my next task" not in stage.desk.screen(pane)


def test_messages_wait_while_it_is_busy(stage: Stage) -> None:
    pane = stage.start(stage.plan("claude", prompt="[[slow:0.5]][[text:first]]").argv)
    until(lambda: registry(stage, stage.desk.pid(pane)).get("status") == "busy", what="busy")
    stage.desk.line(pane, "second")
    stage.shows(pane, "● ok: second")
    screen = stage.desk.screen(pane)
    assert screen.index("● first") < screen.index("● ok: second")


@pytest.mark.parametrize("kind", ["plain", "nohup", "setsid", "double"])
def test_children_outlive_it_but_for_a_plain_one(kind: str, stage: Stage) -> None:
    mark = str(uuid4())
    pane = stage.start(stage.plan("claude", prompt=f"[[child:{kind}]]").argv, GENIE_RUN_ID=mark)
    stage.shows(pane, "ok:")

    def children() -> list[psutil.Process]:
        found = [process for process in map(_process, psutil.pids()) if process and process.pid != agent]
        return [process for process in found if _carries(process, mark) and (kind != "nohup" or _ignores_hup(process))]

    agent = stage.desk.pid(pane)
    child = until(children, what="the child")
    os.kill(agent, signal.SIGKILL)
    stage.desk.end(pane)
    if kind == "plain":
        until(lambda: not children(), what="the end of the child")
        return
    assert children() == child
    for process in child:
        process.kill()
    until(lambda: not children(), what="the end of the child")


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _ignores_hup(process: psutil.Process) -> bool:
    """Whether it has come so far: a child that is caught before dies with its terminal like a plain one."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return False
    (ignored,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigIgn")]
    return bool(int(ignored, 16) & 1)


def _carries(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get("GENIE_RUN_ID") == mark and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


@pytest.mark.parametrize(("name", "version"), [("claude", "2.1.900 (Fake Agent)"), ("codex", "codex-cli 0.900.0")])
def test_versions(name: str, version: str, stage: Stage) -> None:
    assert stage.providers.get(name).version() == version
