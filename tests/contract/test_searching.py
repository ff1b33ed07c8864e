"""What every registry must find in what was said; and what only PostgreSQL does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from genie.adapters.postgres.registry import PostgresRegistry
from genie.domain.errors import BadInput
from genie.domain.events import Event, Kind
from genie.domain.searching import Role, Search
from genie.domain.session import Standing
from genie.ports import Registry
from tests.contract.values import HOST, NOW, spawn
from tests.fixtures.postgres import ask
from tests.services.registry import MemoryRegistry


@pytest.fixture(params=["real", "memory"])
def host(request: pytest.FixtureRequest) -> Registry:
    found: Registry = MemoryRegistry() if request.param == "memory" else request.getfixturevalue("registry")
    found.join_host(HOST, name="box", boot="b", at=NOW)
    return found


def say(registry: Registry, who: Standing, kind: Kind = Kind.ASSISTANT_MESSAGE, *, later: int = 0, **said: Any) -> None:  # noqa: ANN401
    at = NOW + timedelta(minutes=later)
    with registry.begin() as tx:
        tx.record(Event(kind=kind, at=at, agent=who.agent.id, session=who.agent.session, payload=said))


def shelve(registry: Registry) -> None:
    while registry.shelve(most=3) == 3:
        pass


def find(registry: Registry, text: str, **wanted: Any) -> list[str]:  # noqa: ANN401
    shelve(registry)
    return [hit.headline for hit in registry.search(Search(text=text, **wanted))]


def test_events_become_searchable_in_their_order(host: Registry) -> None:
    ada = spawn(host)
    before = host.last_event()
    for number in range(5):
        say(host, ada, text=f"word {number}")
    assert host.shelve(most=before + 2) == before + 2
    assert [hit.text for hit in host.search(Search(text="word"))] == ["word 1", "word 0"]
    assert host.shelve(most=100) == 3
    assert host.shelve(most=100) == 0
    assert len(host.search(Search(text="word"))) == 5
    assert len(host.search(Search(text="word", limit=2))) == 2


def test_a_hit_tells_where_it_is(host: Registry) -> None:
    ada = spawn(host)
    say(host, ada, text="nothing of it")
    say(host, ada, Kind.TOOL_CALL, tool="Bash", tool_kind="shell", input={"command": "make clean"})
    shelve(host)
    (hit,) = host.search(Search(text="clean"))
    assert (hit.id, hit.kind, hit.at) == (host.last_event(), Kind.TOOL_CALL, NOW)
    assert (hit.agent, hit.session) == (ada.agent.id, ada.agent.session)
    assert (hit.name, hit.team, hit.provider, hit.tool) == ("ada", "red", "claude", "Bash")
    assert [hit.text[low:high] for low, high in hit.marks] == ["clean"]


def test_it_is_narrowed(host: Registry) -> None:
    ada, bob = spawn(host, tags=("x", "y")), spawn(host, "bob", team="blue", tags=("z",))
    say(host, ada, Kind.USER_MESSAGE, text="hit 1")
    say(host, ada, Kind.REASONING, text="hit 2", later=1)
    say(host, bob, Kind.TOOL_RESULT, tool="Read", tool_kind="file_read", output="hit 3", later=2)
    say(host, bob, Kind.SESSION_RESULT, text="hit 4", later=3)
    for kind in (Kind.STDOUT, Kind.USER_EVENT, Kind.PROVIDER_STATUS):
        say(host, bob, kind, text="hit 5", message="hit 5")
    for wanted, numbers in (
        ({}, "1234"),
        ({"roles": (Role.USER, Role.RESULT)}, "14"),
        ({"roles": (Role.TOOL,)}, "3"),
        ({"tool": "read"}, "3"),
        ({"tool": "Bash"}, ""),
        ({"provider": "claude"}, "1234"),
        ({"provider": "codex"}, ""),
        ({"since": NOW + timedelta(minutes=1), "until": NOW + timedelta(minutes=3)}, "23"),
        ({"tags": ("y", "none")}, "12"),
        ({"team": "blue"}, "34"),
        ({"name": "ada", "roles": (Role.REASONING,)}, "2"),
    ):
        found = "".join(sorted(headline[-1] for headline in find(host, "hit", **wanted)))
        assert found == numbers, wanted


def test_a_query_without_a_word(host: Registry) -> None:
    with pytest.raises(BadInput, match="no word"):
        host.search(Search(text="/ - !"))


# ---- PostgreSQL alone ------------------------------------------------------------------------


@pytest.fixture
def ada(registry: PostgresRegistry) -> Standing:
    registry.join_host(HOST, name="box", boot="b", at=NOW)
    return spawn(registry)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("rotator", "src/**rotator**.py"),
        ("src/rotator.py", "**src**/**rotator**.**py**"),
        ('"the connection was refused"', "The **connection** was **refused**"),
        ('"refused connection"', None),
        ("refusing connections", "The **connection** was **refused**"),
        ("connection -refused", None),
        ("nowhere or größe", "Die **Größe** 3"),
        ("line2", "line1 **line2**"),
        ("'; drop table events; --", None),
        ("100%", "**100**% done"),
        ("b", "<a>**b**</a>"),
    ],
)
def test_words_are_found(registry: PostgresRegistry, ada: Standing, query: str, found: str | None) -> None:
    texts = ("src/rotator.py", "The connection was refused", "Die Größe 3", "100% done", "<a>b</a>")
    for text in texts:
        say(registry, ada, text=text)
    say(registry, ada, Kind.TOOL_CALL, tool=None, input="line1\nline2")
    assert find(registry, query) == ([] if found is None else [found])


def test_the_better_hit_comes_first(registry: PostgresRegistry, ada: Standing) -> None:
    say(registry, ada, text="flaky test")
    say(registry, ada, text="flaky " + "and so on " * 40 + "test")
    say(registry, ada, text="a test that is not it")
    assert find(registry, "flaky test")[0] == "**flaky** **test**"
    assert len(find(registry, "flaky test")) == 2
    with pytest.raises(BadInput, match="'the of' has no word"):
        registry.search(Search(text="the of"))


def test_the_first_of_a_very_long_text_is_searched(registry: PostgresRegistry, ada: Standing) -> None:
    say(registry, ada, Kind.TOOL_RESULT, output="first " + " ".join(f"w{n}é" for n in range(400_000)) + " last")
    say(registry, ada, Kind.TOOL_RESULT, output="x" * 3_000_000)
    say(registry, ada, text="\x02first\x03 of it")
    assert [one[:9] for one in find(registry, "first")] == ["\x02**first*", "**first**"]
    assert find(registry, "last") == []


def test_what_is_removed_is_not_found(registry: PostgresRegistry, dsn: str, ada: Standing) -> None:
    say(registry, ada, text="secret")
    assert find(registry, "secret") == ["**secret**"]
    ask(dsn, "delete from events")
    assert find(registry, "secret") == []
    assert ask(dsn, "select count(*) from event_words") == [(0,)]


def test_two_that_shelve_at_once_do_it_once(registry: PostgresRegistry, dsn: str, ada: Standing) -> None:
    for number in range(40):
        say(registry, ada, text=f"word {number}")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: shelve(registry), range(4)))
    assert ask(dsn, "select count(*) from event_words") == [(40,)]
    assert registry.shelve(most=10) == 0
