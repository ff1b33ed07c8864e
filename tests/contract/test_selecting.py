"""What every registry must find by names, ids, team and tags: the real one, and the one in memory."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from genie.domain.agent import Life
from genie.domain.errors import BadInput
from genie.domain.selecting import SHOWN, Match, Selection
from genie.ports import Registry
from tests.contract.values import HOST, NOW, a_session, a_team, an_agent
from tests.services.registry import MemoryRegistry

LOW = UUID("1f0c0000-0000-4000-8000-000000000000")
HIGH = UUID("1f0cffff-ffff-ffff-ffff-ffffffffffff")
NEXT = UUID("1f0d0000-0000-0000-0000-000000000000")


@pytest.fixture(params=["real", "memory"])
def host(request: pytest.FixtureRequest) -> Registry:
    """A registry that this host has joined."""
    found: Registry = MemoryRegistry() if request.param == "memory" else request.getfixturevalue("registry")
    found.join_host(HOST, name="box", boot="b", at=NOW)
    return found


def begin(host: Registry, name: str, *ids: UUID, minute: int = 0, **changed: object) -> UUID:
    """An agent with these sessions, the last of them its present one, each begun a minute after the one before."""
    at = NOW + timedelta(minutes=minute)
    agent = an_agent(name, **({"life": Life.DONE, "created_at": at} | changed))
    sessions = [
        a_session(agent.id, id=id_, created_at=at + timedelta(minutes=number))
        for number, id_ in enumerate(ids or [uuid4()])
    ]
    with host.begin() as tx:
        tx.add_team(a_team(agent.team))
        tx.add_agent(an_agent(**{key: getattr(agent, key) for key in agent.__slots__} | {"session": sessions[-1].id}))
        for session in sessions:
            tx.add_session(session)
    return agent.id


def found(host: Registry, *words: str, **group: object) -> list[Match]:
    return host.select(Selection(words=words, **group))  # type: ignore[arg-type]  # the fields of a selection


def names(matches: list[Match]) -> list[str]:
    return [match.standing.agent.name for match in matches]


def test_by_name_and_by_the_beginning_of_an_id(host: Registry) -> None:
    begin(host, "low", LOW)
    begin(host, "next", NEXT)
    for word in ("low", "1f0c", "1F0C0", "1f0c0000-0000", str(LOW), LOW.hex):
        (match,) = found(host, word)
        assert (match.word, match.standing.agent.name, match.past) == (word, "low", None)
        assert match.standing == host.find("low")
    assert found(host, "1f0e", "1f0", "lo", "LOW", "") == []
    assert sorted(names(found(host, "low", "1f0d", "low"))) == ["low", "next"]


def test_both_ends_of_a_beginning_fit(host: Registry) -> None:
    begin(host, "low", LOW)
    begin(host, "high", HIGH)
    begin(host, "next", NEXT)
    matches = found(host, "1f0c")
    assert sorted(names(matches)) == ["high", "low"]
    assert [match.total for match in matches] == [2, 2]
    assert names(found(host, "1f0cf")) == ["high"]


def test_a_name_is_no_beginning(host: Registry) -> None:
    begin(host, "low", LOW)
    begin(host, "1f0c", NEXT)
    (match,) = found(host, "1f0c")
    assert (match.standing.agent.name, match.session) == ("1f0c", None)
    assert names(found(host, "1f0c0")) == ["low"]


def test_a_past_session_selects_its_agent(host: Registry) -> None:
    begin(host, "ada", LOW, NEXT)
    (match,) = found(host, "1f0c")
    assert (match.standing.agent.session, match.session, match.past) == (NEXT, LOW, LOW)
    (match,) = found(host, str(NEXT))
    assert match.past is None


def test_a_terminated_agent_by_its_id_and_by_its_name_the_latest(host: Registry) -> None:
    begin(host, "ada", LOW, life=Life.TERMINATED)
    latest = begin(host, "ada", NEXT, life=Life.TERMINATED, minute=5)
    assert [match.standing.agent.id for match in found(host, "ada")] == [latest]
    assert [match.standing.agent.session for match in found(host, "1f0c")] == [LOW]
    present = begin(host, "ada", minute=-5)
    assert [match.standing.agent.id for match in found(host, "ada")] == [present]


def test_of_many_some_are_listed_and_all_are_counted(host: Registry) -> None:
    for number in range(SHOWN + 3):
        begin(host, f"a{number}", UUID(f"1f0c{number:028x}"), minute=number)
    matches = found(host, "1f0c")
    assert sorted(names(matches)) == sorted(f"a{number}" for number in range(3, SHOWN + 3))
    assert {match.total for match in matches} == {SHOWN + 3}


def test_groups(host: Registry) -> None:
    begin(host, "a", tags=("x",))
    begin(host, "b", tags=("y", "z"))
    begin(host, "c", tags=("z",), team="blue")
    begin(host, "d", tags=("x",), life=Life.TERMINATED)
    assert names(found(host, tags=("x",))) == ["a"]
    assert sorted(names(found(host, tags=("x", "z")))) == ["a", "b", "c"]
    assert names(found(host, team="blue")) == ["c"]
    assert names(found(host, team="red", tags=("z",))) == ["b"]
    assert found(host, tags=("nobody's",)) == []
    assert sorted(names(found(host, "d", tags=("x",)))) == ["a", "d"]
    assert all(match.word is None for match in found(host, tags=("x", "z")))


def test_the_newest_session_whatever_has_become_of_it(host: Registry) -> None:
    assert found(host, latest=True) == []
    begin(host, "old", minute=1, tags=("x",))
    begin(host, "anew", uuid4(), uuid4(), minute=7)
    begin(host, "young", minute=6, tags=("x",))
    assert names(found(host, latest=True)) == ["anew"]
    assert names(found(host, latest=True, tags=("x",))) == ["young"]
    begin(host, "killed", minute=20, life=Life.TERMINATED, tags=("x",))
    assert names(found(host, latest=True)) == ["killed"]
    assert names(found(host, latest=True, tags=("x",))) == ["killed"]


def test_agents_by_their_ids(host: Registry) -> None:
    here = [begin(host, "b", life=Life.TERMINATED), begin(host, "a")]
    assert [standing.agent.name for standing in host.standings([*here, uuid4()])] == ["a", "b"]
    assert host.standings([]) == []


def test_a_word_that_no_text_can_hold_is_bad_input(registry: Registry) -> None:
    for word in ("a\0b", "\udcff"):
        with pytest.raises(BadInput):
            found(registry, word)
