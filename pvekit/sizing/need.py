"""What the next day will need, from samples: of one machine, or of the siblings of a new one."""

from __future__ import annotations

from collections.abc import Sequence

from pvekit.sizing.demand import DAY_SECONDS, Risk, Series
from pvekit.sizing.learnt import Kind, Model, models
from pvekit.sizing.shape import Resource, anchor_of, window_of

_SIBLINGS_MARGIN = {"cpu": 1.2, "memory": 1.1}
# The fewer siblings, the less do they say of another one: replicas have leaders and followers.
_FEW_SIBLINGS_MARGIN = {
    ("vm", "cpu"): 0.3,
    ("vm", "memory"): 0.2,
    ("workload", "cpu"): 1.3,
    ("workload", "memory"): 0.4,
}
_FEW_SAMPLES_MARGIN = 1.15
_COVERED = 0.7


def need_of(
    machines: Sequence[Series],
    resource: Resource,
    risk: Risk,
    kind: Kind = "vm",
    typical: float | None = None,
    learnt: Sequence[Model] | None = None,
) -> float:
    """Return the cores or MiB that each of these machines needs on the next day.

    They are one VM, or all replicas of a workload, which share a size; each has samples, all with
    the same step. ``typical`` is a usual size around here, without it that of the trained model;
    ``learnt`` are models to use instead of those that come with pvekit.
    Memory is at least the peak that was seen unless ``risk`` is ``cost``; CPU leaves 1 % of the
    time to saturation.
    """
    machines = _until_seen(machines)
    model = _model(learnt or models(), machines, resource, kind)
    window = window_of(machines, resource, model.days, typical or model.typical)
    amount = model.allocation(window, risk)
    anchor = max(anchor_of(sorted(one.seen), resource) for one in machines)
    if not _covers(model, machines):
        return max(amount, anchor * _FEW_SAMPLES_MARGIN)
    return max(amount, anchor) if model.floored(risk) else amount


def sibling_need(siblings: Sequence[Series], resource: Resource, kind: Kind = "vm") -> float:
    """Return what a new machine needs: its siblings' highest, and a margin; less for many."""
    anchor = max(anchor_of(sorted(one.seen), resource) for one in siblings)
    few = _FEW_SIBLINGS_MARGIN[kind, resource] / len(siblings)
    return anchor * (_SIBLINGS_MARGIN[resource] + few)


def _model(
    learnt: Sequence[Model], machines: Sequence[Series], resource: Resource, kind: Kind
) -> Model:
    """Return the model with the longest windows that the samples fill, else the shortest."""
    fitting = [model for model in learnt if (model.kind, model.resource) == (kind, resource)]
    return next((model for model in fitting if _covers(model, machines)), fitting[-1])


def _until_seen(machines: Sequence[Series]) -> tuple[Series, ...]:
    """Return the machines' samples up to the last one of any: what was off ends when it stopped."""
    unseen = min(_unseen(one.values) for one in machines)
    return tuple(
        Series(one.step_seconds, one.values[: len(one.values) - unseen]) for one in machines
    )


def _unseen(values: tuple[float | None, ...]) -> int:
    last_first = enumerate(reversed(values))
    return next((at for at, value in last_first if value is not None), len(values))


def _covers(model: Model, machines: Sequence[Series]) -> bool:
    return any(_known_share(series, model.days) >= _COVERED for series in machines)


def _known_share(series: Series, days: int) -> float:
    """Return how much of the last days has samples; 0 where the series is shorter."""
    length = days * DAY_SECONDS // series.step_seconds
    last = series.values[-length:]
    return sum(value is not None for value in last) / length if len(last) == length else 0.0
