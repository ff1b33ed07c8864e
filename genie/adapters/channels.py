"""Handing messages over: to the input of a session that is fed, into the box of a program on a terminal, to the socket
at which it listens, or to a provider's own queue."""

from __future__ import annotations

import json
import re
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from genie.domain.agent import Activity
from genie.domain.box import draft, outside
from genie.domain.errors import Drafted, Failed, GenieError, NotAllowed, TerminalAway, Unproven
from genie.domain.message import IN_BOX, Channel, pieces, typeable
from genie.domain.session import PaneIdentity, Standing
from genie.ports import Inputs, Launches, Providers, Terminal
from genie.ports.messages import Socket, Sockets
from genie.ports.signs import Signs

PIECE, BREAKS = 400, 2
"""Characters and line breaks that come at once: more are taken for a paste."""
PAUSE = 0.03
"""Seconds between two pieces, so that they are not taken for one, and before Enter."""
QUEUE_PATIENCE = 20.0
"""Seconds for a provider's program to take a message into its queue."""
SOCKET_PATIENCE = 3.0
"""Seconds for a program to take a message at its socket."""
SEEN, BELOW = 15, 5
"""Lines of the screen, the last ones, on which a dialog is looked for; and as many at least beside a long box."""
_DIALOG = re.compile(
    r"^\W*[❯›>]\s*1\.\s|\bEsc to cancel\b|\bEnter to (select|confirm)\b|\bDo you want to proceed\b"
    r"|\bpress enter to (confirm|continue)\b",
    re.MULTILINE | re.IGNORECASE,
)
_STYLES = re.compile(r"\x1b\[[0-9;]*m")
_WAYS = {"claude": (Channel.TYPE, Channel.SOCKET), "codex": (Channel.PASTE, Channel.QUEUE)}


class SessionChannels:
    """Implements `genie.ports.Channels`. `fifo` gives the path of a session's input; `environment` is what a provider's
    own program is run with, over which the session's goes."""

    def __init__(
        self,
        *,
        terminal: Terminal,
        inputs: Inputs,
        fifo: Callable[[UUID], str],
        providers: Providers,
        launches: Launches,
        signs: Signs,
        sockets: Sockets,
        environment: Mapping[str, str],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._terminal = terminal
        self._inputs = inputs
        self._fifo = fifo
        self._providers = providers
        self._launches = launches
        self._signs = signs
        self._sockets = sockets
        self._environment = environment
        self._pause = pause

    def ways(self, provider: str) -> Sequence[Channel]:
        return _WAYS.get(provider, (Channel.PASTE,))

    def listens(self, to: Standing) -> bool:
        return self._socket(to) is not None

    def idle_since(self, to: Standing) -> datetime | None:
        run = to.run
        if run is None or run.ended_at is not None or run.pane is None:
            return None
        said = self._signs.look(to.agent.provider, env=self._env(to), pid=run.pane.pid)
        return said.at if said is not None and said.says is Activity.IDLE else None

    def hand_over(self, channel: Channel, to: Standing, text: str) -> None:
        if channel is Channel.STREAM:
            self._inputs.feed(self._fifo(_session(to)), text)
        elif channel is Channel.QUEUE:
            self._queue(to, text)
        elif channel is Channel.SOCKET:
            self._post(to, text)
        else:
            self._press(channel, to, typeable(text))

    # ---- keys ----

    def _press(self, channel: Channel, to: Standing, text: str) -> None:
        """Put it into the box, and then press Enter: the more that can be seen to be wrong the less is pressed."""
        pane = _pane(to)
        if channel in IN_BOX:
            self._check_idle(to, pane)
            self._check_screen(to, pane, empty=True)
        # A command gets a line and its end by one call: what comes next never stands behind half a line.
        ended = f"{text}\r" if channel is Channel.STDIN else text
        given = [text] if channel is Channel.PASTE else pieces(ended, longest=PIECE, breaks=BREAKS)
        put = self._terminal.paste if channel is Channel.PASTE else self._terminal.type_text
        self._first(put, pane, given[0])
        try:
            for piece in given[1:]:
                self._pause(PAUSE)
                put(pane, piece)
            if channel is not Channel.STDIN:
                self._pause(PAUSE)
                if channel is Channel.TYPE:
                    self._check_screen(to, pane, empty=False)
                self._terminal.press_enter(pane)
        except GenieError as error:
            raise Unproven(f"not all of the message could be typed: {error.message}", hint=error.hint) from error

    def _check_idle(self, to: Standing, pane: PaneIdentity) -> None:
        """Raises NotAllowed where the program says now that it is at something, and where it does not say that a turn
        which seems to have failed is over."""
        agent = to.agent
        said = self._signs.look(agent.provider, env=self._env(to), pid=pane.pid)
        if said is not None and said.says is not Activity.IDLE:
            raise NotAllowed(f"'{agent.name}' is not idle: {said.detail}")
        if said is None and agent.activity is Activity.ERROR:
            raise NotAllowed(f"'{agent.name}' is not idle: {agent.activity.value}")

    def _check_screen(self, to: Standing, pane: PaneIdentity, *, empty: bool) -> None:
        """Raises NotAllowed while a dialog is open in which Enter would say yes, and Drafted where the box must be
        `empty` and is not."""
        styled = self._terminal.capture(pane, lines=None, styled=True).splitlines()
        around = outside(to.agent.provider, styled)
        seen = max(SEEN - (len(styled) - len(around)), BELOW)
        if _DIALOG.search(_STYLES.sub("", "\n".join(around[-seen:]))):
            raise NotAllowed("a dialog is open on its screen", hint="genie attach")
        if empty and draft(to.agent.provider, styled):
            raise Drafted("somebody's draft is in its box", hint="genie attach")

    def _env(self, to: Standing) -> Mapping[str, str]:
        return self._launches.environment(to.session.id) if to.session else {}

    def _first(self, put: Callable[[PaneIdentity, str], None], pane: PaneIdentity, text: str) -> None:
        try:
            put(pane, text)
        except TerminalAway as error:
            raise Unproven(f"tmux did not say whether it was typed: {error.message}", hint=error.hint) from error

    # ---- the socket at which a program listens ----

    def _socket(self, to: Standing) -> Socket | None:
        session, run = to.session, to.run
        if session is None or run is None or run.ended_at is not None or run.pane is None:
            return None
        launch = session.launch
        return self._sockets.find(
            to.agent.provider, env=self._env(to), cwd=launch.cwd, argv=launch.argv, pid=run.pane.pid
        )

    def _post(self, to: Standing, text: str) -> None:
        found, pane = self._socket(to), _pane(to)
        if found is None:
            raise NotAllowed(f"'{to.agent.name}' listens at no socket")
        records: list[object] = [{"type": "auth", "token": found.token}] if found.token else []
        records.append({"type": "user", "message": {"role": "user", "content": text}})
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(SOCKET_PATIENCE)
            try:
                line.connect(found.path)
                owner = _owner(line)
            except OSError as error:
                raise Failed(f"nobody listens at {found.path}: {error}") from error
            if owner not in (None, pane.pid):
                raise NotAllowed(f"another process than that of '{to.agent.name}' listens at {found.path}")
            try:
                line.sendall("".join(f"{json.dumps(record)}\n" for record in records).encode())
                line.shutdown(socket.SHUT_WR)
            except OSError as error:
                raise Unproven(f"not all of the message could be given to {found.path}: {error}") from error

    # ---- the provider's own queue ----

    def _queue(self, to: Standing, text: str) -> None:
        session = to.session
        if session is None or session.provider_session is None:
            raise NotAllowed(f"'{to.agent.name}' has told no session id yet")
        program = self._providers.get(to.agent.provider).program()
        if program is None:
            raise Failed(f"the program of provider {to.agent.provider} is gone", hint="genie doctor")
        argv = [program, "queue", f"--thread={session.provider_session}", f"--message={text}"]
        env = {**self._environment, **self._env(to)}
        try:
            done = subprocess.run(  # noqa: S603 - an argv list, no shell
                argv, env=env, cwd=to.agent.cwd, stdin=subprocess.DEVNULL, capture_output=True, timeout=QUEUE_PATIENCE
            )
        except subprocess.TimeoutExpired as error:
            raise Unproven(f"{to.agent.provider} queue did not end within {QUEUE_PATIENCE:g} s") from error
        except (OSError, ValueError) as error:
            raise Failed(f"cannot run {program} queue: {error}", hint="genie doctor") from error
        if done.returncode:
            raise _refused(to.agent.provider, done)


def _owner(line: socket.socket) -> int | None:
    """The pid of who listens; None where the kernel does not tell."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return None
    pid: int = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i")))[0]
    return pid


def _refused(provider: str, done: subprocess.CompletedProcess[bytes]) -> GenieError:
    """What a queue that took nothing means: it is of no use while the program does not know the word."""
    said = done.stderr.decode(errors="replace").strip().splitlines()
    if done.returncode == 2:
        return NotAllowed(f"this {provider} has no queue; it gets its messages when it is idle")
    return Failed(f"{provider} queue: {said[-1] if said else f'exit code {done.returncode}'}")


def _session(to: Standing) -> UUID:
    if to.session is None:
        raise NotAllowed(f"'{to.agent.name}' has no session")
    return to.session.id


def _pane(to: Standing) -> PaneIdentity:
    run = to.run
    if run is None or run.ended_at is not None or run.pane is None:
        raise NotAllowed(f"'{to.agent.name}' has no pane now")
    return run.pane
