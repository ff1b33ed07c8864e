"""Calls to one tmux server: bounded in time, with an environment of our choice, and errors that can be told apart."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import libtmux
from libtmux.common import tmux_cmd

from genie.domain.errors import Failed, TerminalAway

_NOBODY = ("no server running on", "(No such file or directory)", "(Connection refused)")
_AWAY = ("error connecting to", "error creating", "access not allowed", "lost server")
_LEAVING = "server exited unexpectedly"
_LEAVES_WITHIN = 1.0


class NoServer(TerminalAway):
    """No tmux server runs on that socket."""


class Denied(Failed):
    """tmux answered, and said no. `message` is tmux's own; `lines` is what it had printed before."""

    def __init__(self, message: str, lines: Sequence[str]) -> None:
        super().__init__(f"tmux: {message}")
        self.said = message
        self.lines = list(lines)


class Call(tmux_cmd):
    """One tmux call. libtmux's own waits for ever and hands the daemon's environment to the server it starts."""

    def __init__(self, words: Sequence[str], *, environment: Mapping[str, str], timeout: float) -> None:
        self.cmd = list(words)
        with subprocess.Popen(  # noqa: S603 - an argv list, no shell
            self.cmd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        ) as self.process:
            try:
                output, complaints = self.process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired as error:
                self.process.kill()
                raise TerminalAway(f"tmux did not answer within {timeout:g} s", hint="genie doctor") from error
        self.returncode = self.process.returncode
        self.stdout = output.split("\n")[:-1]
        self.stderr = [line for line in complaints.split("\n") if line]


class Server(libtmux.Server):
    """A tmux server, running or not, by the absolute path of its socket."""

    def __init__(self, socket: str, *, program: str, environment: Mapping[str, str], timeout: float) -> None:
        super().__init__(socket_path=socket)
        self.socket = socket
        self._program = program
        self._environment = environment
        self._timeout = timeout

    # libtmux's own override of this declaration has the same type error.
    def cmd(self, cmd: str, *args: object, target: str | int | None = None) -> Call:  # type: ignore[override]
        """One call to this server. Raises TerminalAway when it does not answer in time."""
        aim = [] if target is None else ["-t", str(target)]
        words = [self._program, "-u", f"-S{self.socket}", cmd, *aim, *map(str, args)]
        return Call(words, environment=self._environment, timeout=self._timeout)

    def do(self, *commands: Sequence[str]) -> list[str]:
        """Run several tmux commands in one call; what they print, by lines. A server that is just leaving is
        waited for. Raises NoServer, Denied at the first command that fails, TerminalAway."""
        first, *rest = _joined(commands)
        deadline = time.monotonic() + _LEAVES_WITHIN
        while True:
            call = self.cmd(first, *rest)
            if call.returncode == 0:
                return call.stdout
            said = "\n".join(call.stderr)
            if _LEAVING not in said or time.monotonic() > deadline:
                raise self._refusal(said, call.stdout)
            time.sleep(0.01)

    def _refusal(self, said: str, printed: list[str]) -> TerminalAway | Denied:
        if any(words in said for words in _NOBODY):
            return NoServer(f"no tmux server on {self.socket}")
        if any(words in said for words in (*_AWAY, _LEAVING)):
            return TerminalAway(f"tmux on {self.socket}: {said}", hint="genie doctor")
        return Denied(said, printed)

    def make_room(self) -> None:
        """Make the socket's directory, which `tmux -S` does not."""
        Path(self.socket).parent.mkdir(mode=0o700, parents=True, exist_ok=True)


def _joined(commands: Sequence[Sequence[str]]) -> list[str]:
    """One argv of several commands. A word that ends with a semicolon would end its command."""
    words: list[str] = []
    for command in commands:
        if words:
            words.append(";")
        words += [f"{word[:-1]}\\;" if word.endswith(";") else word for word in command]
    return words


def quoted(words: Sequence[str]) -> str:
    """One command as text for tmux's own parser: nothing in it is expanded."""
    return " ".join(f'"{_escaped(word)}"' for word in words)


def _escaped(word: str) -> str:
    for plain, written in (("\\", "\\\\"), ('"', '\\"'), ("$", "\\$"), ("~", "\\~"), ("\n", "\\n"), ("\r", "\\r")):
        word = word.replace(plain, written)
    return word


def literal(text: str) -> str:
    """`text` for a place where tmux expands formats."""
    return text.replace("#", "##")
