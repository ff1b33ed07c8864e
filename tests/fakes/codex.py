#!/usr/bin/env python3
"""An agent that behaves like Codex where it matters: it chooses its session's id, keeps a rollout file
open from the first message on, and continues by `resume ID` (orders: see console.py).

Used through the configuration: `[codex] binary = ".../codex.py"`. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.fakes.console import Console, note_start, show

VERSION = "codex-cli 0.900.0"
SANDBOXES = ("read-only", "workspace-write", "danger-full-access")


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="codex", allow_abbrev=False)
    parser.add_argument("--version", "-V", action="version", version=VERSION)
    parser.add_argument("-c", "--config", action="append")
    parser.add_argument("-m", "--model")
    parser.add_argument("-a", "--ask-for-approval", choices=("on-request", "never"))
    parser.add_argument("-s", "--sandbox", choices=SANDBOXES)
    parser.add_argument("--add-dir", action="append")
    for name in ("--no-daemon", "--approve-for-me", "--dangerously-bypass-approvals-and-sandbox"):
        parser.add_argument(name, action="store_true")
    parser.add_argument("prompt", nargs="?")
    return parser


def sessions_dir() -> Path:
    return Path(os.environ.get("CODEX_HOME") or Path.home() / ".codex") / "sessions"


def stamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Rollout:
    """The session's file, made with the first message and held open."""

    def __init__(self, path: Path | None) -> None:
        self.file: TextIO | None = path.open("a", encoding="utf-8", errors="surrogateescape") if path else None

    def write(self, kind: str, payload: dict[str, object]) -> None:
        file = self.file or self.create()
        record = {"timestamp": stamp(), "type": kind, "payload": payload}
        file.write(json.dumps(record, ensure_ascii=False) + "\n")
        file.flush()

    def create(self) -> TextIO:
        session, now = str(uuid.uuid4()), datetime.now().astimezone()
        folder = sessions_dir() / now.strftime("%Y/%m/%d")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"rollout-{now.strftime('%Y-%m-%dT%H-%M-%S')}-{session}.jsonl"
        self.file = path.open("a", encoding="utf-8", errors="surrogateescape")
        cwd = os.path.realpath(os.curdir)
        meta = {"id": session, "session_id": session, "timestamp": stamp(), "cwd": cwd, "source": "cli"}
        self.write("session_meta", {**meta, "originator": "codex-tui", "cli_version": VERSION.split()[1]})
        return self.file

    def message(self, role: str, kind: str, text: str) -> None:
        self.write("response_item", {"type": "message", "role": role, "content": [{"type": kind, "text": text}]})

    def heard(self, text: str) -> None:
        self.message("user", "input_text", text)

    def said(self, text: str) -> None:
        self.message("assistant", "output_text", text)

    def status(self, word: str) -> None:
        """The real one shows it in the terminal's title only."""
        mark = {"busy": "⠇ ", "waiting": "[ . ] Action Required | "}.get(word, "")
        show(f"\x1b]2;{mark}{Path.cwd().name}\x07")

    def close(self) -> None:
        if self.file:
            self.file.close()


def find(session: str) -> Path:
    found = sorted(sessions_dir().glob(f"*/*/*/rollout-*-{session}.jsonl")) if session else []
    if not found:
        sys.stderr.write(f"ERROR: No saved session found with ID {session}.\n")
        sys.stderr.flush()
        sys.exit(1)
    return found[0]


def main() -> None:
    note_start()
    words = sys.argv[1:]
    resumed = words[1] if words[:1] == ["resume"] else None
    given = options().parse_args(words[2:] if resumed is not None else words)
    path = find(resumed) if resumed is not None else None
    show(f"\n>_ Fake Codex {VERSION}\n\n")
    if path:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        count = sum('"type": "message"' in line for line in lines)
        show(f"resumed {resumed} ({count} messages)\n")
    Console(Rollout(path)).run(given.prompt)


if __name__ == "__main__":
    main()
