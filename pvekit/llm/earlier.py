"""VMs like the one to be made: what they were first given, and what became of that. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pvekit.sizing.demand import Evidence
from pvekit.sizing.review_proposals import cpus_needed, memory_needed_mb
from pvekit.sizing.size import Size

MOST = 8
"""So many are told of."""

TOO_SMALL = frozenset({"oom", "memory-pressure", "memory-saturated", "cpu-saturated"})
"""Signs that a VM had too little; a limit within the guest is none."""

_MOST_LABEL = 60
_MOST_LABELS = 8

Plain = Callable[[str], str]


@dataclass(frozen=True)
class Earlier:
    """One VM: what it was first given, what it has or had at last, what it used.

    ``identity`` tells it, and its review, from all others; ``still_there`` is False for one that
    the site does not show any more.
    """

    identity: str
    name: str
    role: str
    workload: str
    shared_tags: int
    same_template: bool
    likeness: int
    still_there: bool
    first: Size | None
    source: str
    cpus: float
    memory_mb: int
    cpu: Evidence | None
    memory: Evidence | None
    signs: tuple[str, ...] = ()

    @property
    def off(self) -> dict[str, float]:
        """How many times what was needed was first given: the p99 of CPU, the peak of memory."""
        if self.first is None:
            return {}
        off: dict[str, float] = {}
        if self.cpu is not None:
            off["cpus"] = self.first.cpus / cpus_needed(self.cpu)
        if self.memory is not None:
            off["memory_mb"] = self.first.memory_mb / memory_needed_mb(self.memory)
        return {key: round(value, 2) for key, value in off.items()}

    @property
    def exceeded(self) -> bool:
        """Whether the first size turned out too small."""
        return not TOO_SMALL.isdisjoint(self.signs) or any(each < 1 for each in self.off.values())


def chosen(known: Sequence[Earlier]) -> tuple[Earlier, ...]:
    """Return the most similar, the best last; one that was too small is among them if there is.

    ``known`` are in order of preference where they are equally similar.
    """
    best = sorted(known, key=lambda each: -each.likeness)
    kept, others = best[:MOST], best[MOST:]
    warning = next((each for each in others if each.exceeded), None)
    if warning is not None and not any(each.exceeded for each in kept):
        kept = [*kept[:-1], warning]
    return tuple(reversed(kept))


def data(each: Earlier, plain: Plain, *, names: bool) -> dict[str, Any]:
    """Return what is told of a VM; ``plain`` cleans the site's words."""

    def label(text: str) -> str:
        return plain(text)[:_MOST_LABEL]

    return {
        **({"name": label(each.name)} if names else {}),
        "role": label(each.role),
        "workload_class": label(each.workload),
        "shared_tags": each.shared_tags,
        "same_template": each.same_template,
        "still_there": each.still_there,
        "first_given": asdict(each.first) if each.first else None,
        "first_given_by": label(each.source),
        "has": {"cpus": each.cpus, "memory_mb": each.memory_mb},
        "used": {"cpu_cores": _figures(each.cpu), "memory_mb": _figures(each.memory)},
        "first_given_over_needed": each.off,
        "too_small": each.exceeded,
        "signs": [label(sign) for sign in each.signs[:_MOST_LABELS]],
    }


def _figures(seen: Evidence | None) -> dict[str, float] | None:
    if seen is None:
        return None
    figures = asdict(seen)
    return {key: round(figures[key], 2) for key in ("days", "p50", "p95", "p99", "max")}
