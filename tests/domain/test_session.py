"""Sessions and runs: one look at a pane, how long a run lived, what a decision needs to know."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genie.domain.agent import Desired, End, Life, Restart, Why
from genie.domain.session import (
    Launch,
    Look,
    PaneIdentity,
    PaneSeen,
    Run,
    Server,
    ServerIdentity,
    Session,
    Sight,
    Snapshot,
    Standing,
    look,
)
from tests.domain.test_agent import AGENT, NOW, SESSION

cases = settings(
    deadline=None, database=None, derandomize=True, max_examples=300, suppress_health_check=[HealthCheck.too_slow]
)

RUN = UUID("00000000-0000-4000-8000-00000000000a")
OTHER_RUN = UUID("00000000-0000-4000-8000-00000000000b")
SERVER = ServerIdentity(socket="/run/tmux", pid=100, started="boot-1")
IDENTITY = PaneIdentity(server=SERVER, pane="%1", pid=200, started="boot-2", run=RUN)
SEEN = PaneSeen(
    pane="%1",
    pid=200,
    tag=RUN,
    command_run=RUN,
    dead=False,
    exit_code=None,
    signal=None,
    session="atelier",
    window="atelier",
    window_id="@1",
)
NEIGHBOUR = replace(SEEN, pane="%2", pid=201, tag=OTHER_RUN, command_run=OTHER_RUN)

A_RUN = Run(
    id=RUN,
    agent=AGENT.id,
    session=SESSION,
    why=Why.SPAWN,
    attempt=0,
    pane=IDENTITY,
    tmux_session="atelier",
    window="atelier",
    created_at=NOW,
    deadline=NOW + timedelta(seconds=30),
)
A_SESSION = Session(
    id=SESSION,
    agent=AGENT.id,
    provider="claude",
    provider_session=str(SESSION),
    launch=Launch(argv=("claude", "--session-id", str(SESSION)), cwd="/work"),
    role_prompt="",
    created_at=NOW,
)


def after(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def judge(snapshot: Snapshot | None, *, alive: bool) -> Server:
    """What became of the recorded server: the same answers, or its process lives, or it is gone."""
    if snapshot and snapshot.server == SERVER:
        return Server.SAME
    return Server.OTHER if alive else Server.GONE


def seen_as(*panes: PaneSeen, server: ServerIdentity | None = SERVER, alive: bool = True) -> Look:
    snapshot = Snapshot(server=server, panes=panes)
    return look(IDENTITY, snapshot, judge(snapshot, alive=alive))


# ---- one look ------------------------------------------------------------------------------


def test_our_pane_among_others_is_alive() -> None:
    assert seen_as(NEIGHBOUR, SEEN) == Look(Sight.ALIVE)


@pytest.mark.parametrize(
    "pane",
    [
        replace(SEEN, pid=201),
        replace(SEEN, tag=OTHER_RUN),
        replace(SEEN, command_run=OTHER_RUN),
        replace(SEEN, command_run=None),
        replace(SEEN, tag=None, command_run=None),
        replace(SEEN, tag=None, command_run=OTHER_RUN),
        replace(SEEN, pid=201, tag=OTHER_RUN, command_run=OTHER_RUN),
    ],
    ids=["pid", "tag", "command", "no command", "no tag, no command", "no tag, other command", "all"],
)
@pytest.mark.parametrize("dead", [False, True])
def test_any_difference_makes_a_pane_foreign(pane: PaneSeen, dead: bool) -> None:
    judged = seen_as(NEIGHBOUR, replace(pane, dead=dead, exit_code=0 if dead else None))
    assert judged == Look(Sight.FOREIGN)
    assert judged.end == End()


def test_a_pane_whose_tag_is_still_to_come_is_known_by_its_command() -> None:
    assert seen_as(replace(SEEN, tag=None)).sight is Sight.ALIVE


@pytest.mark.parametrize("panes", [(), (NEIGHBOUR,), (replace(SEEN, pane="%11"),), (replace(SEEN, pane="1"),)])
def test_a_pane_that_is_not_listed_is_missing(panes: tuple[PaneSeen, ...]) -> None:
    assert seen_as(*panes) == Look(Sight.MISSING)


@pytest.mark.parametrize(
    ("exit_code", "signal", "end"),
    [(0, None, End(0)), (3, None, End(3)), (None, 9, End(None, 9)), (None, None, End())],
)
def test_a_dead_pane_says_how_it_ended(exit_code: int | None, signal: int | None, end: End) -> None:
    assert seen_as(replace(SEEN, dead=True, exit_code=exit_code, signal=signal)) == Look(Sight.DEAD, end)


OTHER_SERVERS = [replace(SERVER, pid=101), replace(SERVER, started="boot-9"), None]


@pytest.mark.parametrize("server", OTHER_SERVERS, ids=["pid", "start time", "none"])
def test_a_server_that_was_restarted_has_none_of_our_panes_though_the_ids_are_the_same(
    server: ServerIdentity | None,
) -> None:
    assert seen_as(SEEN, server=server, alive=False) == Look(Sight.SERVER_GONE)


@pytest.mark.parametrize("server", OTHER_SERVERS, ids=["pid", "start time", "none"])
def test_a_server_that_lives_but_cannot_be_asked_says_nothing(server: ServerIdentity | None) -> None:
    assert seen_as(SEEN, server=server, alive=True) == Look(Sight.UNKNOWN)
    assert seen_as(server=server, alive=True) == Look(Sight.UNKNOWN)


@pytest.mark.parametrize(
    ("server", "sight"),
    [(Server.SAME, Sight.UNKNOWN), (Server.OTHER, Sight.UNKNOWN), (Server.GONE, Sight.SERVER_GONE)],
)
def test_unreachable_is_not_dead_but_a_server_that_is_gone_is(server: Server, sight: Sight) -> None:
    assert look(IDENTITY, None, server) == Look(sight)


@pytest.mark.parametrize("sight", Sight)
def test_a_run_is_gone_unless_it_is_seen_alive_or_nothing_is_seen(sight: Sight) -> None:
    assert Look(sight).gone == (sight not in {Sight.ALIVE, Sight.UNKNOWN})


panes = st.builds(
    PaneSeen,
    pane=st.sampled_from(["%0", "%1", "%2"]),
    pid=st.sampled_from([200, 201]),
    tag=st.sampled_from([RUN, OTHER_RUN, None]),
    command_run=st.sampled_from([RUN, OTHER_RUN, None]),
    dead=st.booleans(),
    exit_code=st.sampled_from([None, 0, 1]),
    signal=st.sampled_from([None, 9]),
    session=st.just("atelier"),
    window=st.just("atelier"),
    window_id=st.just("@1"),
)
snapshots = st.none() | st.builds(
    Snapshot,
    server=st.sampled_from([SERVER, *OTHER_SERVERS]),
    panes=st.lists(panes, max_size=3, unique_by=lambda pane: pane.pane).map(tuple),
)


@cases
@given(snapshots, st.booleans())
def test_a_look_is_judged_by_all_of_the_identity(snapshot: Snapshot | None, alive: bool) -> None:
    server = judge(snapshot, alive=alive)
    judged = look(IDENTITY, snapshot, server)
    assert judged == look(IDENTITY, snapshot, server)
    if snapshot is None or snapshot.server != SERVER:
        assert judged == Look(Sight.UNKNOWN if alive else Sight.SERVER_GONE)
        return
    ours = [p for p in snapshot.panes if (p.pane, p.pid, p.command_run) == ("%1", 200, RUN) and p.tag != OTHER_RUN]
    assert (judged.sight in {Sight.ALIVE, Sight.DEAD}) == bool(ours)
    assert (judged.sight is Sight.MISSING) == ("%1" not in {pane.pane for pane in snapshot.panes})
    if ours:
        assert (judged.sight is Sight.DEAD) == ours[0].dead
    if judged.sight is not Sight.DEAD:
        assert judged.end == End()


def test_a_snapshot_finds_panes_by_id_and_by_run() -> None:
    snapshot = Snapshot(server=SERVER, panes=(NEIGHBOUR, SEEN))
    assert snapshot.pane("%1") is SEEN
    assert snapshot.pane("%3") is None
    assert snapshot.of_run(RUN) is SEEN
    assert snapshot.of_run(AGENT.id) is None
    assert Snapshot(server=None).of_run(RUN) is None


def test_a_pane_is_of_the_run_on_its_command_line_whatever_its_tag_says() -> None:
    respawned = replace(SEEN, tag=RUN, command_run=OTHER_RUN)
    assert respawned.is_of(OTHER_RUN)
    assert not respawned.is_of(RUN)


# ---- runs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("live", "ended", "now", "lived"),
    [
        (None, None, 60, 0),
        (None, 10, 60, 0),
        (5, None, 60, 55),
        (5, 8, 60, 3),
        (5, 8, 6000, 3),
        (5, 5, 60, 0),
        (5, 4, 60, 0),
        (5, None, 4, 0),
    ],
)
def test_how_long_a_run_lived(live: float | None, ended: float | None, now: float, lived: float) -> None:
    run = replace(
        A_RUN,
        live_at=None if live is None else NOW + after(live),
        ended_at=None if ended is None else NOW + after(ended),
    )
    assert run.lived(now=NOW + after(now)) == after(lived)


@pytest.mark.parametrize("end", [End(0), End(1), End(None, 9), End()])
def test_an_ended_run_keeps_how_and_when(end: End) -> None:
    run = A_RUN.ended(end, at=NOW + after(9))
    assert run.end == end
    assert run == replace(A_RUN, ended_at=NOW + after(9), exit_code=end.exit_code, signal=end.signal)


# ---- what a decision needs to know ---------------------------------------------------------


@pytest.mark.parametrize("life", Life)
@pytest.mark.parametrize("desired", Desired)
def test_the_past_says_whether_it_is_dead_and_wanted(life: Life, desired: Desired) -> None:
    agent = replace(AGENT, life=life, desired=desired)
    past = Standing(agent, A_SESSION, A_RUN).past(resumable=True, now=NOW)
    assert past.dead == (life is Life.DEAD)
    assert past.wanted == (desired is Desired.RUNNING)


@pytest.mark.parametrize(
    ("auto_resume", "restart", "expected"),
    [
        (True, Restart.ON_FAILURE, True),
        (True, Restart.ALWAYS, True),
        (True, Restart.NEVER, False),
        (False, Restart.ON_FAILURE, False),
        (False, Restart.ALWAYS, False),
        (False, Restart.NEVER, False),
    ],
)
def test_auto_resume_is_off_by_flag_or_by_policy(auto_resume: bool, restart: Restart, expected: bool) -> None:
    agent = replace(AGENT, auto_resume=auto_resume, restart=restart)
    assert Standing(agent, A_SESSION, A_RUN).past(resumable=True, now=NOW).auto_resume is expected


@pytest.mark.parametrize(
    ("session", "resumable", "expected"),
    [(A_SESSION, True, True), (A_SESSION, False, False), (None, True, False), (None, False, False)],
)
def test_without_a_session_nothing_is_resumable(session: Session | None, resumable: bool, expected: bool) -> None:
    assert Standing(AGENT, session, None).past(resumable=resumable, now=NOW).resumable is expected


def test_the_past_carries_the_budget_the_limit_and_the_last_life() -> None:
    agent = replace(AGENT, attempts=2, last_attempt=NOW - after(5), limited_until=NOW + after(5))
    run = replace(A_RUN, live_at=NOW - after(4), ended_at=NOW - after(1))
    past = Standing(agent, A_SESSION, run).past(resumable=True, now=NOW)
    assert (past.attempts, past.last_attempt, past.limited_until) == (2, NOW - after(5), NOW + after(5))
    assert past.lived == after(3)
    assert Standing(agent, A_SESSION, None).past(resumable=True, now=NOW).lived == after(0)
