"""Searching: all that has been said by now, of agents and teams that there are."""

from __future__ import annotations

import pytest

from genie.domain.errors import BadInput, NotFound
from genie.domain.events import Kind, event
from genie.domain.searching import Search
from genie.services import search as module
from genie.services.search import search
from tests.services.bench import Bench


def say(bench: Bench, text: str, name: str = "ada") -> None:
    with bench.registry.begin() as tx:
        tx.record(event(Kind.ASSISTANT_MESSAGE, bench.agent(name), at=bench.clock.now(), text=text))


def test_what_was_just_said_is_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    bench.team("web")
    bench.spawn(team="web")
    for number in range(5):
        say(bench, f"the flaky test {number}")
    found = search(bench.world, Search(text="flaky", name="ada", team="web"))
    assert [hit.text for hit in found] == [f"the flaky test {number}" for number in (4, 3, 2, 1, 0)]
    assert found[0].headline == "the **flaky** test 4"
    assert bench.registry.shelved == len(bench.registry.log)
    assert search(bench.world, Search(text="nowhere")) == []


def test_what_there_is_not_is_told(bench: Bench) -> None:
    bench.spawn()
    for wanted, kind in ((Search(text="x", name="eve"), NotFound), (Search(text="x", team="none"), NotFound)):
        with pytest.raises(kind, match="unknown"):
            search(bench.world, wanted)
    with pytest.raises(BadInput):
        search(bench.world, Search(text=""))
    assert bench.registry.shelved == 0
