"""Business hours: is it open at this moment? Pure: the moment is an argument."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from callflow.schema import Hours

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def is_open(hours: Hours, now: dt.datetime) -> bool:
    """Whether the business is open at `now` (aware, any zone). Closing time itself is closed.

    Hours that end at or before their beginning run past midnight and belong to the day they begin on.
    """
    local = now.astimezone(ZoneInfo(hours.timezone))
    today, yesterday = local.date(), local.date() - dt.timedelta(days=1)
    minute = local.hour * 60 + local.minute
    return any(begin <= minute < end for begin, end in _times(hours, today)) or any(
        minute < end - 1440 for _, end in _times(hours, yesterday)
    )


def _times(hours: Hours, day: dt.date) -> Iterator[tuple[int, int]]:
    """The opening times of a date in minutes from its midnight; an end past 1440 is tomorrow's."""
    if day in hours.closed:
        return
    for days, times in hours.days().items():
        if day.weekday() in weekdays(days):
            for begin, end in clock_ranges(times):
                yield begin, end if end > begin else end + 1440


def weekdays(text: str) -> tuple[int, ...]:
    """`mon-fri` → (0, 1, 2, 3, 4); `sat-mon` wraps. Raises ValueError for what is not a day."""
    first, _, last = text.partition("-")
    try:
        begin = DAYS.index(first.strip().lower())
        end = DAYS.index((last or first).strip().lower())
    except ValueError:
        raise ValueError(f"{text!r} is not a day: write mon, tue, … or a range like mon-fri") from None
    return tuple(day % 7 for day in range(begin, end + 1 if end >= begin else end + 8))


def clock_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """`09:00-13:00, 14:00-19:00` → minutes from midnight. Raises ValueError for what is not a time."""
    return tuple(_clock_range(part.strip()) for part in text.split(","))


def _clock_range(text: str) -> tuple[int, int]:
    begin, dash, end = text.partition("-")
    if not dash:
        raise ValueError(f"{text!r} is not a time range: write it like 09:00-19:00")
    return _minutes(begin), _minutes(end)


def _minutes(text: str) -> int:
    hour, _, minute = text.strip().partition(":")
    if not (hour.isdigit() and len(minute) == 2 and minute.isdigit()):
        raise ValueError(f"{text.strip()!r} is not a time of day: write it like 09:00")
    total = int(hour) * 60 + int(minute)
    if total > 1440 or int(minute) > 59:
        raise ValueError(f"{text.strip()!r} is not a time of day: write it like 09:00")
    return total
