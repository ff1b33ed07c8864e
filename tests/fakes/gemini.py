#!/usr/bin/env python3
"""Gemini CLI where it matters for one-shot sessions, as 0.61 was seen to behave: it reads the prompt from stdin, writes
stream-json, and keeps the conversation by its session's id. Standard library only.

A prompt that holds `fail` ends as an API error does.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gemini", allow_abbrev=False)
    parser.add_argument("--version", "-v", action="version", version="0.61.0")
    parser.add_argument("--output-format", "-o", choices=("text", "json", "stream-json"), default="text")
    parser.add_argument("--approval-mode", choices=("default", "auto_edit", "yolo", "plan"))
    parser.add_argument("--include-directories", action="append")
    for name in ("--session-id", "--resume", "--model", "--prompt-interactive"):
        parser.add_argument(name)
    parser.add_argument("--skip-trust", action="store_true")
    return parser


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def emit(**record: object) -> None:
    sys.stdout.write(json.dumps({"type": record.pop("type"), "timestamp": now(), **record}) + "\n")
    sys.stdout.flush()


def chat(session: str) -> Path:
    folder = Path(os.environ["HOME"]) / ".gemini" / "tmp" / "project" / "chats"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"session-2026-11-21T08-00-{session[:8]}.jsonl"


def refuse(text: str, code: int) -> int:
    sys.stderr.write(f"{text}\n")
    return code


def main() -> int:
    asked = options().parse_args()
    session = asked.resume or asked.session_id
    if asked.session_id and chat(asked.session_id).exists():
        return refuse(f'Error starting session: Session ID "{session}" already exists.', 42)
    if not asked.skip_trust and not os.environ.get("GEMINI_CLI_TRUST_WORKSPACE"):
        return refuse("Gemini CLI is not running in a trusted directory.", 55)
    prompt = sys.stdin.read()
    if not prompt:
        return refuse("No input provided via stdin.", 42)
    records = [{"sessionId": session, "kind": "main"}, {"id": "1", "type": "user", "content": [{"text": prompt}]}]
    chat(session).write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    emit(type="init", session_id=session, model=asked.model or "auto")
    emit(type="message", role="user", content=prompt)
    if "fail" in prompt:
        emit(type="result", status="error", error={"type": "unknown", "message": "[API Error: 400]"}, stats={})
        return 144
    for piece in ("heard: ", prompt.strip()):
        emit(type="message", role="assistant", content=piece, delta=True)
    stats = {"total_tokens": 107, "input_tokens": 100, "output_tokens": 7, "cached": 40, "input": 60}
    emit(type="result", status="success", stats=stats)
    return 0


if __name__ == "__main__":
    sys.exit(main())
