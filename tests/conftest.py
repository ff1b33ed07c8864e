"""Fixtures are in tests/fixtures, one technology a file."""

import gc
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
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


# ---- coverage: it takes as long as what it watches -------------------------------------------------

COVERING = [Path(__file__).parent / name for name in ("domain", "services")]
"""The tests that leave no branch of the two untried; the others try what they use a second time."""


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    controller = _controller(item.config)
    if controller and controller.started is not _covers(item):
        (controller.pause if controller.started else controller.resume)()
    yield


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    controller = _controller(session.config)
    if controller and not controller.started:
        controller.resume()


def _covers(item: pytest.Item) -> bool:
    return any(folder in item.path.parents for folder in COVERING)


def _controller(config: pytest.Config) -> Any:  # noqa: ANN401  pytest-cov's, which has no types
    plugin = config.pluginmanager.getplugin("_cov")
    return plugin.cov_controller if plugin else None
