"""What every registry must do, on the real one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from genie.adapters.postgres.sql import STRETCH
from genie.domain.agent import Activity, Desired, End, Life, Restart, Why
from genie.domain.errors import BadInput, Conflict, Stale
from genie.domain.events import CHANGES, Event, Kind
from genie.domain.session import Standing
from genie.domain.template import Kept
from genie.ports import Attempt, Badge, Registry, Stretch, Wanted
from tests.contract.values import HOST, NOW, a_pane, a_run, a_session, a_team, a_template, an_agent, spawn, write
from tests.fixtures.postgres import Asker


@pytest.fixture(autouse=True)
def host(registry: Registry) -> None:
    registry.join_host(HOST, name="box", boot="b1", at=NOW)


def happened(standing: Standing, kind: Kind = Kind.ACTIVITY, **payload: object) -> Event:
    session = standing.session.id if standing.session else None
    return Event(kind=kind, at=NOW, agent=standing.agent.id, session=session, payload=payload)


# ---- what is written is read back whole ----------------------------------------------------


def test_everything_of_an_agent_its_session_and_its_run_comes_back_as_it_was(registry: Registry) -> None:
    agent = an_agent(life=Life.RUNNING, restart=Restart.ALWAYS, team_explicit=True, desired=Desired.STOPPED)
    session = a_session(agent.id, ended_at=NOW, prompted=True)
    run = a_run(session, why=Why.AUTO_RESUME, attempt=2, live_at=NOW, missed=3)
    run = replace(run, pane=a_pane(run.id)).ended(End(signal=9), at=NOW)
    with registry.begin() as tx:
        written = write(tx, Standing(agent, session, run))
        assert tx.standing_of(agent.id) == written
    assert registry.find("ada") == written
    assert registry.sessions(agent.id) == [session]
    assert registry.runs(agent.id) == [run]


def test_nothing_optional_comes_back_as_nothing(registry: Registry) -> None:
    bare = an_agent(
        model=None, team_tier=None, team_chain=(), last_attempt=None, limited_until=None, tags=(), description=""
    )
    with registry.begin() as tx:
        tx.add_team(a_team())
        tx.add_agent(bare)
    assert registry.find("ada") == Standing(bare, None, None)


@pytest.mark.parametrize("activity", list(Activity))
def test_every_activity_fits(registry: Registry, activity: Activity) -> None:
    assert spawn(registry, activity=activity).agent.activity is activity


@pytest.mark.parametrize("life", list(Life))
def test_every_life_fits(registry: Registry, life: Life) -> None:
    spawn(registry, life=life, live=False)
    found = registry.find("ada")
    assert found
    assert found.agent.life is life


def test_an_agent_knows_its_children(registry: Registry) -> None:
    parent = spawn(registry, "lead").agent.id
    for name in ("zoe", "bob"):
        spawn(registry, name, parent=parent, depth=1)
    assert [child.agent.name for child in registry.children(parent)] == ["bob", "zoe"]
    assert registry.agent_names([parent, uuid4()]) == {parent: "lead"}
    assert registry.agent_names([]) == {}


def test_a_failed_block_writes_nothing(registry: Registry) -> None:
    def fail() -> None:
        with registry.begin() as tx:
            tx.add_team(a_team())
            tx.record(Event(kind=Kind.TEAM_CREATED, at=NOW))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert registry.teams() == []
    assert registry.last_event() == 0


def test_a_conflict_that_is_swallowed_still_fails_the_transaction(registry: Registry) -> None:
    first = spawn(registry)

    def swallow() -> None:
        with registry.begin() as tx:
            with suppress(Conflict):
                tx.add_agent(an_agent("ada"))
            tx.record(happened(first))

    with pytest.raises(Conflict):
        swallow()
    assert registry.last_event() == 0


def test_text_that_postgres_cannot_keep_is_bad_input(registry: Registry) -> None:
    with pytest.raises(BadInput):
        spawn(registry, description="a\0b")
    with pytest.raises(BadInput):
        spawn(registry, description="\udcff")
    assert registry.find("ada") is None


# ---- names -----------------------------------------------------------------------------------


def test_a_name_is_held_by_one_agent_that_is_not_terminated(registry: Registry) -> None:
    first = spawn(registry)
    with pytest.raises(Conflict, match="name"):
        spawn(registry)
    with registry.begin() as tx:
        tx.save_run(replace(first.run, ended_at=NOW) if first.run else a_run(a_session(first.agent.id)))
        tx.save_agent(replace(first.agent, life=Life.TERMINATED))
        assert tx.standing("ada") is None
        assert tx.taken("a") == frozenset()
    second = spawn(registry, created_at=NOW + timedelta(seconds=1))
    found = registry.find("ada")
    assert found
    assert found.agent.id == second.agent.id


def test_find_gives_the_latest_of_terminated_ones(registry: Registry) -> None:
    spawn(registry, life=Life.TERMINATED, live=False, created_at=NOW)
    latest = spawn(registry, life=Life.TERMINATED, live=False, created_at=NOW + timedelta(seconds=5))
    found = registry.find("ada")
    assert found
    assert found.agent.id == latest.agent.id
    assert registry.find("bob") is None


def test_taken_takes_the_prefix_literally(registry: Registry) -> None:
    for name in ("ada", "ada-1f", "a_a", "bob"):
        spawn(registry, name)
    with registry.begin() as tx:
        assert tx.taken("ada") == {"ada", "ada-1f"}
        assert tx.taken("a_") == {"a_a"}
        assert tx.taken("%") == frozenset()


def test_of_racing_transactions_on_a_name_one_has_it_at_a_time(registry: Registry) -> None:
    inside = 0
    most = 0
    start = threading.Barrier(5)

    def take(_: int) -> bool:
        nonlocal inside, most
        start.wait()
        with registry.begin() as tx:
            tx.lock_name("ada")
            inside += 1
            most = max(most, inside)
            created = tx.standing("ada") is None
            if created:
                write(tx, _standing("ada"))
            inside -= 1
        return created

    with ThreadPoolExecutor(5) as pool:
        created = list(pool.map(take, range(5)))
    assert (created.count(True), most) == (1, 1)


def _standing(name: str) -> Standing:
    agent = an_agent(name)
    session = a_session(agent.id)
    return Standing(agent, session, a_run(session))


# ---- changes ---------------------------------------------------------------------------------


def test_a_save_gives_the_next_version_and_refuses_the_one_before(registry: Registry) -> None:
    agent = spawn(registry).agent
    with registry.begin() as tx:
        saved = tx.save_agent(replace(agent, color="red"))
    assert saved == replace(agent, color="red", version=agent.version + 1)
    found = registry.find("ada")
    assert found
    assert found.agent == saved
    with pytest.raises(Stale), registry.begin() as tx:
        tx.save_agent(replace(agent, color="green"))
    found = registry.find("ada")
    assert found
    assert found.agent == saved


def test_an_agent_has_one_live_run(registry: Registry) -> None:
    first = spawn(registry)
    other = a_session(first.agent.id)
    with registry.begin() as tx:
        tx.add_session(other)
    with pytest.raises(Conflict, match="agent has a live run"), registry.begin() as tx:
        tx.add_run(a_run(other))


def test_a_session_has_one_live_run(registry: Registry) -> None:
    first, second = spawn(registry, "ada"), spawn(registry, "bob", live=False)
    assert first.session
    with pytest.raises(Conflict, match="session has a live run"), registry.begin() as tx:
        tx.add_run(replace(a_run(first.session), agent=second.agent.id))


def test_a_provider_session_has_one_live_run(registry: Registry) -> None:
    first, second = spawn(registry, "ada"), spawn(registry, "bob")
    assert first.session
    assert second.session
    same = replace(second.session, provider_session=first.session.provider_session)
    with pytest.raises(Conflict, match="provider session"), registry.begin() as tx:
        tx.save_session(same)
    with registry.begin() as tx:
        tx.save_session(replace(same, provider="codex"))
    assert registry.sessions(second.agent.id) == [replace(same, provider="codex")]


def test_an_ended_run_makes_room(registry: Registry) -> None:
    first = spawn(registry)
    assert first.run
    assert first.session
    following = a_run(first.session, why=Why.RESUME, created_at=NOW + timedelta(seconds=1))
    with registry.begin() as tx:
        assert tx.live_count(HOST) == 1
        tx.save_run(first.run.ended(End(exit_code=1), at=NOW))
        assert tx.live_count(HOST) == 0
        tx.add_run(following)
        tx.save_agent(replace(first.agent, run=following.id))
        assert tx.live_count("another") == 0
    assert [run.id for run in registry.runs(first.agent.id)] == [following.id, first.run.id]
    found = registry.find("ada")
    assert found
    assert found.run == following


def test_missed_looks_are_counted_beside_the_run(registry: Registry, sql: Asker) -> None:
    run = spawn(registry).run
    assert run
    for missed in (1, 2):
        with registry.begin() as tx:
            tx.save_run(replace(run, missed=missed))
    before = sql("select xmin::text, missed, missed_since is not null from heartbeats")
    assert before[0][1:] == (2, True)
    row = sql("select xmin::text from runs")
    with registry.begin() as tx:
        tx.save_run(replace(run, missed=2))
    assert sql("select xmin::text, missed, missed_since is not null from heartbeats") == before
    assert sql("select xmin::text from runs") == row, "an unchanged run is not written"
    with registry.begin() as tx:
        tx.save_run(replace(run, missed=0))
    assert sql("select missed, missed_since from heartbeats") == [(0, None)]


def test_attempts_are_kept_with_their_outcome(registry: Registry, sql: Asker) -> None:
    run = spawn(registry).run
    assert run
    with registry.begin() as tx:
        tx.add_attempt(Attempt(run=run.id, agent=run.agent, number=1, automatic=True, claimed_at=NOW))
        tx.close_attempt(run.id, "running")
    assert sql("select number, automatic, outcome from resume_attempts") == [(1, True, "running")]


# ---- teams and templates ---------------------------------------------------------------------


def test_a_team_is_added_once(registry: Registry) -> None:
    team = a_team(lead="ada")
    with registry.begin() as tx:
        tx.add_team(team)
        tx.add_team(a_team(lead="other"))
        assert tx.team("red") == team
        assert tx.team("blue") is None
    assert registry.teams() == [team]


def test_a_team_is_saved_and_one_that_was_disbanded_gives_its_name_away(registry: Registry) -> None:
    team = a_team(lead="ada")
    away = replace(team, lead=None, layout="vertical", archived_at=NOW)
    with registry.begin() as tx:
        tx.add_team(team)
        tx.save_team(away)
    assert registry.teams() == [away]
    spawn(registry, life=Life.TERMINATED, live=False)
    with registry.begin() as tx:
        tx.save_team(replace(away, disbanded_at=NOW))
        assert tx.team("red") is None
    assert registry.teams() == []
    again = a_team(id=uuid4(), lead="bob")
    with registry.begin() as tx:
        tx.add_team(again)
    assert registry.teams() == [again]


def test_a_team_is_renamed_with_all_its_agents(registry: Registry) -> None:
    with registry.begin() as tx:
        tx.add_team(a_team())
    ada = spawn(registry)
    spawn(registry, "eve", life=Life.TERMINATED, live=False)
    spawn(registry, "joe", team="blue")
    shop = a_team("shop", id=uuid4(), tmux_session="yard")
    with registry.begin() as tx:
        moved = tx.rename_team("red", shop)
        assert moved == [replace(ada.agent, team="shop", version=ada.agent.version + 1)]
    assert [team.name for team in registry.teams()] == ["blue", "shop"]
    found = {one.agent.name: one.agent.team for one in registry.roster(Wanted(all=True))}
    assert found == {"ada": "shop", "eve": "shop", "joe": "blue"}
    with pytest.raises(Stale), registry.begin() as tx:
        tx.save_agent(ada.agent)


def test_who_joins_a_team_that_was_renamed_meanwhile_is_stale(registry: Registry) -> None:
    ada = spawn(registry)
    with pytest.raises(Stale), registry.begin() as tx:
        tx.save_agent(replace(ada.agent, team="gone"))
    with registry.begin() as tx:
        assert tx.standing("ada") == ada


def test_templates_are_kept_by_the_host_that_has_their_files(registry: Registry) -> None:
    one, other = a_template(), a_template(source="/x/AGENTS.md", name="coder", checksum="c2")
    with registry.begin() as tx:
        tx.keep_template(one, host="here")
        tx.keep_template(other, host="here")
    with registry.begin() as tx:
        tx.keep_template(replace(one, checksum="c3"), host="here")
        tx.forget_template(other.source, host="there")
    kept = [Kept(one.source, "engineer", "c3"), Kept("/x/AGENTS.md", "coder", "c2")]
    assert (registry.templates("here"), registry.templates("there")) == (kept, [])
    with registry.begin() as tx:
        tx.forget_template(other.source, host="here")
    assert registry.templates("here") == kept[:1]


def test_the_lead_s_current_session_is_told_with_its_team(registry: Registry) -> None:
    with registry.begin() as tx:
        tx.add_team(a_team(lead="ada"))
    lead = spawn(registry)
    spawn(registry, "bob")
    assert lead.session
    assert registry.lead_sessions() == [(lead.session.provider_session, "red")]


def test_colors_of_a_team_are_those_worn(registry: Registry) -> None:
    spawn(registry, "ada", color="red")
    spawn(registry, "bob", color="blue", created_at=NOW + timedelta(seconds=1))
    spawn(registry, "eve", color="green", life=Life.TERMINATED, live=False)
    spawn(registry, "joe", color="pink", team="blue")
    with registry.begin() as tx:
        assert tx.colors("red") == ("red", "blue")


def test_killed_agents_keep_no_session(registry: Registry) -> None:
    live, ended = spawn(registry, "ada"), spawn(registry, "bob", live=False)
    spawn(registry, "eve", life=Life.TERMINATED, live=False)
    sessions, runs = registry.kept_ids()
    assert set(sessions) == {live.agent.session, ended.agent.session}
    assert set(runs) == {live.agent.run}


def test_a_run_leads_to_its_agent_as_it_stands(registry: Registry) -> None:
    first = spawn(registry, live=False)
    assert first.session
    assert first.run
    latest = a_run(first.session)
    with registry.begin() as tx:
        tx.add_run(latest)
        saved = tx.save_agent(replace(first.agent, run=latest.id))
    standing = Standing(saved, first.session, latest)
    assert registry.owners([first.run.id, latest.id, uuid4()]) == {first.run.id: standing, latest.id: standing}
    assert registry.owners([]) == {}


# ---- the roster ------------------------------------------------------------------------------


def test_the_roster_is_selected_and_in_order(registry: Registry) -> None:
    spawn(registry, "zoe", team="a", tags=("x", "y"))
    spawn(registry, "ada", team="b", tags=("x",), life=Life.DEAD)
    spawn(registry, "bob", team="a", tags=(), life=Life.TERMINATED, live=False)

    def names(wanted: Wanted) -> list[str]:
        return [standing.agent.name for standing in registry.roster(wanted)]

    assert names(Wanted()) == ["zoe", "ada"]
    assert names(Wanted(all=True)) == ["bob", "zoe", "ada"]
    assert names(Wanted(team="a")) == ["zoe"]
    assert names(Wanted(tags=("x",))) == ["zoe", "ada"]
    assert names(Wanted(tags=("y", "z"))) == ["zoe"]
    assert names(Wanted(names=("ada", "bob"))) == ["ada"]
    assert names(Wanted(lives=(Life.DEAD,))) == ["ada"]
    assert names(Wanted(lives=(Life.TERMINATED,))) == ["bob"]


# ---- the heartbeat ---------------------------------------------------------------------------


def test_a_beat_says_that_the_host_lives_and_brings_what_is_at_work(registry: Registry) -> None:
    registry.join_host("host-2", name="other", boot="b", at=NOW)
    spawn(registry, "elsewhere", host="host-2", life=Life.RUNNING)
    work = [life for life in Life if life not in (Life.SUSPENDED, Life.DONE, Life.FAILED, Life.TERMINATED)]
    at_work = {spawn(registry, life.value, life=life, live=False).agent.id for life in work}
    for life in (Life.SUSPENDED, Life.DONE, Life.FAILED, Life.TERMINATED):
        spawn(registry, f"{life.value}-over", life=life, live=False, desired=Desired.STOPPED)
        at_work.add(spawn(registry, f"{life.value}-open", life=life).agent.id)
    at_work.add(spawn(registry, "comes-back", life=Life.SUSPENDED, live=False).agent.id)
    expired: dict[str, Any] = {"life": Life.SUSPENDED, "live": False, "desired": Desired.STOPPED, "expires_at": NOW}
    at_work.add(spawn(registry, "expired", **expired).agent.id)
    assert registry.last_beat(HOST) is None
    standings = registry.beat(HOST, at=NOW)
    assert {standing.agent.id for standing in standings} == at_work
    assert registry.last_beat(HOST) == NOW
    assert registry.last_beat("host-2") is None
    assert registry.last_beat("nowhere") is None


def test_a_beat_brings_whole_standings(registry: Registry) -> None:
    written = spawn(registry, life=Life.RUNNING)
    assert written.run
    with registry.begin() as tx:
        tx.save_run(replace(written.run, missed=1))
    assert registry.beat(HOST, at=NOW) == [replace(written, run=replace(written.run, missed=1))]


def test_joining_again_keeps_the_last_beat(registry: Registry) -> None:
    registry.beat(HOST, at=NOW)
    registry.join_host(HOST, name="box", boot="b2", at=NOW + timedelta(hours=1))
    assert registry.last_beat(HOST) == NOW


# ---- events ----------------------------------------------------------------------------------


def test_events_count_within_their_session_and_over_all(registry: Registry) -> None:
    one, two = spawn(registry, "ada"), spawn(registry, "bob")
    with registry.begin() as tx:
        tx.record(happened(one, n=1), happened(two, n=2), happened(one, n=3))
    with registry.begin() as tx:
        tx.record(Event(kind=Kind.DAEMON_STARTED, at=NOW), happened(one, Kind.RUNNING, id=one.agent.id, when=NOW))
    events = registry.events(after=0)
    assert [event.id for event in events] == sorted(event.id or 0 for event in events)
    assert [event.seq for event in events] == [1, 1, 2, None, 3]
    assert registry.last_event() == events[-1].id
    assert events[-1].payload == {"id": str(one.agent.id), "when": NOW.isoformat()}
    assert registry.events(after=events[2].id or 0) == events[3:]
    assert registry.events(after=0, limit=2) == events[:2]


def test_history_is_the_latest_events_oldest_first(registry: Registry) -> None:
    one, two = spawn(registry, "ada"), spawn(registry, "bob")
    with registry.begin() as tx:
        for number in range(5):
            tx.record(happened(one, n=number), happened(two))
    assert [event.payload["n"] for event in registry.history(one.agent.id, limit=3)] == [2, 3, 4]


def test_history_of_some_kinds(registry: Registry) -> None:
    one = spawn(registry)
    with registry.begin() as tx:
        tx.record(happened(one, Kind.RUNNING), *(happened(one, Kind.USER_EVENT, n=n) for n in range(5)))
    assert [event.kind for event in registry.history(one.agent.id, limit=3, kinds=CHANGES)] == [Kind.RUNNING]


def test_a_stretch_of_a_session_is_read_measured_and_cut(registry: Registry) -> None:
    one, two = spawn(registry, "ada"), spawn(registry, "bob")
    with registry.begin() as tx:
        tx.record(*(happened(of, kind) for kind in (Kind.RUNNING, Kind.USER_EVENT) * 3 for of in (one, two)))
    assert one.session
    of = Stretch(session=one.session.id)
    assert [(event.agent, event.seq) for event in registry.stretch(of)] == [(one.agent.id, seq) for seq in range(1, 7)]
    assert [event.seq for event in registry.stretch(of, limit=2)] == [1, 2]
    assert (registry.measure(of), registry.measure(Stretch(session=uuid4()))) == (6, 0)
    said = replace(of, kinds=(Kind.USER_EVENT,), after=2, before=6)
    assert [event.seq for event in registry.stretch(said)] == [4]
    assert registry.measure(said) == 1
    assert [registry.before_last(of, count) for count in (1, 4, 6, 100)] == [5, 2, 0, 0]
    assert [registry.before_last(replace(said, before=None), count) for count in (1, 2, 3)] == [4, 2, 2]


def test_agents_have_badges(registry: Registry) -> None:
    one, two = spawn(registry, "ada", tags=("x", "y")), spawn(registry, "bob", tags=())
    assert registry.badges([one.agent.id, two.agent.id, uuid4()]) == {
        one.agent.id: Badge("ada", one.agent.team, frozenset({"x", "y"})),
        two.agent.id: Badge("bob", two.agent.team, frozenset()),
    }
    assert registry.badges([]) == {}


def test_every_text_of_a_user_event_comes_back(registry: Registry) -> None:
    one = spawn(registry)
    said = {
        "message": "h\u00e9 \u2028\u202e \ufeff\uffff\x01\x7f \U0001f600\U0010ffff '\\\"",
        "data": {"": [1.5, None, {}]},
    }
    with registry.begin() as tx:
        tx.record(happened(one, Kind.USER_EVENT, **said))
    assert registry.history(one.agent.id, limit=1)[0].payload == said


def test_a_session_is_read_by_its_index(registry: Registry, sql: Asker) -> None:
    one, two = spawn(registry, "ada"), spawn(registry, "bob")
    with registry.begin() as tx:
        tx.record(*(happened(of, n=n) for n in range(2000) for of in (one, two)))
    assert one.session
    sql("analyze events")
    asked = {"session": f"'{one.session.id}'", "after": 1900, "before": 1950, "limit": 500}
    found = sql(f"explain {STRETCH % (asked | {'kinds': quoted_kinds()})}")
    plan = " ".join(str(row[0]) for row in found)
    assert "events_of_session" in plan
    assert "(seq > 1900)" in plan[plan.index("Index Cond") :]


def quoted_kinds() -> str:
    return f"'{{{','.join(kind.value for kind in Kind)}}}'"


def test_more_events_than_a_statement_takes(registry: Registry) -> None:
    one = spawn(registry)
    with registry.begin() as tx:
        tx.record(*(happened(one, n=number) for number in range(2500)))
    assert [event.payload["n"] for event in registry.events(after=0, limit=5000)] == list(range(2500))
    assert [event.seq for event in registry.events(after=0, limit=5000)] == list(range(1, 2501))


def test_kinds_of_a_newer_genie_are_passed_over(registry: Registry, sql: Asker) -> None:
    one = spawn(registry)
    sql("insert into events (kind, at, payload) select 'agent.levitated', now(), '{}' from generate_series(1, 30)")
    with registry.begin() as tx:
        tx.record(happened(one))
    assert [event.kind for event in registry.events(after=0, limit=10)] == [Kind.ACTIVITY]


def test_ids_are_in_the_order_of_commits_and_a_reader_misses_none(registry: Registry) -> None:
    """Writers that hold their transactions open for unequal times; a reader that goes on after the last id."""
    agents = [spawn(registry, f"w{number}") for number in range(4)]
    done = threading.Event()
    seen: list[int] = []

    def read() -> None:
        while True:
            last = done.is_set()
            seen.extend(event.id or 0 for event in registry.events(after=seen[-1] if seen else 0))
            if last and len(seen) >= registry_count(registry):
                return

    def write_events(number: int) -> None:
        for turn in range(40):
            with registry.begin() as tx:
                tx.record(happened(agents[number], n=turn))
                for _ in range((number * 7 + turn) % 5):
                    tx.live_count(HOST)
                tx.record(happened(agents[number], n=turn))

    reader = threading.Thread(target=read)
    reader.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write_events, range(4)))
    done.set()
    reader.join(30)
    assert seen == [event.id for event in registry.events(after=0, limit=10_000)]
    assert len(seen) == 4 * 40 * 2


def registry_count(registry: Registry) -> int:
    return len(registry.events(after=0, limit=10_000))


def test_the_lower_id_never_commits_last(registry: Registry) -> None:
    """A second writer of events waits for the first one's commit, and then gets the higher id."""
    one, two = spawn(registry, "ada"), spawn(registry, "bob")
    order: list[UUID] = []
    begun = threading.Event()

    def second() -> None:
        with registry.begin() as tx:
            tx.record(happened(two))
            begun.set()
        order.append(two.agent.id)

    with registry.begin() as tx:
        tx.record(happened(one))
        tx.flush()  # type: ignore[attr-defined]  # the real one's: takes the lock on the order now
        thread = threading.Thread(target=second)
        thread.start()
        assert begun.wait(10)
        thread.join(0.2)
        assert thread.is_alive(), "the second writer did not wait"
        assert registry.events(after=0) == []
        order.append(one.agent.id)
    thread.join(10)
    assert [event.agent for event in registry.events(after=0)] == order == [one.agent.id, two.agent.id]
