"""Other recommenders, for comparison: each takes a case's machines and gives a size."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate

from sizing_traces import DAY, Case, Samples, known

from pvekit.sizing.demand import percentile
from pvekit.sizing.shape import Resource

Recommender = Callable[[Case], float]

VPA_PERCENTILES = (0.5, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 1.0)
VPA_MARGINS = (0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
_GROWTH = 1.05
_FIRST_CORES = 0.01
_FIRST_MIB = 1e7 / 2**20


def highest(case: Case, of: Callable[[list[float]], float]) -> float:
    """Return the highest of the machines, which share one size."""
    return max(of(sorted(known(one))) for one in case.machines)


def at_percentile(q: float) -> Recommender:
    return lambda case: highest(case, lambda ordered: percentile(ordered, q))


def peak_and(margin: float) -> Recommender:
    return lambda case: highest(case, lambda ordered: ordered[-1]) * (1 + margin)


def krr_simple(case: Case) -> float:
    return at_percentile(95)(case) if case.resource == "cpu" else peak_and(0.15)(case)


def p99_5_and(case: Case) -> float:
    """Return what AWS Compute Optimizer's defaults give, as published."""
    return (at_percentile(99.5) if case.resource == "cpu" else peak_and(0))(case) * 1.2


def oracle(case: Case) -> float:
    return case.oracle


def vpa_bases(case: Case) -> list[float]:
    """Return the decayed histogram's percentiles (VPA_PERCENTILES), without a margin."""
    by_machine = [_histogram(one, case.resource) for one in case.machines]
    return [max(one[at] for one in by_machine) for at in range(len(VPA_PERCENTILES))]


def vpa_target(case: Case) -> float:
    return vpa_bases(case)[VPA_PERCENTILES.index(0.9)] * 1.15


def _histogram(samples: Samples, resource: Resource) -> list[float]:
    weighed = _cpu_samples(samples) if resource == "cpu" else _memory_peaks(samples)
    first = _FIRST_CORES if resource == "cpu" else _FIRST_MIB
    ordered = sorted((_bucket(value, first), weight) for value, weight in weighed)
    sums = list(accumulate(weight for _, weight in ordered))
    edges = []
    for q in VPA_PERCENTILES:
        wanted = q * sums[-1] - 1e-12
        at = next((at for at, weight in enumerate(sums) if weight >= wanted), len(sums) - 1)
        edges.append(first * (_GROWTH ** (ordered[at][0] + 1) - 1) / (_GROWTH - 1))
    return edges


def _bucket(value: float, first: float) -> int:
    if value < first:
        return 0
    return math.floor(math.log(value * (_GROWTH - 1) / first + 1, _GROWTH))


def _cpu_samples(samples: Samples) -> list[tuple[float, float]]:
    length = len(samples)
    return [(v, 2 ** ((at - length) / DAY)) for at, v in enumerate(samples) if v is not None]


def _memory_peaks(samples: Samples) -> list[tuple[float, float]]:
    """Return one peak for each day from the first sample on, of half the weight a day earlier."""
    start = next(at for at, value in enumerate(samples) if value is not None)
    days = [known(samples[at : at + DAY]) for at in range(start, len(samples), DAY)]
    return [(max(day), 2.0 ** (at - len(days))) for at, day in enumerate(days) if day]


ANCHORS: dict[str, Recommender] = {
    "oracle": oracle,
    "VPA": vpa_target,
    "krr simple": krr_simple,
    "p99.5 or peak, +20 %": p99_5_and,
    "peak +15 %": peak_and(0.15),
    "p95": at_percentile(95),
    "p99": at_percentile(99),
}


def tuned(bases: Sequence[Sequence[float]], at: int, margin: float) -> list[float]:
    """Return the sizes of a VPA with another percentile and margin."""
    return [base[at] * (1 + margin) for base in bases]
