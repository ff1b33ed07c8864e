"""Where the real claude and codex are, and how to get them: `python tests/real/install.py [DIR]`.

claude comes with the package claude-agent-sdk, into a virtual environment in DIR, with whose interpreter the package
itself is tested; codex with the npm package @openai/codex, where npm is installed. Standard library only: it runs
before anything else.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

SDK = "claude-agent-sdk"
CODEX = "@openai/codex"


def cache_dir() -> Path:
    """`$GENIE_TEST_REAL`, else the user's cache."""
    named = os.environ.get("GENIE_TEST_REAL")
    return Path(named) if named else Path.home() / ".cache" / "genie-tests" / "real"


def find_claude(directory: Path) -> Path | None:
    """The native program that the package bundles."""
    return _first(directory, "venv/lib/python3*/site-packages/claude_agent_sdk/_bundled/claude")


def find_python(directory: Path) -> Path | None:
    """The interpreter that has the package itself."""
    python = directory / "venv" / "bin" / "python"
    return python if find_claude(directory) and os.access(python, os.X_OK) else None


def find_codex(directory: Path) -> Path | None:
    """The native program, not the script of node that starts it."""
    return _first(directory, "npm/node_modules/@openai/codex-*/vendor/*/bin/codex")


def _first(directory: Path, pattern: str) -> Path | None:
    found = sorted(path for path in directory.glob(pattern) if os.access(path, os.X_OK))
    return found[0] if found else None


def install(directory: Path) -> None:
    """Get what is missing. Raises CalledProcessError where pip or npm fails."""
    directory.mkdir(parents=True, exist_ok=True)
    if find_python(directory) is None:
        home = directory / "venv"
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", SDK], check=True)
    if find_codex(directory):
        return
    npm = shutil.which("npm")
    if npm is None:
        sys.stdout.write("codex comes by npm, and there is no npm here: install it and run this again\n")
    else:
        subprocess.run([npm, "install", "--no-fund", "--no-audit", "--prefix", directory / "npm", CODEX], check=True)


def main() -> int:
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else cache_dir()
    install(directory)
    found = {"claude": find_claude(directory), SDK: find_python(directory), "codex": find_codex(directory)}
    for name, path in found.items():
        sys.stdout.write(f"{name}: {path or 'not installed: its tests are skipped'}\n")
    return 0 if found["claude"] else 1


if __name__ == "__main__":
    sys.exit(main())
