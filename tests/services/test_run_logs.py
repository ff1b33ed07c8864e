"""The logs of plain commands: what is recorded, and how it is read."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from genie.domain.errors import BadInput, Failed, NotAllowed, NotFound, TerminalAway
from genie.domain.session import Standing
from genie.services import roster
from genie.services.screen import Logged, log_of
from tests.services.bench import Bench
from tests.services.machine import HOME


def command(bench: Bench, name: str = "worker") -> Standing:
    bench.team("web")
    return bench.spawn(name, role=None, command=("python", "worker.py"), team="web").standing


def run_of(bench: Bench, name: str = "worker") -> UUID:
    run = bench.standing(name).run
    assert run is not None
    return run.id


def path(run: UUID) -> str:
    return f"{HOME}/logs/runs/{run}.log"


def write(bench: Bench, run: UUID, text: str) -> None:
    bench.machine.logs[run] += text


def all_of(bench: Bench, found: Logged, name: str = "worker") -> str:
    text = found.text
    while found.more:
        found = log_of(bench.world, name, after=found.mark)
        text += found.text
    return text


def test_a_command_is_recorded_before_it_runs(bench: Bench) -> None:
    command(bench)
    run = run_of(bench)
    pane = bench.machine.pane_of(run)
    assert pane is not None
    assert pane.recorded == path(run)
    assert bench.machine.executions[-1].run == run
    assert roster.show(bench.world, "worker").log == path(run)


def test_a_conversation_is_not(bench: Bench) -> None:
    bench.spawn("engineer")
    assert bench.machine.logs == {}
    assert "record" not in bench.machine.calls
    assert roster.show(bench.world, "engineer").log is None
    with pytest.raises(NotAllowed, match="'engineer' has no log"):
        log_of(bench.world, "engineer")


@pytest.mark.parametrize("step", ["record", "begin"])
def test_a_log_that_cannot_be_is_no_reason_not_to_start(bench: Bench, step: str) -> None:
    bench.machine.fails[step] = TerminalAway("no answer") if step == "record" else Failed("disk full")
    standing = command(bench)
    assert standing.agent.life.value == "running"
    assert bench.machine.executions[-1].run == run_of(bench)


def test_a_log_is_read_in_pieces(bench: Bench) -> None:
    command(bench)
    run = run_of(bench)
    text = "".join(f"line {number}\n" for number in range(20))
    write(bench, run, text)
    first = log_of(bench.world, "worker")
    assert (first.run, first.path, first.more) == (run, path(run), True)
    assert all_of(bench, first) == text
    assert all_of(bench, log_of(bench.world, "worker", lines=3)) == "line 17\nline 18\nline 19\n"


def test_what_is_no_text_is_shown_as_such(bench: Bench) -> None:
    command(bench)
    write(bench, run_of(bench), "\udcff".encode("utf-8", "surrogatepass").decode("utf-8", "replace"))
    assert "�" in log_of(bench.world, "worker").text


def test_the_log_of_a_killed_command_stays(bench: Bench) -> None:
    command(bench)
    run = run_of(bench)
    write(bench, run, "last words\n")
    bench.kill("worker")
    assert log_of(bench.world, "worker").text == "last words\n"
    assert roster.show(bench.world, "worker").log == path(run)


def test_a_follower_goes_on_with_the_next_run(bench: Bench) -> None:
    command(bench)
    first = run_of(bench)
    write(bench, first, "one\n")
    begun = log_of(bench.world, "worker")
    bench.stop("worker")
    bench.resume("worker")
    second = run_of(bench)
    assert second != first
    write(bench, first, "more of one\n")
    write(bench, second, "two\n")
    rest = log_of(bench.world, "worker", after=begun.mark)
    assert (rest.run, rest.text) == (first, "more of one\n")
    following = log_of(bench.world, "worker", after=rest.mark)
    assert (following.run, following.text) == (second, "two\n")
    assert log_of(bench.world, "worker", after=following.mark).text == ""
    assert log_of(bench.world, "worker").run == second


def test_a_follower_of_a_log_that_was_removed_goes_on_with_the_latest(bench: Bench) -> None:
    command(bench)
    write(bench, run_of(bench), "here\n")
    assert log_of(bench.world, "worker", after=f"{uuid4()}:5").text == "here\n"


@pytest.mark.parametrize("mark", ["", "x", "x:1", ":"])
def test_what_is_no_mark(bench: Bench, mark: str) -> None:
    command(bench)
    with pytest.raises(BadInput, match="no mark"):
        log_of(bench.world, "worker", after=mark)
    with pytest.raises(BadInput, match="no mark"):
        log_of(bench.world, "worker", after=f"{run_of(bench)}:{mark}")


def test_an_agent_nobody_knows(bench: Bench) -> None:
    with pytest.raises(NotFound):
        log_of(bench.world, "worker")
