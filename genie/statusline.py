"""What claude runs for its status line: show the user's own, and tell the daemon what it says now and then.

    python -I -S statusline.py SOCKET DIR < STATUS

Standard library only, and nothing of genie. STATUS is the JSON that claude gives such a program. What is shown is what
the user's own command prints, with the same standard input and the same exit code: this process becomes that command.
Without one it prints nothing. It is run every few seconds for each agent, so most of its runs tell the daemon nothing:
only what has changed by as much as somebody would notice is told, and that it still runs every TELL_AFTER seconds. What
was told last is kept in DIR, in a file for each run. Whatever happens to it, the user's own line is shown.
"""

import os
import sys
import time

try:
    # What json and socket are made of; with what they import those two cost more than all the rest.
    from _json import encode_basestring_ascii as quoted
    from _json import make_scanner
    from _socket import AF_UNIX, SOCK_STREAM, socket
except ImportError:  # another Python than CPython
    from json import dumps as quoted
    from socket import AF_UNIX, SOCK_STREAM, socket  # type: ignore[assignment]

    make_scanner = None  # type: ignore[assignment, misc]


EVENT = "claude.StatusLine"
PATIENCE = 0.3
"""Seconds for the daemon to take it: the line is shown after that."""
TELL_AFTER = 60
"""Seconds after which it is told though nothing has changed."""
AT_MOST = 5
"""Seconds between two times that it is told, whatever changes."""
CENTS, PERCENT = 0.05, 1
"""What is a change of the cost, in US dollars, and of the context and of the limits."""
PIPE = 16384
"""Bytes that any pipe holds."""
FORGOTTEN = 86400
"""Seconds after which the file of a run is of the past."""


class Grammar:
    """What a scanner of JSON asks for."""

    strict = False
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float


def told() -> bytes:
    pieces = []
    while piece := os.read(0, 2**16):
        pieces.append(piece)
    return b"".join(pieces)


def read(text: bytes) -> "dict[str, object]":
    """A JSON object; an empty one for what is none."""
    plain = text.decode(errors="replace").lstrip("\ufeff \t\r\n")
    try:
        said = scanned(plain)
    except Exception:  # noqa: BLE001 - the scanner alone, without its module, raises what it can
        return {}
    return said if isinstance(said, dict) else {}


def scanned(text: str) -> object:
    if make_scanner is None:
        from json import loads

        return loads(text)
    return make_scanner(Grammar())(text, 0)[0]  # type: ignore[arg-type]


def inner(said: "dict[str, object]", *keys: str) -> object:
    value: object = said
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


# ---- the user's own -------------------------------------------------------------------------


def own(said: "dict[str, object]") -> "str | None":
    """The command of the user's own status line: the nearest of the files in which claude looks for one."""
    config = os.environ.get("CLAUDE_CONFIG_DIR") or os.path.expanduser("~/.claude")  # noqa: PTH111
    project = inner(said, "workspace", "project_dir") or os.environ.get("CLAUDE_PROJECT_DIR") or os.getcwd()  # noqa: PTH109
    for path in (
        f"{project}/.claude/settings.local.json",
        f"{project}/.claude/settings.json",
        f"{config}/settings.json",
    ):
        command = inner(settings(path), "statusLine", "command")
        if isinstance(command, str) and command.strip():
            return command
    return None


def settings(path: str) -> "dict[str, object]":
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return {}
    try:
        with os.fdopen(descriptor, "rb") as file:
            return read(file.read())
    except OSError:
        return {}


def become(command: str, payload: bytes) -> None:
    """Run it as claude would have."""
    if len(payload) <= PIPE:
        end, start = os.pipe()
        os.write(start, payload)
        os.close(start)
    else:
        from tempfile import TemporaryFile

        with TemporaryFile() as file:
            file.write(payload)
            file.seek(0)
            end = os.dup(file.fileno())
    os.dup2(end, 0)
    os.execv("/bin/sh", ["/bin/sh", "-c", command])  # noqa: S606


# ---- the daemon -----------------------------------------------------------------------------


def report(path: str, directory: str, said: "dict[str, object]", payload: bytes) -> None:
    """Tell the daemon, where that is due."""
    run, token = os.environ.get("GENIE_RUN_ID"), os.environ.get("GENIE_AGENT_TOKEN")
    if not run or not token or "/" in run:
        return
    now, kept = time.time(), f"{directory}/{run}"
    fresh = figures(said)
    before, at = last(kept)
    since = now - at
    if 0 <= since < (AT_MOST if changed(before, fresh) else TELL_AFTER):
        return
    keep(directory, kept, fresh, new=not at)
    fields = {"event": EVENT, "run": run, "token": token, "payload": payload.decode(errors="replace")}
    pairs = ", ".join(f"{quoted(name)}: {quoted(value)}" for name, value in fields.items())
    send(path, f'{{{pairs}, "at": {now!r}}}'.encode())


def figures(said: "dict[str, object]") -> "list[float]":
    """What is worth telling when it has changed: cost, context, the limits; -1 for what is not said."""
    values = (
        inner(said, "cost", "total_cost_usd"),
        inner(said, "context_window", "used_percentage"),
        inner(said, "rate_limits", "five_hour", "used_percentage"),
        inner(said, "rate_limits", "seven_day", "used_percentage"),
    )
    return [float(value) if isinstance(value, int | float) else -1.0 for value in values]


def changed(before: "list[float]", fresh: "list[float]") -> bool:
    steps = (CENTS, PERCENT, PERCENT, PERCENT)
    return len(before) != len(fresh) or any(
        abs(new - old) >= step for old, new, step in zip(before, fresh, steps, strict=True)
    )


def last(kept: str) -> "tuple[list[float], float]":
    """What was told last, and when."""
    try:
        descriptor = os.open(kept, os.O_RDONLY)
        try:
            return [float(word) for word in os.read(descriptor, 200).split()], os.fstat(descriptor).st_mtime
        finally:
            os.close(descriptor)
    except (OSError, ValueError):
        return [], 0.0


def keep(directory: str, kept: str, fresh: "list[float]", *, new: bool) -> None:
    """Note what is told now, before it is: a daemon that does not answer is not asked at each run. Who is new
    removes what runs of the past have left."""
    if new:
        os.makedirs(directory, mode=0o700, exist_ok=True)  # noqa: PTH103
        for entry in os.scandir(directory):
            if time.time() - entry.stat().st_mtime > FORGOTTEN:
                os.unlink(entry.path)  # noqa: PTH108
    descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(descriptor, " ".join(map(repr, fresh)).encode())
    os.close(descriptor)


def send(path: str, body: bytes) -> None:
    """Raises OSError when nobody is there, or nobody answers."""
    head = (
        "POST /v1/hooks HTTP/1.1\r\nHost: genie\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    peer = socket(AF_UNIX, SOCK_STREAM)
    try:
        peer.settimeout(PATIENCE)
        peer.connect(path)
        peer.sendall(head.encode() + body)
        peer.recv(64)
    finally:
        peer.close()


def main(arguments: "list[str]") -> None:
    payload = told()
    said = read(payload)
    try:
        path, directory = arguments
        report(path, directory, said, payload)
    except Exception:  # noqa: BLE001, S110 - whatever it is, the user's own line is shown
        pass
    command = own(said)
    if command:
        become(command, payload)


if __name__ == "__main__":
    main(sys.argv[1:])
