"""Calendar events, such as ``mon..fri 22:00``: what is one, and when a job runs next."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NAMED = {
    "minutely": "*:*",
    "hourly": "*:0",
    "daily": "0:0",
    "weekly": "mon 0:0",
    "monthly": "*-1 0:0",
    "yearly": "1-1 0:0",
    "annually": "1-1 0:0",
    "quarterly": "1,4,7,10-1 0:0",
    "semiannually": "1,7-1 0:0",
    "semi-annually": "1,7-1 0:0",
}
_DAY = 86400
_HORIZON = 366 * 4  # days after which an event is taken for one that never comes
_YEARS, _MONTHS, _MONTH_DAYS = (0, 2200), (1, 13), (1, 32)
_HOURS, _MINUTES = (0, 24), (0, 60)
_ONE = re.compile(r"(\d+)(?:\.\.(\d+))?(/\d*)?")

Limits = tuple[int, int]  # the first number, and the one after the last
Numbers = frozenset[int]
Triple = tuple[Numbers, Numbers, Numbers]


@dataclass(frozen=True)
class CalendarEvent:
    """The moments at which something is due: all conditions must hold."""

    weekdays: Numbers
    years: Numbers
    months: Numbers
    days: Numbers
    hours: Numbers
    minutes: Numbers
    seconds: Numbers

    def after(self, seconds: float) -> int:
        """Return the next moment after another, in seconds since the epoch, or 0 for never."""
        start = int(seconds) + 1
        for number in range(_HORIZON):
            day = start - start % _DAY + number * _DAY
            if not self._on(time.gmtime(day)):
                continue
            due = (day + moment for moment in self._moments() if day + moment >= start)
            if (found := next(due, None)) is not None:
                return found
        return 0

    def _on(self, day: time.struct_time) -> bool:
        known = day.tm_wday in self.weekdays and day.tm_mon in self.months
        return known and day.tm_mday in self.days and day.tm_year in self.years

    def _moments(self) -> Iterator[int]:
        for hour in sorted(self.hours):
            for minute in sorted(self.minutes):
                yield from (hour * 3600 + minute * 60 + second for second in sorted(self.seconds))


class NoEventError(Exception):
    """A text is no calendar event; the message is what the parser says."""


def parse(text: str) -> CalendarEvent:
    """Read a calendar event as far as it makes sense; what is left over is an error."""
    rest = text.strip()
    if not rest:
        raise NoEventError("unable to parse calendar event - event is empty")
    if rest.endswith("UTC"):
        rest = rest.removesuffix("UTC").rstrip(" ")
    rest = whole = _NAMED.get(rest, rest)
    weekdays = frozenset(range(7))
    if re.match("[A-Za-z]", rest):
        weekdays, rest = _weekdays(rest)
        rest = rest.lstrip(" \t")
    date, rest = _date(rest)
    moment, rest = _moment(rest.lstrip(" \t") if date else rest)
    if not moment and not date and rest == whole:
        raise _at(rest, 'Context("date or time specification")')
    if rest:
        raise _at(rest, "Nom(Eof)")
    years, months, days = date or (_all(_YEARS), _all(_MONTHS), _all(_MONTH_DAYS))
    hours, minutes, seconds = moment or (frozenset({0}),) * 3
    return CalendarEvent(weekdays, years, months, days, hours, minutes, seconds)


def fault_of(text: str) -> str:
    """Return why a text is no calendar event, or nothing."""
    try:
        parse(text)
    except NoEventError as error:
        return f"invalid calendar event '{text}' - {error}\n"
    return ""


def _at(rest: str, what: str) -> NoEventError:
    return NoEventError(f"unable to parse calendar event at '{rest}' - {what}")


def _weekdays(text: str) -> tuple[Numbers, str]:
    found, rest = _weekday_range(text)
    if not found:
        word = re.match("[A-Za-z]*", text)
        raise _at(word[0] if word else text, 'Context("weekday")')
    while rest.startswith(","):
        more, after = _weekday_range(rest[1:])
        if not more:
            break
        found, rest = found | more, after
    return found, rest


def _weekday_range(text: str) -> tuple[Numbers, str]:
    first, rest = _weekday(text)
    if first is None:
        return frozenset(), text
    last, after = _weekday(rest[2:]) if rest.startswith("..") else (None, rest)
    if last is None:
        return frozenset({first}), rest
    return frozenset(day % 7 for day in range(first, last + 1 + 7 * (last < first))), after


def _weekday(text: str) -> tuple[int | None, str]:
    word = re.match("[A-Za-z]*", text)
    name = word[0].lower() if word else ""
    known = (number for number, day in enumerate(_DAYS) if name in (day, day[:3]))
    number = next(known, None)
    return number, text if number is None else text[len(name) :]


def _date(text: str) -> tuple[Triple | None, str]:
    """Read a year, a month and a day, or a month and a day, if there are such."""
    try:
        years, rest = _numbers(text, _YEARS)
        months, days, rest = _month_and_day(_past(rest, "-"))
    except ValueError:
        years = _all(_YEARS)
    else:
        return (years, months, days), rest
    try:
        months, days, rest = _month_and_day(text)
    except ValueError:
        return None, text
    return (years, months, days), rest


def _moment(text: str) -> tuple[Triple | None, str]:
    """Read hours, minutes and seconds if there are such; a lone number is about minutes."""
    try:
        hours, rest = _numbers(text, _HOURS)
        rest = _past(rest, ":")
    except ValueError:
        hours, rest = _all(_HOURS), text
    try:
        minutes, rest = _numbers(rest, _MINUTES)
    except ValueError:
        return None, text
    try:
        seconds, after = _numbers(_past(rest, ":"), _MINUTES)
    except ValueError:
        seconds, after = frozenset({0}), rest
    return (hours, minutes, seconds), after


def _month_and_day(text: str) -> tuple[Numbers, Numbers, str]:
    months, rest = _numbers(text, _MONTHS)
    days, rest = _numbers(_past(rest, "-"), _MONTH_DAYS)
    return months, days, rest


def _past(text: str, mark: str) -> str:
    if not text.startswith(mark):
        raise ValueError(mark)
    return text[len(mark) :]


def _all(limits: Limits) -> Numbers:
    return frozenset(range(*limits))


def _numbers(text: str, limits: Limits) -> tuple[Numbers, str]:
    """Read ``*``, or numbers and ranges with or without a step, separated by commas."""
    if text.startswith("*"):
        step = re.match(r"\*/(\d*)", text)
        if step is None:
            return _all(limits), text[1:]
        width = _within(step[1], limits)
        if not width:
            return _all(limits), text[1:]
        return frozenset(range(*limits, width)), text[step.end() :]
    found, rest = _entry(text, limits)
    while rest.startswith(","):
        try:
            more, after = _entry(rest[1:], limits)
        except ValueError:
            break
        found, rest = found | more, after
    return found, rest


def _entry(text: str, limits: Limits) -> tuple[Numbers, str]:
    match = _ONE.match(text)
    if match is None:
        raise ValueError(text)
    first, end = _within(match[1], limits), match.end()
    last, step = match[2], match[3]
    if last is not None and int(last) >= limits[1]:  # the range does not count then
        last, step, end = None, None, match.end(1)
    if last is not None and int(last) < first:
        raise ValueError(text)
    if step is None:
        return frozenset(range(first, int(last or first) + 1)), text[end:]
    width = _within(step[1:], limits)
    stop = int(last) + 1 if last is not None else limits[1]
    return frozenset(range(first, stop, width) if width else {first}), text[end:]


def _within(digits: str, limits: Limits) -> int:
    """Return a number below the upper limit; the lower one is not checked there either."""
    number = int(digits)
    if number >= limits[1]:
        raise ValueError(digits)
    return number
