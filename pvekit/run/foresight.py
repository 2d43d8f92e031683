"""When to look again at what takes its time: by what it tells of itself and by what others took.

A look too early is a question in vain, one too late is time lost for whoever waits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

SOONEST = 0.1
"""Between two looks pass at least so many seconds."""

LATEST = 5.0
"""Between two looks at a job pass at most so many seconds."""

UNKNOWN = 0.15
"""What nothing is known of is looked at again after this part of its time so far."""

GROWTH = 1.5
"""Such a pause is at most so many times the one before."""

EARLY = 1.5
"""The next one is let in when so many times as little is left as it needs to begin: what is told
of the progress lags behind it."""

_PERCENT = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d+)?) ?%")


@dataclass
class Spans:
    """The shortest time, in seconds, that each kind of thing took in this run."""

    shortest: dict[str, float] = field(default_factory=dict)

    def took(self, kind: str, seconds: float) -> None:
        """Note how long one took."""
        self.shortest[kind] = min(seconds, self.shortest.get(kind, seconds))

    def expected(self, kind: str) -> float:
        """Return how long one takes at least, as far as is known; 0 where nothing is."""
        return self.shortest.get(kind, 0.0)


@dataclass
class Course:
    """How a job goes: what it tells of its progress, and how long its like took (``expected``).

    ``parts`` is how often it counts up to 100 % (0: not known): in the last part it can be told
    when it is all but done. ``lead`` is how long it, or its like, took until it began to count.
    """

    expected: float = 0.0
    parts: int = 0
    lead: float = 0.0
    _last: float = 0.0
    _told: list[tuple[float, float]] = field(default_factory=list)
    _counted: int = 0
    _left: float | None = None

    def rest(self, seconds: float, told: str) -> float:
        """Return how long to rest, so many seconds after its beginning, by its last line.

        Half of what remains: a copy goes on faster when another one beside it ends. What nothing
        is known of is looked at after pauses that grow.
        """
        known = self._left = self._remaining(seconds, told)
        guess = min(UNKNOWN * seconds, GROWTH * self._last) if known is None else known / 2
        if known is not None and known > self._close and self._is_last_part:
            guess = min(guess, known - self._close)
        self._last = min(max(guess, SOONEST), LATEST)
        return self._last

    @property
    def is_closing(self) -> bool:
        """Whether no more remains, as it was last told, than its like needs before it counts."""
        return self._is_last_part and self._left is not None and self._left <= self._close

    @property
    def _close(self) -> float:
        return EARLY * self.lead

    @property
    def _is_last_part(self) -> bool:
        moved = bool(self._told) and self._told[-1][1] > self._told[0][1]
        return moved and self._counted == self.parts

    def _remaining(self, seconds: float, told: str) -> float | None:
        found = _PERCENT.findall(told)
        if found:
            self._note(seconds, min(float(found[-1]), 100.0))
            (began, first), (last, percent) = self._told[0], self._told[-1]
            if percent > first:
                needed = (last - began) * (100.0 - percent) / (percent - first)
                return max(0.0, needed - (seconds - last))
        elif self._told:  # what it told of is done, and little may be left
            return UNKNOWN * (seconds - self._told[-1][0])
        return self.expected - seconds if seconds < self.expected else None

    def _note(self, seconds: float, percent: float) -> None:
        """Note when a percentage was first seen; with one that is less the next disk begins."""
        if not self._told and seconds >= SOONEST:  # one that counts at once was only joined
            self.lead = min(self.lead or seconds, seconds)
        if not self._told or percent < self._told[-1][1]:
            self._told.clear()
            self._counted += 1
        if not self._told or percent > self._told[-1][1]:
            self._told.append((seconds, percent))
