"""What runs use, as it is kept: samples, their roll-ups, and the two pictures that are drawn of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from genie.adapters.postgres import rows
from genie.adapters.postgres.sql import STANDING_COLUMNS, STANDING_TABLES
from genie.adapters.postgres.tx import fetch
from genie.domain.agent import Life
from genie.domain.usage import Sample
from genie.ports import Leaf, Relative, Vital, Wanted

RAW, MINUTE, QUARTER = 5, 60, 900
"""Spans, in seconds."""
KEEP = {RAW: timedelta(minutes=15), MINUTE: timedelta(minutes=720), QUARTER: timedelta(days=30)}
FRESH = timedelta(seconds=30)
"""A run whose last sample is older has none now: nobody looks, or its processes are not seen."""

_COLUMNS = "run_id, span, at, cpu, rss, rss_max, processes, n"

ADD = (
    f"insert into samples ({_COLUMNS})"  # noqa: S608  names of our columns
    f" select run, {RAW}, at, cpu, rss, rss, processes, 1"
    " from unnest(%(runs)s::uuid[], %(ats)s::timestamptz[], %(cpus)s::real[], %(sizes)s::bigint[], %(counts)s::int[])"
    " as given(run, at, cpu, rss, processes) order by run, at on conflict do nothing"
)


def _bucket(span: int, time: str) -> str:
    return f"date_bin(interval '{span} s', {time}, timestamptz 'epoch')"


def _rolled(source: int, span: int) -> str:
    """Buckets that are over are made of their source: those since the last that was made, and that one again. What
    was there already is only changed by a bucket of more: some of its source may be too old and gone."""
    this = _bucket(span, "%(now)s::timestamptz")
    last = f"(select max(at) from samples where span = {span})"  # noqa: S608
    since = f"least(coalesce({last}, '-infinity'), {this} - interval '{span} s')"
    means = ", ".join(f"(sum({name}::float8 * n) / sum(n))" for name in ("cpu", "rss"))
    return (
        f"insert into samples ({_COLUMNS}) select run_id, {span}, {_bucket(span, 'at')}, {means}, max(rss_max),"  # noqa: S608
        f" round(sum(processes::float8 * n) / sum(n)), sum(n) from samples where span = {source}"
        f" and at >= {since} and at < {this} group by run_id, {_bucket(span, 'at')} order by 1, 3"
        " on conflict (run_id, span, at) do update set cpu = excluded.cpu, rss = excluded.rss,"
        " rss_max = excluded.rss_max, processes = excluded.processes, n = excluded.n where excluded.n > samples.n"
    )


def _too_old(*spans: int) -> str:
    ages = [f"(span = {span} and at < %(now)s - interval '{KEEP[span].total_seconds()} s')" for span in spans]
    return f"with old as (delete from samples where {' or '.join(ages)})"  # noqa: S608


# Two statements: quarters are made of minutes, the newest of which come from the first.
ROLL_UP = (f"{_too_old(RAW)} {_rolled(RAW, MINUTE)}", f"{_too_old(MINUTE, QUARTER)} {_rolled(MINUTE, QUARTER)}")

# ---- pictures -------------------------------------------------------------------------------


def _latest(run: str) -> str:
    """The newest sample of a run, if it is fresh."""
    return (
        f"left join lateral (select at, cpu, rss, processes from samples where run_id = {run} and span = {RAW}"  # noqa: S608
        " and at > %(fresh)s order by at desc limit 1) u on true"
    )


_LATEST = "u.at, u.cpu, u.rss, u.processes"
_PAST = ("at", "cpu", "rss", "processes")
_AGENT_WANTED = (
    "(%(names)s::text[] = '{}' or a.name = any(%(names)s)) and (%(team)s::text is null or a.team = %(team)s)"
    " and (%(tags)s::text[] = '{}' or a.tags && %(tags)s) and (%(lives)s::text[] = '{}' or a.life = any(%(lives)s))"
)
VITALS = (
    "with recursive live as materialized (select r.agent_id as id, u.* from runs r"  # noqa: S608
    f" join agents a on a.id = r.agent_id {_latest('r.id')} where r.ended_at is null and a.host = %(host)s),"
    # `union` and not `union all`: it would end even if the parents went in a circle.
    " up(id, top) as (select id, id from live union"
    " select up.id, a.parent from up join agents a on a.id = up.top where a.parent is not null),"
    " whole as (select up.top as id, sum(u.cpu) as cpu, sum(u.rss)::bigint as rss"
    " from up join live u on u.id = up.id group by up.top)"
    f" select p.name, {_LATEST}, w.cpu, w.rss, past.*, {STANDING_COLUMNS}"
    f" from {STANDING_TABLES} join live u on u.id = a.id join whole w on w.id = a.id"
    " left join agents p on p.id = a.parent"
    f" left join lateral (select {', '.join(f'array_agg({name} order by at)' for name in _PAST)}"
    f" from samples where run_id = a.run_id and span = {RAW} and at > %(since)s) past on true"
    f" where r.ended_at is null and {_AGENT_WANTED} order by a.team, a.name, a.created_at"
)

_BELOW = (
    "top(id) as materialized (select id from agents where name = %(top)s"
    " order by (life = 'terminated'), created_at desc limit 1),"
    " below(id) as (select id from top union select a.id from agents a join below b on a.parent = b.id),"
    " member(id) as materialized (select id from below)"
)
_EVERYBODY = "member(id) as (select id from agents)"


def _grove(members: str, first: str) -> str:
    """Who is shown, and who is above them: those are shown whatever they are."""
    return (
        f"with recursive {members}, shown(id) as ("  # noqa: S608
        f"select a.id from agents a join member m on m.id = a.id where %(all)s or a.life <> 'terminated' or {first}"
        " union select a.parent from agents a join shown s on a.id = s.id join member m on m.id = a.parent)"
        f" select {_LATEST}, p.name, p.life, o.name, o.life, ho.last_beat_at, {STANDING_COLUMNS}"
        f" from {STANDING_TABLES} join shown on shown.id = a.id join hosts ho on ho.id = a.host"
        " join agents o on o.id = a.root left join agents p on p.id = a.parent"
        f" {_latest('r.id')} and r.ended_at is null order by a.created_at, a.id"
    )


GROVE = _grove(_EVERYBODY, "false")
TREE = _grove(_BELOW, "a.id = (select id from top)")


def add(connection: Connection, samples: Sequence[Sample]) -> None:
    """All by one statement; one that is there already is left as it is."""
    if not samples:
        return
    columns = {
        "runs": [one.run for one in samples],
        "ats": [one.at for one in samples],
        "cpus": [float(one.cpu) for one in samples],
        "sizes": [one.rss for one in samples],
        "counts": [one.processes for one in samples],
    }
    connection.exec_driver_sql(ADD, columns)


def roll_up(connection: Connection, now: datetime) -> None:
    for statement in ROLL_UP:
        connection.exec_driver_sql(statement, {"now": now})


def vitals(connection: Connection, host: str, *, wanted: Wanted, since: datetime, now: datetime) -> list[Vital]:
    params = {
        "host": host,
        "names": list(wanted.names),
        "team": wanted.team,
        "tags": list(wanted.tags),
        "lives": [life.value for life in wanted.lives],
        "since": since,
        "fresh": now - FRESH,
    }
    return [_vital(row) for row in fetch(connection, VITALS, params)]


def grove(connection: Connection, *, top: str | None, everything: bool, now: datetime) -> list[Leaf]:
    params = {"top": top, "all": everything, "fresh": now - FRESH}
    return [_leaf(row) for row in fetch(connection, GROVE if top is None else TREE, params)]


def _vital(row: tuple[Any, ...]) -> Vital:
    standing = rows.to_standing(row[11:])
    run = standing.run.id if standing.run else standing.agent.id
    past = zip(*row[7:11], strict=True) if row[7] else ()
    return Vital(
        standing=standing,
        parent=row[0],
        latest=_sample(run, row[1:5]),
        tree_cpu=row[5],
        tree_rss=row[6],
        history=tuple(_at(run, *sample) for sample in past),
    )


def _leaf(row: tuple[Any, ...]) -> Leaf:
    standing = rows.to_standing(row[9:])
    run = standing.run.id if standing.run else standing.agent.id
    parent, parent_life, root, root_life, beat = row[4:9]
    return Leaf(
        standing=standing,
        latest=_sample(run, row[:4]),
        parent=Relative(parent, Life(parent_life)) if parent else None,
        root=Relative(root, Life(root_life)),
        beat=beat,
    )


def _sample(run: UUID, row: tuple[Any, ...]) -> Sample | None:
    return _at(run, *row) if row[0] is not None else None


def _at(run: UUID, at: datetime, cpu: float, rss: int, processes: int) -> Sample:
    return Sample(run=run, at=at, cpu=cpu, rss=rss, processes=processes)
