"""Samples of use on a real PostgreSQL: kept, rolled up, forgotten; and what the pictures of them cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from statistics import fmean
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event

from genie.adapters.postgres.registry import PostgresRegistry
from genie.domain.agent import Agent, Life
from genie.ports import Wanted
from tests.contract.samples import LATER, NOON, looks, sample
from tests.contract.values import HOST, a_pane, a_run, a_session, a_team, an_agent
from tests.fixtures.postgres import Asker


def kept(sql: Asker, span: int) -> list[tuple[object, ...]]:
    rows = sql("select span, at, cpu, rss, rss_max, processes, n from samples order by run_id, at")
    return [row[1:] for row in rows if row[0] == span]


def everything(sql: Asker) -> list[tuple[object, ...]]:
    return sql("select * from samples order by run_id, span, at")


@pytest.fixture
def count(registry: PostgresRegistry) -> Callable[[], int]:
    """How many statements were sent since the last call."""
    statements: list[str] = []
    event.listen(registry._engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    def sent() -> int:
        found = len(statements)
        statements.clear()
        return found

    return sent


# ---- keeping them ----------------------------------------------------------------------------


def test_samples_are_added_once_and_by_one_statement(
    registry: PostgresRegistry, sql: Asker, count: Callable[[], int]
) -> None:
    first, second = uuid4(), uuid4()
    some = [sample(first, NOON, cpu=12.5, rss=2**40, processes=3), sample(second, NOON)]
    registry.add_samples(some)
    assert count() == 1
    registry.add_samples([replace(some[0], cpu=99.0), sample(first, NOON + timedelta(seconds=5))])
    assert len(everything(sql)) == 3
    assert (NOON, 12.5, 2**40, 2**40, 3, 1) in kept(sql, 5)


def test_no_samples_are_no_statement(registry: PostgresRegistry, count: Callable[[], int]) -> None:
    registry.add_samples([])
    assert count() == 0


def test_a_roll_up_has_the_means_of_the_raw(registry: PostgresRegistry, sql: Asker, count: Callable[[], int]) -> None:
    raw = looks(uuid4(), minutes=2.5)
    registry.add_samples(raw)
    count()
    registry.roll_up(NOON + timedelta(minutes=2.5))
    assert count() == 2
    minutes = kept(sql, 60)
    assert [row[0] for row in minutes] == [NOON, NOON + timedelta(minutes=1)]
    for number, (_, cpu, rss, rss_max, processes, n) in enumerate(minutes):
        part = raw[12 * number : 12 * number + 12]
        assert cpu == pytest.approx(fmean(one.cpu for one in part), rel=1e-5)
        assert rss == round(fmean(one.rss for one in part))
        assert (rss_max, n) == (max(one.rss for one in part), 12)
        assert processes == round(fmean(one.processes for one in part))


def test_a_quarter_weighs_its_minutes_by_their_samples(registry: PostgresRegistry, sql: Asker) -> None:
    """Minutes of which some were hardly looked at: the mean is that of the samples."""
    run = uuid4()
    raw = [one for n, one in enumerate(looks(run, minutes=15)) if n % 12 < 1 + n // 12 % 12]
    for minute in range(1, 17):
        now = NOON + timedelta(minutes=minute)
        registry.add_samples([one for one in raw if one.at < now])
        registry.roll_up(now)
    (at, cpu, rss, rss_max, _, n), *rest = kept(sql, 900)
    assert not rest
    assert (at, n, rss_max) == (NOON, len(raw), max(one.rss for one in raw))
    assert cpu == pytest.approx(fmean(one.cpu for one in raw), rel=1e-5)
    assert rss == pytest.approx(fmean(one.rss for one in raw), abs=1)


def test_rolling_up_again_changes_nothing(registry: PostgresRegistry, sql: Asker) -> None:
    registry.add_samples(looks(uuid4(), minutes=14) + looks(uuid4(), minutes=7))
    registry.roll_up(NOON + timedelta(minutes=14))
    before = everything(sql)
    registry.roll_up(NOON + timedelta(minutes=14))
    assert everything(sql) == before


def test_what_was_added_late_is_taken_in(registry: PostgresRegistry, sql: Asker) -> None:
    run = uuid4()
    raw = looks(run, minutes=1)
    registry.add_samples(raw[:-1])
    registry.roll_up(NOON + timedelta(minutes=1, seconds=1))
    assert kept(sql, 60)[0][-1] == 11
    registry.add_samples(raw[-1:])
    registry.roll_up(NOON + timedelta(minutes=1, seconds=2))
    assert kept(sql, 60)[0][-1] == 12


def test_a_host_whose_clock_is_ahead_does_not_keep_others_from_their_roll_ups(
    registry: PostgresRegistry, sql: Asker
) -> None:
    ahead = NOON + timedelta(minutes=10)
    registry.add_samples(looks(uuid4(), minutes=1, start=ahead) + looks(uuid4(), minutes=1))
    registry.roll_up(ahead + timedelta(minutes=1))
    registry.add_samples(looks(uuid4(), minutes=1, start=NOON + timedelta(minutes=1)))
    registry.roll_up(NOON + timedelta(minutes=2))
    assert sorted(str(row[0]) for row in kept(sql, 60)) == [
        str(at) for at in (NOON, NOON + timedelta(minutes=1), ahead)
    ]


def test_what_is_too_old_goes_and_its_mean_stays(registry: PostgresRegistry, sql: Asker) -> None:
    registry.add_samples(looks(uuid4(), minutes=1))
    registry.roll_up(NOON + timedelta(minutes=15))
    assert (len(kept(sql, 5)), len(kept(sql, 60)), len(kept(sql, 900))) == (12, 1, 1)
    registry.roll_up(NOON + timedelta(minutes=15, seconds=30))
    assert (len(kept(sql, 5)), len(kept(sql, 60)), len(kept(sql, 900))) == (6, 1, 1)
    assert kept(sql, 60)[0][-1] == 12, "a minute that has lost some of its samples keeps its mean"
    registry.roll_up(NOON + timedelta(minutes=721))
    assert (len(kept(sql, 5)), len(kept(sql, 60)), len(kept(sql, 900))) == (0, 0, 1)
    registry.roll_up(NOON + timedelta(days=30, minutes=15))
    assert everything(sql) == []


def test_after_a_long_sleep_the_old_is_rolled_up_before_it_goes(registry: PostgresRegistry, sql: Asker) -> None:
    registry.add_samples(looks(uuid4(), minutes=3))
    registry.roll_up(NOON + timedelta(hours=2))
    assert (len(kept(sql, 5)), len(kept(sql, 60)), kept(sql, 900)[0][-1]) == (0, 3, 36)


# ---- pictures of many ---------------------------------------------------------------------------


def grown(registry: PostgresRegistry, count: int) -> list[tuple[Agent, UUID]]:
    """A root with so many below it, each with a running run: 20 children, the rest below those."""
    made: list[tuple[Agent, UUID]] = []
    with registry.begin() as tx:
        tx.add_team(a_team())
        for number in range(count + 1):
            parent = made[0 if number <= 20 else number % 20 + 1][0] if made else None
            agent = _agent(f"a{number:03}", parent)
            session = a_session(agent.id, role_prompt="You are an engineer. " * 100)
            id_ = uuid4()
            run = a_run(session, id=id_, live_at=NOON, pane=a_pane(id_, number))
            agent = replace(agent, session=session.id, run=run.id)
            tx.add_agent(agent)
            tx.add_session(session)
            tx.add_run(run)
            made.append((agent, id_))
    return made


def _agent(name: str, parent: Agent | None) -> Agent:
    made = an_agent(name, life=Life.RUNNING)
    if parent is None:
        return replace(made, root=made.id)
    return replace(made, parent=parent.id, root=parent.root, depth=parent.depth + 1)


def test_five_hundred_descendants_are_found_at_once(
    registry: PostgresRegistry, sql: Asker, count: Callable[[], int]
) -> None:
    registry.join_host(HOST, name="box", boot="b", at=NOON)
    family = grown(registry, 500)
    for seconds in range(0, 240, 5):
        registry.add_samples([sample(run, LATER - timedelta(seconds=seconds)) for _, run in family])
    sql("analyze")
    top = family[0][0].name
    for picture in (
        lambda: registry.grove(top=top, everything=False, now=LATER),
        lambda: registry.grove(top=None, everything=False, now=LATER),
        lambda: registry.vitals(HOST, wanted=Wanted(), since=LATER - timedelta(minutes=4), now=LATER),
    ):
        count()
        assert len(picture()) == 501
        assert count() == 1
    assert registry.vitals(HOST, wanted=Wanted(names=("a000",)), since=LATER, now=LATER)[0].tree_rss == 501 * 100
