"""The hook program: delivers, else keeps the event and wakes the daemon, and never fails."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import pytest

from genie.adapters.processes import SystemProcesses
from genie.daemon.api.bodies import HookBody
from genie.daemon.api.permissions import AskingHookBody
from tests.fixtures.tmux import until

HOOK = Path(__file__).parents[2] / "genie" / "hook.py"
SESSION = f'{sys.executable} -c "import os; print(os.getsid($$))"'
WOKEN = f'env -0 > "$1.new"; echo "$PPID $$ $({SESSION}) $PWD" >> "$1.who"; mv "$1.new" "$1"'


@dataclass
class Box:
    """Where a hook is run: a socket's path, a spool directory."""

    directory: Path
    requests: list[bytes] = field(default_factory=list)

    @property
    def address(self) -> Path:
        return self.directory / "sock"

    @property
    def spool(self) -> Path:
        return self.directory / "spool"

    @property
    def woken(self) -> Path:
        return self.directory / "woken"

    def run(self, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-I", "-S", str(HOOK), str(self.address), str(self.spool), *words]
        return subprocess.run(
            argv, env=env or dict(os.environ), capture_output=True, text=True, timeout=30, check=False
        )

    def wake(self) -> list[str]:
        return ["--", "sh", "-c", WOKEN, "x", str(self.woken)]

    def spooled(self) -> list[dict[str, object]]:
        return [json.loads(path.read_text()) for path in sorted(self.spool.iterdir())] if self.spool.exists() else []

    @contextmanager
    def daemon(self, answer: bytes | None) -> Iterator[None]:
        """Somebody who listens and gives that answer to the next request; None: never one."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as ear:
            ear.bind(str(self.address))
            ear.listen()
            thread = threading.Thread(target=self._serve, args=(ear, answer))
            thread.start()
            yield
            thread.join(20)

    def _serve(self, ear: socket.socket, answer: bytes | None) -> None:
        peer, _ = ear.accept()
        with peer:
            request = b""
            while not _whole(request):
                request += peer.recv(65536)
            self.requests.append(request)
            if answer is None:
                peer.recv(1)  # until the hook gives up
            else:
                peer.sendall(answer)


def _whole(request: bytes) -> bool:
    head, split, body = request.partition(b"\r\n\r\n")
    return bool(split) and len(body) >= int(head.lower().split(b"content-length:")[1].split()[0])


@pytest.fixture
def box(tmux_directory: Path) -> Box:
    (tmux_directory / "run").mkdir()
    return Box(tmux_directory)


def test_an_event_is_handed_over(box: Box) -> None:
    with box.daemon(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"):
        before = time.time()
        done = box.run("pane-died", "run=1f0c", "note=a=b c", "odd='\"\n$(x) é", "bare", *box.wake())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    head, _, body = box.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/hooks HTTP/1.1\r\nHost: ")
    event = json.loads(body)
    assert event.pop("at") == pytest.approx(before, abs=5)
    data = {"run": "1f0c", "note": "a=b c", "odd": "'\"\n$(x) é", "bare": ""}
    assert event == {"event": "pane-died", **data}
    assert box.spooled() == []
    assert not box.woken.exists()


def test_with_nobody_there_it_is_kept_and_the_daemon_woken(box: Box) -> None:
    assert box.run("pane-died", "run=1f0c", *box.wake()).returncode == 0
    [event] = box.spooled()
    assert (event["event"], event["run"]) == ("pane-died", "1f0c")
    [path] = box.spool.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert box.spool.stat().st_mode & 0o777 == 0o700
    until(box.woken.exists, what="the daemon")


def test_a_home_that_was_removed_is_not_made_again(box: Box) -> None:
    gone = replace(box, directory=box.directory / "removed")
    for event in ("pane-died", "claude.Stop"):
        done = gone.run(event, *gone.wake(), env={**os.environ, "GENIE_RUN_ID": "x", "GENIE_AGENT_TOKEN": "t"})
        assert (done.returncode, done.stderr) == (0, "")
    assert not gone.directory.exists()


def test_without_a_daemon_ever_there_is_none_to_wake(box: Box) -> None:
    (box.directory / "run").rmdir()
    assert box.run("pane-died", *box.wake()).returncode == 0
    assert len(box.spooled()) == 1
    assert sorted(path.name for path in box.directory.iterdir()) == ["spool"]


def test_a_socket_that_nobody_listens_on_is_nobody(box: Box) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as ear:
        ear.bind(str(box.address))
    assert box.run("pane-died", *box.wake()).returncode == 0
    assert len(box.spooled()) == 1
    until(box.woken.exists, what="the daemon")


def test_what_is_woken_stands_alone(box: Box) -> None:
    env = {**os.environ, "GENIE_RUN_ID": "x", "GENIE_TEAM": "y", "TMUX": "z", "TMUX_PANE": "%1", "GENIE_HOME": "/h"}
    box.run("pane-died", *box.wake(), env=env)
    until(box.woken.exists, what="the daemon")
    got = dict(entry.partition("=")[::2] for entry in box.woken.read_text().split("\0") if entry)
    assert got["GENIE_HOME"] == "/h"
    assert not got.keys() & {"GENIE_RUN_ID", "GENIE_TEAM", "TMUX", "TMUX_PANE"}
    _, own, session, directory = Path(f"{box.woken}.who").read_text().split()
    assert int(session) != os.getsid(0)
    assert int(own) not in (0, os.getpid())
    assert directory == "/"


def test_a_field_cannot_take_the_place_of_the_event_or_its_time(box: Box) -> None:
    box.run("pane-died", "event=other", "at=never")
    [event] = box.spooled()
    assert event.keys() == {"event", "at"}
    assert event["event"] == "pane-died"
    assert isinstance(event["at"], float)


def test_the_daemon_understands_it(box: Box) -> None:
    run = str(uuid4())
    box.run("pane-died", f"run={run}")
    [path] = box.spool.iterdir()
    body = HookBody.model_validate_json(path.read_bytes())
    assert (body.event, body.run) == ("pane-died", run)


def test_events_are_kept_in_their_order(box: Box) -> None:
    for number in range(5):
        box.run("pane-died", f"number={number}")
    assert [event["number"] for event in box.spooled()] == [str(number) for number in range(5)]


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 500 Internal Server Error\r\n\r\n", b"HTTP/1.1 404 Not Found\r\n\r\n", b"", b"x"]
)
def test_a_daemon_that_does_not_take_it_is_not_woken_again(box: Box, answer: bytes) -> None:
    with box.daemon(answer):
        assert box.run("pane-died", *box.wake()).returncode == 0
    assert len(box.spooled()) == 1
    assert not box.woken.exists()


def test_a_daemon_that_hangs_keeps_an_agent_for_a_second(box: Box) -> None:
    with box.daemon(None):
        started = time.monotonic()
        assert box.run("pane-died", *box.wake()).returncode == 0
        assert 0.9 < time.monotonic() - started < 10
    assert len(box.spooled()) == 1
    assert not box.woken.exists()


def test_a_command_that_is_missing_harms_nothing(box: Box) -> None:
    done = box.run("pane-died", "--", "/nonexistent/genie")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(box.spooled()) == 1


def test_a_spool_that_cannot_be_written_is_told_and_harms_nothing(box: Box) -> None:
    box.spool.write_text("in the way")
    done = box.run("pane-died")
    assert done.returncode == 0
    assert done.stderr.startswith("genie hook: ")


def test_too_few_words_harm_nothing(box: Box) -> None:
    assert box.run().returncode == 0


def test_the_hook_does_not_wait_for_what_it_wakes(box: Box) -> None:
    pidfile = box.directory / "pid"
    script = 'echo $$ > "$1.new"; mv "$1.new" "$1"; exec sleep 100'
    started = time.monotonic()
    box.run("pane-died", "--", "sh", "-c", script, "x", str(pidfile))
    assert time.monotonic() - started < 20
    until(pidfile.exists, what="the daemon")
    processes = SystemProcesses()
    pid = int(pidfile.read_text())
    try:
        assert processes.started(pid) is not None
        assert os.getppid() != pid
    finally:
        os.kill(pid, 9)
        until(lambda: processes.started(pid) is None, what="its end")


# ---- an agent's own hooks -------------------------------------------------------------------

OWN = {"GENIE_RUN_ID": "1f0c", "GENIE_AGENT_TOKEN": "t0k"}


def tell(box: Box, *words: str, payload: bytes = b"", env: dict[str, str] | None = None) -> tuple[int, bytes, bytes]:
    argv = [sys.executable, "-I", "-S", str(HOOK), str(box.address), str(box.spool), *words]
    own = {**os.environ, **(OWN if env is None else env)}
    done = subprocess.run(argv, input=payload, env=own, capture_output=True, timeout=30, check=False)
    return done.returncode, done.stdout, done.stderr


def test_an_agents_hook_tells_its_run_its_token_and_what_it_was_given(box: Box) -> None:
    payload = json.dumps({"hook_event_name": "Stop", "text": "é ☃"}, ensure_ascii=False).encode() + b"\xff"
    with box.daemon(b"HTTP/1.1 200 OK\r\n\r\n"):
        assert tell(box, "claude.Stop", payload=payload) == (0, b"", b"")
    body = HookBody.model_validate_json(box.requests[0].partition(b"\r\n\r\n")[2])
    assert (body.event, body.run, body.token) == ("claude.Stop", "1f0c", "t0k")
    assert body.payload == payload.decode(errors="replace")
    assert body.at == pytest.approx(time.time(), abs=20)


def test_a_hook_outside_of_any_run_tells_nothing(box: Box) -> None:
    bare = {"GENIE_RUN_ID": "", "GENIE_AGENT_TOKEN": ""}
    assert tell(box, "claude.Stop", payload=b"{}", env=bare) == (0, b"", b"")
    assert box.spooled() == []


def test_with_no_daemon_the_event_is_kept_and_a_long_payload_is_not(box: Box) -> None:
    assert tell(box, "claude.Stop", payload=b"{}")[0] == 0
    assert tell(box, "claude.Stop", payload=b"x" * 10**6)[0] == 0
    first, second = box.spooled()
    assert (first["event"], first["payload"], first["token"]) == ("claude.Stop", "{}", "t0k")
    assert "payload" not in second


def test_no_more_than_a_thousand_events_wait(box: Box) -> None:
    box.spool.mkdir()
    for number in range(1000):
        (box.spool / f"{number}.json").write_text("{}")
    assert tell(box, "claude.Stop", payload=b"{}")[0] == 0
    assert len(list(box.spool.iterdir())) == 1000


def test_codex_tells_by_its_last_word_and_the_users_own_program_is_run_after(box: Box) -> None:
    mark = box.directory / "own"
    payload = '{"type": "agent-turn-complete"}'
    with box.daemon(b"HTTP/1.1 200 OK\r\n\r\n"):
        done = tell(box, "codex.notify", "sh", "-c", f'echo "$1" > {mark}', "own", payload)
    assert done == (0, b"", b"")
    assert mark.read_text() == payload + "\n"
    body = HookBody.model_validate_json(box.requests[0].partition(b"\r\n\r\n")[2])
    assert (body.event, body.payload) == ("codex.notify", payload)


def test_a_missing_program_of_the_users_harms_nothing(box: Box) -> None:
    assert tell(box, "codex.notify", "/nonexistent/own", "{}")[0] == 0
    assert tell(box, "codex.notify")[0] == 0


# ---- asking for leave -----------------------------------------------------------------------

ASKS = ("claude.PermissionRequest", "wait=3600")
ALLOW = b'{"hookSpecificOutput": {"decision": {"behavior": "allow"}}, "x": "\xc3\xa9"}'


def reply(body: bytes, *, status: str = "200 OK", length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), size, body)


def test_what_the_daemon_answers_is_printed_as_it_is(box: Box) -> None:
    payload = b'{"tool_name": "Bash"}'
    with box.daemon(reply(ALLOW)):
        assert tell(box, *ASKS, payload=payload) == (0, ALLOW, b"")
    head, _, body = box.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/permissions/hook HTTP/1.1\r\n")
    asked = AskingHookBody.model_validate_json(body)
    assert (asked.event, asked.run, asked.token, asked.wait) == ("claude.PermissionRequest", "1f0c", "t0k", 3600.0)
    assert asked.payload == payload.decode()


def test_a_long_answer_is_printed_whole(box: Box) -> None:
    long = b'"' + b"x" * 10**6 + b'"'
    with box.daemon(reply(long)):
        assert tell(box, *ASKS, payload=b"{}") == (0, long, b"")


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        reply(b""),
        reply(ALLOW, length=len(ALLOW) + 1),
        reply(ALLOW, length=len(ALLOW) - 1),
        b"HTTP/1.1 200 OK\r\n\r\n" + ALLOW,
    ],
    ids=["cut off", "cut off in the head", "nobody answered", "too short", "too long", "no length"],
)
def test_what_does_not_come_whole_is_not_printed_and_not_told_again(said: bytes, box: Box) -> None:
    with box.daemon(said):
        assert tell(box, *ASKS, payload=b"{}") == (0, b"", b"")
    assert box.spooled() == []


@pytest.mark.parametrize("status", ["503 Service Unavailable", "403 Forbidden", "404 Not Found"])
def test_a_question_that_is_not_taken_decides_nothing_and_is_kept_as_an_event(status: str, box: Box) -> None:
    with box.daemon(reply(ALLOW, status=status)):
        done = tell(box, *ASKS, payload=b"{}")
    assert done == (0, b"", b"")
    assert [event["event"] for event in box.spooled()] == ["claude.PermissionRequest"]


def test_with_no_daemon_a_question_decides_nothing(box: Box) -> None:
    assert tell(box, *ASKS, payload=b"{}") == (0, b"", b"")
    (event,) = box.spooled()
    assert (event["event"], "wait" in event) == ("claude.PermissionRequest", False)


def test_a_question_that_is_too_long_or_outside_of_a_run_is_not_asked(box: Box) -> None:
    assert tell(box, *ASKS, payload=b"x" * (2**20 + 1)) == (0, b"", b"")
    assert len(box.spooled()) == 1
    bare = {"GENIE_RUN_ID": "", "GENIE_AGENT_TOKEN": ""}
    assert tell(box, *ASKS, payload=b"{}", env=bare) == (0, b"", b"")
    assert len(box.spooled()) == 1


def test_a_wait_that_is_none_decides_nothing(box: Box) -> None:
    with box.daemon(reply(ALLOW)):
        code, out, _ = tell(box, "claude.PermissionRequest", "wait=soon", payload=b"{}")
        assert (code, out) == (0, b"")
        assert tell(box, *ASKS, payload=b"{}") == (0, ALLOW, b"")


def test_other_hooks_of_codex_are_told_by_stdin(box: Box) -> None:
    with box.daemon(b"HTTP/1.1 200 OK\r\n\r\n"):
        assert tell(box, "codex.Stop", payload=b'{"a": 1}') == (0, b"", b"")
    body = HookBody.model_validate_json(box.requests[0].partition(b"\r\n\r\n")[2])
    assert (body.event, body.payload) == ("codex.Stop", '{"a": 1}')
