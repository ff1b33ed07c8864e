"""What a status line tells, in words, and what somebody should know of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from genie.domain.meter import Allowance, Meter, newly_near, spent

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
RESET = NOW + timedelta(hours=2)


def test_it_in_words() -> None:
    assert str(Meter(at=NOW)) == "nothing used yet"
    limits = (Allowance("five_hour", 91.2, RESET), Allowance("seven_day", 12), Allowance("other", 99))
    said = str(Meter(at=NOW, cost=0.125, context=12.6, limits=limits))
    assert said == "context 13 %, $0.12, five hour limit 91 %, until 2026-11-21 10:00 UTC, other limit 99 %"


def test_what_costs_was_said() -> None:
    assert not spent(None, Meter(at=NOW, cost=1))
    assert not spent(Meter(at=NOW, cost=1), Meter(at=NOW, cost=1))
    assert spent(Meter(at=NOW), Meter(at=NOW, cost=0.01))
    assert not spent(Meter(at=NOW, cost=1), Meter(at=NOW))


def test_a_limit_is_near_from_90_percent_on_and_told_once_until_it_begins_anew() -> None:
    near = Allowance("five_hour", 90, RESET)
    meter = Meter(at=NOW, limits=(near, Allowance("seven_day", 89.9)))
    assert newly_near((), meter) == (near,)
    assert newly_near((Allowance("five_hour", 93, RESET),), meter) == ()
    assert newly_near((Allowance("five_hour", 93, NOW),), meter) == (near,)
