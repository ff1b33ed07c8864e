"""Handing messages over in a real tmux: byte for byte, and never where Enter would do harm."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from genie.adapters.channels import PAUSE, SessionChannels
from genie.adapters.providers._signs import ProviderSigns
from genie.adapters.providers._sockets import ClaudeSockets
from genie.domain.activity import Evidence, Source
from genie.domain.agent import Activity
from genie.domain.errors import Drafted, Failed, Foreign, GenieError, NotAllowed, TerminalAway, Unproven
from genie.domain.message import Channel, pieces
from genie.domain.session import PaneIdentity, Standing
from genie.ports.messages import Socket
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

    def interrupt(self, path: str) -> None: ...


@dataclass
class Telling(ProviderSigns):
    """What the program says that it does."""

    says: Activity | None = None

    def look(self, provider: str, *, env: Mapping[str, str], pid: int) -> Evidence | None:
        if self.says is None:
            return None
        return Evidence(source=Source.REGISTRY, at=datetime.now(UTC), says=self.says, detail=f"told {pid}")


@dataclass
class Listening:
    """`genie.ports.messages.Sockets`."""

    socket: Socket | None = None
    asked: list[tuple[str, int]] = field(default_factory=list)

    def find(self, provider: str, *, env: Mapping[str, str], cwd: str, argv: Sequence[str], pid: int) -> Socket | None:
        self.asked.append((provider, pid))
        return self.socket


@dataclass
class Boxed:
    """The channels on a private tmux, an agent there, and what it was given."""

    stage: Stage
    channels: SessionChannels
    standing: Standing
    pane: PaneIdentity
    file: Path
    fed: Fed
    signs: Telling
    sockets: Listening

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
        fed, providers, signs, sockets = Fed(), MemoryProviders(), Telling(), Listening()
        channels = SessionChannels(
            terminal=stage.terminal,
            inputs=fed,
            fifo=lambda session: f"/inputs/{session}",
            providers=Programs(providers, str(tmp_path / "codex")),  # type: ignore[arg-type]  # what is asked of it
            launches=MemoryLaunches(Machine(HandClock())),
            signs=signs,
            sockets=sockets,
            environment={"PATH": os.environ["PATH"], "LOG": str(tmp_path / "queued")},
            **({} if pause is None else {"pause": pause}),
        )
        return Boxed(
            stage,
            channels,
            Standing(agent, session, replace(a_run(session), pane=pane)),
            pane,
            file,
            fed,
            signs,
            sockets,
        )

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


def test_a_dialog_that_opens_before_enter_is_not_answered(boxed: Callable[..., Boxed]) -> None:
    box: Boxed

    def pause(seconds: float) -> None:
        tty = box.stage.server("display-message", "-p", "-t", box.pane.pane, "#{pane_tty}")
        Path(tty).write_text("Do you want to proceed?\r\n")
        until(lambda: "proceed" in box.stage.terminal.capture(box.pane, lines=None), what="the dialog")

    box = boxed(pause=pause)
    with pytest.raises(Unproven, match="a dialog is open"):
        box.give("short")
    assert b"\r" not in box.got


def test_a_text_in_the_box_is_no_dialog(boxed: Callable[..., Boxed]) -> None:
    box: Boxed
    text = f"1. do you want to proceed?\n{'x' * 500} Esc to cancel"

    def pause(seconds: float) -> None:
        tty = Path(box.stage.server("display-message", "-p", "-t", box.pane.pane, "#{pane_tty}"))
        shown = text.replace("\n", "\r\n")
        tty.write_text(f"\x1b[2J\x1b[H{RULE}\r\n❯\xa0{shown}\r\n{RULE}\r\nshown")
        until(lambda: "shown" in box.stage.terminal.capture(box.pane, lines=None), what="the box")

    box = boxed(pause=pause)
    box.give(text)
    box.gets(f"{text}\r".encode())


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


@pytest.mark.parametrize("channel", [Channel.TYPE, Channel.PASTE])
def test_what_the_program_says_of_itself_counts(boxed: Callable[..., Boxed], channel: Channel) -> None:
    box = boxed()
    for says in (Activity.WORKING, Activity.PERMISSION, Activity.QUESTION):
        box.signs.says = says
        with pytest.raises(NotAllowed, match="is not idle: told"):
            box.give("go on", channel)
    assert box.got == b""
    box.signs.says = Activity.IDLE
    box.give("go on")
    box.gets(b"go on\r")


def test_after_an_error_the_program_must_say_that_it_is_idle(boxed: Callable[..., Boxed]) -> None:
    box = boxed()
    box.standing = replace(box.standing, agent=replace(box.standing.agent, activity=Activity.ERROR))
    with pytest.raises(NotAllowed, match="is not idle: error"):
        box.give("go on")
    box.signs.says = Activity.IDLE
    box.give("go on")
    box.gets(b"go on\r")


def test_since_when_it_is_idle(boxed: Callable[..., Boxed]) -> None:
    box = boxed()
    assert box.channels.idle_since(box.standing) is None
    box.signs.says = Activity.WORKING
    assert box.channels.idle_since(box.standing) is None
    box.signs.says = Activity.IDLE
    assert box.channels.idle_since(box.standing) is not None
    for without in (None, replace(box.standing.run, pane=None)):  # type: ignore[type-var]
        assert box.channels.idle_since(replace(box.standing, run=without)) is None


RULE = "─" * 40


@pytest.mark.parametrize(
    ("provider", "screen"),
    [
        ("claude", f"{RULE}\r\n❯\xa0my draft\r\n{RULE}\r\n"),
        ("claude", f"{RULE}\r\n❯\xa0\r\n  its second line\r\n{RULE}\r\n"),
        ("codex", "› my draft\r\n\r\n"),
    ],
)
def test_a_draft_in_the_box_is_not_sent_with_it(boxed: Callable[..., Boxed], provider: str, screen: str) -> None:
    box = boxed(provider=provider)
    tty = Path(box.stage.server("display-message", "-p", "-t", box.pane.pane, "#{pane_tty}"))
    tty.write_text(f"\x1b[2J\x1b[H{screen}shown")
    until(lambda: "shown" in box.stage.terminal.capture(box.pane, lines=None), what="the draft")
    with pytest.raises(Drafted, match="draft"):
        box.give("go on")
    assert box.got == b""
    tty.write_text("\x1b[2J\x1b[Hempty")
    until(lambda: "empty" in box.stage.terminal.capture(box.pane, lines=None), what="an empty screen")
    box.give("go on")
    box.gets(b"go on\r")


# ---- a socket -------------------------------------------------------------------------------


@dataclass
class Taking:
    """A listener at a socket."""

    path: Path
    got: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.line = socket.socket(socket.AF_UNIX)
        self.line.bind(str(self.path))
        self.line.listen()
        self.thread = threading.Thread(target=self._take)
        self.thread.start()

    def _take(self) -> None:
        with self.line:
            peer, _ = self.line.accept()
            with peer, peer.makefile("rb") as lines:
                self.got += lines

    def ends(self) -> list[object]:
        self.thread.join(timeout=10)
        return [json.loads(line) for line in self.got]


def test_a_message_to_a_socket(boxed: Callable[..., Boxed], tmp_path: Path) -> None:
    box = boxed("ask")
    box.pane = replace(box.pane, pid=os.getpid())
    box.standing = replace(box.standing, run=replace(box.standing.run, pane=box.pane))  # type: ignore[type-var]
    assert not box.channels.listens(box.standing)
    for token in ("secret", None):
        path = tmp_path / f"s{token}"
        taking = Taking(path)
        box.sockets.socket = Socket(str(path), token)
        assert box.channels.listens(box.standing)
        text = f"\tone\n{HARD}\x1b" * 900
        box.give(text, Channel.SOCKET)
        said = {"type": "user", "message": {"role": "user", "content": text}}
        assert taking.ends() == [*([{"type": "auth", "token": token}] if token else []), said]
    assert box.got == b""
    assert box.sockets.asked[-1] == ("claude", os.getpid())


def test_a_socket_that_is_not_that_of_the_run(boxed: Callable[..., Boxed], tmp_path: Path) -> None:
    box = boxed()
    with pytest.raises(NotAllowed, match="listens at no socket"):
        box.give("x", Channel.SOCKET)
    box.sockets.socket = Socket(str(tmp_path / "none"), None)
    with pytest.raises(Failed, match="nobody listens"):
        box.give("x", Channel.SOCKET)
    taking = Taking(tmp_path / "own")
    box.sockets.socket = Socket(str(tmp_path / "own"), None)
    with pytest.raises(NotAllowed, match="another process"):
        box.give("x", Channel.SOCKET)
    assert taking.ends() == []
    for without in (None, replace(box.standing.run, pane=None)):  # type: ignore[type-var]
        assert not box.channels.listens(replace(box.standing, run=without))
    assert not box.channels.listens(replace(box.standing, session=None))


def test_a_socket_that_breaks_off(boxed: Callable[..., Boxed], tmp_path: Path) -> None:
    box = boxed()
    box.pane = replace(box.pane, pid=os.getpid())
    box.standing = replace(box.standing, run=replace(box.standing.run, pane=box.pane))  # type: ignore[type-var]
    box.sockets.socket = Socket(str(tmp_path / "deaf"), None)
    with socket.socket(socket.AF_UNIX) as line:
        line.bind(str(tmp_path / "deaf"))
        line.listen()

        def hang_up() -> None:
            line.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(Unproven, match="not all of the message"):
            box.give("x" * 2**20, Channel.SOCKET)
        thread.join()


def listed(config: Path, **changes: object) -> None:
    """The entry of this very process in claude's registry."""
    started = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()[19].decode()
    entry = {
        "pid": os.getpid(),
        "procStart": started,
        "version": "2.1.328",
        "messagingSocketPath": "/tmp/s.sock",
        **changes,
    }
    (config / "sessions").mkdir(parents=True, exist_ok=True)
    (config / "sessions" / f"{os.getpid()}.json").write_text(json.dumps(entry))


def at(tmp_path: Path, *argv: str, provider: str = "claude") -> Socket | None:
    sockets = ClaudeSockets(tmp_path / "managed.json")
    env = {"CLAUDE_CONFIG_DIR": str(tmp_path / "config")}
    return sockets.find(provider, env=env, cwd=str(tmp_path), argv=("claude", *argv), pid=os.getpid())


def test_where_claude_listens(tmp_path: Path) -> None:
    config = tmp_path / "config"
    assert at(tmp_path) is None
    listed(config)
    assert at(tmp_path) == Socket("/tmp/s.sock", None)
    assert at(tmp_path, provider="codex") is None
    started = json.loads((config / "sessions" / f"{os.getpid()}.json").read_text())["procStart"]
    for name, key in (
        ("a", {"peerToken": "of before", "procStart": "1"}),
        ("b", []),
        ("c", {"peerToken": "word", "procStart": started}),
    ):
        (config / "sessions" / f"{os.getpid()}.{name}.key").write_text(json.dumps(key))
    assert at(tmp_path) == Socket("/tmp/s.sock", "word")
    for wrong in (
        {"version": "2.1.327"},
        {"version": None},
        {"version": "new"},
        {"procStart": "1"},
        {"messagingSocketPath": None},
        {"messagingSocketPath": ""},
    ):
        listed(config, **wrong)
        assert at(tmp_path) is None, wrong


BYPASS = ("--permission-mode", "bypassPermissions")


def test_who_would_be_asked_first_is_sent_nothing(tmp_path: Path) -> None:
    config, named = tmp_path / "config", tmp_path / "named.json"
    listed(config)
    for argv in (BYPASS, ("--permission-mode=bypassPermissions",), ("--allow-dangerously-skip-permissions",)):
        assert at(tmp_path, *argv) is None
    places = (config / "settings.json", tmp_path / "managed.json", named)
    for place in places:
        for word, taken in (("accept", True), ("hold", False), ("refuse", False), ("maybe", False)):
            place.write_text(json.dumps({"crossSessionInbound": word}))
            assert (at(tmp_path, *BYPASS, "--settings", str(named)) is not None) == taken, (place, word)
            assert (at(tmp_path, f"--settings={named}") is not None) == taken, (place, word)
        place.write_text("no json")
    of_project = tmp_path / ".claude" / "settings.local.json"
    of_project.parent.mkdir()
    of_project.write_text(json.dumps({"crossSessionInbound": "accept"}))
    assert at(tmp_path, *BYPASS) is None
    assert at(tmp_path, "--settings") is not None
    of_project.write_text(json.dumps({"crossSessionInbound": "hold"}))
    assert at(tmp_path) is None


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
        (Channel.TYPE, Channel.SOCKET),
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
