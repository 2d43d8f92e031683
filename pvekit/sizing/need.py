"""What the next day will need, from samples: of one machine, or of the siblings of a new one."""

from __future__ import annotations

from pvekit.sizing.demand import Risk, Series, percentile

_MARGIN: dict[Risk, float] = {"safe": 1.5, "normal": 1.2, "cost": 1.0}
_FEW_DAYS_MARGIN = 1.15
_ENOUGH_DAYS = 7.0


def cpu_need(machines: tuple[Series, ...], risk: Risk) -> float:
    """Return the cores that are enough for all but 1 % of the next day's time."""
    return max(_cpu_of_one(one, risk) for one in machines)


def _cpu_of_one(series: Series, risk: Risk) -> float:
    ordered = sorted(series.seen)
    if series.days < _ENOUGH_DAYS:
        return ordered[-1] * max(_FEW_DAYS_MARGIN, _MARGIN[risk])
    return percentile(ordered, 99.5) * _MARGIN[risk]


def memory_need(machines: tuple[Series, ...], risk: Risk) -> float:
    """Return the MiB that are enough for the next day; not below the peak unless ``cost``."""
    return max(max(one.seen) for one in machines) * _MARGIN[risk]
