"""Handing messages over in a real tmux: byte for byte, and never where Enter would do harm."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import uuid4

import pytest

from genie.adapters.channels import PAUSE, SessionChannels
from genie.domain.errors import Failed, Foreign, GenieError, NotAllowed, TerminalAway, Unproven
from genie.domain.message import Channel, pieces
from genie.domain.session import PaneIdentity, Standing
from tests.contract.values import a_run, a_session, an_agent
from tests.fixtures.tmux import Stage, until
from tests.services.chance import HandClock
from tests.services.host import MemoryLaunches
from tests.services.machine import Machine
from tests.services.ports import MemoryProviders

BOX = Path(__file__).parents[1] / "fakes" / "box.py"

HARD = "# ; \\ \" ' $HOME ~ #{pane_id} `x` %s \\n größe 🐘; -- -x ;"


@dataclass
class Fed:
    """`genie.ports.Inputs`."""

    fed: list[tuple[str, str | None]] = field(default_factory=list)

    def make(self, path: str) -> None: ...

    def remove(self, path: str) -> None: ...

    def feed(self, path: str, message: str | None) -> None:
        self.fed.append((path, message))


@dataclass
class Boxed:
    """The channels on a private tmux, an agent there, and what it was given."""

    stage: Stage
    channels: SessionChannels
    standing: Standing
    pane: PaneIdentity
    file: Path
    fed: Fed

    def give(self, text: str, channel: Channel = Channel.TYPE) -> None:
        self.channels.hand_over(channel, self.standing, text)

    @property
    def got(self) -> bytes:
        if not self.file.exists():
            return b""
        return b"".join(bytes.fromhex(json.loads(line)["bytes"]) for line in self.file.read_text().splitlines())

    def gets(self, wanted: bytes) -> None:
        until(lambda: len(self.got) >= len(wanted), what="the keys")
        assert self.got == wanted


@pytest.fixture
def boxed(stage: Stage, tmp_path: Path) -> Callable[..., Boxed]:
    def make(*words: str, provider: str = "claude", pause: Callable[[float], None] | None = None) -> Boxed:
        file = tmp_path / "typed"
        pane = stage.spawn(sys.executable, "-I", "-S", str(BOX), str(file), *words)
        until(lambda: "ready" in stage.terminal.capture(pane, lines=None), what="the box")
        agent = replace(an_agent(), provider=provider, cwd=str(tmp_path))
        session = a_session(agent.id, provider=provider, provider_session="thread-1")
        fed, providers = Fed(), MemoryProviders()
        channels = SessionChannels(
            terminal=stage.terminal,
            inputs=fed,
            fifo=lambda session: f"/inputs/{session}",
            providers=Programs(providers, str(tmp_path / "codex")),  # type: ignore[arg-type]  # what is asked of it
            launches=MemoryLaunches(Machine(HandClock())),
            environment={"PATH": os.environ["PATH"], "LOG": str(tmp_path / "queued")},
            **({} if pause is None else {"pause": pause}),
        )
        return Boxed(stage, channels, Standing(agent, session, replace(a_run(session), pane=pane)), pane, file, fed)

    return make


@dataclass
class Programs:
    """Providers whose program is at that path."""

    known: MemoryProviders
    path: str | None

    def get(self, name: str) -> object:
        return self

    def program(self) -> str | None:
        return self.path


# ---- keys -----------------------------------------------------------------------------------


def test_a_short_message_is_typed_as_it_is_and_sent(boxed: Callable[..., Boxed]) -> None:
    box = boxed()
    box.give(HARD)
    box.gets(HARD.encode() + b"\r")


def test_a_long_one_comes_in_pieces_that_are_no_paste(boxed: Callable[..., Boxed]) -> None:
    box = boxed("paste")
    text = "\n".join(f"line {number} {HARD}" for number in range(60))
    box.give(text)
    box.gets(text.encode() + b"\r")
    reads = [bytes.fromhex(json.loads(line)["bytes"]) for line in box.file.read_text().splitlines()]
    assert len(reads) >= len(pieces(text, longest=400, breaks=2)) * 0.9
    assert reads[-1] == b"\r"


def test_no_escape_and_no_control_character_gets_through(boxed: Callable[..., Boxed]) -> None:
    box = boxed()
    box.give("a\x1b[31m\x03\x7f\x04\r\nb\tc\n\n")
    box.gets("a␛[31m␃␡␄\nb    c".encode() + b"\r")


def test_a_paste_can_be_told_from_typing(boxed: Callable[..., Boxed]) -> None:
    box = boxed("paste")
    text = f"{HARD}\n" * 500
    box.give(text, Channel.PASTE)
    box.gets(b"\x1b[200~" + text.strip("\n").encode() + b"\x1b[201~\r")


def test_panes_that_are_synchronised_get_nothing(boxed: Callable[..., Boxed], tmp_path: Path) -> None:
    box = boxed()
    other = box.stage.spawn(sys.executable, "-I", "-S", str(BOX), str(tmp_path / "other"))
    until(lambda: "ready" in box.stage.terminal.capture(other, lines=None), what="the other")
    box.stage.server("set-option", "-w", "-t", box.pane.pane, "synchronize-panes", "on")
    box.give("for one")
    box.gets(b"for one\r")
    box.stage.terminal.type_text(other, "x")
    until(lambda: (tmp_path / "other").read_text() != "", what="the other's own key")
    assert json.loads((tmp_path / "other").read_text())["bytes"] == b"x".hex()


def test_nothing_is_left_behind(boxed: Callable[..., Boxed]) -> None:
    box = boxed()
    box.give("secret")
    box.gets(b"secret\r")
    assert box.stage.server("list-buffers") == ""


@pytest.mark.parametrize("channel", [Channel.TYPE, Channel.PASTE])
def test_no_dialog_is_ever_approved(boxed: Callable[..., Boxed], channel: Channel) -> None:
    box = boxed("ask")
    with pytest.raises(NotAllowed, match="a dialog is open"):
        box.give("go on", channel)
    assert box.got == b""
    assert "APPROVED" not in box.stage.terminal.capture(box.pane, lines=None)


def test_a_dialog_that_opens_while_it_is_typed_is_not_answered(boxed: Callable[..., Boxed]) -> None:
    box: Boxed
    waits = iter(range(100))

    def pause(seconds: float) -> None:
        if next(waits) == 1:  # the pause before Enter
            tty = box.stage.server("display-message", "-p", "-t", box.pane.pane, "#{pane_tty}")
            Path(tty).write_text("Do you want to proceed?\r\n")
            until(lambda: "proceed" in box.stage.terminal.capture(box.pane, lines=None), what="the dialog")

    box = boxed(pause=pause)
    with pytest.raises(Unproven, match="a dialog is open"):
        box.give("x" * 500)
    assert b"\r" not in box.got


def test_who_reads_in_copy_mode_is_not_disturbed(boxed: Callable[..., Boxed]) -> None:
    box = boxed()
    box.stage.server("copy-mode", "-t", box.pane.pane)
    assert box.stage.terminal.in_mode(box.pane)
    for channel in (Channel.TYPE, Channel.PASTE):
        with pytest.raises(NotAllowed, match="copy mode"):
            box.give("go on", channel)
    assert box.stage.server("display-message", "-p", "-t", box.pane.pane, "#{pane_in_mode}") == "1"
    box.stage.server("copy-mode", "-q", "-t", box.pane.pane)
    assert not box.stage.terminal.in_mode(box.pane)
    box.give("now")
    box.gets(b"now\r")


def test_a_pane_that_is_another_gets_nothing(boxed: Callable[..., Boxed]) -> None:
    box = boxed()
    for wrong in (replace(box.pane, run=uuid4()), replace(box.pane, pid=1), replace(box.pane, pane="%99")):
        run = replace(box.standing.run, pane=wrong)  # type: ignore[type-var]  # it has one
        with pytest.raises(Foreign):
            box.channels.hand_over(Channel.TYPE, replace(box.standing, run=run), "go on")
    for without in (None, replace(box.standing.run, pane=None)):  # type: ignore[type-var]
        with pytest.raises(NotAllowed, match="has no pane now"):
            box.channels.hand_over(Channel.TYPE, replace(box.standing, run=without), "go on")
    assert box.got == b""


def test_a_command_gets_lines_whatever_is_on_its_screen(boxed: Callable[..., Boxed]) -> None:
    box = boxed("ask", provider="shell")
    box.give("one\ntwo", Channel.STDIN)
    box.gets(b"one\ntwo\r")


class Breaking:
    """A terminal that breaks at the `at`-th call that types."""

    def __init__(self, stage: Stage, at: int, error: GenieError) -> None:
        self._stage, self._left, self._error = stage, at, error

    def __getattr__(self, name: str) -> object:
        real = getattr(self._stage.terminal, name)
        if name not in ("type_text", "paste", "press_enter"):
            return real
        self._left -= 1
        if self._left:
            return real

        def broken(*_: object) -> None:
            raise self._error

        return broken


@pytest.mark.parametrize(
    ("at", "error", "raised"),
    [
        (1, TerminalAway("silence"), Unproven),
        (1, Foreign("gone"), Foreign),
        (1, NotAllowed("copy mode"), NotAllowed),
        (2, NotAllowed("copy mode"), Unproven),
        (2, Foreign("gone"), Unproven),
        (2, TerminalAway("silence"), Unproven),
    ],
)
def test_what_was_begun_is_not_called_undone(
    boxed: Callable[..., Boxed], at: int, error: GenieError, raised: type[GenieError]
) -> None:
    box = boxed()
    box.channels._terminal = Breaking(box.stage, at, error)  # type: ignore[assignment]
    with pytest.raises(raised) as told:
        box.give("go on")
    assert type(told.value) is raised


def test_pieces_stand_apart() -> None:
    assert 0.02 < PAUSE < 0.1


# ---- other ways -----------------------------------------------------------------------------


def test_a_session_that_is_fed(boxed: Callable[..., Boxed]) -> None:
    box = boxed()
    box.give("a\x1b", Channel.STREAM)
    assert box.standing.session
    assert box.fed.fed == [(f"/inputs/{box.standing.session.id}", "a\x1b")]
    with pytest.raises(NotAllowed, match="has no session"):
        box.channels.hand_over(Channel.STREAM, replace(box.standing, session=None), "x")


def test_the_ways_into_programs(boxed: Callable[..., Boxed]) -> None:
    ways = boxed().channels.ways
    assert [tuple(ways(name)) for name in ("claude", "codex", "gemini")] == [
        (Channel.TYPE,),
        (Channel.PASTE, Channel.QUEUE),
        (Channel.PASTE,),
    ]


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_a_providers_own_queue(boxed: Callable[..., Boxed], tmp_path: Path) -> None:
    box = boxed(provider="codex")
    script(tmp_path / "codex", 'printf "%s|" "$@" > "$LOG"')
    box.give("-x $HOME\nlines", Channel.QUEUE)
    assert (tmp_path / "queued").read_text() == "queue|--thread=thread-1|--message=-x $HOME\nlines|"
    assert box.got == b""


@pytest.mark.parametrize(
    ("text", "error", "why"),
    [
        ("echo usage >&2; exit 2", NotAllowed, "this codex has no queue"),
        ("echo one; echo 'no such thread' >&2; exit 1", Failed, "codex queue: no such thread"),
        ("exit 3", Failed, "codex queue: exit code 3"),
    ],
)
def test_a_queue_that_takes_nothing(
    boxed: Callable[..., Boxed], tmp_path: Path, text: str, error: type[GenieError], why: str
) -> None:
    box = boxed(provider="codex")
    script(tmp_path / "codex", text)
    with pytest.raises(error, match=why):
        box.give("x", Channel.QUEUE)


def test_a_queue_that_is_not_there(boxed: Callable[..., Boxed]) -> None:
    box = boxed(provider="codex")
    with pytest.raises(Failed, match="cannot run"):
        box.give("x", Channel.QUEUE)
    box.channels._providers.path = None  # type: ignore[attr-defined]
    with pytest.raises(Failed, match="is gone"):
        box.give("x", Channel.QUEUE)
    session = replace(box.standing.session, provider_session=None)  # type: ignore[type-var]
    with pytest.raises(NotAllowed, match="has told no session id"):
        box.channels.hand_over(Channel.QUEUE, replace(box.standing, session=session), "x")


def test_a_queue_that_does_not_end(
    boxed: Callable[..., Boxed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genie.adapters.channels.QUEUE_PATIENCE", 0.2)
    box = boxed(provider="codex")
    script(tmp_path / "codex", "exec tail -f /dev/null")
    with pytest.raises(Unproven, match="did not end"):
        box.give("x", Channel.QUEUE)
