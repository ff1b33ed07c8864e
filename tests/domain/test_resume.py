"""Auto-resume: one decision, as a table and as properties."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from genie.domain.agent import Reason
from genie.domain.resume import (
    Alone,
    Decision,
    GiveUp,
    Leave,
    Never,
    Past,
    Policy,
    Resume,
    Until,
    Wait,
    attempts_spent,
    decide,
)

cases = settings(
    deadline=None, database=None, derandomize=True, max_examples=300, suppress_health_check=[HealthCheck.too_slow]
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
POLICY = Policy()
DEAD = Past(dead=True, wanted=True, auto_resume=True, resumable=True, attempts=0, last_attempt=None, lived=timedelta(0))


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def ago(number: float) -> datetime:
    return NOW - seconds(number)


def test_the_defaults_are_three_attempts_a_minute_apart_paid_back_after_five() -> None:
    assert (POLICY.max_attempts, POLICY.cooldown, POLICY.stable_after) == (3, seconds(60), seconds(300))


@pytest.mark.parametrize(
    ("past", "decision"),
    [
        # not eligible
        (replace(DEAD, dead=False), Leave(Alone.NOT_DEAD)),
        (replace(DEAD, wanted=False), Leave(Alone.NOT_WANTED)),
        (replace(DEAD, auto_resume=False), GiveUp(Never.EXIT)),
        (replace(DEAD, resumable=False), GiveUp(Never.UNRESUMABLE)),
        # of several reasons the first of these
        (replace(DEAD, dead=False, wanted=False, auto_resume=False), Leave(Alone.NOT_DEAD)),
        (replace(DEAD, wanted=False, auto_resume=False, resumable=False), Leave(Alone.NOT_WANTED)),
        (replace(DEAD, auto_resume=False, resumable=False, attempts=3), GiveUp(Never.EXIT)),
        (replace(DEAD, resumable=False, attempts=3, limited_until=ago(-9)), GiveUp(Never.UNRESUMABLE)),
        # the first is at once
        (DEAD, Resume(1)),
        # a minute between attempts
        (replace(DEAD, attempts=1, last_attempt=ago(0)), Wait(ago(-60), Until.COOLDOWN)),
        (replace(DEAD, attempts=1, last_attempt=ago(59.999999)), Wait(ago(-0.000001), Until.COOLDOWN)),
        (replace(DEAD, attempts=1, last_attempt=ago(60)), Resume(2)),
        (replace(DEAD, attempts=2, last_attempt=ago(60), lived=seconds(57)), Resume(3)),
        (replace(DEAD, attempts=2), Resume(3)),
        # a claim that was given back (a fault of ours) is not spent, and yet not repeated at once
        (replace(DEAD, last_attempt=ago(1)), Wait(ago(-59), Until.COOLDOWN)),
        (replace(DEAD, last_attempt=ago(60)), Resume(1)),
        # the budget
        (replace(DEAD, attempts=3, last_attempt=ago(60)), GiveUp(Never.EXHAUSTED)),
        (replace(DEAD, attempts=3, last_attempt=ago(0)), GiveUp(Never.EXHAUSTED)),
        (replace(DEAD, attempts=4), GiveUp(Never.EXHAUSTED)),
        # paid back
        (replace(DEAD, attempts=3, last_attempt=ago(300), lived=seconds(299.999999)), GiveUp(Never.EXHAUSTED)),
        (replace(DEAD, attempts=3, last_attempt=ago(300), lived=seconds(300)), Resume(1)),
        (replace(DEAD, attempts=1, last_attempt=ago(1), lived=seconds(300)), Resume(1)),
        # a usage limit is waited for, and is no attempt
        (replace(DEAD, limited_until=ago(-3600)), Wait(ago(-3600), Until.LIMIT)),
        (replace(DEAD, attempts=1, last_attempt=ago(1), limited_until=ago(-9)), Wait(ago(-9), Until.LIMIT)),
        (replace(DEAD, limited_until=NOW), Resume(1)),
        (replace(DEAD, limited_until=ago(1)), Resume(1)),
        (replace(DEAD, attempts=1, last_attempt=ago(1), limited_until=ago(1)), Wait(ago(-59), Until.COOLDOWN)),
    ],
)
def test_decide(past: Past, decision: Decision) -> None:
    assert decide(past, POLICY, now=NOW) == decision


def test_no_attempts_allowed_is_given_up_at_once() -> None:
    assert decide(DEAD, Policy(max_attempts=0), now=NOW) == GiveUp(Never.EXHAUSTED)


@pytest.mark.parametrize("never", Never)
def test_each_giving_up_is_a_reason_of_a_failed_agent(never: Never) -> None:
    assert Reason[never.name].value == never.name.lower()


spans = st.timedeltas(min_value=timedelta(0), max_value=timedelta(hours=2))
moments = st.datetimes(datetime(2025, 12, 31), datetime(2026, 1, 2), timezones=st.just(UTC))  # noqa: DTZ001
policies = st.builds(Policy, max_attempts=st.integers(0, 6), cooldown=spans, stable_after=spans)
pasts = st.builds(
    Past,
    dead=st.booleans(),
    wanted=st.booleans(),
    auto_resume=st.booleans(),
    resumable=st.booleans(),
    attempts=st.integers(0, 8),
    last_attempt=st.none() | moments,
    lived=spans,
    limited_until=st.none() | moments,
)
eligible = pasts.map(lambda past: replace(past, dead=True, wanted=True, auto_resume=True, resumable=True))


@cases
@given(pasts, policies, moments)
def test_decide_always_answers_and_always_the_same(past: Past, policy: Policy, now: datetime) -> None:
    decision = decide(past, policy, now=now)
    assert isinstance(decision, Resume | Wait | GiveUp | Leave)
    assert decision == decide(replace(past), replace(policy), now=now)


@cases
@given(pasts, policies, moments)
def test_only_a_dead_agent_that_is_wanted_is_touched(past: Past, policy: Policy, now: datetime) -> None:
    decision = decide(past, policy, now=now)
    assert isinstance(decision, Leave) == (not past.dead or not past.wanted)
    if isinstance(decision, Resume | Wait):
        assert past.auto_resume
        assert past.resumable


@cases
@given(eligible, policies, moments)
def test_an_attempt_is_the_next_of_the_budget(past: Past, policy: Policy, now: datetime) -> None:
    spent = attempts_spent(past.attempts, past.lived, policy)
    decision = decide(past, policy, now=now)
    assert (decision == GiveUp(Never.EXHAUSTED)) == (spent >= policy.max_attempts)
    if isinstance(decision, Resume):
        assert decision.attempt == spent + 1 <= policy.max_attempts


@cases
@given(st.integers(0, 9), spans, policies)
def test_attempts_return_to_nothing_only_after_stable_after(attempts: int, lived: timedelta, policy: Policy) -> None:
    spent = attempts_spent(attempts, lived, policy)
    assert spent == (attempts if lived < policy.stable_after else 0)


@cases
@given(eligible, policies, moments)
def test_a_wait_is_never_over_already_nor_longer_than_it_needs(past: Past, policy: Policy, now: datetime) -> None:
    assume(past.last_attempt is None or past.last_attempt <= now)
    decision = decide(past, policy, now=now)
    if isinstance(decision, Wait):
        assert decision.until > now
        if decision.reason is Until.COOLDOWN:
            assert decision.until <= now + policy.cooldown
        else:
            assert decision.until == past.limited_until


@cases
@given(eligible, policies, moments)
def test_a_wait_that_is_over_leads_on(past: Past, policy: Policy, now: datetime) -> None:
    waits: list[Until] = []
    decision = decide(past, policy, now=now)
    while isinstance(decision, Wait) and len(waits) <= len(Until):
        waits.append(decision.reason)
        decision = decide(past, policy, now=decision.until)
    assert waits in ([], [Until.LIMIT], [Until.COOLDOWN], [Until.LIMIT, Until.COOLDOWN])
    assert isinstance(decision, Resume | GiveUp)
    if waits:
        assert isinstance(decision, Resume)


@cases
@given(eligible, policies, moments, spans)
def test_what_is_decided_stays_decided_however_late_it_is_looked_at(
    past: Past, policy: Policy, now: datetime, later: timedelta
) -> None:
    decision = decide(past, policy, now=now)
    if not isinstance(decision, Wait):
        assert decide(past, policy, now=now + later) == decision


@pytest.mark.parametrize("back", [seconds(1), timedelta(hours=1), timedelta(days=365)])
def test_a_clock_set_back_does_not_stretch_the_cooldown(back: timedelta) -> None:
    now = NOW - back
    decision = decide(replace(DEAD, attempts=1, last_attempt=NOW), POLICY, now=now)
    if isinstance(decision, Wait):
        assert now < decision.until <= now + POLICY.cooldown
