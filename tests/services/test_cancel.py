"""Cancel: what has not ended is terminated with its reason, what has ended is left as it is."""

from __future__ import annotations

import pytest

from genie.domain.agent import Life
from genie.domain.errors import BadInput
from genie.domain.events import Kind
from genie.services.cancel import LONGEST_REASON, cancel
from genie.services.kill import kill, kill_found
from tests.services.bench import Bench

ENDED = {Life.SUSPENDED, Life.DONE, Life.FAILED, Life.TERMINATED}


@pytest.mark.parametrize("life", list(Life))
def test_cancel_in_every_life(bench: Bench, life: Life) -> None:
    before = bench.bring_to(life)
    standing, did = cancel(bench.world, before, reason="no longer needed")
    assert standing.agent == bench.agent()
    assert did == (life not in ENDED)
    if not did:
        assert standing == before
        return
    assert bench.life() is Life.TERMINATED
    assert bench.machine.agents() == []
    (wish,) = [event for event in bench.events() if event.kind is Kind.KILL_REQUESTED]
    assert wish.payload == {"reason": "no longer needed"}
    assert bench.kinds()[-1] is Kind.TERMINATED


def test_a_queued_one_never_starts(bench: Bench) -> None:
    queued = bench.bring_to(Life.QUEUED)
    cancel(bench.world, queued)
    bench.beat()
    assert bench.life() is Life.TERMINATED
    assert bench.executions() == []
    assert [event.payload for event in bench.events() if event.kind is Kind.KILL_REQUESTED] == [{}]


def test_descendants_end_as_the_policy_says(bench: Bench) -> None:
    lead = bench.spawn("lead").standing
    bench.spawn("ada", parent="lead")
    bench.spawn("eve", limits={"termination": "orphan"})
    bench.spawn("orphan", parent="eve")
    cancel(bench.world, lead, reason="enough")
    cancel(bench.world, bench.standing("eve"))
    assert [bench.life(name) for name in ("lead", "ada", "eve", "orphan")] == [Life.TERMINATED] * 3 + [Life.RUNNING]


def test_one_that_has_the_name_since_is_not_meant(bench: Bench) -> None:
    first = bench.spawn().standing
    bench.kill()
    bench.spawn()
    standing, did = cancel(bench.world, first)
    assert (standing.agent.id, standing.agent.life, did) == (first.agent.id, Life.TERMINATED, False)
    assert kill_found(bench.world, first).agent == standing.agent
    assert bench.life() is Life.RUNNING


def test_a_reason_has_an_end(bench: Bench) -> None:
    found = bench.spawn().standing
    with pytest.raises(BadInput, match="at most"):
        cancel(bench.world, found, reason="x" * (LONGEST_REASON + 1))
    assert bench.life() is Life.RUNNING
    cancel(bench.world, found, reason="x" * LONGEST_REASON)
    assert bench.life() is Life.TERMINATED


def test_kill_takes_a_reason_too(bench: Bench) -> None:
    bench.spawn()
    kill(bench.world, "ada", reason="why not")
    assert bench.events()[-2].payload == {"reason": "why not"}
