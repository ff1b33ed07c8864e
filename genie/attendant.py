"""The parent of a one-shot or streaming provider: it stays in the pane, keeps the session's log, shows it to people.

    python -I -S -c '… from genie.attendant import main …' ROOT RUN_ID DESCRIPTOR

Started by the runner, which hands on the launch as an open file. Standard library only, and of genie nothing but
plumbing.py, rendering.py and lettering.py. Copying comes first: whatever happens to the terminal, to the rendering or
to the log, the provider's output is read on, and the exit is the provider's: its code, or death by the same signal.
Exit codes of its own: 124 over its time, 126 cannot be executed, 127 not found.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
from contextlib import suppress

from genie.plumbing import CHUNK, LONGEST_LINE, Feed, Lines, Log, Screen, is_record, raw
from genie.rendering import renderer

TYPE_CHECKING = False
if TYPE_CHECKING:  # not from typing: importing that costs 2 ms at every start
    from collections.abc import Iterable
    from typing import Any, NoReturn

NOT_EXECUTABLE, NOT_FOUND, TIMED_OUT = 126, 127, 124
DRAIN = 0.5
"""Seconds that the output of a provider which has ended is waited for: its children can hold the pipe open."""
GRACE = 5.0
"""Seconds between TERM and KILL at the end of the time."""
PIPE = 1 << 18
"""Bytes asked for as the capacity of the pipe for stdout (more would use up the user's share)."""
LONGEST_ERROR = 1 << 16
"""Bytes. A line of stderr that goes on without an end is cut into lines of this length."""
HEARD = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
OF_THE_TERMINAL = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
"""^C, ^\\ and the end of the terminal: they reach the provider by themselves, unless it has left the attendant's
process group. SIGTERM is handed on."""


class Provider:
    """The process that is attended to."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: int | None = None
        """Once it has ended: its exit code, or the signal that killed it as a negative number."""

    def look(self) -> None:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if pid else None

    def apart(self) -> bool:
        """Whether it has a process group of its own, to which the terminal's signals do not come."""
        return self.status is None and os.getpgid(self.pid) != os.getpgrp()

    def send(self, number: int) -> None:
        if self.status is None:  # not waited for yet: the pid is still its own
            os.kill(self.pid, number)


class Attendant:
    """One session: a provider, and what goes in and out of it."""

    def __init__(self, launch: dict[str, Any], screen: Screen) -> None:
        self._launch = launch
        plan = self._plan = launch["attend"]
        self._screen = screen
        self._text = plan["form"] == "text"
        self._log = Log(plan["log"], limit=plan.get("max_log") or 0, keep=plan.get("keep_logs") or 0)
        self._renderer = renderer(plan["form"], colour=_coloured(screen), width=screen.width)
        self._out, self._err = Lines(LONGEST_LINE), Lines(LONGEST_ERROR)
        self._sources: dict[int, Lines] = {}
        self._feed: Feed | None = None
        self._deadline: float | None = None
        self._told = self._handed = self._timed_out = False

    # ---- from the start to the end ----

    def run(self) -> int:
        """What the attendant has to end with: an exit code, or a signal as a negative number."""
        wake = _listen()
        try:
            provider = self._start()
        except (OSError, ValueError) as error:
            return self._failed(error)
        self._log.record("started", pid=provider.pid, argv0=self._launch["argv"][0])
        if self._feed:
            self._show_said(self._feed)
        limit = self._plan.get("timeout")
        self._deadline = None if limit is None else time.monotonic() + limit
        while provider.status is None or (self._sources and self._deadline and time.monotonic() < self._deadline):
            self._step(provider, wake)
        return self._end(provider.status)

    def _start(self) -> Provider:
        """Raises OSError and ValueError when there is nothing to be run."""
        os.chdir(raw(self._launch["cwd"]))
        given, out, err = self._stdin(), _wide(os.pipe()), os.pipe()
        argv = [raw(word) for word in self._launch["argv"]]
        actions = [(os.POSIX_SPAWN_DUP2, fd, place) for place, fd in enumerate((given, out[1], err[1]))]
        usual = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
        env = {raw(name): raw(value) for name, value in self._launch["env"].items()}
        try:
            pid = os.posix_spawnp(argv[0], argv, env, file_actions=actions, setsigdef=usual, setsigmask=())
        finally:
            for fd in (given, out[1], err[1]):
                os.close(fd)
        self._sources = {out[0]: self._out, err[0]: self._err}
        return Provider(pid)

    def _stdin(self) -> int:
        """What the provider is to read."""
        first = self._plan.get("stdin")
        if not self._plan.get("keep_open"):
            return os.open(raw(first or os.devnull), os.O_RDONLY)
        theirs, ours = os.pipe()
        self._feed = Feed(ours, form=self._plan["form"], fifo=self._plan.get("fifo"), first=first)
        return theirs

    def _failed(self, error: OSError | ValueError) -> int:
        name, code = self._launch["argv"][0], NOT_EXECUTABLE
        why = f"cannot run {name!r}: {error}"
        if isinstance(error, FileNotFoundError):
            code = NOT_FOUND
            path = self._launch["env"].get("PATH", "not set")
            why = f"not found: {os.fsdecode(error.filename)!r} (to run {name!r}; PATH is {path!r})"
        self._log.record("stderr", text=f"genie: {why}")
        self._log.record("ended", exit_code=code, timed_out=False)
        self._show(self._renderer.note(why))
        if self._feed:
            self._feed.close()
        return code

    def _end(self, status: int) -> int:
        for fd in list(self._sources):
            self._finish(fd)
        self._show(self._renderer.close())
        how = {"signal": -status} if status < 0 else {"exit_code": status}
        self._log.record("ended", **how, timed_out=self._timed_out)
        self._complain()
        if self._feed:
            self._feed.close()
        return TIMED_OUT if self._timed_out else status

    # ---- one step ----

    def _step(self, provider: Provider, wake: int) -> None:
        feed, screen = self._feed, self._screen
        sources = [] if screen.full and provider.status is None else list(self._sources)
        readers = [wake, *sources, *(feed.readers if feed else ())]
        writers = [*(feed.writers if feed else ()), *([screen.fd] if screen.wanted else ())]
        readable, writable, _ = select.select(readers, writers, [], self._patience())
        if screen.fd in writable:
            screen.push()
        screen.give_up()
        if feed and feed.stdin in writable:
            feed.push()
        if feed and feed.fifo in readable:
            feed.pull()
            self._show_said(feed)
        for fd in readable:
            if fd in self._sources:
                self._take(fd)
        if wake in readable:
            self._hear(os.read(wake, 64), provider)
        if provider.status is None and self._deadline is not None and time.monotonic() >= self._deadline:
            self._overdue(provider)

    def _patience(self) -> float | None:
        """Seconds until something is to be done by itself; None for none."""
        due = [self._screen.patience()]
        if self._deadline is not None:
            due.append(max(self._deadline - time.monotonic(), 0))
        return min((seconds for seconds in due if seconds is not None), default=None)

    def _hear(self, signals: Iterable[int], provider: Provider) -> None:
        if signal.SIGTERM in signals and not self._handed:
            self._handed = True
            provider.send(signal.SIGTERM)
        for number in OF_THE_TERMINAL:
            if number in signals and provider.apart():
                provider.send(number)
        before = provider.status
        provider.look()
        if provider.status is not before:
            self._deadline = time.monotonic() + DRAIN

    def _overdue(self, provider: Provider) -> None:
        """TERM at the end of the time, KILL at the end of the grace."""
        provider.send(signal.SIGKILL if self._timed_out else signal.SIGTERM)
        self._deadline = None if self._timed_out else time.monotonic() + GRACE
        self._timed_out = True

    # ---- what comes out ----

    def _take(self, fd: int) -> None:
        piece = os.read(fd, CHUNK)
        lines = self._sources[fd]
        if not piece:
            self._finish(fd)
            return
        self._copy(lines, lines.feed(piece))
        if self._text:
            self._screen.show(piece)

    def _finish(self, fd: int) -> None:
        lines = self._sources.pop(fd)
        self._copy(lines, lines.rest())
        os.close(fd)

    def _copy(self, source: Lines, lines: bytes) -> None:
        """First into the log, then onto the screen."""
        if not lines:
            return
        if source is self._out:
            self._keep(lines)
            shown = map(self._renderer.line, lines.split(b"\n")[:-1])
        else:
            texts = [line.decode("utf-8", "replace").rstrip("\r") for line in lines.split(b"\n")[:-1]]
            for text in texts:
                self._log.record("stderr", text=text)
            shown = map(self._renderer.stderr, texts)
        self._complain()
        if not self._text:
            self._show("".join(shown))

    def _keep(self, lines: bytes) -> None:
        """Into the log, as they are. What would be read there as a record of the attendant's own becomes the text of
        one."""
        if b'"genie"' not in lines and b"\\u00" not in lines:
            self._log.write(lines)
            return
        for line in lines.split(b"\n")[:-1]:
            if is_record(line):
                self._log.record("stdout", text=line.decode("utf-8", "replace"))
            else:
                self._log.write(line + b"\n")

    def _show_said(self, feed: Feed) -> None:
        self._show("".join(map(self._renderer.said, feed.said)))
        feed.said.clear()

    def _complain(self) -> None:
        """Say once that the log cannot be written."""
        if self._log.trouble and not self._told:
            self._told = True
            self._show(self._renderer.note(f"{self._log.trouble}; the session goes on"))

    def _show(self, text: str) -> None:
        self._screen.show(text.encode("utf-8", "replace"))


def _coloured(screen: Screen) -> bool:
    return screen.terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _wide(pipe: tuple[int, int]) -> tuple[int, int]:
    """The same pipe, holding more where the system lets it."""
    import fcntl

    with suppress(AttributeError, OSError):  # not Linux, or over the user's share
        fcntl.fcntl(pipe[1], fcntl.F_SETPIPE_SZ, PIPE)
    return pipe


def _listen() -> int:
    """A descriptor that gives the numbers of the signals as they come."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    for number in HEARD:
        signal.signal(number, lambda *_: None)
    return read


def _leave(status: int) -> NoReturn:
    """End with that exit code, or be killed by that signal, so that the parent sees the provider's end."""
    if status < 0:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        if -status not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-status, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.kill(os.getpid(), -status)
    os._exit(status if status >= 0 else 128 - status)


def main(descriptor: str) -> NoReturn:
    spare = os.open(os.devnull, os.O_RDWR)
    while spare <= 2:
        spare = os.open(os.devnull, os.O_RDWR)
    with open(int(descriptor), encoding="ascii") as file:  # noqa: PTH123
        launch: dict[str, Any] = json.load(file)
    screen = Screen(1)
    status = Attendant(launch, screen).run()
    screen.close()
    _leave(status)
