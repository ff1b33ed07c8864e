"""The spawn trees and the live runs, as they are told; and the looks at what the runs use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from structlog.testing import capture_logs

from genie.daemon.sampler import Sampler
from genie.domain.agent import Life
from genie.domain.errors import NotFound
from genie.domain.usage import EVERY, Usage
from genie.ports import Rooted, Wanted
from genie.services import grove
from genie.services.sampling import Looked, take_samples
from tests.services.bench import Bench
from tests.services.host import MemoryProcesses


class Busy(MemoryProcesses):
    """What each run has used, as a test says it; `asked` is how often somebody looked."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench.machine)
        self.used: dict[UUID, Usage] = {}
        self.asked: list[Sequence[Rooted]] = []
        self.broken = False
        bench.world = replace(bench.world, processes=self)

    def usage(self, roots: Sequence[Rooted]) -> dict[UUID, Usage]:
        if self.broken:
            raise RuntimeError("no /proc")
        self.asked.append(roots)
        return {root.run: self.used[root.run] for root in roots if root.run in self.used}

    def uses(self, run: UUID, *, cpu: float, rss: int = 2**20, processes: int = 1) -> None:
        self.used[run] = Usage(cpu_seconds=cpu, rss=rss, processes=processes)


@pytest.fixture
def busy(bench: Bench) -> Busy:
    return Busy(bench)


def look(bench: Bench, before: Looked | None = None) -> Looked:
    bench.clock.advance(EVERY)
    return take_samples(bench.world, before)


def cpus(bench: Bench, name: str = "ada") -> list[float]:
    return [sample.cpu for sample in grove.runs(bench.world, Wanted(names=(name,)))[0].history]


# ---- looking ---------------------------------------------------------------------------------


def test_a_sample_is_the_cpu_since_the_look_before(bench: Bench, busy: Busy) -> None:
    bench.spawn()
    run = bench.run().id
    looked = None
    for seconds in (7.0, 9.5, 9.5, 8.0, 13.0):
        busy.uses(run, cpu=seconds)
        looked = look(bench, looked)
    assert cpus(bench) == pytest.approx([0.0, 50.0, 0.0, 0.0, 100.0], rel=1e-5)


def test_a_run_is_looked_at_by_its_first_process(bench: Bench, busy: Busy) -> None:
    bench.spawn()
    pane = bench.run().pane
    assert pane
    look(bench)
    assert list(busy.asked[-1]) == [Rooted(bench.run().id, pane.pid, pane.started)]


def test_a_run_without_a_process_has_no_sample(bench: Bench, busy: Busy) -> None:
    bench.spawn()
    assert look(bench).runs == {}
    assert cpus(bench) == []


def test_nothing_is_done_where_nothing_runs(bench: Bench, busy: Busy) -> None:
    bench.spawn()
    bench.stop()
    assert look(bench).runs == {}
    assert busy.asked == []


def test_a_resumed_run_begins_anew(bench: Bench, busy: Busy) -> None:
    bench.spawn()
    busy.uses(bench.run().id, cpu=100.0)
    looked = look(bench)
    bench.stop()
    bench.resume()
    busy.uses(bench.run().id, cpu=2.0)
    look(bench, looked)
    assert cpus(bench) == [0.0]


def test_the_sampler_remembers_its_last_look(bench: Bench, busy: Busy) -> None:
    bench.spawn()
    sampler = Sampler(bench.world)
    for seconds in (1.0, 6.0):
        busy.uses(bench.run().id, cpu=seconds)
        bench.clock.advance(EVERY)
        sampler.look()
    assert cpus(bench) == pytest.approx([0.0, 100.0], rel=1e-5)
    bench.clock.advance(timedelta(minutes=16))
    sampler.roll_up()
    assert cpus(bench) == []


def test_no_trouble_ends_the_sampler_and_one_that_lasts_is_told_once(bench: Bench, busy: Busy) -> None:
    bench.spawn()
    busy.uses(bench.run().id, cpu=1.0)
    sampler = Sampler(bench.world)
    with capture_logs() as logs:
        for away in (True, True, False, True):
            bench.registry.away = away
            sampler.look()
            sampler.roll_up()
    assert [entry["event"] for entry in logs] == ["sampling_failed", "roll_up_failed"] * 2
    bench.registry.away = False
    busy.broken = True
    with capture_logs() as logs:
        sampler.look()
    assert logs[0]["exc_info"] is True
    busy.broken = False
    bench.clock.advance(EVERY)
    sampler.look()
    assert len(cpus(bench)) == 2


def test_the_sampler_looks_every_five_seconds_and_rolls_up_every_minute(bench: Bench) -> None:
    scheduler = BackgroundScheduler(timezone="UTC")
    Sampler(bench.world).schedule(scheduler)
    assert {job.id: job.trigger.interval.total_seconds() for job in scheduler.get_jobs()} == {
        "samples": 5,
        "roll-up": 60,
    }


# ---- telling ---------------------------------------------------------------------------------


def child(bench: Bench, name: str, parent: str) -> None:
    bench.clock.advance(timedelta(seconds=1))
    bench.spawn(name, parent=parent)


@pytest.fixture
def family(bench: Bench, busy: Busy) -> Bench:
    """top over (mid over leaf) and late; and lone. Each uses one more MiB than the one before."""
    bench.spawn("top")
    child(bench, "mid", "top")
    child(bench, "late", "top")
    child(bench, "leaf", "mid")
    bench.clock.advance(timedelta(seconds=1))
    bench.spawn("lone")
    for size, name in enumerate(("top", "mid", "late", "leaf", "lone"), 1):
        busy.uses(bench.run(name).id, cpu=0.0, rss=size)
    look(bench)
    return bench


def told(bench: Bench, name: str | None = None, *, everything: bool = False) -> list[tuple[str, int, int | None]]:
    nodes = grove.tree(bench.world, name, everything=everything)
    return [(node.row.agent.name, node.level, node.tree_rss) for node in nodes]


def test_a_tree_has_parents_before_children_and_the_weight_of_all_below(family: Bench) -> None:
    assert told(family) == [("top", 0, 10), ("mid", 1, 6), ("leaf", 2, 4), ("late", 1, 3), ("lone", 0, 5)]


def test_a_tree_from_the_middle(family: Bench) -> None:
    assert told(family, "mid") == [("mid", 0, 6), ("leaf", 1, 4)]
    node = grove.tree(family.world, "mid", everything=False)[0]
    assert (node.row.parent, node.row.root, node.latest and node.latest.rss) == ("top", "top", 2)


def test_without_fresh_samples_a_tree_weighs_nothing_known(family: Bench) -> None:
    family.clock.advance(timedelta(seconds=40))
    assert {weight for _, _, weight in told(family)} == {None}


def test_a_tree_of_nobody_is_not_found(family: Bench) -> None:
    with pytest.raises(NotFound, match="unknown agent 'mod'"):
        grove.tree(family.world, "mod", everything=False)


def test_a_killed_one_is_shown_on_demand(family: Bench) -> None:
    family.kill("leaf")
    assert [name for name, _, _ in told(family)] == ["top", "mid", "late", "lone"]
    assert [name for name, _, _ in told(family, everything=True)] == ["top", "mid", "leaf", "late", "lone"]


def test_one_that_has_outlived_its_parent_is_an_orphan(bench: Bench, busy: Busy) -> None:
    bench.spawn("top", limits={"termination": "orphan"})
    child(bench, "kid", "top")
    bench.kill("top")
    nodes = grove.tree(bench.world, None, everything=False)
    assert [(node.row.agent.name, node.row.agent.life, node.row.orphan) for node in nodes] == [
        ("top", Life.TERMINATED, False),
        ("kid", Life.RUNNING, True),
    ]


def test_runs_are_told_with_parent_and_tree(family: Bench) -> None:
    found = {run.standing.agent.name: run for run in grove.runs(family.world, Wanted())}
    assert list(found) == sorted(found)
    assert (found["mid"].parent, found["mid"].tree_rss) == ("top", 6)
    assert found["top"].parent is None


def test_a_run_of_nobody_is_not_found_and_one_that_has_ended_is_no_line(family: Bench) -> None:
    with pytest.raises(NotFound, match="unknown agent 'mod'"):
        grove.runs(family.world, Wanted(names=("top", "mod")))
    family.stop("lone")
    assert [run.standing.agent.name for run in grove.runs(family.world, Wanted(names=("lone", "late")))] == ["late"]


def test_a_run_tells_only_of_the_last_minutes(bench: Bench, busy: Busy) -> None:
    bench.spawn()
    busy.uses(bench.run().id, cpu=1.0)
    looked = look(bench)
    bench.clock.advance(grove.PAST - EVERY)
    look(bench, looked)
    assert len(cpus(bench)) == 1
