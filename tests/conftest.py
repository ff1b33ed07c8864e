"""Fixtures are in tests/fixtures, one technology a file."""

import gc
from importlib.util import find_spec

from hypothesis import HealthCheck, settings

pytest_plugins = [
    f"tests.fixtures.{name}" for name in ("postgres", "tmux", "daemon") if find_spec(f"tests.fixtures.{name}")
]


def pytest_configure() -> None:
    """What is imported and collected stays to the end: to look for garbage in it is a third of the time it takes."""
    gc.disable()
    # How long a case takes is the machine's business.
    settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("any machine")


def pytest_runtestloop() -> None:
    """From here on as usual; what is there already is left out of it."""
    gc.freeze()
    gc.enable()
