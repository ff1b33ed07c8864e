#!/usr/bin/env python3
"""An agent that behaves like Claude Code where it matters: session and resume flags and their errors, a
transcript, the registry of sessions, a prompt box, exits and crashes on order (see console.py). Without a screen see
printing.py.

Used through the configuration: `[claude] binary = ".../agent.py"`. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.fakes.console import Console, note_start, show
from tests.fakes.printing import printing

VERSION = "2.1.900 (Fake Agent)"
MODES = ("acceptEdits", "auto", "bypassPermissions", "default", "dontAsk", "manual", "plan")


class Parser(argparse.ArgumentParser):
    """Ends with 1 at a wrong option, as the real program does."""

    def error(self, message: str) -> NoReturn:
        fail(f"error: {message}")


def options() -> argparse.ArgumentParser:
    parser = Parser(prog="agent", allow_abbrev=False)
    parser.add_argument("--version", "-v", action="version", version=VERSION)
    started = parser.add_mutually_exclusive_group()
    started.add_argument("--session-id")
    started.add_argument("--resume", "-r")
    parser.add_argument("--permission-mode", choices=MODES, default="auto")
    for name in ("--model", "--effort", "--settings", "--name"):
        parser.add_argument(name)
    for name in ("--append-system-prompt", "--system-prompt"):
        parser.add_argument(name)
        parser.add_argument(f"{name}-file")
    for name in ("--allowedTools", "--disallowedTools", "--mcp-config", "--add-dir"):
        parser.add_argument(name, nargs="+", action="extend")
    parser.add_argument("--dangerously-skip-permissions", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--print", "-p", action="store_true")
    for name in ("--output-format", "--input-format"):
        parser.add_argument(name, choices=("text", "stream-json"))
    parser.add_argument("--replay-user-messages", action="store_true")
    for name in ("--max-turns", "--json-schema"):
        parser.add_argument(name)
    parser.add_argument("prompt", nargs="?")
    return parser


def fail(message: str) -> NoReturn:
    sys.stderr.write(message + "\n")
    sys.stderr.flush()
    sys.exit(1)


def config_dir() -> Path:
    return Path(os.environ.get("CLAUDE_CONFIG_DIR") or Path.home() / ".claude")


def transcript_of(session: str, cwd: str) -> Path:
    folder = "".join(c if c.isascii() and c.isalnum() else "-" * (2 if ord(c) > 0xFFFF else 1) for c in cwd)
    return config_dir() / "projects" / folder / f"{session}.jsonl"


def messages(transcript: Path) -> int:
    """How many messages of the user and the agent a transcript holds; whole lines only."""
    if not transcript.is_file():
        return 0
    lines = transcript.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    return sum(json.loads(line).get("type") in ("user", "assistant") for line in lines if line)


class Transcript:
    """The conversation's file, and the process's entry in the registry of sessions."""

    def __init__(self, session: str, mode: str) -> None:
        self.session = session
        self.mode = mode
        self.cwd = os.path.realpath(os.curdir)
        self.path = transcript_of(session, self.cwd)
        self.entry = config_dir() / "sessions" / f"{os.getpid()}.json"
        self.started = int(time.time() * 1000)
        self.entry.parent.mkdir(parents=True, exist_ok=True)

    def write(self, **record: object) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(json.dumps({**record, "sessionId": self.session}, ensure_ascii=False) + "\n")

    def message(self, role: str, content: object, **more: object) -> None:
        self.write(
            type=role,
            message={"role": role, "content": content, **more},
            uuid=str(uuid.uuid4()),
            timestamp=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            cwd=self.cwd,
            version=VERSION.split()[0],
            isSidechain=False,
        )

    def heard(self, text: str) -> None:
        if not self.path.exists():
            self.write(type="mode", mode="normal")
            self.write(type="permission-mode", permissionMode=self.mode)
        self.message("user", text)

    def said(self, text: str) -> None:
        self.message("assistant", [{"type": "text", "text": text}], stop_reason="end_turn")

    def status(self, word: str) -> None:
        record = {
            "pid": os.getpid(),
            "sessionId": self.session,
            "cwd": self.cwd,
            "startedAt": self.started,
            "procStart": start_of(os.getpid()),
            "version": VERSION.split()[0],
            "kind": "interactive",
            "entrypoint": "cli",
            "status": word,
            "statusUpdatedAt": int(time.time() * 1000),
        }
        if word == "waiting":
            record["waitingFor"] = "permission prompt"
        fresh = self.entry.with_suffix(".new")
        fresh.write_text(json.dumps(record), encoding="utf-8")
        fresh.replace(self.entry)

    def close(self) -> None:
        self.entry.unlink(missing_ok=True)


def start_of(pid: int) -> str:
    """The start time of a process in clock ticks, as /proc has it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def check(given: argparse.Namespace, known: int, exists: bool) -> None:
    """Fail as the real program does."""
    if given.session_id:
        try:
            uuid.UUID(given.session_id)
        except ValueError:
            fail("Error: Invalid session ID. Must be a valid UUID.")
        if exists:
            fail(f"Error: Session ID {given.session_id} is already in use.")
    if given.resume and not known:
        fail(f"No conversation found with session ID: {given.resume}")


def main() -> None:
    if "--version" not in sys.argv:  # who asks for it starts no agent
        note_start()
    given = options().parse_args()
    session = given.resume or given.session_id or str(uuid.uuid4())
    transcript = transcript_of(session, os.path.realpath(os.curdir))
    known = messages(transcript)
    check(given, known, transcript.exists())
    if given.print:
        streaming = given.input_format == "stream-json"
        printing(session, lambda: Transcript(session, given.permission_mode), streaming=streaming)
    show(f"\n Fake Agent {VERSION}\n {os.curdir}\n\n")
    if given.resume:
        show(f"resumed {session} ({known} messages)\n")
    Console(Transcript(session, given.permission_mode)).run(given.prompt)


if __name__ == "__main__":
    main()
