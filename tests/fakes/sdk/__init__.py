"""A Python that has a package claude-agent-sdk: the fake one of this folder, which needs no claude."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent


def python_with_sdk(folder: Path) -> Path:
    """An interpreter in that folder which finds it."""
    script = folder / "python-with-sdk"
    script.write_text(f"#!/bin/sh\nshift\nPYTHONPATH='{HERE}' exec '{sys.executable}' \"$@\"\n")  # without its -I
    script.chmod(0o755)
    return script


def python_without_sdk(folder: Path) -> Path:
    """One that does not, whatever is installed here."""
    script = folder / "python-without-sdk"
    script.write_text(f"#!/bin/sh\nshift\nexec '{sys.executable}' -S \"$@\"\n")
    script.chmod(0o755)
    return script
