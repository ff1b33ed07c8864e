"""The parent of a one-shot or streaming provider: it stays in the pane, keeps the session's log, shows it to people.

    python -I -S -c '… from genie.attendant import main …' ROOT RUN_ID DESCRIPTOR

Started by the runner, which hands on the launch as an open file. Standard library only, and of genie nothing but
rendering.py. Copying comes first: whatever happens to the terminal, to the rendering or to the log, the provider's
output is read on, and the exit is the provider's: its code, or death by the same signal. Exit codes of its own:
124 over its time, 126 cannot be executed, 127 not found.
"""

from __future__ import annotations

import json
import os
import select
import signal
import stat
import time
from contextlib import suppress

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
STUCK = 1.0
"""Seconds without progress after which a terminal is not waited for any more."""
CHUNK, PIPE = 1 << 18, 1 << 18
"""Bytes of one read; bytes asked for as the capacity of the pipe for stdout (more would use up the user's share)."""
BACKLOG = 1 << 18
"""Bytes that may wait for the terminal, or for the provider's stdin, before their source is left alone."""
LONGEST_LINE, LONGEST_ERROR = 64 << 20, 1 << 16
"""Bytes. What goes on without an end is cut into lines of this length."""
DEFAULT_WIDTH = 100
HEARD = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
"""SIGTERM is handed on. ^C, ^\\ and the end of the terminal reach the provider by themselves."""


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def now() -> str:
    moment = time.time_ns()
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(moment // 10**9))}.{moment // 1000 % 10**6:06d}+00:00"


class Lines:
    """Whole lines out of pieces."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._rest = bytearray()

    def feed(self, piece: bytes) -> bytes:
        """The lines that this piece completes, with their ends."""
        end = piece.rfind(b"\n") + 1
        if not end:
            self._rest += piece
            return self.rest() if len(self._rest) >= self._longest else b""
        whole = bytes(self._rest) + piece[:end] if self._rest else piece[:end]
        self._rest = bytearray(piece[end:])
        return whole

    def rest(self) -> bytes:
        """What has had no end yet, as a line."""
        rest, self._rest = bytes(self._rest), bytearray()
        return rest + b"\n" if rest else b""


class Log:
    """The session's log: whole lines only, in files of at most `limit` bytes (a longer line has one to itself).

    A log that cannot be written costs its lines and nothing else: `trouble` says why, and a record tells how much is
    missing once it can be written again."""

    def __init__(self, path: str, *, limit: int, keep: int) -> None:
        self._path, self._limit, self._keep = raw(path), limit, keep
        self._fd = -1
        self._size = self._lines = self._bytes = 0
        self.trouble = ""

    def record(self, kind: str, **fields: object) -> None:
        self.write(json.dumps({"genie": kind, "at": now(), **fields}).encode("ascii") + b"\n")

    def write(self, lines: bytes) -> None:
        """Append them. Never raises."""
        try:
            if self._fd < 0:
                self._open()
            if self._lines:
                self._tell_gap()
            while lines:
                lines = lines[self._append(lines) :]
        except OSError as error:
            self._lines += lines.count(b"\n")
            self._bytes += len(lines)
            self.trouble = self.trouble or f"the log {os.fsdecode(self._path)} is not written: {error.strerror}"

    def _open(self) -> None:
        self._fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        os.fchmod(self._fd, 0o600)
        self._size = os.fstat(self._fd).st_size
        if self._size and os.pread(self._fd, 1, self._size - 1) != b"\n":
            self._all(b"\n")  # its last writer was killed

    def _tell_gap(self) -> None:
        gap = {"genie": "gap", "at": now(), "lines": self._lines, "bytes": self._bytes}
        self._all(json.dumps(gap).encode("ascii") + b"\n")
        self._lines = self._bytes = 0
        self.trouble = ""

    def _append(self, lines: bytes) -> int:
        """Write as many of them as fit into this file, at least one; how many bytes that was."""
        room = self._limit - self._size if self._limit else len(lines)
        if len(lines) <= room:
            self._all(lines)
            return len(lines)
        end = lines.rfind(b"\n", 0, max(room, 0)) + 1
        if not end and self._size:
            self._rotate()
            return 0
        end = end or lines.find(b"\n") + 1
        self._all(lines[:end])
        return end

    def _all(self, data: bytes) -> None:
        """All or nothing, so that no line is ever torn."""
        done = 0
        try:
            while done < len(data):
                done += os.write(self._fd, data[done:] if done else data)
        except OSError:
            if done:
                os.ftruncate(self._fd, self._size)
            raise
        self._size += done

    def _rotate(self) -> None:
        """The oldest goes, the others move on, a new one begins. A directory that does not let them move ends it."""
        try:
            for place in range(self._keep, 0, -1):
                younger = b"%s.%d" % (self._path, place - 1) if place > 1 else self._path
                if os.path.lexists(younger):
                    os.rename(younger, b"%s.%d" % (self._path, place))  # noqa: PTH104
            if not self._keep:
                os.unlink(self._path)  # noqa: PTH108
        except OSError:
            self._limit = 0
            return
        os.close(self._fd)
        self._fd = -1
        self._open()


class Screen:
    """The terminal. It may be slow, stopped (^S) or gone: then what was to be shown is dropped."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.terminal = os.isatty(fd)
        self._blocking = os.get_blocking(fd)
        os.set_blocking(fd, False)
        self._waiting = bytearray()
        self._since = 0.0
        self.stuck = self.gone = False

    @property
    def full(self) -> bool:
        return len(self._waiting) > BACKLOG

    @property
    def wanted(self) -> bool:
        """Whether to be told when it can be written."""
        return not self.gone and (bool(self._waiting) or self.stuck)

    def width(self) -> int:
        try:
            return max(os.get_terminal_size(self.fd).columns, 20) if self.terminal else DEFAULT_WIDTH
        except OSError:
            return DEFAULT_WIDTH

    def show(self, data: bytes) -> None:
        if self.stuck or self.gone or not data:
            return
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting += data
        self.push()

    def push(self) -> None:
        """Write what it takes now."""
        if self.stuck:
            self.stuck = False
            self._waiting += b"\n" + "… output was skipped while the terminal was stopped\n".encode()
        try:
            while self._waiting:
                del self._waiting[: os.write(self.fd, self._waiting[:CHUNK])]
                self._since = time.monotonic()
        except BlockingIOError:
            return
        except OSError:
            self.gone = True
            self._waiting.clear()

    def patience(self) -> float | None:
        """Seconds until it counts as stopped; None when nothing waits."""
        return max(self._since + STUCK - time.monotonic(), 0) if self._waiting and not self.gone else None

    def give_up(self) -> None:
        """Drop what waits if it has waited for too long."""
        if self.patience() == 0:
            self.stuck = True
            self._waiting.clear()

    def close(self) -> None:
        while self.wanted and not self.stuck:
            select.select([], [self.fd], [], self.patience())
            self.push()
            self.give_up()
        if not self.gone:
            os.set_blocking(self.fd, self._blocking)


class Feed:
    """The provider's stdin: the lines of a file, then those that come through a FIFO, in order."""

    def __init__(self, stdin: int, *, form: str, fifo: str | None, first: str | None) -> None:
        self.stdin, self.fifo, self._form = stdin, -1, form
        self._path = raw(fifo) if fifo else b""
        self._waiting = bytearray()
        self._lines = Lines(LONGEST_LINE)
        self._closing = False
        self.said: list[str] = []
        os.set_blocking(stdin, False)
        if first:
            with open(raw(first), "rb") as file:  # noqa: PTH123 - pathlib costs more than all of this
                data = file.read()
            self._take(data if data.endswith(b"\n") or not data else data + b"\n")
        if self._path:
            self._open()

    def _open(self) -> None:
        """Both ways, so that it never ends when a writer leaves. Raises OSError."""
        try:
            os.mkfifo(self._path, 0o600)
        except FileExistsError:
            if not stat.S_ISFIFO(os.lstat(self._path).st_mode):
                raise
            os.chmod(self._path, 0o600)  # noqa: PTH101
        self.fifo = os.open(self._path, os.O_RDWR | os.O_NONBLOCK)

    @property
    def readers(self) -> list[int]:
        return [self.fifo] if self.fifo >= 0 and not self._closing and len(self._waiting) < BACKLOG else []

    @property
    def writers(self) -> list[int]:
        return [self.stdin] if self._waiting and self.stdin >= 0 else []

    def pull(self) -> None:
        """Take in what stands in the FIFO."""
        try:
            self._take(os.read(self.fifo, CHUNK))
        except BlockingIOError:
            return

    def _take(self, piece: bytes) -> None:
        for line in self._lines.feed(piece).split(b"\n")[:-1]:
            self._accept(line + b"\n")
        self.push()

    def _accept(self, line: bytes) -> None:
        if self._closing:
            return
        record = _json(line)
        if isinstance(record, dict) and record.get("genie") == "close":
            self._closing = True
        elif self._form != "claude" or isinstance(record, dict):
            self._waiting += line
        elif line.strip():
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            self.said.append(text)
            message = {"role": "user", "content": [{"type": "text", "text": text}]}
            self._waiting += json.dumps({"type": "user", "message": message}).encode("ascii") + b"\n"

    def push(self) -> None:
        """Give the provider what it takes now; the end of it once all is given and no more is to come."""
        try:
            while self._waiting and self.stdin >= 0:
                del self._waiting[: os.write(self.stdin, self._waiting[:CHUNK])]
        except BlockingIOError:
            return
        except OSError:  # it reads no more
            self._closing = True
            self._waiting.clear()
        if self._closing:
            self.close()

    def close(self) -> None:
        """End the provider's stdin; remove the FIFO, so that a writer is told instead of kept waiting."""
        for fd in (self.stdin, self.fifo):
            if fd >= 0:
                os.close(fd)
        if self.fifo >= 0:
            with suppress(OSError):
                os.unlink(self._path)  # noqa: PTH108
        self.stdin = self.fifo = -1


def _json(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


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
            self._show("".join(map(self._renderer.said, feed.said)))
            feed.said.clear()
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
            self._log.write(lines)
            shown = map(self._renderer.line, lines.split(b"\n")[:-1])
        else:
            texts = [line.decode("utf-8", "replace").rstrip("\r") for line in lines.split(b"\n")[:-1]]
            for text in texts:
                self._log.record("stderr", text=text)
            shown = map(self._renderer.stderr, texts)
        self._complain()
        if not self._text:
            self._show("".join(shown))

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
