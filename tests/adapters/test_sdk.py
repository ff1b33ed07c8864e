"""Provider claude-sdk: what it refuses and runs, and the program that it runs, with a package that needs no claude."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from genie.adapters.providers import InstalledProviders, ProviderOptions
from genie.adapters.records import NEW, parser
from genie.domain.conversation import ConversationKind
from genie.domain.errors import BadInput, GenieError, MissingProgram, NotFound
from genie.domain.session import Launch, Session, Way
from genie.domain.words import PermissionMode
from genie.ports import Ask, Provider, Task
from tests.adapters.records_kit import READ_AT
from tests.adapters.test_providers import make_ask
from tests.fakes.sdk import python_with_sdk, python_without_sdk

STREAM = Task(way=Way.STREAMING)


def provider(python: Path, **more: Any) -> Provider:  # noqa: ANN401
    return InstalledProviders({"claude-sdk": ProviderOptions(python=str(python), **more)}).get("claude-sdk")


def asks(tmp_path: Path, **said: Any) -> Ask:  # noqa: ANN401
    env = {"CLAUDE_CONFIG_DIR": str(tmp_path / "cfg"), "PATH": os.environ["PATH"], "IS_SANDBOX": "1"}
    return replace(make_ask(tmp_path, env=env, cwd=str(tmp_path)), session=uuid4(), **said)


def options(argv: tuple[str, ...]) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(argv[argv.index("--options") + 1])
    return said


# ---- the provider ---------------------------------------------------------------------------


def test_without_the_package_nothing_is_started(tmp_path: Path) -> None:
    one = provider(python_without_sdk(tmp_path))
    with pytest.raises(MissingProgram) as caught:
        one.attended(asks(tmp_path), STREAM)
    assert caught.value.hint == "pip install 'genie-agents[sdk]'"
    assert (one.program(), one.version()) == (None, None)


def test_what_is_asked_for_becomes_options(tmp_path: Path) -> None:
    wishes = {"max_turns": 3, "max_budget": 2.5, "effort": "low"}
    ask = asks(
        tmp_path,
        prompt="go",
        role_prompt="You are ada.",
        model="small",
        effort="high",
        permission_mode=PermissionMode.MANUAL,
        tools=("Read",),
        disallowed_tools=("Bash",),
        mcp=("a.json",),
        add_dirs=("src",),
        extra_args=("--fallback-model", "haiku", "--debug"),
        sdk=wishes,
    )
    held = provider(python_with_sdk(tmp_path), socket="/s", patience=5.0).attended(ask, STREAM)
    said = options(held.plan.argv)
    assert said["options"] == {
        "model": "haiku",
        "effort": "low",
        "permission_mode": "default",
        "system_prompt": {"type": "preset", "preset": "claude_code", "append": "You are ada."},
        "allowed_tools": ["Read"],
        "disallowed_tools": ["Bash"],
        "add_dirs": [str(tmp_path / "src")],
        "max_turns": 3,
        "max_budget_usd": 2.5,
        "extra_args": {"fallback-model": "haiku", "debug": None},
    }
    assert (said["mcp"], said["socket"], said["patience"], said["once"]) == (["a.json"], "/s", 5.0, False)
    assert (held.keep_open, held.form, json.loads(held.stdin or "")["type"]) == (True, "stream-json", "user")
    replaced = provider(python_with_sdk(tmp_path)).attended(replace(ask, replace_system_prompt=True), STREAM)
    assert options(replaced.plan.argv)["options"]["system_prompt"] == "You are ada."


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"sdk": {"max_budget": 0}}, BadInput),
        ({"sdk": {"max_budget": True}}, BadInput),
        ({"sdk": {"max_turns": 0}}, BadInput),
        ({"sdk": {"effort": "huge"}}, BadInput),
        ({"sdk": {"resume": "no-id"}}, BadInput),
        ({"sdk": {"resume": str(uuid4())}}, NotFound),
        ({"extra_args": ("word",)}, BadInput),
        ({"extra_args": ("--resume", "x")}, BadInput),
        ({"extra_args": ("--max-budget-usd=1",)}, BadInput),
        ({"extra_args": ("--debug", "--debug")}, BadInput),
        ({"command": ("ls",)}, BadInput),
    ],
)
def test_what_it_cannot_honour_is_refused(tmp_path: Path, said: dict[str, Any], error: type[GenieError]) -> None:
    with pytest.raises(error):
        provider(python_with_sdk(tmp_path)).attended(asks(tmp_path, **said), STREAM)


def test_a_task_needs_something_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        provider(python_with_sdk(tmp_path)).attended(asks(tmp_path), Task(way=Way.ONE_SHOT))


def test_a_claude_that_was_named_is_run(tmp_path: Path) -> None:
    (tmp_path / "claude").write_text("#!/bin/sh\n")
    (tmp_path / "claude").chmod(0o755)
    python = python_with_sdk(tmp_path)
    held = provider(python, binary=str(tmp_path / "claude")).attended(asks(tmp_path), STREAM)
    assert options(held.plan.argv)["options"]["cli_path"] == str(tmp_path / "claude")
    with pytest.raises(MissingProgram):
        provider(python, binary=str(tmp_path / "gone")).attended(asks(tmp_path), STREAM)


@pytest.mark.parametrize("given", [False, True])
def test_a_resume_has_the_same_argv_but_for_the_session(tmp_path: Path, given: bool) -> None:
    old = str(uuid4())
    folder = tmp_path / "cfg" / "projects" / "".join(c if c.isalnum() else "-" for c in os.path.realpath(tmp_path))
    folder.mkdir(parents=True)
    (folder / f"{old}.jsonl").write_text('{"type": "user"}\n')
    ask = asks(tmp_path, sdk={"resume": old} if given else {})
    one = provider(python_with_sdk(tmp_path))
    plan = one.attended(ask, STREAM).plan
    own = plan.provider_session or ""
    assert own == (old if given else str(ask.session))
    launch = Launch(argv=plan.argv, cwd=str(tmp_path))
    session = Session(
        id=ask.session, agent=uuid4(), provider="claude-sdk", provider_session=own, launch=launch, role_prompt="",
        created_at=READ_AT,
    )  # fmt: skip
    if not given:
        assert one.resume(launch, session=session, env=ask.env) == plan.argv, "nothing was said yet"
        (folder / f"{own}.jsonl").write_text('{"type": "user"}\n')
    place = plan.argv.index("--from" if given else "--session-id")
    again = one.resume(launch, session=session, env=ask.env)
    assert again == (*plan.argv[:place], "--resume", own, *plan.argv[place + 2 :])


# ---- the program ----------------------------------------------------------------------------


@dataclass
class Program:
    """The program at work."""

    process: subprocess.Popen[bytes]
    told: list[dict[str, Any]] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.line({"type": "user", "message": {"role": "user", "content": [{"type": "text", "text": text}]}})

    def line(self, record: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(record).encode() + b"\n")
        self.process.stdin.flush()

    def until(self, **wanted: object) -> dict[str, Any]:
        """The next record that has these fields."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.told.append(json.loads(line))
            if all(self.told[-1].get(key) == value for key, value in wanted.items()):
                return self.told[-1]
        raise AssertionError(f"{wanted} was not told: {self.told}")

    def ends(self) -> tuple[int, str]:
        out, error = self.process.communicate(timeout=20)
        self.told += [json.loads(line) for line in out.splitlines()]
        return self.process.returncode, error.decode()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    made: list[Program] = []

    def begin(task: Task = STREAM, *, env: dict[str, str] | None = None, **said: Any) -> Program:  # noqa: ANN401
        more = said.pop("more", {})
        ask = asks(tmp_path, **said)
        argv = provider(python_with_sdk(tmp_path), **more).attended(ask, task).plan.argv
        pipe = subprocess.PIPE
        whole = {**ask.env, **(env or {})}
        made.append(Program(subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, env=whole, cwd=tmp_path)))
        return made[-1]

    yield begin
    for one in made:
        one.process.kill()
        one.process.communicate()


def test_messages_are_turns_one_after_the_other(start: Any) -> None:  # noqa: ANN401
    program = start()
    program.say("first")
    program.say("second")
    assert program.until(type="result")["result"] == "first"
    assert program.until(type="result")["result"] == "second"
    assert program.ends() == (0, "")
    kinds = [record["type"] for record in program.told if record["type"] != "system"]
    assert kinds == ["user", "assistant", "result"] * 2


def test_what_it_tells_is_read_as_claudes(start: Any) -> None:  # noqa: ANN401
    program = start()
    program.say("hello")
    program.until(type="result")
    program.ends()
    reader, state, said = parser("claude-sdk", "stream-json"), NEW, []
    for record in program.told:
        one, state = reader.parse(json.dumps(record).encode(), state, at=READ_AT)
        said += [single.kind for single in one]
    wanted = [ConversationKind.USER_MESSAGE, ConversationKind.ASSISTANT_MESSAGE, ConversationKind.SESSION_RESULT]
    assert [kind for kind in said if kind in wanted] == wanted
    assert ConversationKind.SESSION_STARTED in said


def test_an_interrupt_ends_the_turn_alone(start: Any) -> None:  # noqa: ANN401
    program = start()
    program.say("wait")
    program.until(type="user")
    program.line({"type": "control_request", "request": {"subtype": "interrupt"}})
    assert program.until(type="result")["terminal_reason"] == "aborted_streaming"
    program.line({"type": "control_request", "request": {"subtype": "set_model", "model": "opus"}})
    assert program.until(subtype="model")["model"] == "opus"
    program.say("and on")
    assert program.until(type="result")["result"] == "and on"
    program.process.send_signal(signal.SIGINT)
    assert program.ends() == (0, "")


def test_ctrl_c_ends_the_turn_and_then_the_session(start: Any) -> None:  # noqa: ANN401
    program = start()
    program.say("wait")
    program.until(type="user")
    program.process.send_signal(signal.SIGINT)
    program.until(type="result")
    program.process.send_signal(signal.SIGINT)
    code, error = program.ends()
    assert (code, "interrupted" in error) == (0, True)


def test_a_budget_that_is_spent_and_a_signal_have_their_exit_codes(start: Any) -> None:  # noqa: ANN401
    spent = start()
    spent.say("spend")
    assert spent.until(type="result")["subtype"] == "error_max_budget_usd"
    assert spent.ends()[0] == 1
    asked = start()
    asked.until(subtype="session_ready")
    asked.process.send_signal(signal.SIGTERM)
    assert asked.process.wait(20) == 143


def test_after_a_usage_limit_it_goes_on_by_itself(start: Any) -> None:  # noqa: ANN401
    program = start()
    program.say("limit")
    assert program.until(type="result")["is_error"] is True
    told = program.until(type="user", isSynthetic=True)["message"]["content"][0]["text"]
    assert "limit has reset" in told
    assert program.until(type="result")["result"] == told


def test_a_task_says_by_its_exit_code_how_it_went(start: Any) -> None:  # noqa: ANN401
    good = start(Task(way=Way.ONE_SHOT), prompt="hello")
    good.say("hello")
    assert good.ends()[0] == 0


def test_lines_that_are_no_messages_are_told_of(start: Any) -> None:  # noqa: ANN401
    program = start()
    program.line(["no", "message"])
    program.line({"type": "control_request", "request": {"subtype": "fly"}})
    program.say("hello")
    program.until(type="result")
    code, error = program.ends()
    assert (code, "not understood" in error, "not known: fly" in error) == (0, True, True)


# ---- permissions ----------------------------------------------------------------------------


class Daemon:
    """Answers questions with what it is given, in that order; None hangs up without a word."""

    def __init__(self, path: Path, answers: list[tuple[int, dict[str, Any]] | None]) -> None:
        self.asked: list[dict[str, Any]] = []
        self._answers = answers
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        for answer in self._answers:
            peer, _ = self._socket.accept()
            with peer, peer.makefile("rb") as lines:
                length = 0
                while (line := lines.readline()) not in (b"\r\n", b""):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                self.asked.append(json.loads(lines.read(length)))
                if answer:
                    body = json.dumps(answer[1]).encode()
                    peer.sendall(f"HTTP/1.1 {answer[0]} Any\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    def close(self) -> None:
        self._thread.join(20)
        self._socket.close()


OF_A_RUN = {"GENIE_RUN_ID": "r", "GENIE_AGENT_TOKEN": "t", "GENIE_AGENT_NAME": "ada"}
YES = (200, {"state": "allowed", "answer": "yes", "text": "", "by": "user", "answers": {}, "suggestions": []})
NO = (200, {"state": "denied", "answer": "text", "text": "use make", "by": "user", "answers": {}, "suggestions": []})
NOBODY = (200, {"state": "withdrawn", "answer": "none"})


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([YES], "allowed"),
        ([NO], "denied: use make"),
        ([None, NOBODY, (503, {}), YES], "allowed"),
        ([(403, {"error": {"message": "no run"}})], "denied: Bash was not permitted: no run"),
    ],
)
def test_a_permission_is_asked_until_it_is_answered(
    start: Any,  # noqa: ANN401
    tmp_path: Path,
    answers: list[Any],
    told: str,
) -> None:
    daemon = Daemon(tmp_path / "s", answers)
    try:
        program = start(env=OF_A_RUN, more={"socket": str(tmp_path / "s")})
        program.say("use Bash")
        assert program.until(type="result")["result"] == told
    finally:
        daemon.close()
    assert [(one["tool"], one["run"], one["token"]) for one in daemon.asked] == [("Bash", "r", "t")] * len(answers)


@pytest.mark.parametrize(("env", "why"), [({}, "nobody can be asked"), (OF_A_RUN, "nobody has answered within 0.3 s")])
def test_without_an_answer_it_is_no(start: Any, tmp_path: Path, env: dict[str, str], why: str) -> None:  # noqa: ANN401
    program = start(env=env, more={"socket": str(tmp_path / "s"), "patience": 0.3})
    program.say("use Bash")
    assert why in program.until(type="result")["result"]
