"""The attendant in a real pane: colours, keys, exits, and a terminal that stops or goes away."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from genie.domain.session import PaneIdentity
from tests.fakes.attended import plan
from tests.fixtures.tmux import PLAIN_FACE, Stage, until

CALL = {"type": "tool_use", "name": "Bash", "input": {"command": "npm test " + "x" * 300}}
TEXT = {"type": "text", "text": "hé 漢字 \x1b[2J\x1b]0;owned\x07 done"}
RESULT = {"type": "tool_result", "is_error": True, "content": "one\ntwo"}
CONVERSATION: list[dict[str, Any]] = [
    {"type": "system", "subtype": "init", "model": "m", "permissionMode": "plan", "cwd": "/w"},
    {"type": "assistant", "message": {"content": [{"type": "thinking", "thinking": "hm"}, CALL]}},
    {"type": "user", "message": {"content": [RESULT]}},
    {"type": "assistant", "message": {"content": [TEXT]}},
    {"type": "result", "subtype": "success", "num_turns": 2, "usage": {}, "total_cost_usd": 0.5, "duration_ms": 61_000},
]
RED_RESULT = re.compile(r"\x1b\[[0-9;]*31m[^\n]*    one")


class Panes:
    """Attended commands, each in a pane of a private server."""

    def __init__(self, stage: Stage, directory: Path) -> None:
        self.stage, self.directory = stage, directory
        self.log = directory / "log"
        self.panes: list[PaneIdentity] = []

    def start(self, *argv: str, env: dict[str, str] | None = None, **changes: object) -> PaneIdentity:
        pane, _ = self.stage.create()
        self.stage.terminal.dress(pane, PLAIN_FACE)
        usual = {"PATH": os.environ["PATH"], "GENIE_RUN_ID": str(pane.run)}
        launch = {
            "argv": argv,
            "env": usual | (env or {}),
            "cwd": str(self.directory),
            "attend": plan(self.log, **changes),
        }
        path = self.directory / "genie" / "launch" / f"{pane.run}.json"
        path.with_suffix(".new").write_text(json.dumps(launch), encoding="ascii")
        path.with_suffix(".new").rename(path)
        self.panes.append(pane)
        return pane

    def play(self, *records: dict[str, Any], env: dict[str, str] | None = None) -> PaneIdentity:
        """A provider that says this."""
        script = self.directory / "lines"
        script.write_text("".join(json.dumps(record) + "\n" for record in records))
        return self.start("cat", str(script), env=env, form="claude")

    def screen(self, pane: PaneIdentity, *options: str) -> str:
        return self.stage.server("capture-pane", "-p", "-S", "-", *options, "-t", pane.pane)

    def columns(self, pane: PaneIdentity) -> int:
        """What the pane's programs are told; tmux tells them a moment after the change."""
        path = self.stage.server("display-message", "-p", "-t", pane.pane, "#{pane_tty}")
        terminal = os.open(path, os.O_RDONLY | os.O_NOCTTY)
        try:
            return os.get_terminal_size(terminal).columns
        finally:
            os.close(terminal)

    def end(self, pane: PaneIdentity) -> tuple[int | None, int | None]:
        """Exit code and signal, as tmux knows them."""

        def ended() -> bool:
            seen = self.stage.seen(pane)
            assert seen is not None
            if seen.dead and (seen.exit_code, seen.signal) == (None, None):
                self.stage.terminal.nudge(pane.server)
            return seen.dead and (seen.exit_code, seen.signal) != (None, None)

        until(ended, what="the end of the pane's process")
        seen = self.stage.seen(pane)
        assert seen is not None
        return seen.exit_code, seen.signal


@pytest.fixture
def panes(stage: Stage, tmux_directory: Path) -> Iterator[Panes]:
    made = Panes(stage, tmux_directory)
    yield made
    for pane in made.panes:
        if made.stage.processes.alive(pane.pid, pane.started):
            os.kill(pane.pid, signal.SIGKILL)


def test_a_conversation_is_readable_and_harmless(panes: Panes) -> None:
    pane = panes.play(*CONVERSATION)
    assert panes.end(pane) == (0, None)
    shown = panes.screen(pane).splitlines()
    assert shown[:2] == ["m · plan · /w", "✻ hm"]
    assert shown[2].startswith("● Bash  npm test xxx")
    assert shown[2].endswith("…")
    assert shown[3:6] == ["    one", "    two", "hé 漢字 ␛[2J␛]0;owned␇ done"]
    assert shown[6] == "✓ 2 turns · 0 in, 0 out · $0.5000 · 1 min 1 s"
    title = panes.stage.server("display-message", "-p", "-t", pane.pane, "#{pane_title}")
    assert "owned" not in title


def test_a_terminal_gets_colours_unless_they_are_not_wanted(panes: Panes) -> None:
    coloured = panes.play(*CONVERSATION)
    assert panes.end(coloured) == (0, None)
    assert re.search(RED_RESULT, panes.screen(coloured, "-e"))
    plain = panes.play(*CONVERSATION, env={"NO_COLOR": "1"})
    assert panes.end(plain) == (0, None)
    assert not re.search(RED_RESULT, panes.screen(plain, "-e"))


@pytest.mark.parametrize("width", [40, 77])
def test_a_row_is_as_wide_as_the_pane_is_now(panes: Panes, width: int) -> None:
    pane = panes.start("sh", "-c", "read x; cat lines", form="claude", keep_open=True, fifo=str(panes.directory / "f"))
    until((panes.directory / "f").exists, what="the FIFO")
    (panes.directory / "lines").write_text(json.dumps(CONVERSATION[1]) + "\n")
    panes.stage.server("resize-window", "-t", pane.pane, "-x", str(width), "-y", "20")
    until(lambda: panes.columns(pane) == width, what="the new width")
    with (panes.directory / "f").open("w") as pipe:
        pipe.write('{"type": "go"}\n')
    assert panes.end(pane) == (0, None)
    row = next(row for row in panes.screen(pane, "-J").splitlines() if row.startswith("●"))
    assert (len(row), row[-1]) == (width, "…")


@pytest.mark.parametrize(
    ("script", "expected"),
    [("exit 0", (0, None)), ("exit 42", (42, None)), ("kill -KILL $$", (None, 9)), ("kill -TERM $$", (None, 15))],
)
def test_tmux_sees_the_providers_end(panes: Panes, script: str, expected: tuple[int | None, int | None]) -> None:
    assert panes.end(panes.start("sh", "-c", script)) == expected


def test_an_interrupt_in_the_pane_reaches_the_provider_and_not_the_log(panes: Panes) -> None:
    pane = panes.start("sh", "-c", "trap 'echo interrupted; exit 17' INT; echo on; while :; do sleep 0.05; done")
    until(lambda: "on" in panes.screen(pane), what="the provider")
    panes.stage.server("send-keys", "-t", pane.pane, "C-c")
    assert panes.end(pane) == (17, None)
    assert "\ninterrupted\n" in panes.log.read_text()


def test_a_terminal_that_goes_away_ends_neither_the_copying_nor_the_record(panes: Panes) -> None:
    waits = "trap '' HUP; echo on; while [ ! -e go ]; do sleep 0.02; done; echo late; exit 3"
    pane = panes.start("sh", "-c", waits)
    until(lambda: "on" in panes.screen(pane), what="the provider")
    panes.stage.server("new-window", "-d", "sleep 600")  # the server stays
    panes.stage.server("kill-pane", "-t", pane.pane)
    (panes.directory / "go").touch()
    until(lambda: not panes.stage.processes.alive(pane.pid, pane.started), what="the end of the attendant")
    *_, late, ended = panes.log.read_text().splitlines()
    assert late == "late"
    assert json.loads(ended)["exit_code"] == 3


def test_a_terminal_that_is_stopped_holds_nothing_up(panes: Panes) -> None:
    line = "head -c 40000 /dev/zero | tr '\\0' y; echo"
    many = f"read x; i=0; while [ $i -lt 40 ]; do {line}; i=$((i+1)); done; read x; echo end"
    fifo = panes.directory / "f"
    pane = panes.start("sh", "-c", many, form="text", keep_open=True, fifo=str(fifo))
    until(fifo.exists, what="the FIFO")
    panes.stage.server("send-keys", "-t", pane.pane, "C-s")
    say(fifo, "go\n")
    until(lambda: panes.log.exists() and panes.log.read_bytes().count(b"\n") == 41, what="all lines in the log")
    panes.stage.server("send-keys", "-t", pane.pane, "C-q")
    until(lambda: "output was skipped" in panes.screen(pane), what="the note")
    say(fifo, "go\n")
    assert panes.end(pane) == (0, None)
    assert "end" in panes.screen(pane).splitlines()


def say(fifo: Path, text: str) -> None:
    with fifo.open("w") as pipe:
        pipe.write(text)


def test_the_process_of_the_pane_is_the_attendant_with_the_provider_below(panes: Panes) -> None:
    pane = panes.start("sleep", "600")
    until(panes.log.exists, what="the log")
    until(lambda: panes.log.read_bytes().endswith(b"\n"), what="the start")
    provider = json.loads(panes.log.read_text())["pid"]
    assert Path(f"/proc/{provider}/stat").read_text().split()[3] == str(pane.pid)
    os.kill(pane.pid, signal.SIGTERM)
    assert panes.end(pane) == (None, signal.SIGTERM)
