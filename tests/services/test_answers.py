"""Asking for leave and answering it: once, by who may, and never by accident."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from genie.domain.agent import Activity
from genie.domain.errors import BadInput, Conflict, NotAllowed, NotFound, Refused
from genie.domain.events import Event, Kind
from genie.domain.permission import Asked, PermissionRequest, State, Word
from genie.services.answer import Entry, answer, entries
from genie.services.ask import MOST_OPEN, ask, concerned, expire, look, withdraw, withdraw_all
from genie.services.kin import TOKEN
from tests.services.bench import Bench, away, env_of

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
MAKE = Asked("Bash", {"command": "make"}, ({"type": "addRules"},))


@pytest.fixture
def ada(bench: Bench) -> Bench:
    bench.machine.open("main")
    bench.spawn("ada")
    return bench


def asks(bench: Bench, name: str = "ada", asked: Asked = MAKE, *, wait: timedelta = HOUR) -> PermissionRequest:
    bench.clock.advance(SECOND)
    return ask(bench.world, env_of(bench, name)[TOKEN], str(bench.run(name).id), asked, wait=wait)


def says(bench: Bench, said: str, name: str = "ada", *, from_: str | None = None, **more: Any) -> Entry:  # noqa: ANN401
    caller = bench.caller(env_of(bench, from_)) if from_ else bench.caller()
    return answer(bench.world, caller, name, said, **more)


def does(bench: Bench, activity: Activity, name: str = "ada") -> None:
    """Its program is seen to do that, from now on."""
    bench.clock.advance(SECOND)
    with bench.registry.begin() as tx:
        found = tx.standing(name)
        assert found
        tx.save_agent(replace(found.agent, activity=activity, activity_since=bench.clock.time, activity_source="x: y"))


def told(bench: Bench, name: str = "ada") -> list[tuple[str, object]]:
    """What was told of its requests: what, and by whom or why."""
    found = [happened for happened in bench.events(name) if happened.kind.value.startswith("permission.")]
    return [(one.kind.word, one.payload.get("by") or one.payload.get("reason")) for one in found]


# ---- asking ---------------------------------------------------------------------------------


def test_a_run_asks_and_a_person_answers(ada: Bench) -> None:
    request = asks(ada)
    run = ada.run()
    assert (request.agent, request.run, request.session) == (run.agent, run.id, run.session)
    assert (request.line, request.until - request.asked_at) == ("Bash: make", HOUR)
    assert look(ada.world, request.id) == request
    assert [entry.request for entry in entries(ada.world)] == [request]
    found = says(ada, "yes")
    assert (found.agent.name, found.request.state, found.request.answered_by) == ("ada", State.ALLOWED, "user")
    assert look(ada.world, request.id) == found.request
    assert entries(ada.world, "ada") == []
    assert [entry.request.id for entry in entries(ada.world, "ada", over=True)] == [request.id]
    assert told(ada) == [("asked", None), ("answered", "user")]


def test_what_the_tool_would_be_given_is_in_no_event(ada: Bench) -> None:
    asks(ada, asked=Asked("Bash", {"command": "curl -H 'key: s3cret'"}))
    says(ada, "no s3cret, please")
    assert "s3cret" not in str([happened.payload for happened in ada.events()])


def test_only_a_live_run_asks(ada: Bench) -> None:
    token, run = env_of(ada)[TOKEN], str(ada.run().id)
    for shown, of in ((token, str(uuid4())), ("forged", run), (token, None)):
        with pytest.raises(Refused, match="no live run"):
            ask(ada.world, shown, of, MAKE, wait=HOUR)
    ada.stop()
    with pytest.raises(Refused, match="no live run"):
        ask(ada.world, token, run, MAKE, wait=HOUR)


@pytest.mark.parametrize("wait", [timedelta(0), timedelta(seconds=-1), timedelta(days=8)])
def test_a_wait_that_is_none(ada: Bench, wait: timedelta) -> None:
    with pytest.raises(BadInput, match="cannot wait"):
        asks(ada, wait=wait)


def test_nobody_asks_without_an_end(ada: Bench) -> None:
    for _ in range(MOST_OPEN):
        asks(ada)
    with pytest.raises(NotAllowed, match="'ada' has 100 requests open"):
        asks(ada)


# ---- who may answer -------------------------------------------------------------------------


def family(bench: Bench) -> None:
    """lead has the child ada, ada the child eve; bob is of another tree."""
    bench.spawn("lead")
    bench.spawn("kid", caller=bench.caller(env_of(bench, "lead")))
    bench.spawn("eve", caller=bench.caller(env_of(bench, "kid")))
    bench.spawn("bob")


def test_an_agent_answers_for_those_below_it_alone(ada: Bench) -> None:
    family(ada)
    asks(ada, "kid")
    for not_he in ("kid", "eve", "bob"):
        with pytest.raises(Refused):
            says(ada, "yes", "kid", from_=not_he)
    with pytest.raises(Refused, match="is not a token"):
        answer(ada.world, ada.caller({TOKEN: "forged"}), "kid", "yes")
    found = says(ada, "yes", "kid", from_="lead")
    assert (found.request.answered_by, found.request.by) == ("lead", ada.agent("lead").id)


# ---- what cannot be answered ----------------------------------------------------------------


def test_of_two_answers_one_wins_and_the_other_is_told(ada: Bench) -> None:
    request = asks(ada)
    says(ada, "no")
    with pytest.raises(NotAllowed, match=r"'ada' asks nothing now: its last request \(Bash: make\) is denied already"):
        says(ada, "yes")
    with pytest.raises(NotAllowed, match="that request"):
        says(ada, "yes", id=request.mark)
    assert told(ada) == [("asked", None), ("answered", "user")]


def test_who_has_never_asked(ada: Bench) -> None:
    with pytest.raises(NotAllowed, match="'ada' asks nothing"):
        says(ada, "yes")
    with pytest.raises(NotFound, match="nobody"):
        says(ada, "yes", "nobody")
    with pytest.raises(NotFound, match="has no request 'abc'"):
        says(ada, "yes", id="abc")
    with pytest.raises(NotFound):
        entries(ada.world, "nobody")


@pytest.mark.parametrize("withdrawn", [False, True])
def test_a_dialog_that_only_its_pane_can_answer_is_told_where(ada: Bench, withdrawn: bool) -> None:
    if withdrawn:
        asks(ada)
        withdraw_all(ada.world)
    does(ada, Activity.QUESTION)
    with pytest.raises(
        NotAllowed, match="the daemon ended" if withdrawn else "nothing that can be answered"
    ) as refused:
        says(ada, "yes")
    assert refused.value.hint == "genie attach ada"


def test_of_several_one_must_be_named(ada: Bench) -> None:
    first, second = asks(ada), asks(ada, asked=Asked("Write", {"file_path": "/x"}))
    with pytest.raises(Conflict, match=r"'ada' asks 2 things: .*Bash: make, .*Write: /x"):
        says(ada, "yes")
    assert says(ada, "yes", id=str(second.id)).request.id == second.id
    assert says(ada, "no").request.id == first.id


def test_an_answer_that_is_none_leaves_it_open(ada: Bench) -> None:
    request = asks(ada, asked=Asked("Bash"))
    for said in ("", "always"):
        with pytest.raises(BadInput):
            says(ada, said)
    assert look(ada.world, request.id).state is State.OPEN


# ---- withdrawn, expired ---------------------------------------------------------------------


@pytest.mark.parametrize("activity", [Activity.WORKING, Activity.IDLE])
def test_what_was_answered_in_the_pane_is_withdrawn(ada: Bench, activity: Activity) -> None:
    request = asks(ada)
    does(ada, Activity.PERMISSION)
    assert look(ada.world, request.id).state is State.OPEN
    does(ada, activity)
    assert look(ada.world, request.id).state is State.WITHDRAWN
    with pytest.raises(NotAllowed, match="withdrawn: it was answered in its pane"):
        says(ada, "yes")
    assert told(ada) == [("asked", None), ("withdrawn", "it was answered in its pane")]


def test_whoever_answers_looks_first(ada: Bench) -> None:
    request = asks(ada)
    does(ada, Activity.WORKING)
    with pytest.raises(NotAllowed, match="answered in its pane"):
        says(ada, "yes")
    assert look(ada.world, request.id).state is State.WITHDRAWN


def test_what_it_did_before_it_asked_is_nothing(ada: Bench) -> None:
    does(ada, Activity.WORKING)
    asks(ada)
    assert says(ada, "yes").request.state is State.ALLOWED


def test_the_end_of_its_run_withdraws_it(ada: Bench) -> None:
    request = asks(ada)
    ada.stop()
    assert look(ada.world, request.id).reason == "its run has ended"
    again = asks_of_next_run(ada)
    assert look(ada.world, again.id).state is State.OPEN


def asks_of_next_run(bench: Bench) -> PermissionRequest:
    bench.resume()
    return asks(bench)


def test_nobody_answers_after_its_time(ada: Bench) -> None:
    request = asks(ada)
    ada.clock.advance(HOUR)
    with pytest.raises(NotAllowed, match="nobody answered in time"):
        says(ada, "yes")
    found = expire(ada.world, request.id)
    assert (found.state, found.reason) == (State.EXPIRED, "nobody answered in time")
    assert expire(ada.world, request.id) == withdraw(ada.world, request.id, "gone") == found
    with pytest.raises(NotAllowed, match="expired: nobody answered in time"):
        says(ada, "yes")
    assert [what for what, _ in told(ada)] == ["asked", "expired"]


def test_an_unknown_request(ada: Bench) -> None:
    for work in (look, expire):
        with pytest.raises(NotFound):
            work(ada.world, uuid4())
    with pytest.raises(NotFound):
        withdraw(ada.world, uuid4(), "gone")


def test_which_events_are_of_a_request(ada: Bench) -> None:
    request = asks(ada)
    now = ada.clock.time
    named = Event(kind=Kind.PERMISSION_ANSWERED, at=now, payload={"request": str(request.id)})
    doing = Event(kind=Kind.ACTIVITY, at=now, agent=request.agent)
    said = Event(kind=Kind.USAGE, at=now, agent=request.agent)
    other = Event(kind=Kind.ACTIVITY, at=now, agent=uuid4())
    assert [concerned(request, one) for one in (named, doing, said, other)] == [True, True, False, False]


# ---- daemons that die -----------------------------------------------------------------------


def test_the_next_daemon_withdraws_what_the_last_has_left(ada: Bench) -> None:
    ada.dies_at("ask.committed", lambda: asks(ada))
    ada.restart()
    assert withdraw_all(ada.world) == 1
    assert withdraw_all(ada.world) == 0
    with pytest.raises(NotAllowed, match="withdrawn: the daemon ended"):
        says(ada, "yes")
    assert asks(ada).state is State.OPEN


def test_a_daemon_that_dies_after_an_answer_leaves_it_answered_once(ada: Bench) -> None:
    request = asks(ada)
    ada.dies_at("answer.committed", lambda: says(ada, "yes"))
    ada.restart()
    assert withdraw_all(ada.world) == 0
    found = look(ada.world, request.id)
    assert found.answer
    assert (found.state, found.answer.word) == (State.ALLOWED, Word.YES)
    assert told(ada) == [("asked", None), ("answered", "user")]


def test_without_the_registry_nothing_is_answered(ada: Bench) -> None:
    request = asks(ada)
    away(ada, lambda: says(ada, "yes"))
    away(ada, lambda: asks(ada))
    away(ada, lambda: expire(ada.world, request.id))
    assert look(ada.world, request.id).state is State.OPEN
