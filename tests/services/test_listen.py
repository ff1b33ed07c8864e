"""Listening to sessions: everything once, from the beginning or from an event on, to the end."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from genie.domain.agent import Life
from genie.domain.errors import BadInput, NotFound
from genie.domain.events import Event, Kind, event
from genie.domain.result import Result
from genie.domain.selecting import Selection
from genie.services import listen as module
from genie.services import notes
from genie.services.listen import Audience, audience
from tests.services.bench import Bench


def say(bench: Bench, text: str, name: str = "ada", kind: Kind = Kind.ASSISTANT_MESSAGE) -> None:
    with bench.registry.begin() as tx:
        tx.record(event(kind, bench.agent(name), at=bench.clock.now(), text=text))


def hear(bench: Bench, *words: str, kinds: Iterable[Kind] = (Kind.ASSISTANT_MESSAGE,), after: int = 0) -> Audience:
    return audience(bench.world, Selection(words=words), kinds=kinds, after=after)


def texts(pages: Iterable[Iterable[Event]]) -> list[object]:
    return [one.payload.get("text") for page in pages for one in page]


def test_the_past_then_what_comes_then_the_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    bench.spawn()
    bench.spawn("bob")
    for number in range(5):
        say(bench, f"{number}")
        say(bench, "of bob", "bob")
        say(bench, "aside", kind=Kind.REASONING)
    listener = hear(bench, "ada")
    say(bench, "5")
    assert texts(listener.replay()) == ["0", "1", "2", "3", "4"]
    listener.begin()
    before = listener.over
    batch = bench.registry.events(after=listener.horizon)
    assert texts([listener.sift(batch)]) == ["5"]
    assert texts([listener.sift(batch), listener.sift([])]) == []
    say(bench, "6")
    bench.kill()
    listener.vigil.look()
    assert (before, listener.over) == (False, True)
    assert texts(listener.rest()) == ["6"]
    assert texts(listener.rest()) == []
    (how,) = listener.outcomes()
    assert (how.name, how.life, how.success) == ("ada", Life.TERMINATED, False)


def test_several_are_heard_in_the_order_of_what_happened(bench: Bench) -> None:
    for name in ("ada", "bob", "cyd"):
        bench.spawn(name)
    for number in range(6):
        say(bench, str(number), ("ada", "bob", "cyd")[number % 3])
    listener = hear(bench, "ada", "bob")
    pages = list(listener.replay())
    assert texts(pages) == ["0", "1", "3", "4"]
    assert [listener.name(one) for page in pages for one in page] == ["ada", "bob", "ada", "bob"]
    assert listener.name(Event(kind=Kind.TEAM_CREATED, at=bench.clock.now())) is None


def test_it_goes_on_after_an_event(bench: Bench) -> None:
    bench.spawn()
    for number in range(4):
        say(bench, str(number))
    third = bench.events()[-2].id or 0
    assert texts(hear(bench, "ada", after=third).replay()) == ["3"]
    everything = hear(bench, "ada", kinds=())
    assert len(texts(everything.replay())) == len(bench.events())


def test_one_that_has_ended_is_replayed(bench: Bench) -> None:
    bench.spawn()
    say(bench, "last words")
    bench.stop()
    listener = hear(bench, "ada")
    assert texts(listener.replay()) == ["last words"]
    listener.begin()
    assert listener.over
    assert [how.life for how in listener.outcomes()] == [Life.SUSPENDED]
    with pytest.raises(NotFound):
        hear(bench, "eve")


def past(bench: Bench) -> str:
    """The id of a session whose agent has another one by now."""
    first = bench.spawn().standing.agent.session
    say(bench, "long ago")
    bench.stop()
    bench.spawn(role="reviewer")
    assert bench.agent().session != first
    return str(first)


def test_a_past_session_is_over(bench: Bench) -> None:
    bench.templates.add("reviewer")
    first = past(bench)
    listener = hear(bench, first)
    assert texts(listener.replay()) == ["long ago"]
    listener.begin()
    assert listener.over
    assert [(how.life, how.success) for how in listener.outcomes()] == [(Life.SUSPENDED, False)]


@pytest.mark.parametrize(
    ("success", "life"), [(True, Life.DONE), (False, Life.SUSPENDED), (None, Life.SUSPENDED)]
)  # fmt: skip
def test_a_past_session_ended_as_its_result_says(bench: Bench, success: bool | None, life: Life) -> None:
    bench.templates.add("reviewer")
    first = past(bench)
    session = next(one for one in bench.registry.store.sessions.values() if str(one.id) == first)
    with bench.registry.begin() as tx:
        tx.save_result(
            Result(session=session.id, agent=session.agent, success=success, error="x", at=bench.clock.now())
        )
    (how,) = hear(bench, first).outcomes()
    assert (how.life, how.reason) == (life, "x")


def test_a_past_session_without_a_trace_is_terminated(bench: Bench) -> None:
    bench.templates.add("reviewer")
    first = past(bench)
    ends = [one for one in bench.registry.log if one.kind is Kind.STOPPED]
    bench.registry.log[ends[0].id - 1] = Event(kind=Kind.ACTIVITY, at=ends[0].at, id=ends[0].id)  # type: ignore[operator]
    (how,) = hear(bench, first).outcomes()
    assert (how.life, how.reason) == (Life.TERMINATED, None)


# ---- the events of all sessions of a name ------------------------------------------------------


def test_the_events_of_every_session(bench: Bench) -> None:
    bench.templates.add("reviewer")
    first = past(bench)
    say(bench, "now")

    def read(word: str = "ada", **asked: object) -> list[Event]:
        wanted = notes.Asked(**asked)  # type: ignore[arg-type]
        found = [one for page in notes.pages(bench.world, word, wanted) for one in page]
        assert notes.count(bench.world, word, wanted) == len(found)
        return found

    assert texts([read(kinds=(Kind.ASSISTANT_MESSAGE,))]) == ["now"]
    assert texts([read(first, kinds=(Kind.ASSISTANT_MESSAGE,))]) == ["long ago"]
    assert texts([read(every=True, kinds=(Kind.ASSISTANT_MESSAGE,))]) == ["long ago", "now"]
    every = read(every=True)
    assert [one.id for one in every] == sorted(one.id or 0 for one in bench.events())
    for last in (1, 2, len(read()) + 2, 100):
        assert read(every=True, last=last) == every[-last:]
    with pytest.raises(BadInput, match="begin anew"):
        read(every=True, after=3)
