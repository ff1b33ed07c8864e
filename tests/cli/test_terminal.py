"""What needs a terminal or tmux: attach, colours, --watch, questions."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from genie.cli.attaching import argv
from genie.domain.errors import Conflict
from tests.cli.conftest import Run
from tests.cli.peer import Lines, Peer, row

DEADLINE = 20.0


class Screen:
    """A process on a terminal of its own, and what it has written so far."""

    def __init__(self, words: list[str], environ: dict[str, str]) -> None:
        self._us, theirs = pty.openpty()
        self.process = subprocess.Popen(
            words,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environ | {"TERM": "xterm-256color"},
            start_new_session=True,
        )
        os.close(theirs)
        self.text = ""

    def until(self, condition: Callable[[str], bool]) -> str:
        """Read on until it holds. Fails at the deadline or at the end of the output."""
        end = time.monotonic() + DEADLINE
        while not condition(self.text):
            ready, _, _ = select.select([self._us], [], [], max(end - time.monotonic(), 0))
            assert ready, f"not seen in time in {self.text!r}"
            try:
                self.text += os.read(self._us, 65536).decode(errors="replace")
            except OSError:
                assert condition(self.text), self.text
        return self.text

    def type(self, text: str) -> None:
        os.write(self._us, text.encode())

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._us)


@contextmanager
def on_terminal(environ: dict[str, str], *words: str) -> Iterator[Screen]:
    screen = Screen([sys.executable, "-m", "genie", *words], environ)
    try:
        yield screen
    finally:
        screen.close()


@pytest.fixture
def tmux(home: object, tmp_path: Path, environ: dict[str, str]) -> Iterator[Callable[..., str]]:
    """A tmux server of our own."""
    socket = Path(environ["GENIE_HOME"]).parent / "tmux.sock"

    def run(*words: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(socket), "-f", "/dev/null", *words],
            capture_output=True,
            text=True,
            check=True,
            env=environ,
        )
        return done.stdout.strip()

    run("new-session", "-d", "-s", "web", "-n", "one", "sleep 600")
    run("new-window", "-t", "=web:", "-n", "two", "sleep 600")
    yield run
    run("kill-server")


def place_of(tmux: Callable[..., str], window: str) -> dict[str, str]:
    words = tmux("display-message", "-p", "-t", f"=web:{window}", "#{socket_path}\t#{window_id}\t#{pane_id}").split(
        "\t"
    )
    return {"socket": words[0], "session": "web", "window": window, "window_id": words[1], "pane": words[2]}


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux")
def test_attach_shows_the_agents_pane(peer: Peer, tmux: Callable[..., str], environ: dict[str, str]) -> None:
    peer.answers["GET /v1/agents/a/place"] = place_of(tmux, "one")
    tmux("select-window", "-t", "=web:two")
    with on_terminal(environ, "attach", "a") as screen:
        screen.until(lambda _: tmux("list-clients", "-F", "#{client_session}:#{window_name}") == "web:one")


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux")
def test_attach_without_a_name_shows_the_only_team(
    peer: Peer, tmux: Callable[..., str], environ: dict[str, str]
) -> None:
    peer.answers["GET /v1/agents/a/place"] = place_of(tmux, "one")
    peer.answers["GET /v1/agents"] = [row("a"), row("b", state="failed", team="old", pane=None)]
    with on_terminal(environ, "attach") as screen:
        screen.until(lambda _: tmux("list-clients", "-F", "#{client_session}") == "web")


def test_attach_with_several_teams_asks_which(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/agents"] = [row("a"), row("b", team="db")]
    said = genie("attach")
    assert (said.code, said.err) == (4, "genie: several teams run: db, web — genie attach --team db\n")


def test_attach_when_nothing_runs(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/agents"] = []
    assert genie("attach").code == 3


def test_attach_needs_a_terminal(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/agents/a/place"] = {"socket": "/s", "session": "web", "window_id": "@1", "pane": "%1"}
    said = genie("attach", "a")
    assert (said.code, said.err) == (2, "genie: attach needs a terminal — genie read a\n")


PLACE = {"socket": "/s/default", "session": "web", "window_id": "@2", "pane": "%3"}


def test_inside_the_same_server_the_client_is_switched() -> None:
    words = argv(PLACE, {"TMUX": "/s/default,12,0"}, again="")
    assert words == [
        "tmux",
        "-S",
        "/s/default",
        "switch-client",
        "-t",
        "=web",
        ";",
        "select-window",
        "-t",
        "@2",
        ";",
        "select-pane",
        "-t",
        "%3",
    ]


def test_inside_another_server_it_is_refused() -> None:
    with pytest.raises(Conflict, match="another tmux server") as caught:
        argv(PLACE, {"TMUX": "/other,12,0"}, again="genie attach a")
    assert caught.value.hint.endswith("genie attach a")


def test_colours_on_a_terminal_only_and_not_against_the_users_will(peer: Peer, environ: dict[str, str]) -> None:
    peer.answers["GET /v1/agents"] = [row("a")]
    with on_terminal(environ, "ls") as screen:
        assert "\x1b[32mrunning\x1b[0m" in screen.until(lambda text: "%12" in text)
    with on_terminal(environ | {"NO_COLOR": "1"}, "ls") as screen:
        assert "\x1b" not in screen.until(lambda text: "%12" in text)


def test_watch_draws_again_when_something_changes(peer: Peer, environ: dict[str, str]) -> None:
    states = iter(["running", "dead"])
    last = {"state": "running"}

    def rows(_: object) -> list[object]:
        last["state"] = next(states, last["state"])
        return [row("a", state=last["state"])]

    peer.answers["GET /v1/agents"] = rows
    peer.answers["GET /v1/events"] = Lines([{"id": 1}])
    with on_terminal(environ, "ls", "--watch") as screen:
        screen.until(lambda text: "running" in text and "dead" in text.split("\x1b[J")[-1])
        screen.process.send_signal(2)
        assert screen.process.wait(DEADLINE) == 130


@pytest.mark.parametrize(("typed", "sent"), [("y\n", True), ("\n", False)])
def test_many_are_ended_only_after_a_yes(peer: Peer, environ: dict[str, str], typed: str, sent: bool) -> None:
    peer.answers["GET /v1/agents"] = [row(f"a{number}") for number in range(6)]
    peer.answers["POST /v1/agents/kill"] = []
    with on_terminal(environ, "kill", "--team", "web") as screen:
        screen.until(lambda text: "kill 6 agents: a0, a1, a2, a3, a4, a5? [y/N]" in text)
        screen.type(typed)
        assert screen.process.wait(DEADLINE) == (0 if sent else 1)
    assert bool([asked for asked in peer.asked if asked.method == "POST"]) is sent


BASH = """
source <(genie completion bash)
COMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_genie; printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def complete(environ: dict[str, str], tmp_path: Path, words: str) -> list[str]:
    """What bash offers after `words`."""
    program = tmp_path / "genie"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m genie "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH.format(words=words)],
        capture_output=True,
        text=True,
        check=True,
        env=environ | {"PATH": f"{tmp_path}:{environ['PATH']}"},
    )
    assert not done.stderr
    return done.stdout.split()


def test_bash_completes_commands_options_and_names(peer: Peer, environ: dict[str, str], tmp_path: Path) -> None:
    peer.answers["GET /v1/agents"] = [row("engineer"), row("editor")]
    peer.answers["GET /v1/teams"] = [{"name": "web"}]
    peer.answers["GET /v1/templates"] = [{"name": "reviewer"}]
    assert complete(environ, tmp_path, "genie dae") == ["daemon"]
    assert complete(environ, tmp_path, "genie daemon st") == ["start", "stop", "status"]
    assert complete(environ, tmp_path, "genie spawn --perm") == ["--permission-mode"]
    assert complete(environ, tmp_path, "genie stop engineer e") == ["editor", "engineer"]
    assert complete(environ, tmp_path, "genie ls --team ''") == ["web"]
    assert complete(environ, tmp_path, "genie ls --team = w") == ["web"]
    assert complete(environ, tmp_path, "genie spawn r") == ["reviewer"]
    assert complete(environ, tmp_path, "genie spawn a --restart al") == ["always"]


def test_completion_is_silent_and_starts_nothing_without_a_daemon(environ: dict[str, str], tmp_path: Path) -> None:
    assert complete(environ, tmp_path, "genie stop e") == []
    assert not Path(environ["GENIE_HOME"]).exists()


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_take_their_scripts(genie: Run, shell: str) -> None:
    script = genie("completion", shell).out
    assert "__complete" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)
    assert (
        genie("__complete", shell, "daemon", "sto").out
        == {"zsh": "stop:", "fish": "stop\t"}[shell] + "Stop the daemon.\n"
    )
