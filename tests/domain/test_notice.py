"""When a human is told: what stands, once, and not more often than they like."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genie.domain.agent import Activity, Agent, Life
from genie.domain.notice import (
    GUESSED,
    OLD,
    Hold,
    Leave,
    Ledger,
    Medium,
    Need,
    Occasion,
    Tell,
    Told,
    Wishes,
    need_of,
    over,
    sentence,
    weigh,
)
from tests.contract.values import an_agent

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WISHES = Wishes()


def agent(life: Life = Life.RUNNING, activity: Activity = Activity.WORKING, **said: object) -> Agent:
    found = an_agent("ada", life=life)
    known = {
        "limited_until": None,
        "activity": activity,
        "activity_since": NOW,
        "activity_source": "hook: Bash",
        "changed_at": NOW,
    }
    return replace(found, **{**known, **said})  # type: ignore[arg-type]


CASES = [
    (agent(activity=Activity.PERMISSION), Occasion.PERMISSION, "ada asks for a permission (team simone)"),
    (agent(activity=Activity.QUESTION), Occasion.QUESTION, "ada asks a question (team simone)"),
    (
        agent(Life.FAILED, reason="exhausted", attempts=3),
        Occasion.FAILED,
        "ada has failed: every attempt to bring it back is spent (3) (team simone)",
    ),
    (agent(Life.DONE), Occasion.DONE, "ada is done (team simone)"),
    (agent(activity=Activity.LIMITED), Occasion.LIMITED, "ada is held up by a usage limit (team simone)"),
    (
        agent(activity=Activity.LIMITED, limited_until=NOW + MINUTE),
        Occasion.LIMITED,
        "ada is held up by a usage limit until 2026-03-04 12:01 UTC (team simone)",
    ),
    (
        agent(Life.DEAD, Activity.UNKNOWN, limited_until=NOW + MINUTE),
        Occasion.LIMITED,
        "ada is held up by a usage limit until 2026-03-04 12:01 UTC (team simone)",
    ),
]


@pytest.mark.parametrize(("agent", "occasion", "text"), CASES)
def test_what_a_human_is_told_of(agent: Agent, occasion: Occasion, text: str) -> None:
    agent = replace(agent, team="simone")
    need = need_of(agent, now=NOW)
    assert need is not None
    assert (need.occasion, need.since) == (occasion, NOW)
    assert sentence(agent, need) == text


@pytest.mark.parametrize(
    "agent",
    [
        agent(),
        agent(activity=Activity.IDLE),
        agent(activity=Activity.ERROR),
        agent(Life.DEAD, Activity.PERMISSION),
        agent(Life.SUSPENDED, Activity.QUESTION),
        agent(Life.TERMINATED, Activity.LIMITED, limited_until=NOW + MINUTE),
        agent(Life.FAILED, reason="exit"),
        agent(Life.FAILED, reason="unresumable"),
        agent(Life.DONE, parent=uuid4()),
        agent(activity=Activity.LIMITED, limited_until=NOW),
    ],
)
def test_what_a_human_is_not_told_of(agent: Agent) -> None:
    assert need_of(agent, now=NOW) is None


def test_a_dialog_that_is_only_supposed_is_told_of_later() -> None:
    supposed = agent(activity=Activity.QUESTION, activity_source="start: no sign of life within 3 s")
    need = need_of(supposed, now=NOW)
    assert need is not None
    told_from = NOW + GUESSED
    assert weigh(need, None, WISHES, now=NOW) == Hold(told_from)
    assert weigh(need, None, WISHES, now=told_from) == Tell()
    told = need_of(replace(supposed, activity_source="registry: waiting"), now=NOW)
    assert weigh(told, None, WISHES, now=NOW) == Tell()


def test_a_limit_is_one_as_long_as_it_ends_at_the_same_time() -> None:
    noted = agent(Life.RUNNING, Activity.WORKING, limited_until=NOW + MINUTE)
    told = agent(Life.RUNNING, Activity.LIMITED, limited_until=NOW + MINUTE, activity_since=NOW + timedelta(seconds=3))
    longer = replace(told, limited_until=NOW + 2 * MINUTE)
    marks = [need.mark for one in (noted, told, longer) if (need := need_of(one, now=NOW))]
    assert len(marks) == 3
    assert marks[0] == marks[1] != marks[2]


def need(mark: str = "permission@1", occasion: Occasion = Occasion.PERMISSION, since: datetime = NOW) -> Need:
    return Need(occasion=occasion, since=since, mark=mark)


@pytest.mark.parametrize(
    ("need", "told", "verdict"),
    [
        (None, None, Leave()),
        (need(), None, Tell()),
        (need(), Told("permission@1", NOW), Leave()),
        (need(), Told("permission@1", None), Leave()),
        (need(), Told("permission@0", None), Tell()),
        (need(), Told("permission@0", NOW - timedelta(seconds=59)), Hold(NOW + timedelta(seconds=1))),
        (need(), Told("permission@0", NOW - MINUTE), Tell()),
        (need(), Told("permission@0", NOW + timedelta(days=3)), Hold(NOW + MINUTE)),
        (need(occasion=Occasion.DONE, since=NOW - OLD), None, Tell()),
        (need(occasion=Occasion.DONE, since=NOW - OLD - MINUTE), None, Leave()),
        (need(since=NOW - 3 * OLD), None, Tell()),
    ],
)
def test_what_becomes_of_a_need(need: Need | None, told: Told | None, verdict: object) -> None:
    assert weigh(need, told, WISHES, now=NOW) == verdict


def test_what_is_not_wanted_is_left() -> None:
    assert weigh(need(), None, replace(WISHES, occasions=frozenset({Occasion.DONE})), now=NOW) == Leave()


@pytest.mark.parametrize(
    ("wishes", "anything"),
    [
        (Wishes(), True),
        (Wishes(occasions=frozenset()), False),
        (Wishes(media=frozenset()), False),
        (Wishes(media=frozenset({Medium.COMMAND})), False),
        (Wishes(media=frozenset({Medium.COMMAND}), command=("page",)), True),
    ],
)
def test_whether_there_is_anything_to_tell(wishes: Wishes, anything: bool) -> None:
    assert wishes.anything is anything


# ---- what is remembered ---------------------------------------------------------------------

ADA, BOB = uuid4(), uuid4()


def test_a_ledger_knows_whom_to_look_at_and_when() -> None:
    ledger = Ledger().concerning([ADA], at=NOW).concerning([BOB], at=NOW - MINUTE)
    assert ledger.ready(now=NOW) == [BOB, ADA]
    assert ledger.ready(now=NOW - MINUTE) == [BOB]
    assert ledger.next == NOW - MINUTE
    assert Ledger().next is None
    assert ledger.at_event(7).cursor == 7


def test_what_was_told_is_sure_once_all_ways_were_gone() -> None:
    ledger = Ledger().concerning([ADA], at=NOW).settled(ADA, Tell(), need(), now=NOW, seen=False)
    assert ledger.told == {ADA: Told("permission@1", NOW, sure=False)}
    assert not ledger.due
    assert ledger.done(ADA).told == {ADA: Told("permission@1", NOW)}
    assert ledger.done(BOB) == ledger
    assert ledger.without([ADA]).told == {}


def test_what_somebody_sees_counts_as_told_and_holds_nothing_back() -> None:
    before = Told("permission@0", NOW - MINUTE)
    ledger = Ledger(told={BOB: before}).settled(ADA, Tell(), need(), now=NOW, seen=True)
    ledger = ledger.settled(BOB, Tell(), need(), now=NOW, seen=True)
    assert ledger.told == {ADA: Told("permission@1", None), BOB: Told("permission@1", NOW - MINUTE)}


def test_what_is_left_is_looked_at_no_more_and_what_is_held_is_later() -> None:
    ledger = Ledger().concerning([ADA], at=NOW)
    assert ledger.settled(ADA, Leave(), None, now=NOW, seen=False) == Ledger()
    assert ledger.settled(ADA, Hold(NOW + MINUTE), need(), now=NOW, seen=False).due == {ADA: NOW + MINUTE}


@pytest.mark.parametrize(
    ("told", "stands", "gone"),
    [
        (Told("permission@1", NOW - 2 * MINUTE), need(), False),
        (Told("permission@1", NOW - 2 * MINUTE), None, True),
        (Told("permission@1", NOW - 2 * MINUTE), need("question@2"), True),
        (Told("permission@1", NOW), None, False),
        (Told("permission@1", None), None, True),
        (Told("done@1", NOW - OLD), need("done@1", Occasion.DONE, NOW - OLD - MINUTE), True),
        (Told("done@1", NOW - OLD), need("done@1", Occasion.DONE, NOW - OLD), False),
    ],
)
def test_what_need_not_be_remembered(told: Told, stands: Need | None, gone: bool) -> None:
    found = over(Ledger(told={ADA: told}), {ADA: stands} if stands else {}, WISHES, now=NOW)
    assert found == ([ADA] if gone else [])


# ---- any course of things -------------------------------------------------------------------

STEP = st.tuples(st.floats(0.01, 90), st.sampled_from(["looks", "working", "permission", "question"]))


Course = list[tuple[datetime, Need | None]]


def play(steps: list[tuple[float, str]], throttle: timedelta) -> tuple[list[tuple[datetime, str]], Course]:
    """What was told, and what stood from when on, of one agent whose activity changes so: looked at when it changes,
    and whenever the ledger says so, as the herald does."""
    wishes, ledger, now = replace(WISHES, throttle=throttle), Ledger(), NOW
    stands: Need | None = None
    told: list[tuple[datetime, str]] = []
    course: Course = [(now, None)]

    def look(at: datetime) -> None:
        nonlocal ledger
        for one in ledger.ready(now=at):
            verdict = weigh(stands, ledger.told.get(one), wishes, now=at)
            ledger = ledger.settled(one, verdict, stands, now=at, seen=False)
            if isinstance(verdict, Tell) and stands:
                told.append((at, stands.mark))

    for seconds, what in [*steps, (10_000.0, "looks")]:
        until = now + timedelta(seconds=seconds)
        while (due := ledger.next) and due <= until:
            look(max(due, now))
        now = until
        if what != "looks":
            occasion = {"permission": Occasion.PERMISSION, "question": Occasion.QUESTION}.get(what)
            if occasion is None or stands is None or stands.occasion is not occasion:
                stands = need(f"{what}@{now.isoformat()}", occasion, now) if occasion else None
                course.append((now, stands))
        ledger = ledger.concerning([ADA], at=now)
        look(now)
    return told, course


@settings(deadline=None, database=None, derandomize=True, max_examples=200)
@given(st.lists(STEP, max_size=30), st.sampled_from([0, 1, 60, 120]))
def test_nothing_is_told_twice_nor_too_often_and_what_stands_is_told(
    steps: list[tuple[float, str]], throttle: int
) -> None:
    gap = timedelta(seconds=throttle)
    told, course = play(steps, gap)
    marks = [mark for _, mark in told]
    assert len(marks) == len(set(marks))
    times = [at for at, _ in told]
    assert all(later - earlier >= gap for earlier, later in pairwise(times))
    for at, mark in told:
        stood = [one for since, one in course if since <= at][-1]
        assert stood is not None
        assert stood.mark == mark
    for (since, one), (until, _) in zip(course, [*course[1:], (NOW + timedelta(days=9), None)], strict=True):
        if one is not None and until - since > gap:
            assert one.mark in marks
