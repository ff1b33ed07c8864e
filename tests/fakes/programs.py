"""Putting a fake agent where a provider finds it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
FILES = {"claude": HERE / "agent.py"} | {name: HERE / f"{name}.py" for name in ("codex", "gemini", "ollama")}


def put_program(directory: Path, provider: str) -> Path:
    """Make an executable named as the provider's in `directory`, run by this interpreter whatever
    PATH says; the process that is started is the agent itself."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / provider
    words = shlex.join([sys.executable, "-I", str(FILES[provider])])
    path.write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path
