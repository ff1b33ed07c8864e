"""What hooks of tmux and of agents run: hand one event to the daemon, and never be in the way.

    python -I -S hook.py SOCKET SPOOL_DIR EVENT [KEY=VALUE …] [-- COMMAND …]
    python -I -S hook.py SOCKET SPOOL_DIR claude.EVENT < PAYLOAD
    python -I -S hook.py SOCKET SPOOL_DIR claude.EVENT wait=SECONDS < PAYLOAD > DECISION
    python -I -S hook.py SOCKET SPOOL_DIR codex.notify [CHAINED COMMAND …] PAYLOAD

Standard library only, and nothing of genie. The event is sent as {"event", "at", KEY: VALUE …} by POST
/v1/hooks over the daemon's socket. With nobody there it is kept in the spool directory, and COMMAND, which starts the
daemon, is run detached; nothing of it where GENIE_HOME is gone. It always exits with 0: an agent waits for its hooks.

The event of an agent's own hook goes with its run and its token, from the environment, and what its program told the
hook, as it is. It prints nothing: the agent would read it. CHAINED COMMAND is the user's own and is run afterwards.

With `wait` the event asks for leave: the daemon holds it until somebody answers, so long at most, and DECISION is what
it gives back, whole or not at all. Where nobody does, or anything goes wrong, nothing is printed: the program's own
dialog decides.
"""

import os
import sys
import time

try:
    # What json and socket are made of: these two alone cost 1 ms, those with what they import 9 ms.
    from _json import encode_basestring_ascii as quoted
    from _socket import AF_UNIX, SOCK_STREAM, socket
except ImportError:  # another Python than CPython
    from json import dumps as quoted
    from socket import AF_UNIX, SOCK_STREAM, socket  # type: ignore[assignment]

PATIENCE = 1.0
"""Seconds for the whole conversation with the daemon."""
PAYLOAD = 2**18
SPOOLED = 2**14
"""Bytes of a payload that are sent, and kept: of a longer one the event alone tells."""
ASKED = 2**20
"""The same of one that asks for leave: a longer one is not asked about."""
LATE = 30.0
"""Seconds that the daemon may be late with its answer."""
ANSWER = 2**22
"""Bytes of an answer at most."""
WAITING = 1000
"""Events that may wait for a daemon."""
OF_A_RUN = (b"GENIE_RUN_ID", b"GENIE_SESSION_ID", b"GENIE_AGENT_NAME", b"GENIE_AGENT_TOKEN", b"GENIE_TEAM")
OF_A_PANE = (b"TMUX", b"TMUX_PANE", b"CLAUDE_CODE_SESSION_ID", b"CLAUDECODE")
"""Variables that a daemon must not have: it belongs to no run, and must outlive the one that woke it."""


def say(peer: socket, path: str, where: str, body: bytes) -> None:
    """Raises OSError when the daemon does not take it."""
    head = (
        f"POST {where} HTTP/1.1\r\nHost: genie\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    peer.settimeout(PATIENCE)
    peer.connect(path)
    peer.sendall(head.encode() + body)


def send(path: str, body: bytes) -> None:
    """Raises OSError when nobody took the event."""
    peer = socket(AF_UNIX, SOCK_STREAM)
    try:
        say(peer, path, "/v1/hooks", body)
        status = peer.recv(64).split(b" ")
    finally:
        peer.close()
    if len(status) < 2 or not status[1].startswith(b"2"):
        raise OSError("not taken")


def answered(path: str, body: bytes, wait: float) -> bytes:
    """What the daemon answers; empty where nobody has, and where it does not come whole. Raises OSError when the
    question was not taken."""
    peer = socket(AF_UNIX, SOCK_STREAM)
    try:
        say(peer, path, "/v1/permissions/hook", body)
        peer.settimeout(wait + LATE)
        head, _, answer = all_of(peer).partition(b"\r\n\r\n")
    finally:
        peer.close()
    status, *lines = head.lower().split(b"\r\n")
    if status and status.split(b" ")[1:2] != [b"200"]:
        raise OSError("not taken")
    return answer if b"content-length: %d" % len(answer) in lines else b""


def all_of(peer: socket) -> bytes:
    """What comes until the other end closes; nothing where that takes too long or breaks off."""
    said = b""
    try:
        while (piece := peer.recv(2**16)) and len(said) <= ANSWER:
            said += piece
    except OSError:
        return b""
    return said


def spool(directory: str, body: bytes) -> None:
    """Keep the event for the next daemon, under a name that sorts by time. Where GENIE_HOME is gone there is none."""
    if not os.path.isdir(os.path.dirname(directory)):  # noqa: PTH112, PTH120
        return
    os.makedirs(directory, mode=0o700, exist_ok=True)  # noqa: PTH103
    name = f"{time.time_ns():020d}-{os.getpid()}.json"
    hidden = f"{directory}/.{name}"
    with os.fdopen(os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(body)
    os.rename(hidden, f"{directory}/{name}")  # noqa: PTH104


def first(home: str) -> int:
    """A descriptor that holds the lock of whoever starts a daemon. Raises OSError when somebody else does: a hundred
    panes that die together start one daemon; and where no daemon has ever been, or its GENIE_HOME is gone."""
    from fcntl import LOCK_EX, LOCK_NB, flock

    lock = os.open(f"{home}/run/start.lock", os.O_RDWR | os.O_CREAT, 0o600)
    flock(lock, LOCK_EX | LOCK_NB)
    return lock


def start(command: list[str], home: str) -> None:
    """Run the command detached from this process, its session and its files. It has the lock as long as it lives."""
    try:
        lock = first(home)
    except OSError:
        return
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        os.set_inheritable(lock, True)
        os.chdir("/")
        env = {name: value for name, value in os.environb.items() if name not in OF_A_RUN + OF_A_PANE}
        os.execvpe(command[0], command, env)  # noqa: S606
    finally:
        os._exit(127)


def written(fields: dict[str, str]) -> bytes:
    """The event as JSON. No field can take the place of its name or its time."""
    pairs = ", ".join(f"{quoted(name)}: {quoted(value)}" for name, value in fields.items() if name != "at")
    return f'{{{pairs}, "at": {time.time()!r}}}'.encode()


def deliver(path: str, directory: str, event: str, words: list[str]) -> None:
    command: list[str] = []
    if "--" in words:
        place = words.index("--")
        words, command = words[:place], words[place + 1 :]
    body = written({**dict(word.partition("=")[::2] for word in words), "event": event})
    try:
        send(path, body)
    except OSError as error:
        spool(directory, body)
        if command and isinstance(error, FileNotFoundError | ConnectionRefusedError):
            start(command, os.path.dirname(directory))  # noqa: PTH120


def told() -> bytes:
    """All of standard input: who writes it must not find it closed."""
    pieces = []
    while piece := os.read(0, 2**16):
        pieces.append(piece)
    return b"".join(pieces)


def report(path: str, directory: str, event: str, payload: bytes) -> None:
    """Hand over the event of an agent's own hook. A daemon that is gone stays so: its user may have stopped it."""
    run, token = os.environb.get(b"GENIE_RUN_ID"), os.environb.get(b"GENIE_AGENT_TOKEN")
    if not run or not token:
        return
    fields = {"event": event, "run": run.decode(errors="replace"), "token": token.decode(errors="replace")}
    more = {"payload": payload.decode(errors="replace")}
    try:
        send(path, written(fields | more if len(payload) <= PAYLOAD else fields))
    except OSError:
        if not os.path.isdir(directory) or len(os.listdir(directory)) < WAITING:  # noqa: PTH112, PTH208
            spool(directory, written(fields | more if len(payload) <= SPOOLED else fields))


def inquire(path: str, directory: str, event: str, wait: str, payload: bytes) -> None:
    """Ask for leave, and print the answer. What could not be asked is reported, like any other event."""
    run, token = os.environb.get(b"GENIE_RUN_ID"), os.environb.get(b"GENIE_AGENT_TOKEN")
    if not run or not token:
        return
    if len(payload) > ASKED:
        report(path, directory, event, payload)
        return
    fields = {"event": event, "run": run.decode(errors="replace"), "token": token.decode(errors="replace")}
    body = written(fields | {"payload": payload.decode(errors="replace"), "wait": wait})
    try:
        decision = answered(path, body, float(wait))
    except OSError:
        report(path, directory, event, payload)
        return
    while decision:
        decision = decision[os.write(1, decision) :]


def hooked(path: str, directory: str, event: str, words: list[str]) -> None:
    """An event of a provider's hook: told by standard input, by codex's notify program as the last argument."""
    if words and words[0].startswith("wait="):
        inquire(path, directory, event, words[0].partition("=")[2], told())
        return
    if event != "codex.notify":
        report(path, directory, event, told())
        return
    try:
        report(path, directory, event, os.fsencode(words[-1]))
    finally:
        if len(words) > 1:
            os.execvp(words[0], words)  # noqa: S606


def main(arguments: list[str]) -> None:
    try:
        path, directory, event, *words = arguments
        deal = hooked if "." in event else deliver
        deal(path, directory, event, words)
    except Exception as error:  # noqa: BLE001 - whatever it is, an agent must not fail for it
        sys.stderr.write(f"genie hook: {error}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
