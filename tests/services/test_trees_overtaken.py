"""A pass of the daemon that has seen a start under way, and comes to it when that has ended."""

from __future__ import annotations

from contextlib import suppress

import pytest

from genie.domain.errors import GenieError
from genie.domain.session import Standing
from genie.services.begin import carry_on
from tests.services.bench import Bench, env_of
from tests.services.host import MemoryProcesses


def test_a_start_that_has_ended_meanwhile_keeps_its_token(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner has read its launch file, and is not yet the agent's program."""
    seen: list[Standing] = []
    bench.switch.meanwhile["spawn.committed"] = lambda: seen.append(bench.standing("a"))
    bench.spawn("a")
    monkeypatch.setattr(MemoryProcesses, "waits_for_launch", lambda *_: True)
    with suppress(GenieError):
        carry_on(bench.world, seen[0])
    bench.spawn("b", caller=bench.caller({"GENIE_AGENT_TOKEN": env_of(bench, "a")["GENIE_AGENT_TOKEN"]}))
    assert bench.agent("b").parent == bench.agent("a").id


def test_a_run_that_was_released_keeps_its_token(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon died after it; the runner has read its launch file, and is not yet the agent's program."""
    bench.dies_at("start.released", lambda: bench.spawn("a"))
    bench.restart()
    monkeypatch.setattr(MemoryProcesses, "waits_for_launch", lambda *_: True)
    bench.beat()
    bench.spawn("b", caller=bench.caller({"GENIE_AGENT_TOKEN": env_of(bench, "a")["GENIE_AGENT_TOKEN"]}))
    assert bench.agent("b").parent == bench.agent("a").id
