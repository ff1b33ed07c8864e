"""Handing messages over: to the input of a session that is fed, into the box of a program on a terminal, or to a
provider's own queue."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from genie.domain.errors import Failed, GenieError, NotAllowed, TerminalAway, Unproven
from genie.domain.message import Channel, pieces, typeable
from genie.domain.session import PaneIdentity, Standing
from genie.ports import Inputs, Launches, Providers, Terminal

PIECE, BREAKS = 400, 2
"""Characters and line breaks that come at once: more are taken for a paste."""
PAUSE = 0.03
"""Seconds between two pieces, so that they are not taken for one, and before Enter."""
QUEUE_PATIENCE = 20.0
"""Seconds for a provider's program to take a message into its queue."""
SEEN = 15
"""Lines of the screen, the last ones, on which a dialog is looked for."""
_DIALOG = re.compile(
    r"^\W*[❯›>]\s*1\.\s|\bEsc to cancel\b|\bEnter to (select|confirm)\b|\bDo you want to proceed\b"
    r"|\bpress enter to (confirm|continue)\b",
    re.MULTILINE | re.IGNORECASE,
)
_WAYS = {"claude": (Channel.TYPE,), "codex": (Channel.PASTE, Channel.QUEUE)}


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
        environment: Mapping[str, str],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._terminal = terminal
        self._inputs = inputs
        self._fifo = fifo
        self._providers = providers
        self._launches = launches
        self._environment = environment
        self._pause = pause

    def ways(self, provider: str) -> Sequence[Channel]:
        return _WAYS.get(provider, (Channel.PASTE,))

    def hand_over(self, channel: Channel, to: Standing, text: str) -> None:
        if channel is Channel.STREAM:
            self._inputs.feed(self._fifo(_session(to)), text)
        elif channel is Channel.QUEUE:
            self._queue(to, text)
        else:
            self._press(channel, _pane(to), typeable(text))

    # ---- keys ----

    def _press(self, channel: Channel, pane: PaneIdentity, text: str) -> None:
        """Put it into the box, and then press Enter: the more that can be seen to be wrong the less is pressed."""
        self._check(channel, pane)
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
                if len(given) > 1:
                    self._check(channel, pane)
                self._terminal.press_enter(pane)
        except GenieError as error:
            raise Unproven(f"not all of the message could be typed: {error.message}", hint=error.hint) from error

    def _check(self, channel: Channel, pane: PaneIdentity) -> None:
        """Raises NotAllowed while a dialog is open in which Enter would say yes."""
        screen = self._terminal.capture(pane, lines=None).splitlines()[-SEEN:]
        if channel is not Channel.STDIN and _DIALOG.search("\n".join(screen)):
            raise NotAllowed("a dialog is open on its screen", hint="genie attach")

    def _first(self, put: Callable[[PaneIdentity, str], None], pane: PaneIdentity, text: str) -> None:
        try:
            put(pane, text)
        except TerminalAway as error:
            raise Unproven(f"tmux did not say whether it was typed: {error.message}", hint=error.hint) from error

    # ---- the provider's own queue ----

    def _queue(self, to: Standing, text: str) -> None:
        session = to.session
        if session is None or session.provider_session is None:
            raise NotAllowed(f"'{to.agent.name}' has told no session id yet")
        program = self._providers.get(to.agent.provider).program()
        if program is None:
            raise Failed(f"the program of provider {to.agent.provider} is gone", hint="genie doctor")
        argv = [program, "queue", f"--thread={session.provider_session}", f"--message={text}"]
        env = {**self._environment, **self._launches.environment(session.id)}
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
