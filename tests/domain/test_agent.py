"""Agents: the table of lives, how an end is read, what a spawn of a name means."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import product
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genie.domain.agent import (
    IN_PANE,
    LIVE,
    MOVES,
    SILENT,
    Activity,
    Agent,
    Create,
    Desired,
    End,
    Life,
    Parallel,
    Placement,
    Reason,
    Restart,
    Resume,
    Why,
    check_resume_by_hand,
    decide_spawn,
    overdue,
    parallel_name,
    read_end,
)
from genie.domain.errors import Conflict, NotAllowed
from genie.domain.resume import Policy
from genie.domain.tree import Limits
from genie.domain.words import NAME_RULE, check_name

cases = settings(
    deadline=None, database=None, derandomize=True, max_examples=200, suppress_health_check=[HealthCheck.too_slow]
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SESSION = UUID("5e55105e-0000-4000-8000-000000000001")

AGENT = Agent(
    id=UUID("a9e27a9e-0000-4000-8000-000000000001"),
    name="simone",
    role="engineer",
    host="here",
    team="atelier",
    team_tier=1,
    team_explicit=True,
    team_chain=(),
    provider="claude",
    model=None,
    color="blue",
    life=Life.RUNNING,
    desired=Desired.RUNNING,
    reason=None,
    activity=Activity.IDLE,
    activity_since=NOW,
    activity_source="hook",
    session=SESSION,
    run=None,
    auto_resume=True,
    restart=Restart.ON_FAILURE,
    policy=Policy(),
    attempts=0,
    last_attempt=None,
    limited_until=None,
    cwd="/work",
    tags=(),
    description="",
    parent=None,
    root=UUID("a9e27a9e-0000-4000-8000-000000000001"),
    depth=0,
    limits=Limits(),
    ttl=None,
    expires_at=None,
    ending=None,
    suspended_with=None,
    placement=Placement(socket="/run/tmux", session="atelier", window="atelier", layout="mosaic"),
    created_at=NOW,
    changed_at=NOW,
    version=1,
)


# ---- words ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "written"),
    [
        (Life, "queued spawning running suspended dead resuming done failed terminated"),
        (Desired, "running stopped gone"),
        (Activity, "starting working idle permission question limited error unknown"),
        (Reason, "exhausted unresumable start_failed exit timeout dependency quota blocked"),
        (Restart, "on-failure always never"),
        (Why, "spawn resume auto-resume retry"),
    ],
)
def test_each_vocabulary_is_closed(words: type[Enum], written: str) -> None:
    assert [member.value for member in words] == written.split()


# ---- the table of lives --------------------------------------------------------------------

TABLE: dict[Life, set[Life]] = {
    Life.QUEUED: {Life.SPAWNING, Life.FAILED, Life.TERMINATED},
    Life.SPAWNING: {Life.RUNNING, Life.FAILED, Life.TERMINATED},
    Life.RUNNING: {Life.SUSPENDED, Life.DEAD, Life.DONE, Life.FAILED, Life.TERMINATED},
    Life.SUSPENDED: {Life.RESUMING, Life.TERMINATED},
    Life.DEAD: {Life.RESUMING, Life.DONE, Life.FAILED, Life.TERMINATED},
    Life.RESUMING: {Life.RUNNING, Life.DEAD, Life.FAILED, Life.TERMINATED},
    Life.DONE: {Life.RESUMING, Life.QUEUED, Life.TERMINATED},
    Life.FAILED: {Life.RESUMING, Life.QUEUED, Life.TERMINATED},
    Life.TERMINATED: set(),
}

RESTING = [Life.SUSPENDED, Life.DEAD, Life.DONE, Life.FAILED]
"""Lives whose row a spawn may take: by a resume, or anew from the queue."""

STOPPED_LATER = [Life.QUEUED, Life.SPAWNING, Life.DEAD, Life.RESUMING]
"""Lives besides `running` in which a stop can find an agent."""


@pytest.mark.parametrize("life", Life)
def test_every_move_of_the_table_is_there(life: Life) -> None:
    assert TABLE[life] <= MOVES[life]


@pytest.mark.parametrize("life", RESTING)
def test_a_row_that_rests_can_be_resumed_and_created_anew(life: Life) -> None:
    assert {Life.RESUMING, Life.QUEUED} <= MOVES[life]


@pytest.mark.parametrize("life", Life)
def test_there_is_no_move_but_those_of_the_table_of_a_spawn_anew_and_of_a_stop(life: Life) -> None:
    anew = {Life.RESUMING, Life.QUEUED} if life in RESTING else set()
    stopped = {Life.SUSPENDED} if life in STOPPED_LATER else set()
    assert MOVES[life] <= TABLE[life] | anew | stopped


def test_the_table_is_closed() -> None:
    assert set(MOVES) == set(Life)
    for life, targets in MOVES.items():
        assert targets <= set(Life)
        assert life not in targets


def test_only_terminated_is_terminal_and_everything_can_be_killed() -> None:
    assert [life for life in Life if not MOVES[life]] == [Life.TERMINATED]
    assert all(Life.TERMINATED in MOVES[life] for life in Life if life is not Life.TERMINATED)


def test_every_life_is_reached_from_the_queue() -> None:
    reached, left = {Life.QUEUED}, deque([Life.QUEUED])
    while left:
        for life in MOVES[left.popleft()] - reached:
            reached.add(life)
            left.append(life)
    assert reached == set(Life)


def test_running_is_entered_only_from_a_claimed_start() -> None:
    assert {life for life in Life if Life.RUNNING in MOVES[life]} == {Life.SPAWNING, Life.RESUMING}


def test_the_groups_of_lives() -> None:
    assert {Life.QUEUED, Life.SPAWNING, Life.RUNNING, Life.RESUMING} == LIVE
    assert {Life.SPAWNING, Life.RUNNING, Life.RESUMING} == IN_PANE
    assert {Life.SUSPENDED, Life.DONE, Life.FAILED, Life.TERMINATED} == SILENT
    assert LIVE | SILENT | {Life.DEAD} == set(Life)
    assert not LIVE & SILENT


@pytest.mark.parametrize(("here", "there"), list(product(Life, Life)))
def test_to_moves_along_the_table_only(here: Life, there: Life) -> None:
    agent = replace(AGENT, life=here, reason="before")
    later = NOW + timedelta(seconds=1)
    if there in MOVES[here]:
        moved = agent.to(there, now=later, reason="because")
        assert moved == replace(agent, life=there, reason="because", changed_at=later)
        assert agent.to(there, now=later).reason is None
    else:
        with pytest.raises(NotAllowed) as refusal:
            agent.to(there, now=later)
        assert refusal.value.message == f"'simone' is {here.value} and cannot become {there.value}"
        assert refusal.value.hint == "genie explain simone"


@pytest.mark.parametrize("desired", Desired)
def test_wanting_changes_nothing_else(desired: Desired) -> None:
    assert AGENT.wanting(desired) == replace(AGENT, desired=desired)


# ---- how an end is read --------------------------------------------------------------------

EXITED = End(exit_code=0)
CRASHED = End(exit_code=1)
KILLED = End(signal=9)
ABSENT = End()


@pytest.mark.parametrize(
    ("end", "text"),
    [(EXITED, "exit code 0"), (CRASHED, "exit code 1"), (KILLED, "killed by signal 9"), (ABSENT, "pane gone")],
)
def test_an_end_says_how_it_was(end: End, text: str) -> None:
    assert str(end) == text
    assert end.left_by_itself == (end is EXITED)


@pytest.mark.parametrize(
    ("desired", "restart", "end", "life", "reason"),
    [
        # genie stop, genie kill: however the process ended
        *((Desired.STOPPED, r, e, Life.SUSPENDED, None) for r in Restart for e in (EXITED, CRASHED, KILLED, ABSENT)),
        *((Desired.GONE, r, e, Life.TERMINATED, None) for r in Restart for e in (EXITED, CRASHED, KILLED, ABSENT)),
        # the user left
        (Desired.RUNNING, Restart.ON_FAILURE, EXITED, Life.DONE, None),
        (Desired.RUNNING, Restart.NEVER, EXITED, Life.DONE, None),
        (Desired.RUNNING, Restart.ALWAYS, EXITED, Life.DEAD, "exit code 0"),
        # it died
        *((Desired.RUNNING, r, CRASHED, Life.DEAD, "exit code 1") for r in Restart),
        *((Desired.RUNNING, r, KILLED, Life.DEAD, "killed by signal 9") for r in Restart),
        *((Desired.RUNNING, r, ABSENT, Life.DEAD, "pane gone") for r in Restart),
    ],
)
def test_read_end(desired: Desired, restart: Restart, end: End, life: Life, reason: str | None) -> None:
    agent = replace(AGENT, desired=desired, restart=restart)
    assert read_end(agent, end) == (life, reason)
    assert life in MOVES[Life.RUNNING]


# ---- spawn ---------------------------------------------------------------------------------

NEW, ANEW, RESUME, PARALLEL = "create", "create anew", "resume", "parallel"

SPAWN = {
    # life: same role and resumable, same role and not, another role
    Life.QUEUED: (PARALLEL, PARALLEL, PARALLEL),
    Life.SPAWNING: (PARALLEL, PARALLEL, PARALLEL),
    Life.RUNNING: (PARALLEL, PARALLEL, PARALLEL),
    Life.RESUMING: (PARALLEL, PARALLEL, PARALLEL),
    Life.DEAD: (RESUME, ANEW, ANEW),
    Life.SUSPENDED: (RESUME, ANEW, ANEW),
    Life.FAILED: (RESUME, ANEW, ANEW),
    Life.DONE: (ANEW, ANEW, ANEW),
    Life.TERMINATED: (NEW, NEW, NEW),
}


def said(decision: Create | Resume | Parallel) -> str:
    if isinstance(decision, Create):
        return ANEW if decision.anew else NEW
    return RESUME if isinstance(decision, Resume) else PARALLEL


@pytest.mark.parametrize("resumable", [True, False])
def test_a_free_name_is_created(resumable: bool) -> None:
    decision = decide_spawn(None, team="atelier", role="engineer", resumable=resumable)
    assert decision == Create("no agent of that name")


@pytest.mark.parametrize(
    ("life", "same_team", "same_role", "session", "resumable", "desired"),
    list(
        product(Life, [True, False], [True, False], [SESSION, None], [True, False], [Desired.RUNNING, Desired.STOPPED])
    ),
)
def test_spawn(
    life: Life, same_team: bool, same_role: bool, session: UUID | None, resumable: bool, desired: Desired
) -> None:
    row = replace(AGENT, life=life, session=session, desired=desired)
    if not same_team and life is not Life.TERMINATED:
        expected = PARALLEL
    elif not same_role:
        expected = SPAWN[life][2]
    else:
        expected = SPAWN[life][0 if session and resumable else 1]
    decision = decide_spawn(
        row,
        team="atelier" if same_team else "bureau",
        role="engineer" if same_role else "reviewer",
        resumable=resumable,
    )
    assert said(decision) == expected
    assert (row.name in decision.reason) == (expected != NEW)
    assert (row.team in decision.reason) == (not same_team and expected == PARALLEL)
    if same_team and expected != NEW:
        assert life.value in decision.reason


@pytest.mark.parametrize(("life", "same_role"), list(product(Life, [True, False])))
def test_a_row_that_is_being_killed_is_not_taken_back(life: Life, same_role: bool) -> None:
    row = replace(AGENT, life=life, desired=Desired.GONE)
    decision = decide_spawn(row, team="atelier", role="engineer" if same_role else "reviewer", resumable=True)
    assert said(decision) == (NEW if life is Life.TERMINATED else PARALLEL)


LONG_NAMES = st.integers(25, 63).map(lambda length: ("long-name." * 7)[:length])
NAMES = st.from_regex(NAME_RULE, fullmatch=True) | LONG_NAMES
UUIDS = st.uuids(version=4)


def forms(name: str, session: UUID) -> list[str]:
    """Every name that `parallel_name` may give, shortest suffix first."""
    names: list[str] = []
    for _ in range(4, 33):
        names.append(parallel_name(name, session, set(names)))
    return names


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ((), "simone-5e55"),
        (("simone",), "simone-5e55"),
        (("simone-5e55",), "simone-5e551"),
        (("simone-5e55", "simone-5e551"), "simone-5e5510"),
        (("simone-5e551",), "simone-5e55"),
    ],
)
def test_a_parallel_has_four_digits_of_its_session_and_one_more_on_a_collision(
    taken: tuple[str, ...], expected: str
) -> None:
    assert parallel_name("simone", SESSION, taken) == expected


@cases
@given(NAMES, UUIDS, st.sets(NAMES, max_size=4), st.integers(0, 28))
def test_a_parallel_name_is_new_legal_and_as_short_as_can_be(
    name: str, session: UUID, others: set[str], collisions: int
) -> None:
    candidates = forms(name, session)
    taken = others | {name} | set(candidates[:collisions])
    given_name = parallel_name(name, session, taken)
    base, _, suffix = given_name.rpartition("-")
    assert given_name not in taken
    assert check_name("agent", given_name) == given_name
    assert len(given_name) <= 63
    assert len(suffix) >= 4
    assert session.hex.startswith(suffix)
    assert base == name[: 62 - len(suffix)]
    assert all(shorter in taken for shorter in candidates[: len(suffix) - 4])


@cases
@given(NAMES, st.lists(UUIDS, min_size=1, max_size=30))
def test_racing_spawns_of_one_name_get_names_of_their_own(name: str, sessions: list[UUID]) -> None:
    taken = {name}
    for session in dict.fromkeys(sessions):
        taken.add(parallel_name(name, session, taken))
    assert len(taken) == 1 + len(set(sessions))


@pytest.mark.parametrize("name", ["simone", "s" * 29, "s" * 30, "s" * 63])
def test_with_every_form_taken_no_taken_name_is_given(name: str) -> None:
    taken = set(forms(name, SESSION))
    try:
        given_name = parallel_name(name, SESSION, taken)
    except Conflict:
        return
    assert given_name not in taken
    assert check_name("agent", given_name) == given_name


# ---- resuming by hand ----------------------------------------------------------------------


@pytest.mark.parametrize(("life", "session"), list(product(Life, [SESSION, None])))
def test_resume_by_hand_is_for_what_is_not_live_not_killed_and_has_a_session(life: Life, session: UUID | None) -> None:
    agent = replace(AGENT, life=life, session=session)
    if life in RESTING and session:
        check_resume_by_hand(agent)
        assert Life.RESUMING in MOVES[life]
        return
    with pytest.raises(NotAllowed) as refusal:
        check_resume_by_hand(agent)
    attached = life in LIVE
    assert refusal.value.hint == ("genie attach simone" if attached else "genie spawn simone")
    assert agent.name in refusal.value.message


@pytest.mark.parametrize("life", RESTING)
def test_what_is_being_killed_is_not_resumed_by_hand(life: Life) -> None:
    with pytest.raises(NotAllowed, match="was killed"):
        check_resume_by_hand(replace(AGENT, life=life, desired=Desired.GONE))


@pytest.mark.parametrize("attempts", [0, 3, 99])
def test_resume_by_hand_ignores_the_budget(attempts: int) -> None:
    check_resume_by_hand(replace(AGENT, life=Life.FAILED, reason="exhausted", attempts=attempts, auto_resume=False))


@pytest.mark.parametrize(("after", "late"), [(-1, False), (9.999999, False), (10, True), (11, True)])
def test_overdue(after: float, late: bool) -> None:
    assert overdue(NOW, timedelta(seconds=10), now=NOW + timedelta(seconds=after)) is late
