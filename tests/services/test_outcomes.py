"""What sessions have come to: output, collect and summary."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from genie.domain.agent import Life
from genie.domain.conversation import Tokens
from genie.domain.errors import Conflict, Failed, NotFound
from genie.domain.events import Event, Kind
from genie.domain.result import Result
from genie.domain.selecting import Selection
from genie.domain.session import Attend
from genie.services.outcomes import Known, collect, output
from genie.services.summary import Summary, summary
from tests.services.bench import Bench, away

USED = Tokens(input=3, output=5, cache_read=7, cache_write=11, cost=0.25)


def of(*words: str) -> Selection:
    return Selection(words=words)


def say(bench: Bench, kind: Kind, name: str = "ada", /, **payload: object) -> None:
    """One thing that is said in an agent's present session."""
    agent = bench.agent(name)
    said = Event(kind=kind, at=bench.clock.time, agent=agent.id, session=agent.session, run=agent.run, payload=payload)
    with bench.registry.begin() as tx:
        tx.record(said)


def keep(bench: Bench, name: str = "ada", **result: object) -> UUID:
    """The result of an agent's present session, instead of what was kept at its end."""
    session = bench.session(name)
    fields = {"session": session.id, "agent": session.agent, "success": True, "at": bench.clock.time} | result
    with bench.registry.begin() as tx:
        tx.save_result(Result(**fields))  # type: ignore[arg-type]
    return session.id


def attended(bench: Bench, name: str = "ada") -> None:
    with bench.registry.begin() as tx:
        tx.save_session(replace(bench.session(name), attend=Attend(screen="text", form="plain")))


def one(bench: Bench, word: str = "ada") -> Known:
    (found,) = collect(bench.world, of(word))
    return found


# ---- one that has ended ---------------------------------------------------------------------


def test_of_one_that_has_ended_its_result_is_told(bench: Bench) -> None:
    bench.bring_to(Life.DONE)
    keep(bench, text="all green", structured={"green": 214}, turns=4, tokens=USED, submitted=True)
    say(bench, Kind.ASSISTANT_MESSAGE, text="said later, and no part of it")
    found = one(bench)
    assert (found.session, found.agent, found.provider) == (bench.session().id, bench.agent(), "claude")
    assert (found.status, found.text, found.structured, found.error) == (
        "completed",
        "all green",
        {"green": 214},
        None,
    )
    assert (found.submitted, found.turns, found.tokens) == (True, 4, USED)
    assert output(bench.world, of("ada")) == found


def test_a_failed_one_with_a_result_has_an_output(bench: Bench) -> None:
    bench.bring_to(Life.FAILED)
    keep(bench, success=False, text="half of it", error="over its limit")
    found = output(bench.world, of("ada"))
    assert (found.status, found.text, found.error) == ("failed", "half of it", "over its limit")


def test_one_that_ended_well_and_said_nothing_has_an_empty_output(bench: Bench) -> None:
    bench.bring_to(Life.DONE)
    keep(bench, text=None)
    assert output(bench.world, of("ada")).text is None


def test_a_failed_one_without_a_result_has_no_output_and_says_why(bench: Bench) -> None:
    bench.bring_to(Life.FAILED)
    keep(bench, success=False, error="no such model")
    with pytest.raises(Failed, match="'ada' has no result: failed: no such model") as refused:
        output(bench.world, of("ada"))
    assert refused.value.hint == "genie explain ada"


def test_one_that_was_killed_before_it_said_anything_has_no_output(bench: Bench) -> None:
    bench.bring_to(Life.TERMINATED)
    keep(bench, success=False)
    with pytest.raises(Failed, match="'ada' has no result: it is terminated"):
        output(bench.world, of("ada"))


def test_one_that_ended_without_a_result_is_told_from_what_was_said(bench: Bench) -> None:
    bench.bring_to(Life.FAILED)
    bench.registry.store.results.clear()
    say(bench, Kind.ASSISTANT_MESSAGE, text="I was here")
    found = one(bench)
    assert (found.text, found.error) == ("I was here", bench.agent().reason)
    assert found.error


# ---- one that lives -------------------------------------------------------------------------


def test_of_one_that_lives_the_last_message_is_told(bench: Bench) -> None:
    bench.spawn()
    say(bench, Kind.ASSISTANT_MESSAGE, text="first")
    say(bench, Kind.ASSISTANT_MESSAGE, text="second")
    say(bench, Kind.USAGE, **USED.payload())
    found = output(bench.world, of("ada"))
    assert (found.status, found.text, found.tokens, found.error) == ("running", "second", USED, None)


def test_one_that_lives_and_has_said_nothing_has_no_output_yet(bench: Bench) -> None:
    bench.spawn()
    with pytest.raises(Failed, match="'ada' has no result yet: it is running") as refused:
        output(bench.world, of("ada"))
    assert refused.value.hint == "genie wait ada"


def test_one_without_a_screen_has_no_output_before_its_program_names_it(bench: Bench) -> None:
    bench.spawn()
    attended(bench)
    say(bench, Kind.ASSISTANT_MESSAGE, text="let me see")
    with pytest.raises(Failed, match="no result yet"):
        output(bench.world, of("ada"))
    say(bench, Kind.SESSION_RESULT, text="42", is_error=False)
    assert output(bench.world, of("ada")).text == "42"


def test_what_it_has_submitted_goes_before_what_it_said(bench: Bench) -> None:
    bench.spawn()
    keep(bench, success=None, submitted=True, text="mine", structured=[1])
    say(bench, Kind.ASSISTANT_MESSAGE, text="and so on")
    found = one(bench)
    assert (found.text, found.structured, found.submitted) == ("mine", [1], True)
    keep(bench, success=None, submitted=False)
    assert one(bench).text == "and so on"


def test_one_that_was_brought_back_lives(bench: Bench) -> None:
    bench.bring_to(Life.DONE)
    keep(bench, text="before")
    bench.resume()
    say(bench, Kind.ASSISTANT_MESSAGE, text="now")
    assert (one(bench).status, one(bench).text) == ("running", "now")


# ---- several, and earlier ones --------------------------------------------------------------


def test_several_come_in_the_order_of_the_words(bench: Bench) -> None:
    for name in ("ada", "bob", "cyd"):
        bench.spawn(name, tags=("t",))
    found = collect(bench.world, Selection(words=("cyd", "ada"), tags=("t",)))
    assert [known.agent.name for known in found] == ["cyd", "ada", "bob"]
    with pytest.raises(Conflict):
        output(bench.world, of("cyd", "ada"))
    with pytest.raises(NotFound):
        collect(bench.world, of("nobody"))


@pytest.mark.parametrize(("success", "status"), [(True, "completed"), (False, "failed")])
def test_an_earlier_session_of_an_agent_has_its_own_result(bench: Bench, success: bool, status: str) -> None:
    bench.bring_to(Life.DONE)
    before = keep(bench, text="before", success=success)
    bench.spawn(role="engineer")
    say(bench, Kind.ASSISTANT_MESSAGE, text="now")
    earlier, present = collect(bench.world, of(str(before), "ada"))
    assert (earlier.session, earlier.status, earlier.text, earlier.provider) == (before, status, "before", "claude")
    assert (present.session, present.status, present.text) == (bench.session().id, "running", "now")


@pytest.mark.parametrize(("failed", "status"), [(False, "completed"), (True, "failed")])
def test_an_earlier_session_without_a_result_is_told_from_what_was_said(
    bench: Bench, failed: bool, status: str
) -> None:
    bench.bring_to(Life.DONE)
    before = bench.session().id
    say(bench, Kind.SESSION_RESULT, text="said", is_error=failed)
    bench.spawn(role="engineer")
    bench.registry.store.results.clear()
    found = one(bench, str(before))
    assert (found.status, found.text, found.error) == (status, "said", "said" if failed else None)


def test_an_agent_without_a_session_has_come_to_nothing(bench: Bench) -> None:
    bench.spawn()
    agent = bench.agent()
    bench.registry.store.agents[agent.id] = replace(agent, session=None)
    found = one(bench)
    assert (found.session, found.status, found.text) == (None, "running", None)
    (told,) = summary(bench.world, of("ada"))
    assert (told.turns, told.calls, told.tokens) == (0, 0, Tokens())


# ---- summary --------------------------------------------------------------------------------


def work(bench: Bench) -> None:
    """A session that asks twice, calls three tools, and writes two files."""
    say(bench, Kind.USER_MESSAGE, text="fix it")
    say(bench, Kind.TOOL_CALL, call="1", tool="Bash", tool_kind="shell", input={"command": "make"})
    say(bench, Kind.TOOL_CALL, call="2", tool="Edit", tool_kind="file_edit", path="/w/a.py")
    say(bench, Kind.TOOL_RESULT, call="2", is_error=True)
    say(bench, Kind.TOOL_CALL, call="3", tool="Edit", tool_kind="file_edit", path="/w/b.py")
    say(bench, Kind.TOOL_CALL, call="4", tool="Write", tool_kind="file_write", path="/w/c.py")
    say(bench, Kind.USER_MESSAGE, text="go on")
    say(bench, Kind.USAGE, input=3, output=5, cache_read=7, cache_write=11, cost=0.25)
    say(bench, Kind.ASSISTANT_MESSAGE, text="fixed")


def told(bench: Bench, *, stats: bool = False) -> Summary:
    (found,) = summary(bench.world, of("ada"), stats=stats)
    return found


def test_a_summary_adds_up_what_was_said(bench: Bench) -> None:
    bench.spawn()
    work(bench)
    bench.clock.advance(timedelta(seconds=30))
    found = told(bench)
    assert list(found.digest.tools.items()) == [("Edit", 2), ("Bash", 1), ("Write", 1)]
    assert (found.calls, found.digest.files) == (4, ("/w/b.py", "/w/c.py"))
    assert (found.turns, found.tokens, found.known.text) == (2, USED, "fixed")
    assert found.digest.lived >= timedelta(seconds=30)


def test_turns_are_those_that_the_program_counted(bench: Bench) -> None:
    bench.spawn()
    work(bench)
    say(bench, Kind.SESSION_RESULT, text="fixed", turns=9)
    assert told(bench).turns == told(bench, stats=True).turns == 9
    bench.dies(exit_code=0)
    bench.beat()
    keep(bench, turns=12, tokens=USED)
    assert told(bench).turns == 12


def test_numbers_alone_are_the_same_and_read_no_texts(bench: Bench) -> None:
    bench.spawn()
    work(bench)
    whole, numbers = told(bench), told(bench, stats=True)
    assert numbers.known.text is None
    assert (numbers.turns, numbers.calls, numbers.tokens) == (whole.turns, whole.calls, whole.tokens)
    assert numbers.digest.files == whole.digest.files


def test_reading_writes_nothing(bench: Bench) -> None:
    bench.spawn()
    work(bench)
    before = bench.registry.commits
    collect(bench.world, of("ada"))
    output(bench.world, of("ada"))
    told(bench)
    assert bench.registry.commits == before
    away(bench, lambda: collect(bench.world, of("ada")))
