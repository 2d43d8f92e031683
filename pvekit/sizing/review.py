"""How well a VM's size fits what it used, and which size would: its own history and signs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from pvekit.pve.signs import Signs
from pvekit.sizing.demand import (
    Allocation,
    Confidence,
    Demand,
    Evidence,
    History,
    Recommendation,
    Series,
    evidence,
)
from pvekit.sizing.history import (
    AT_LIMIT,
    ENOUGH_DAYS,
    is_saturated,
    memory_steps,
    recommend,
)
from pvekit.sizing.size import Size

Sign = Literal["oom", "cgroup-oom", "memory-pressure", "memory-saturated", "cpu-saturated"]
"""What tells of too small a size. ``cgroup-oom`` does not: a limit inside the guest was reached."""

GROWN_FOR_OOM = 1.3
"""So much more memory gets a VM whose kernel killed for want of it."""

NO_FLOOR = Size(1, 512, 1)

_FEW_DAYS = 1.0


@dataclass(frozen=True)
class Measured:
    """What was used of one resource, and whether all of it was.

    ``slack`` is the part of the size above p99, in percent; negative where there was more once.
    """

    used: Evidence
    slack: float
    saturated: bool


@dataclass(frozen=True)
class Reviewable:
    """A VM that runs.

    ``lately`` is what it used in the time that is looked at, ``demand`` what is known in all.
    ``behind_limit`` are its virtual CPUs where a limit lets it use only a part of them, 0 without
    one. Below ``floor``, that of its workload class, nothing shrinks. ``sized_days`` is for how
    many days it has had this size, as far as that is known.
    """

    has: Allocation
    lately: Demand
    demand: Demand
    signs: Signs | None = None
    floor: Size = NO_FLOOR
    behind_limit: int = 0
    sized_days: float = math.inf


@dataclass(frozen=True)
class Review:
    """How a size fits, and which size would: whole ``cpus``, ``memory_mb`` in MiB.

    A resource of which nothing is known is None, and stays as it is.
    """

    cpu: Measured | None
    memory: Measured | None
    signs: tuple[Sign, ...]
    cpus: int
    memory_mb: int
    confidence: Confidence
    because: str

    @property
    def days(self) -> float:
        """Of how many days there are samples, at the most."""
        return max((one.used.days for one in (self.cpu, self.memory) if one), default=0.0)


def last(series: Series | None, seconds: float) -> Series | None:
    """Return the samples of the last so many seconds."""
    if series is None:
        return None
    count = max(1, math.ceil(seconds / series.step_seconds))
    return Series(series.step_seconds, series.values[-count:])


def lately(demand: Demand, seconds: float) -> Demand:
    """Return what was used in the last so many seconds."""
    return Demand(last(demand.cpu, seconds), last(demand.memory, seconds))


def review(vm: Reviewable) -> Review:
    """Review one VM. Pure and deterministic.

    Memory never shrinks below the highest use that was seen, nor where tasks waited for it, nor
    within a week of a change; CPUs never by less than a day of samples. A kernel that killed for
    want of memory makes it grow.
    """
    cpu = _cpu(vm)
    memory = _memory(vm)
    found = recommend(History(own=vm.demand, current=vm.has))
    cpus, why_cpus = _cpus(vm, found)
    memory_mb, why_memory = _memory_mb(vm, found)
    told = found.because if found else "nothing is recorded of what it used"
    return Review(
        cpu=cpu,
        memory=memory,
        signs=_signs(vm, cpu, memory),
        cpus=cpus,
        memory_mb=memory_mb,
        confidence=_confidence(vm, found),
        because="; ".join(part for part in (why_cpus, why_memory, told) if part),
    )


def _cpu(vm: Reviewable) -> Measured | None:
    series, has = vm.lately.cpu, vm.has.cpus
    return _measured(series, has, at_limit=is_saturated(series.seen if series else (), has))


def _memory(vm: Reviewable) -> Measured | None:
    series, has = vm.lately.memory, vm.has.memory_mb
    return _measured(series, has, at_limit=_peak(series) >= has * AT_LIMIT)


def _measured(series: Series | None, has: float, *, at_limit: bool) -> Measured | None:
    used = evidence("own", [series] if series else [])
    if used is None:
        return None
    return Measured(used, (has - used.p99) / has * 100, at_limit)


def _peak(series: Series | None) -> float:
    return max(series.seen if series else (), default=0.0)


def _signs(vm: Reviewable, cpu: Measured | None, memory: Measured | None) -> tuple[Sign, ...]:
    told = vm.signs
    shown: dict[Sign, bool] = {
        "oom": bool(told and told.kills),
        "cgroup-oom": bool(told and told.cgroup_kills),
        "memory-pressure": vm.demand.memory_pressure or bool(told and told.pressure),
        "memory-saturated": bool(memory and memory.saturated),
        "cpu-saturated": bool(cpu and cpu.saturated),
    }
    return tuple(sign for sign, there in shown.items() if there)


def _cpus(vm: Reviewable, found: Recommendation | None) -> tuple[int, str]:
    """Return how many CPUs, and why that is not what history alone says."""
    has = math.ceil(vm.has.cpus)
    wanted = found.cpus if found and found.cpus else has
    if vm.behind_limit:
        return (
            vm.behind_limit,
            f"CPUs stay: they have a limit of {vm.has.cpus:g} (cpulimit)",
        )
    if wanted >= has:
        return wanted, ""
    if vm.demand.cpu is None or vm.demand.cpu.days < _FEW_DAYS:
        return has, "CPUs stay: there is less than a day of samples"
    least = min(has, vm.floor.cpus)
    return _floored(wanted, least, f"no fewer CPUs than {least}, the least of its workload class")


def _memory_mb(vm: Reviewable, found: Recommendation | None) -> tuple[int, str]:
    """Return how much memory, and why that is not what history alone says."""
    has, told = vm.has.memory_mb, vm.signs
    wanted = found.memory_mb if found and found.memory_mb else has
    if wanted == memory_steps(has):  # what stays is rounded up, too
        wanted = has
    if told and told.kills:
        whom = f" ({', '.join(told.names)})" if told.names else ""
        grown = max(wanted, memory_steps(has * GROWN_FOR_OOM))
        count = f"{told.kills} process{'es' * (told.kills > 1)}"
        return grown, f"the kernel killed {count}{whom} for want of memory"
    if wanted >= has:
        return wanted, ""
    if told and told.pressure:
        return has, f"memory stays: tasks waited for it {told.pressure:g} % of the time"
    if vm.sized_days < ENOUGH_DAYS:
        return has, f"memory stays: it has been {has} MiB for fewer than {ENOUGH_DAYS:g} days"
    peak = max(_peak(vm.demand.memory), _peak(vm.lately.memory))
    if memory_steps(peak) > wanted:
        return min(has, memory_steps(peak)), f"no less memory than the {peak:.0f} MiB that it used"
    least = min(has, vm.floor.memory_mb)
    return _floored(wanted, least, f"no less memory than {least} MiB, as its workload class needs")


def _floored(wanted: int, least: int, because: str) -> tuple[int, str]:
    return (wanted, "") if wanted >= least else (least, because)


def _confidence(vm: Reviewable, found: Recommendation | None) -> Confidence:
    known = (vm.demand.cpu, vm.demand.memory)
    days = max((series.days for series in known if series), default=0.0)
    return found.confidence if found and days >= _FEW_DAYS else "low"
