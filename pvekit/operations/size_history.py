"""The link of the chain that knows what similar VMs of the site have used."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import chain

from pvekit.inventory.model import Inventory, Vm
from pvekit.operations.desk import Desk
from pvekit.operations.per_node import answers
from pvekit.operations.size_merging import without_cache
from pvekit.operations.size_own import Uses, over, reading
from pvekit.operations.size_reviews import Reviews
from pvekit.pve import use
from pvekit.pve.use import Use
from pvekit.reviews import recall
from pvekit.sizing import Demand, Need, Recommendation, Series, Size, recommend
from pvekit.sizing import History as Known
from pvekit.sizing.choice import Sized
from pvekit.sizing.demand import DAY_SECONDS, Confidence, Evidence, least_sure
from pvekit.sizing.similar import similar
from pvekit.sizing.workload import Workload, at_least

Read = tuple[Uses, tuple[str, ...]]
"""What VMs have used by domain and vmid, and why some nodes did not say."""

_MEASURED = frozenset({"cpus", "memory_mb"})
_ENOUGH_DAYS = 1.0
_PRESSURE_DAYS = 3


@dataclass
class History:
    """What similar VMs of a site have used, read when it is first asked for, each VM once."""

    desk: Desk
    inventory: Inventory
    _read: dict[tuple[tuple[str, int], ...], Read] = field(default_factory=dict)

    def link(self, need: Need, so_far: Sized) -> Sized | None:
        """Return the answer of history; each node that has similar VMs is asked once.

        What the running ones do not tell is taken from reviews, also of VMs that are gone.
        """
        told = self._settled(need)
        problems = self._of(need)[2]
        if not told:
            return replace(so_far, evidence=(*so_far.evidence, *problems)) if problems else None
        numbers = {key: value for each in told for key, value in each.numbers.items()}
        kept = [each.name for each in fields(Size) if each.name not in numbers]
        reasons = [
            *(each.because for each in told),
            *_raised(numbers, need.workload),
            f"{' and '.join(kept)} of {so_far.because}",
        ]
        evidence = chain.from_iterable(each.evidence for each in told)
        return Sized(
            at_least(replace(so_far.size, **numbers), need.workload.floor),
            "history",
            because="; ".join(reasons),
            evidence=(*evidence, *so_far.evidence, *problems),
            confidence=least_sure(each.confidence for each in told),
            workload=so_far.workload,
            measured=frozenset(numbers),
        )

    def _settled(self, need: Need) -> list[_Told]:
        """Return what VMs that run settle of a size, then what reviews settle of the rest."""
        vms, uses, _ = self._of(need)
        wanted = _MEASURED - counted_of(need)
        names = [vm.name for vm in vms if vm.key in uses]
        running = [self._reinforced(vm, demand) for vm, demand in self.used(need)]
        told = _told("", "similar VMs", names, running, wanted)
        left = wanted - told.numbers.keys()
        past = self.reviews.best(need) if left else ()
        names, demands = [each.name for each in past], [recall.demand(each) for each in past]
        recalled = _told("reviews of earlier VMs: ", "reviewed VMs", names, demands, left)
        return [each for each in (told, recalled) if each.numbers]

    def used(self, need: Need) -> tuple[tuple[Vm, Demand], ...]:
        """Return the similar VMs of which something is known, each with what it has used."""
        vms, uses, _ = self._of(need)
        known = [(vm, uses.get(vm.key)) for vm in vms]
        return tuple((vm, demand(each)) for vm, each in known if each is not None)

    def _reinforced(self, vm: Vm, used: Demand) -> Demand:
        review = self.reviews.of(vm)
        return recall.reinforced(used, review) if review else used

    @cached_property
    def reviews(self) -> Reviews:
        """What reviews found of this site's VMs."""
        return Reviews(self.desk)

    def _of(self, need: Need) -> tuple[tuple[Vm, ...], Uses, tuple[str, ...]]:
        vms = similar(need, self.inventory.vms)
        if not vms:
            return vms, {}, ()
        key = tuple(vm.key for vm in vms)
        if key not in self._read:
            self._read[key] = read(self.desk, self.inventory, vms)
        return vms, *self._read[key]


def read(
    desk: Desk, inventory: Inventory, vms: Sequence[Vm], span_seconds: float = use.WEEK
) -> Read:
    """Return what VMs have used, by domain and vmid, and why some nodes did not say.

    It is what is known of at least the last ``span_seconds``, as finely as that is kept: by the
    nodes, and by pvekit's own samples.
    """
    own = reading(desk, vms, span_seconds)
    told = answers(
        desk,
        inventory,
        vms,
        lambda node, there: use.query(node.name, tuple(vm.vmid for vm in there), span_seconds),
    )
    problems = (f"no history from {alias}: {error}" for alias, error in told.failed.items())
    return over(told.found, own(), span_seconds), tuple(problems)


def demand(used: Use, has_mb: int = 0) -> Demand:
    """Return a VM's samples as a recommendation reads them; ``has_mb`` is its memory now.

    A guest that says that it uses more than it ever had is not believed.
    """
    known = without_cache(used)
    most = max(used.max_memory_mb, has_mb) or math.inf
    values = (None if value is None else min(value, most) for value in known.memory_mb)
    memory = Series(known.step_seconds, tuple(values))
    waited = any(known.last(_PRESSURE_DAYS * DAY_SECONDS).pressure)
    return Demand(Series(known.step_seconds, known.cpu), memory if memory.seen else None, waited)


def counted_of(need: Need) -> frozenset[str]:
    """Return which numbers the text has settled: it names amounts that they are counted from."""
    settled = set(need.described.asked)
    for unit in need.workload.units:
        if need.described.amounts.get(unit.unit):
            settled |= {f.name for f in fields(Size) if getattr(unit, f.name) is not None}
    return frozenset(settled)


@dataclass(frozen=True)
class _Told:
    """What some VMs say: the numbers that they settle, and why."""

    numbers: Mapping[str, int]
    because: str = ""
    confidence: Confidence = "low"
    evidence: tuple[str, ...] = ()


def _told(
    how: str, whose: str, names: Sequence[str], demands: Sequence[Demand], wanted: frozenset[str]
) -> _Told:
    """Return what VMs say of the numbers that are wanted; some may say nothing."""
    found = recommend(Known(siblings=tuple(_part(each, wanted) for each in demands)))
    numbers = _numbers(found) if found else {}
    if found is None or not numbers:
        return _Told({})
    evidence = (f"{whose}: {', '.join(names)}", *_evidence(found, whose))
    return _Told(numbers, f"{how}{found.because}", found.confidence, evidence)


def _raised(numbers: Mapping[str, int], workload: Workload) -> list[str]:
    """Say which numbers are raised to the floor of a workload class."""
    told = {"cpus": "no fewer CPUs than {}", "memory_mb": "no less memory than {} MiB"}
    floor = {key: getattr(workload.floor, key) for key in numbers}
    return [
        f"{told[key].format(floor[key])}, the least of the workload class {workload.name}"
        for key, value in numbers.items()
        if value < floor[key]
    ]


def _part(used: Demand, wanted: frozenset[str]) -> Demand:
    cpu = used.cpu if "cpus" in wanted else None
    return replace(used, cpu=cpu, memory=used.memory if "memory_mb" in wanted else None)


def _numbers(found: Recommendation) -> dict[str, int]:
    told = {
        "cpus": (found.cpus, found.cpu_evidence),
        "memory_mb": (found.memory_mb, found.memory_evidence),
    }
    return {
        key: value
        for key, (value, seen) in told.items()
        if value is not None and seen and seen.days >= _ENOUGH_DAYS
    }


def _evidence(found: Recommendation, whose: str) -> list[str]:
    told = (("cpus", found.cpu_evidence), ("memory_mb", found.memory_evidence))
    return [f"{name} of {whose}: {_figures(seen)}" for name, seen in told if seen]


def _figures(seen: Evidence) -> str:
    return (
        f"{seen.machines} VMs, {seen.days:.1f} days, {seen.samples} samples, p50 {seen.p50:.2f}, "
        f"p95 {seen.p95:.2f}, p99 {seen.p99:.2f}, highest {seen.max:.2f}"
    )
