"""Cron expressions mean what a crontab makes of them."""

from __future__ import annotations

import pytest

from genie.domain.cron import Line, read_cron
from genie.domain.errors import BadInput


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("*", "*"),
        ("0", "sun"),
        ("7", "sun"),
        ("1-5", "mon,tue,wed,thu,fri"),
        ("mon-fri", "mon,tue,wed,thu,fri"),
        ("5-7", "sun,fri,sat"),
        ("fri-sun", "sun,fri,sat"),
        ("sun,3", "sun,wed"),
        ("*/2", "sun,tue,thu,sat"),
        ("1-5/2", "mon,wed,fri"),
        ("2/2", "tue,thu,sat"),
        ("SAT", "sat"),
    ],
)
def test_weekdays_begin_with_sunday(field: str, days: str) -> None:
    assert read_cron(f"0 3 * * {field}") == (Line("0", "3", "*", "*", days),)


def test_of_day_and_weekday_one_is_enough() -> None:
    assert read_cron("0 3 13 * fri") == (Line("0", "3", "13", "*", "*"), Line("0", "3", "*", "*", "fri"))


def test_a_day_with_a_step_of_all_is_no_restriction() -> None:
    assert read_cron("0 3 */2 * 1") == (Line("0", "3", "*/2", "*", "mon"),)


@pytest.mark.parametrize(
    ("word", "line"), [("@daily", Line("0", "0", "*", "*", "*")), (" @WEEKLY ", Line("0", "0", "*", "*", "sun"))]
)
def test_words_for_the_usual_ones(word: str, line: Line) -> None:
    assert read_cron(word) == (line,)


@pytest.mark.parametrize(("hour", "fixed"), [("3", True), ("1-4", True), ("*", False), ("*/2", False)])
def test_hours_that_are_named_are_fixed(hour: str, fixed: bool) -> None:
    assert read_cron(f"0 {hour} * * *")[0].fixed_hours is fixed


@pytest.mark.parametrize("wrong", ["", "* * * *", "* * * * * *", "@never", "0 3 * * 8", "0 3 * * mox", "0 3 * * 1-"])
def test_what_does_not_read_is_told(wrong: str) -> None:
    with pytest.raises(BadInput) as told:
        read_cron(wrong)
    assert told.value.hint
