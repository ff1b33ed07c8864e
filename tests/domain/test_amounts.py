"""Durations and sizes as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genie.domain.amounts import Wrong, parse_duration, parse_size, write_duration, write_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("200ms", 0.2), ("1s", 1), ("5m", 300), ("1h30m", 5400), ("2d", 172800), (90, 90), (1.5, 1.5), ("60", 60)],
)
def test_a_duration_reads(text: object, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


def test_a_duration_that_is_one_already_stays() -> None:
    assert parse_duration(timedelta(seconds=3)) == timedelta(seconds=3)


@pytest.mark.parametrize("text", ["", "5 m", "m", "1x", "-1s", "1m1h", True, None, [], "9" * 41, "9" * 30 + "d"])
def test_what_is_no_duration_says_what_to_write(text: object) -> None:
    with pytest.raises(Wrong) as refused:
        parse_duration(text)
    assert "1h30m" in refused.value.hint


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=400_000)))
def test_a_duration_survives_being_written(value: timedelta) -> None:
    assert parse_duration(write_duration(value)) == value


@pytest.mark.parametrize(
    ("text", "size"),
    [("8GiB", 8 * 2**30), ("512MiB", 512 * 2**20), ("10MB", 10**7), (7, 7), ("7", 7), ("1.5kib", 1536)],
)
def test_a_size_reads(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "8 GiB", "GiB", "8XB", "-1", -1, True, None, 1.5, "9" * 41])
def test_what_is_no_size_says_what_to_write(text: object) -> None:
    with pytest.raises(Wrong) as refused:
        parse_size(text)
    assert "8GiB" in refused.value.hint


def test_a_size_is_written_in_its_largest_unit() -> None:
    assert (write_size(8 * 2**30), write_size(1536), write_size(0)) == ("8GiB", "1536", "0")


@given(st.integers(min_value=0, max_value=2**50))
def test_a_size_survives_being_written(value: int) -> None:
    assert parse_size(write_size(value)) == value
