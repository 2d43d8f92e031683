"""Calendar events, such as ``mon..fri 22:00``: when a job runs next."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMED = {
    "minutely": "*-*-* *:*",
    "hourly": "*-*-* *:0",
    "daily": "*-*-* 0:0",
    "weekly": "mon *-*-* 0:0",
    "monthly": "*-*-1 0:0",
    "yearly": "*-1-1 0:0",
    "annually": "*-1-1 0:0",
    "quarterly": "*-1,4,7,10-1 0:0",
    "semiannually": "*-1,7-1 0:0",
    "semi-annually": "*-1,7-1 0:0",
}
_DAY = 86400
_HORIZON = 366 * 4  # days after which an event is taken for one that never comes


@dataclass(frozen=True)
class CalendarEvent:
    """The moments at which something is due: all conditions must hold."""

    weekdays: frozenset[int]
    months: frozenset[int]
    days: frozenset[int]
    hours: frozenset[int]
    minutes: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> CalendarEvent | None:
        """Read a calendar event, or return nothing if it makes no sense."""
        words = _NAMED.get(text.strip().lower(), text.strip().lower()).split()
        weekdays: frozenset[int] | None = frozenset(range(7))
        date, moment = "*-*-*", ""
        for word in words:
            if ":" in word or re.fullmatch(r"[*\d][\d,./*]*", word):
                moment = word
            elif "-" in word:
                date = word
            else:
                weekdays = _weekdays(word)
        if not words or weekdays is None:
            return None
        return cls._of(weekdays, date, moment or "0:0")

    @classmethod
    def _of(cls, weekdays: frozenset[int], date: str, moment: str) -> CalendarEvent | None:
        # A lone number or step is about minutes.
        hours, _, minutes = moment.rpartition(":") if ":" in moment else ("*", "", moment)
        months, _, days = date.rpartition("-")
        found = (
            _numbers(months.rpartition("-")[2] or "*", 1, 12),
            _numbers(days, 1, 31),
            _numbers(hours, 0, 23),
            _numbers(minutes, 0, 59),
        )
        if None in found:
            return None
        return cls(weekdays, *(values or frozenset() for values in found))

    def after(self, seconds: float) -> int:
        """Return the next moment after another, in seconds since the epoch, or 0 for never."""
        start = int(seconds // 60 + 1) * 60
        for number in range(_HORIZON):
            day = start - start % _DAY + number * _DAY
            if not self._on(time.gmtime(day)):
                continue
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    moment = day + hour * 3600 + minute * 60
                    if moment >= start:
                        return moment
        return 0

    def _on(self, day: time.struct_time) -> bool:
        known = day.tm_wday in self.weekdays and day.tm_mon in self.months
        return known and day.tm_mday in self.days


def _weekdays(text: str) -> frozenset[int] | None:
    found: set[int] = set()
    for part in text.split(","):
        first, dots, last = part.partition("..")
        if first[:3] not in _DAYS or (dots and last[:3] not in _DAYS):
            return None
        low = _DAYS.index(first[:3])
        high = _DAYS.index(last[:3]) if dots else low
        found |= {day % 7 for day in range(low, high + 1 + (7 if high < low else 0))}
    return frozenset(found)


def _numbers(text: str, low: int, high: int) -> frozenset[int] | None:
    found: set[int] = set()
    for part in text.split(","):
        values, _, step = part.partition("/")
        first, dots, last = values.partition("..")
        if values == "*":
            first, last, dots = str(low), str(high), ".."
        if (
            not first.isdecimal()
            or (dots and not last.isdecimal())
            or (step and not step.isdigit())
        ):
            return None
        end = int(last) if dots else high if step else int(first)
        found |= set(range(int(first), end + 1, int(step or 1) or 1))
    return frozenset(found) if found and min(found) >= low and max(found) <= high else None
