"""The closed loop: each day a VM's size is reviewed, and what it uses is cut at its size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from sizing_traces import DAY, STEP, Samples, Unit, known
from sizing_trained import Trained

from pvekit.sizing import Allocation, Demand, History, Series, recommend
from pvekit.sizing.demand import percentile
from pvekit.sizing.learnt import Model

HISTORY_DAYS = 14
FIRST_REVIEW = 7


@dataclass(frozen=True)
class Day:
    """A VM's day: its size, what lay above the p99 of its use, whether it was a bad one."""

    cpus: float
    cpu_spare: float
    cpu_bad: bool
    memory_mb: float
    memory_spare: float
    memory_bad: bool
    resized_cpu: bool
    resized_memory: bool


@dataclass(frozen=True)
class Loop:
    """What the closed loop came to; CPU is that of the VMs that are not saturated as traced."""

    vms: int
    days: int
    memory_slack: float
    memory_bad: float
    cpu_slack: float
    cpu_bad: float
    resizes: float
    memory_resizes: float
    cpu_resizes: float


def closed_loop(vms: Sequence[Unit], pool: Executor) -> Loop | None:
    """Walk all VMs from their owners' sizes on; the first review is after 7 days."""
    units = [unit for unit in vms if len(unit.memory[0]) > FIRST_REVIEW * DAY]
    if not units:
        return None
    days = list(pool.map(_walk, units, chunksize=8))
    free = [walked for unit, walked in zip(units, days, strict=True) if not unit.saturated]
    cpu = [day for walked in free for day in walked]
    memory = [day for walked in days for day in walked]
    weeks = len(memory) / 7
    return Loop(
        vms=len(units),
        days=len(days[0]),
        memory_slack=100 * sum(d.memory_spare for d in memory) / sum(d.memory_mb for d in memory),
        memory_bad=100 * sum(d.memory_bad for d in memory) / len(memory),
        cpu_slack=100 * sum(d.cpu_spare for d in cpu) / sum(d.cpus for d in cpu),
        cpu_bad=100 * sum(d.cpu_bad for d in cpu) / len(cpu),
        resizes=sum(d.resized_cpu or d.resized_memory for d in memory) / weeks,
        memory_resizes=sum(d.resized_memory for d in memory) / weeks,
        cpu_resizes=sum(d.resized_cpu for d in memory) / weeks,
    )


def _walk(unit: Unit) -> list[Day]:
    """Review a VM each day from the seventh on, seeing only what its sizes let it use."""
    learnt = Trained().learnt(unit)
    cpu, memory = unit.cpu[0], unit.memory[0]
    size = Allocation(unit.cores, math.ceil(unit.provisioned_mb))
    first = FIRST_REVIEW * DAY
    seen_cpu, seen_memory = _cut(cpu[:first], size.cpus), _cut(memory[:first], size.memory_mb)
    walked = []
    for origin in range(first, len(cpu) - DAY + 1, DAY):
        before, size = size, _reviewed(seen_cpu, seen_memory, size, learnt)
        walked.append(_day(cpu[origin : origin + DAY], memory[origin : origin + DAY], before, size))
        seen_cpu += _cut(cpu[origin : origin + DAY], size.cpus)
        seen_memory += _cut(memory[origin : origin + DAY], size.memory_mb)
    return walked


def _cut(samples: Samples, size: float) -> Samples:
    return tuple(None if value is None else min(value, size) for value in samples)


def _reviewed(
    cpu: Samples, memory: Samples, size: Allocation, learnt: Sequence[Model]
) -> Allocation:
    last = HISTORY_DAYS * DAY
    demand = Demand(Series(STEP, cpu[-last:]), Series(STEP, memory[-last:]))
    found = recommend(History(demand, current=size), learnt=learnt)
    if found is None:
        return size
    return Allocation(found.cpulimit or size.cpus, found.memory_mb or size.memory_mb)


def _day(cpu: Samples, memory: Samples, before: Allocation, size: Allocation) -> Day:
    cores, mib = sorted(known(cpu)) or [0.0], sorted(known(memory)) or [0.0]
    above = sum(value > size.cpus + 1e-9 for value in cores)
    return Day(
        cpus=size.cpus,
        cpu_spare=max(0.0, size.cpus - percentile(cores, 99)),
        cpu_bad=above > math.ceil(0.01 * len(cores)),
        memory_mb=size.memory_mb,
        memory_spare=max(0.0, size.memory_mb - percentile(mib, 99)),
        memory_bad=mib[-1] > size.memory_mb + 1e-9,
        resized_cpu=size.cpus != before.cpus,
        resized_memory=size.memory_mb != before.memory_mb,
    )
