"""Whatever way a session ends, what it was supplied with is cleared away, and its result is judged."""

from __future__ import annotations

from typing import Any

import pytest

from genie.domain.agent import Life
from genie.domain.conversation import ConversationKind
from genie.domain.errors import Failed
from genie.domain.events import Kind
from genie.domain.result import Bond, Result
from genie.domain.session import Session
from genie.services.order import Assignment
from genie.services.spawn import spawn
from tests.services.bench import Bench
from tests.services.machine import HOME

SCHEMA = '{"required": ["answer"]}'


def run(bench: Bench, name: str = "ada", bonds: Any = (), **wanted: Any) -> Session:  # noqa: ANN401
    order = bench.order(name, role="engineer", prompt="do it", bonds=bonds, assignment=Assignment(**wanted))
    session = spawn(bench.world, order).standing.session
    assert session
    return session


def says(bench: Bench, session: Session, text: str) -> None:
    """What its program named as its result."""
    bench.recordings.say(bench.recordings.path(session.id), ConversationKind.SESSION_RESULT, text=text)


def made(bench: Bench) -> list[str]:
    return [one.name for one in bench.supplies.worktrees.list()]


def result_of(bench: Bench, session: Session) -> Result:
    return bench.registry.results([session.id])[session.id]


def test_who_is_killed_gives_its_worktree_back(bench: Bench) -> None:
    bench.spawn(worktree="")
    assert bench.kill().agent.life is Life.TERMINATED
    assert (made(bench), bench.kinds()[-1]) == ([], Kind.WORKTREE_REMOVED)


def test_who_is_stopped_keeps_it(bench: Bench) -> None:
    bench.spawn(worktree="")
    bench.stop()
    assert made(bench) == ["ada"]
    bench.resume()
    assert bench.executions()[-1].cwd == f"{HOME}/worktrees/w/ada"


@pytest.mark.parametrize(("code", "life"), [(0, Life.DONE), (3, Life.FAILED)])
def test_one_that_was_run_to_its_end_is_cleared_up_after(bench: Bench, code: int, life: Life) -> None:
    session = run(bench, worktree="", sandbox="")
    bench.dies(exit_code=code)
    bench.beat()
    assert (bench.life(), made(bench)) == (life, [])
    assert set(bench.supplies.sandboxes.ended) == {session.id}
    assert bench.errors == []


def test_an_agent_that_dies_in_a_worktree_comes_back_to_it(bench: Bench) -> None:
    bench.spawn(worktree="")
    bench.dies()
    bench.beat()
    assert (bench.life(), made(bench)) == (Life.RUNNING, ["ada"])
    assert len(bench.executions()) == 2


def test_one_whose_dependency_fails_needs_its_worktree_no_more(bench: Bench) -> None:
    first = run(bench, "first")
    run(bench, worktree="", bonds=((Bond.DEPENDS, first.id),))
    assert made(bench) == ["ada"]
    bench.dies("first", exit_code=1)
    bench.beat()
    bench.beats(bench.rules.start_timeout / 10)
    assert (bench.life(), made(bench)) == (Life.FAILED, [])


def test_a_queued_one_that_cannot_be_started_neither(bench: Bench) -> None:
    first = run(bench, "first")
    run(bench, worktree="", bonds=((Bond.DEPENDS, first.id),))
    bench.machine.fails["release"] = Failed("no space left")
    bench.dies("first", exit_code=0)
    bench.beat()
    bench.beats(bench.rules.start_timeout / 10)
    assert (bench.life(), made(bench)) == (Life.FAILED, [])


def test_a_stopped_container_is_killed(bench: Bench) -> None:
    session = run(bench, sandbox="")
    bench.stop()
    assert set(bench.supplies.sandboxes.ended) == {session.id}


def test_an_answer_that_fits_is_kept_as_json(bench: Bench) -> None:
    session = run(bench, schema=SCHEMA)
    says(bench, session, '{"answer": 42}')
    bench.dies(exit_code=0)
    bench.beat()
    result = result_of(bench, session)
    assert (bench.life(), result.success, result.structured, result.error) == (Life.DONE, True, {"answer": 42}, None)


@pytest.mark.parametrize(("text", "said"), [("{}", "'answer' is a required"), ("I did it!", "it is not JSON")])
def test_an_answer_that_does_not_fit_is_a_failure_that_says_why(bench: Bench, text: str, said: str) -> None:
    session = run(bench, schema=SCHEMA)
    says(bench, session, text)
    bench.dies(exit_code=0)
    bench.beat()
    result = result_of(bench, session)
    assert (bench.life(), result.success, result.text, result.structured) == (Life.FAILED, False, text, None)
    assert said in (result.error or "")
    assert said in (bench.agent().reason or "")


def test_no_answer_at_all_does_not_fit_either(bench: Bench) -> None:
    session = run(bench, schema=SCHEMA)
    bench.dies(exit_code=0)
    bench.beat()
    assert bench.life() is Life.FAILED
    assert "result: there is none" in (result_of(bench, session).error or "")


def test_what_was_submitted_was_judged_then(bench: Bench) -> None:
    session = run(bench, schema=SCHEMA)
    submitted = Result(
        session=session.id,
        agent=bench.agent().id,
        success=None,
        text='{"answer": 1}',
        structured={"answer": 1},
        submitted=True,
        at=bench.clock.now(),
    )
    with bench.registry.begin() as tx:
        tx.save_result(submitted)
    says(bench, session, "All done.")
    bench.dies(exit_code=0)
    bench.beat()
    result = result_of(bench, session)
    assert (bench.life(), result.text, result.structured) == (Life.DONE, '{"answer": 1}', {"answer": 1})
