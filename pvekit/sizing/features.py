"""The shape of demand: a few numbers that say how bursty it is, whatever its size."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from itertools import pairwise

from pvekit.sizing.demand import percentile
from pvekit.sizing.shape import Window

_NEAR = math.log(0.75)
_LEVEL_WEIGHT = 0.5
_SMALL_MOVE = 1e-3


def features_of(window: Window, names: Sequence[str]) -> list[float]:
    """Return the named features of a window."""
    return [_FEATURES[name](window) for name in names]


def _percentile(q: float) -> Callable[[Window], float]:
    return lambda window: window.relative(percentile(window.ordered, q))


def _hour(rank: int) -> Callable[[Window], float]:
    """Return how high an hourly peak is, the first one being the highest."""
    return lambda window: window.highest_peaks[min(rank, len(window.highest_peaks)) - 1]


def _day(rank: int) -> Callable[[Window], float]:
    """Return what a day needed, the first one being the one that needed most."""
    return lambda window: sorted(window.days, reverse=True)[min(rank, len(window.days)) - 1]


def _days_ago(days: int) -> Callable[[Window], float]:
    """Return what a day needed, counted back from now; one before all is like the usual one."""
    return lambda window: window.days[-days] if days <= len(window.days) else _usual_day(window)


def _usual_day(window: Window) -> float:
    return statistics.median(window.days)


def _moves(values: Sequence[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(values)] or [0.0]


def _mean_move(values: Sequence[float]) -> float:
    return statistics.fmean(map(abs, _moves(values)))


def _last_hour(window: Window) -> float:
    return window.relative(statistics.fmean(window.hours[-1]))


def _since_peak(window: Window) -> float:
    """Return how many hours ago demand was near its peak, as a logarithm."""
    near = (at for at, peak in enumerate(reversed(window.peaks)) if peak >= _NEAR)
    return math.log1p(next(near, len(window.peaks)))


def _noise(window: Window) -> float:
    """Return how far demand moves from sample to sample."""
    known = [value for value in window.highest if value is not None]
    mean = _mean_move(known) + _SMALL_MOVE * window.epsilon
    return math.log(mean / (window.anchor + window.epsilon))


def _jump(window: Window) -> float:
    """Return how far demand moves in the one of a hundred samples in which it moves most."""
    known = [value for value in window.highest if value is not None]
    moves = sorted(map(abs, _moves(known)))
    return window.relative(moves[int(0.99 * len(moves))])


def _half_change(window: Window) -> float:
    """Return how far the second half's median is above the first half's."""
    middle = len(window.highest) // 2
    halves = (window.highest[:middle], window.highest[middle:])
    known = ([value for value in half if value is not None] for half in halves)
    first, second = (window.relative(statistics.median(half)) if half else 0.0 for half in known)
    return second - first


def _machines_near_peak(window: Window) -> float:
    near = sum(anchor > 0.9 * window.anchor for anchor in window.anchors)
    return near / len(window.anchors)


def _medians(window: Window) -> list[float]:
    return [window.relative(statistics.median(values)) for values in window.known]


def _growths(window: Window) -> list[float]:
    """Return how far each machine's last hour is above its first one."""
    hour = max(1, 3600 // window.step_seconds)
    return [
        window.relative(statistics.median(values[-hour:]))
        - window.relative(statistics.median(values[:hour]))
        for values in window.known
        if len(values) > 2 * hour
    ] or [0.0]


def _machine(rank: int) -> Callable[[Window], float]:
    """Return a machine's anchor, the first one being the highest; of one machine, its own."""
    return lambda window: window.relative(window.anchors[min(rank, len(window.anchors)) - 1])


_FEATURES: dict[str, Callable[[Window], float]] = {
    "p5": _percentile(5),
    "p25": _percentile(25),
    "p50": _percentile(50),
    "p95": _percentile(95),
    "p99": _percentile(99),
    "max": _percentile(100),
    "hour-2": _hour(2),
    "hour-3": _hour(3),
    "hour-4": _hour(4),
    "hour-7": _hour(7),
    "hour-13": _hour(13),
    "hour-24": _hour(24),
    "hour-median": lambda window: statistics.median(window.peaks),
    "hour-least-of-6": lambda window: min(window.peaks[-6:]),
    "hour-change": lambda window: _mean_move(window.peaks),
    "hour-jump": lambda window: max(_moves(window.peaks)),
    "first-6-hours": lambda window: max(window.peaks[:6]),
    "last-6-hours": lambda window: max(window.peaks[-6:]),
    "last-hour": _last_hour,
    "last-hour-peak": lambda window: window.peaks[-1],
    "since-peak": _since_peak,
    "day-2": _day(2),
    "day-4": _day(4),
    "day-6": _day(6),
    "day-least": lambda window: min(window.days),
    "day-median": _usual_day,
    "day-spread": lambda window: statistics.pstdev(window.days),
    "day-change": lambda window: _mean_move(window.days),
    "yesterday": _days_ago(1),
    "2-days-ago": _days_ago(2),
    "7-days-ago": _days_ago(7),
    "14-days-ago": _days_ago(14),
    "last-3-days": lambda window: max(window.days[-3:]),
    "days-near-peak": lambda window: sum(day > _NEAR for day in window.days) / len(window.days),
    "noise": _noise,
    "jump": _jump,
    "half-change": _half_change,
    "machines": lambda window: math.log(len(window.machines)),
    "machine-2": _machine(2),
    "machine-median": lambda window: window.relative(statistics.median(window.anchors)),
    "machine-least": lambda window: window.relative(window.anchors[-1]),
    "machines-near-peak": _machines_near_peak,
    "machine-p50": lambda window: statistics.median(_medians(window)),
    "machine-p50-spread": lambda window: statistics.pstdev(_medians(window)),
    "machine-least-now": lambda window: min(window.relative(values[-1]) for values in window.known),
    "growth": lambda window: statistics.median(_growths(window)),
    "growth-most": lambda window: max(_growths(window)),
    "level": lambda window: (
        _LEVEL_WEIGHT * math.log((window.anchor + window.epsilon) / window.typical)
    ),
}
