"""Open or closed, by the clock of the business."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from callflow.hours import clock_ranges, is_open, weekdays
from callflow.schema import Hours

KYIV = ZoneInfo("Europe/Kyiv")
HOURS = Hours.model_validate(
    {
        "timezone": "Europe/Kyiv",
        "mon-fri": "09:00-13:00, 14:00-19:00",
        "sat": "22:00-02:00",
        "closed": ["2026-12-25"],
    }
)


@pytest.mark.parametrize(
    ("moment", "answer"),
    [
        ("2026-11-20 08:59", False),
        ("2026-11-20 09:00", True),
        ("2026-11-20 13:30", False),
        ("2026-11-20 18:59", True),
        ("2026-11-20 19:00", False),
        ("2026-11-21 23:00", True),  # Saturday night…
        ("2026-11-22 01:59", True),  # …runs into Sunday
        ("2026-11-22 02:00", False),
        ("2026-12-25 10:00", False),  # a holiday
    ],
)
def test_the_clock_decides(moment: str, answer: bool) -> None:
    assert is_open(HOURS, dt.datetime.fromisoformat(moment).replace(tzinfo=KYIV)) is answer


def test_any_zone_of_the_clock_will_do() -> None:
    assert is_open(HOURS, dt.datetime(2026, 11, 20, 7, 0, tzinfo=dt.UTC))


@pytest.mark.parametrize("text", ["9-18", "09:00", "25:00-26:00", "09:60-10:00"])
def test_what_is_not_a_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a time"):
        clock_ranges(text)


def test_days_wrap_and_wrong_ones_are_refused() -> None:
    assert weekdays("sat-mon") == (5, 6, 0)
    with pytest.raises(ValueError, match="not a day"):
        weekdays("someday")
