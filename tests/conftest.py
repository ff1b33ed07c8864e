"""Fixtures are in tests/fixtures, one technology a file."""

from importlib.util import find_spec

pytest_plugins = [
    f"tests.fixtures.{name}" for name in ("postgres", "tmux", "daemon") if find_spec(f"tests.fixtures.{name}")
]
