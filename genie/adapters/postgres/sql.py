"""The registry's statements: plain text, made once from the tables, so that a call costs no compiling."""

from __future__ import annotations

from sqlalchemy import Table

from genie.adapters.postgres import tables

CHANNEL = "genie"

_COPIES = ("provider", "provider_session")
"""Columns of `runs` that are the session's."""


def _names(table: Table, *, leave_out: tuple[str, ...] = ()) -> list[str]:
    return [column.name for column in table.columns if column.name not in leave_out]


AGENT = _names(tables.agents)
SESSION = _names(tables.sessions)
RUN = _names(tables.runs, leave_out=_COPIES)
EVENT = ["id", "seq", "kind", "at", "agent_id", "session_id", "run_id", "payload"]


_AS_TEXT = ("team_chain", "limits")
"""JSON that is decoded by a cache, which is asked by its text."""


def _columns(alias: str, names: list[str]) -> str:
    return ", ".join(f"{alias}.{name}::text" if name in _AS_TEXT else f"{alias}.{name}" for name in names)


def _values(names: list[str]) -> str:
    return ", ".join(f"%({name})s" for name in names)


def _insert(table: str, names: list[str]) -> str:
    return f"insert into {table} ({', '.join(names)}) values ({_values(names)})"  # noqa: S608  names of our tables


def _changed(names: list[str]) -> str:
    """A condition: one of the columns is to change."""
    return f"({', '.join(names)}) is distinct from ({_values(names)})"


def _assign(names: list[str]) -> str:
    return ", ".join(f"{name} = %({name})s" for name in names)


# ---- reading --------------------------------------------------------------------------------

STANDING_COLUMNS = f"{_columns('a', AGENT)}, {_columns('s', SESSION)}, {_columns('r', RUN)}, h.missed"
STANDING_TABLES = (
    "agents a left join sessions s on s.id = a.session_id left join runs r on r.id = a.run_id"
    " left join heartbeats h on h.run_id = r.id"
)
STANDING = f"select {STANDING_COLUMNS} from {STANDING_TABLES}"  # noqa: S608

MOVE_AGENTS = (
    "with moved as (update agents set team = %(name)s, version = version + 1 where team = %(old)s returning *)"  # noqa: S608
    f" select {_columns('a', AGENT)} from moved a where a.life <> 'terminated' order by a.name"
)

STANDING_OF_NAME = f"{STANDING} where a.name = %(name)s and a.life <> 'terminated'"
STANDING_OF = f"{STANDING} where a.id = %(id)s"
TAPE = "t.session_id, t.provider, t.path, t.form, t.position, t.state"
SPEAKER = (
    f"select {TAPE}, {STANDING_COLUMNS} from tapes t join sessions s on s.id = t.session_id"  # noqa: S608
    " join agents a on a.id = s.agent_id"
    " left join runs r on r.id = (select l.id from runs l where l.agent_id = a.id and l.session_id = s.id"
    " order by l.created_at desc, l.id limit 1)"
    " left join heartbeats h on h.run_id = r.id where t.session_id = %(session)s for update of t"
)
FIND = f"{STANDING} where a.name = %(name)s order by (a.life = 'terminated'), a.created_at desc limit 1"
CHILDREN = f"{STANDING} where a.parent = %(id)s order by a.team, a.name, a.created_at"

OWNERS = (
    f"select mine.id, {STANDING_COLUMNS} from {STANDING_TABLES}"  # noqa: S608
    " join runs mine on mine.agent_id = a.id where mine.id = any(%(runs)s)"
)

ROSTER = (
    f"{STANDING} where (%(all)s or a.life <> 'terminated' or 'terminated' = any(%(lives)s))"
    " and (%(names)s::text[] = '{}' or a.name = any(%(names)s)) and (%(team)s::text is null or a.team = %(team)s)"
    " and (%(tags)s::text[] = '{}' or a.tags && %(tags)s) and (%(lives)s::text[] = '{}' or a.life = any(%(lives)s))"
    " order by a.team, a.name, a.created_at"
)

# A word is a name before it is the beginning of an id; of an ambiguous one `shown` are told, and how many there are.
SELECT = (
    f"with asked as (select * from unnest(%(words)s::text[], %(lows)s::uuid[], %(highs)s::uuid[]) w(word, low, high)),"  # noqa: S608
    " named as (select w.word, n.id from asked w cross join lateral (select a.id from agents a where a.name = w.word"
    " order by (a.life = 'terminated'), a.created_at desc limit 1) n),"
    " begun as (select w.word, b.* from asked w cross join lateral (select s.agent_id, s.id, count(*) over () as total"
    " from sessions s where s.id between w.low and w.high order by s.created_at desc, s.id limit %(shown)s) b"
    " where not exists (select from named n where n.word = w.word)),"
    " grouped as (select a.id from agents a left join sessions c on c.id = a.session_id where %(group)s"
    " and (%(latest)s or a.life <> 'terminated') and (%(team)s::text is null or a.team = %(team)s)"
    " and (%(tags)s::text[] = '{}' or a.tags && %(tags)s)"
    " order by c.created_at desc nulls last, a.id limit case when %(latest)s then 1 end)"
    f" select f.word, f.session, f.total, {STANDING_COLUMNS} from {STANDING_TABLES} join (select word, id as agent,"
    " null::uuid as session, 1 as total from named union all select word, agent_id, id, total from begun"
    " union all select null, id, null, 1 from grouped) f on f.agent = a.id"
    " order by a.team, a.name, a.created_at, f.session"
)
STANDINGS = f"{STANDING} where a.id = any(%(ids)s) order by a.team, a.name, a.created_at"

_BEAT_WITH = (
    # Losing the last beats in a crash of the server is no loss: no beat waits for the disk.
    "with quick as materialized (select set_config('synchronous_commit', 'off', true)),"
    " lived as (update hosts set beats = beats + 1, last_beat_at = %(at)s from quick where id = %(host)s),"
    " busy as (select id from agents where host = %(host)s"
    " and (life in ('queued', 'spawning', 'running', 'dead', 'resuming')"
    " or (desired = 'gone' and life <> 'terminated')"
    " or (desired = 'running' and life = 'suspended')"
    " or (expires_at <= %(at)s and desired <> 'gone' and life = 'suspended'))"
    " union select agent_id from runs where ended_at is null)"
)
# What a queued agent waits for: sessions, the names of their agents and how they have ended.
_NEEDS = (
    "case when a.life = 'queued' then (select jsonb_agg(jsonb_build_array(e.source_id, n.name, o.success)"
    " order by e.place) from edges e join sessions m on m.id = e.source_id join agents n on n.id = m.agent_id"
    " left join results o on o.session_id = e.source_id where e.session_id = a.session_id"
    " and e.bond = 'depends-on') end"
)
_BUSY = "a.host = %(host)s and a.id in (select id from busy)"
BEAT = (
    f"{_BEAT_WITH} select {_NEEDS}, {STANDING_COLUMNS} from {STANDING_TABLES} where {_BUSY}"  # noqa: S608
    " order by a.created_at, a.id"
)

LAST_BEAT = "select last_beat_at from hosts where id = %(host)s"

JOIN_HOST = (
    "insert into hosts (id, name, boot, joined_at) values (%(id)s, %(name)s, %(boot)s, %(at)s)"
    " on conflict (id) do update set name = excluded.name, boot = excluded.boot, joined_at = excluded.joined_at"
)

BEARER = (
    f"select {_columns('t', RUN)}, {STANDING_COLUMNS} from runs t join agents a on a.id = t.agent_id"  # noqa: S608
    " left join sessions s on s.id = a.session_id left join runs r on r.id = a.run_id"
    " left join heartbeats h on h.run_id = r.id where t.token = %(token)s"
)
LIVE_PANES = (
    f"select {_columns('r', RUN)} from runs r join agents a on a.id = r.agent_id"  # noqa: S608
    " where r.ended_at is null and r.pane is not null and a.host = %(host)s"
)

# ---- trees ----------------------------------------------------------------------------------

LOCK_TREE = "select pg_advisory_xact_lock(hashtextextended(%(root)s, 1735288170))"

LINE = (
    f"with recursive line(id, level) as (select %(id)s::uuid, 0 union all"  # noqa: S608
    " select a.parent, level + 1 from agents a join line l on a.id = l.id where a.parent is not null and level < 1000)"
    f" select {_columns('a', AGENT)} from line l join agents a on a.id = l.id order by l.level"
)
_AT_WORK = "('queued', 'spawning', 'running', 'resuming', 'dead')"


def _counted(alias: str) -> str:
    """A condition: the agent takes a place in its tree."""
    coming = f"{alias}.life = 'suspended' and {alias}.desired = 'running'"
    return f"({alias}.life in {_AT_WORK} or ({coming}))"


_BELOW = (
    "with recursive below(top, id) as (select a.parent, a.id from agents a where a.parent = any(%(line)s)"
    " union all select b.top, a.id from agents a join below b on a.parent = b.id)"
)
CENSUS = (
    f"{_BELOW} select w.id, (select count(*) from agents c where c.parent = w.id and {_counted('c')}),"  # noqa: S608
    f" (select count(*) from below b join agents d on d.id = b.id where b.top = w.id and {_counted('d')}),"
    " (select count(*) from spawns s where s.line @> array[w.id]) from unnest(%(line)s::uuid[]) w(id)"
)
PACE = (
    "select count(*) filter (where parent = %(parent)s and at > %(parent_since)s),"
    " count(*) filter (where at > %(root_since)s) from spawns where line @> array[%(root)s::uuid]"
    " and at > least(%(parent_since)s, %(root_since)s)"
)
DESCENDANTS = (
    "with recursive below(id, level) as (select id, 1 from agents where parent = %(id)s"  # noqa: S608
    " union all select a.id, level + 1 from agents a join below b on a.parent = b.id)"
    f" {STANDING} join below b on b.id = a.id where a.life <> 'terminated' order by b.level, a.created_at, a.id"
)
ADD_SPAWN = "insert into spawns (agent_id, parent, line, at) values (%(agent)s, %(parent)s, %(line)s, %(at)s)"

FORGET_SPAWNS = (
    "delete from spawns s where s.at < %(before)s and not exists"
    " (select from agents a where a.life <> 'terminated' and (a.id = any(s.line) or a.root = any(s.line)))"
)

# ---- rosters --------------------------------------------------------------------------------

RELATIVES = "select id, name, life from agents where id = any(%(ids)s)"
AGENT_NAMES = "select id, name from agents where id = any(%(ids)s)"
SESSIONS = f"select {_columns('s', SESSION)} from sessions s where s.agent_id = %(agent)s order by s.created_at, s.id"  # noqa: S608
RUNS = (
    f"select {_columns('r', RUN)}, h.missed from runs r left join heartbeats h on h.run_id = r.id"  # noqa: S608
    " where r.agent_id = %(agent)s order by r.created_at desc, r.id"
)

LEAD_SESSIONS = (
    "select s.provider_session, t.name from teams t"
    " join agents a on a.name = t.lead and a.team = t.name and a.life <> 'terminated'"
    " join sessions s on s.id = a.session_id where s.provider_session is not null order by t.name"
)
KEPT_IDS = (
    "select true, s.id from sessions s join agents a on a.id = s.agent_id where a.life <> 'terminated'"
    " union all select true, id from schedules union all select false, id from runs where ended_at is null"
)

# Of events only those kinds that this genie knows: a newer one on another host may write others.
_EVENTS = f"select {_columns('e', EVENT)} from events e where e.kind = any(%(kinds)s)"  # noqa: S608
EVENTS_AFTER = f"{_EVENTS} and e.id > %(after)s order by e.id limit %(limit)s"
HISTORY = f"select * from ({_EVENTS} and e.agent_id = %(agent)s order by e.id desc limit %(limit)s) latest order by id"  # noqa: S608
_STRETCH = "e.session_id = %(session)s and e.seq > %(after)s and e.seq < %(before)s"
STRETCH = f"{_EVENTS} and {_STRETCH} order by e.seq limit %(limit)s"
MEASURE = f"select count(*) from events e where e.kind = any(%(kinds)s) and {_STRETCH}"  # noqa: S608
BEFORE_LAST = (
    f"select e.seq from events e where e.kind = any(%(kinds)s) and {_STRETCH}"  # noqa: S608
    " order by e.seq desc offset %(count)s limit 1"
)
BADGES = "select id, name, team, tags from agents where id = any(%(ids)s)"
LAST_EVENT = "select coalesce(max(id), 0) from events"

TAKEN = "select name from agents where life <> 'terminated' and starts_with(name, %(prefix)s)"
LIVE_COUNT = (
    "select count(*) from runs r join agents a on a.id = r.agent_id where r.ended_at is null and a.host = %(host)s"
)
COLORS = "select color from agents where team = %(team)s and life <> 'terminated' order by created_at, id"

# ---- writing --------------------------------------------------------------------------------

LOCK_NAME = "select pg_advisory_xact_lock(hashtextextended(%(name)s, 1735288169))"

ADD_AGENT = _insert("agents", AGENT)
_AGENT_SET = [name for name in AGENT if name not in ("id", "version")]
SAVE_AGENT = (
    f"update agents set {_assign(_AGENT_SET)}, version = version + 1"  # noqa: S608
    " where id = %(id)s and version = %(version)s"
)

ADD_SESSION = _insert("sessions", SESSION)
_SESSION_SET = [name for name in SESSION if name not in ("id", "agent_id")]
SAVE_SESSION = (
    f"with saved as (update sessions set {_assign(_SESSION_SET)} where id = %(id)s"  # noqa: S608
    f" and {_changed(_SESSION_SET)})"
    " update runs set provider = %(provider)s, provider_session = %(provider_session)s"
    " where session_id = %(id)s and ended_at is null"
    " and (provider, provider_session) is distinct from (%(provider)s, %(provider_session)s)"
)

ADD_RUN = (
    f"insert into runs ({', '.join([*RUN, *_COPIES])})"  # noqa: S608
    f" select {_values(RUN)}, provider, provider_session from sessions where id = %(session_id)s"
)
_RUN_SET = [name for name in RUN if name not in ("id", "agent_id", "session_id")]
SAVE_RUN = f"update runs set {_assign(_RUN_SET)} where id = %(id)s and {_changed(_RUN_SET)}"  # noqa: S608
MISSED = (
    "insert into heartbeats (run_id, missed, missed_since) select %(id)s, %(missed)s, now()"
    " where not exists (select from heartbeats where run_id = %(id)s and missed = %(missed)s)"
    " on conflict (run_id) do update set missed = excluded.missed,"
    " missed_since = coalesce(heartbeats.missed_since, excluded.missed_since)"
)
NOT_MISSED = "update heartbeats set missed = 0, missed_since = null where run_id = %(id)s and missed <> 0"

ADD_ATTEMPT = (
    "insert into resume_attempts (run_id, agent_id, number, automatic, claimed_at, outcome)"
    " values (%(run)s, %(agent)s, %(number)s, %(automatic)s, %(claimed_at)s, %(outcome)s)"
)
CLOSE_ATTEMPT = "update resume_attempts set outcome = %(outcome)s where run_id = %(run)s"

CHECK_ALL = "set constraints all immediate"
"""Before the lock on the order of events is taken: nothing may wait for a row while holding it."""


MOVE_TAPE = "update tapes set path = %s, form = %s, position = %s, state = %s where session_id = %s"


def add_events(count: int, *, moved: bool = False) -> str:
    """One statement for that many events: kind, time, agent, session, run and payload of each; where a tape has
    `moved`, what MOVE_TAPE takes comes before."""
    rows = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * count)
    first = f"with moved as ({MOVE_TAPE}) " if moved else ""
    return f"{first}insert into events (kind, at, agent_id, session_id, run_id, payload) values {rows}"  # noqa: S608
