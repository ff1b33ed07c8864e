"""What outsiders are told of a session, also where a daemon has died before it came to that; and its input."""

from __future__ import annotations

from uuid import UUID, uuid4

from genie.domain.agent import Life
from genie.domain.result import Bond
from genie.services.leave import catch_up
from genie.services.outcomes import told_so_far
from genie.services.take_in import take_in
from tests.services.bench import Bench
from tests.services.test_run import SECOND, ends, go, says


def forget(bench: Bench, *what: str) -> UUID:
    """As if the daemon had died before it told that of ada's session."""
    session = bench.session().id
    for one in what:
        bench.machine.marks.pop((session, one), None)
    return session


def caught_up(bench: Bench) -> None:
    """What the next daemon does first."""
    catch_up(bench.world, bench.beat().live)


def test_a_start_that_nobody_was_told_of(bench: Bench) -> None:
    go(bench)
    session, at = forget(bench, "started"), bench.run().live_at
    bench.clock.advance(SECOND)
    caught_up(bench)
    assert at
    assert bench.machine.marks[session, "started"]["at"] == at.isoformat()
    assert (session, "ended") not in bench.machine.marks


def test_an_end_that_nobody_was_told_of(bench: Bench) -> None:
    go(bench, keep=True)
    ends(bench)
    told = dict(bench.machine.marks)
    session = forget(bench, "started", "ended")
    caught_up(bench)
    assert bench.machine.marks == told
    bench.machine.marks[session, "ended"] = {"told": "once"}
    caught_up(bench)
    assert bench.machine.marks[session, "ended"] == {"told": "once"}


def test_a_start_that_was_told_is_not_told_again(bench: Bench) -> None:
    go(bench)
    ends(bench)
    session = forget(bench, "ended")
    bench.machine.marks[session, "started"] = {"told": "once"}
    caught_up(bench)
    assert bench.machine.marks[session, "started"] == {"told": "once"}
    assert bench.machine.marks[session, "ended"]["success"] is True


def test_sessions_that_are_nobodys_or_past(bench: Bench) -> None:
    go(bench)
    ends(bench)
    past = forget(bench, "ended")
    go(bench)
    bench.machine.folders.add(uuid4())
    bench.spawn("plain")
    caught_up(bench)
    assert (past, "ended") not in bench.machine.marks
    assert (bench.session("plain").id, "started") not in bench.machine.marks


def test_its_input_is_there_from_its_start_to_its_end(bench: Bench) -> None:
    go(bench, prompt=None, streaming=True)
    fifo = bench.recordings.fifo(bench.session().id)
    assert bench.recordings.inputs == {fifo}
    ends(bench)
    assert bench.life() is Life.DONE
    assert bench.recordings.inputs == set()


def test_what_was_said_so_far_goes_into_another(bench: Bench) -> None:
    go(bench, prompt=None, streaming=True)
    session = bench.session().id
    assert told_so_far(bench.world, [session]) == []
    says(bench, "half")
    take_in(bench.world, session)
    go(bench, "bob", prompt="and?", pipe=("ada",))
    told = bench.machine.prompts[bench.session("bob").id]
    assert told == f'<session-result session="{session.hex[:8]}" name="ada">half</session-result>\n\nand?'
    assert [edge.bond for edge in bench.registry.edges([bench.session("bob").id])] == [Bond.PIPE]
    assert told_so_far(bench.world, []) == []
