"""The daemon's engine: what it does when the registry opens, or does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from genie import bootstrap
from genie.daemon.engine import Engine, Health
from genie.domain.errors import GenieError
from genie.paths import Home
from genie.settings.model import Settings


def test_what_fails_half_way_does_not_hold_the_host_against_the_next_try(
    tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    real, calls = bootstrap.open_world, []

    def fails_once(*args: Any, **more: Any) -> Any:  # noqa: ANN401
        calls.append(1)
        if len(calls) == 1:
            raise GenieError("a port could not be bound")
        return real(*args, **more)

    monkeypatch.setattr(bootstrap, "open_world", fails_once)
    engine = Engine(home, Settings(database_url=dsn))
    engine.start()
    try:
        for _ in range(100):
            if len(calls) == 2 and engine.health is Health.READY:
                break
            engine.settled(0.1)
            engine._stopping.wait(0.1)
        assert (len(calls), engine.health, engine.problem) == (2, Health.READY, None)
    finally:
        engine.stop()
