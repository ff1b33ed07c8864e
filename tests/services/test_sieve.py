"""Which events of all a subscriber is sent, and how seldom the registry is asked for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from genie.daemon.api.streams import Sieve
from genie.domain.events import Event, Kind, kinds_of
from genie.ports import Badge
from tests.services.bench import Bench
from tests.services.registry import MemoryRegistry


class Counted(MemoryRegistry):
    """The same registry, which notes for whom badges were asked."""

    def __init__(self, of: MemoryRegistry) -> None:
        super().__init__()
        self.store, self.log = of.store, of.log
        self.asked: list[tuple[UUID, ...]] = []

    def badges(self, agents: Sequence[UUID]) -> dict[UUID, Badge]:
        self.asked.append(tuple(agents))
        return super().badges(agents)


def grown(bench: Bench) -> Counted:
    bench.team("web")
    bench.team("api")
    bench.spawn("ada", team="web", tags=("red", "big"))
    bench.spawn("bob", team="api", tags=("red",))
    bench.spawn("cyd", team="api")
    bench.stop("cyd")
    return Counted(bench.registry)


def names(registry: MemoryRegistry, events: Sequence[Event]) -> set[str]:
    return {registry.store.agents[one.agent].name for one in events if one.agent}


def test_without_a_filter_all_pass_and_nobody_is_looked_up(bench: Bench) -> None:
    registry = grown(bench)
    sieve = Sieve((), None, ())
    assert sieve.sift(registry, registry.log) == registry.log
    assert (sieve.looks, registry.asked) == (False, [])


def test_types_alone_need_no_look(bench: Bench) -> None:
    registry = grown(bench)
    sieve = Sieve(kinds_of(["stopped", "team.created"]), None, ())
    kinds = [one.kind for one in sieve.sift(registry, registry.log)]
    assert kinds == [Kind.TEAM_CREATED, Kind.TEAM_CREATED, Kind.STOPPED]
    assert registry.asked == []


def test_team_tag_and_type_together(bench: Bench) -> None:
    registry = grown(bench)
    for team, tags, expected in (
        ("api", (), {"bob", "cyd"}),
        (None, ("red",), {"ada", "bob"}),
        (None, ("big", "none"), {"ada"}),
        ("api", ("red", "big"), {"bob"}),
        ("nobody", (), set()),
    ):
        assert names(registry, Sieve((), team, tags).sift(registry, registry.log)) == expected
    both = Sieve(kinds_of(["stopped", "running"]), "api", ()).sift(registry, registry.log)
    assert [one.kind for one in both] == [Kind.RUNNING, Kind.RUNNING, Kind.STOPPED]


def test_an_agent_is_looked_up_once_until_it_changes(bench: Bench) -> None:
    registry = grown(bench)
    ada = next(agent for agent in registry.store.agents.values() if agent.name == "ada")
    note = Event(kind=Kind.USER_EVENT, at=ada.created_at, agent=ada.id, session=ada.session, id=99)
    sieve = Sieve((), None, ("late",))
    assert sieve.sift(registry, [note]) == []
    for _ in range(50):
        assert sieve.sift(registry, [note, note]) == []
    assert registry.asked == [(ada.id,)]
    registry.store.agents[ada.id] = replace(ada, tags=("late",))
    assert sieve.sift(registry, [note]) == []
    changed = replace(note, kind=Kind.RESUMED)
    assert sieve.sift(registry, [changed, note]) == [changed, note]
    assert registry.asked[-1] == (ada.id,)


def test_only_agents_whose_events_could_pass_are_looked_up(bench: Bench) -> None:
    registry = grown(bench)
    Sieve(kinds_of(["stopped"]), "api", ()).sift(registry, registry.log)
    (asked,) = registry.asked
    assert [registry.store.agents[agent].name for agent in asked] == ["cyd"]
