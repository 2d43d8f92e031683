"""From what VMs used to the size of one: own history first, then that of its siblings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pvekit.sizing.demand import (
    DAY_SECONDS,
    Confidence,
    Demand,
    Evidence,
    History,
    Recommendation,
    Risk,
    Series,
    evidence,
    least_sure,
)
from pvekit.sizing.learnt import Model
from pvekit.sizing.need import need_of, sibling_need
from pvekit.sizing.shape import Resource

MEMORY_STEP_MB = 128
MIN_MEMORY_MB = 512
ENOUGH_DAYS = 7.0
"""Less history than this never shrinks memory."""

AT_LIMIT = 0.98
"""What is used from this part of a size on is all of it."""

_OWN_DAYS = 1.0
_QUIET_DAYS = 3
# Chosen so that a VM is resized at most 1.5 times a week where it is reviewed each day.
_SHRINK_BELOW = 0.65
_GROW_ABOVE = 1.3
_GROW_MEMORY = 1.3
_GROW_CPU = 1.5
_CPULIMIT_STEP = 0.05
_EPSILON = 1e-9

_Models = Sequence[Model] | None


@dataclass(frozen=True)
class _Wanted:
    """What one resource should be, in its own unit, of which evidence, and why."""

    amount: float
    evidence: Evidence
    because: str


def recommend(
    history: History, risk: Risk = "normal", learnt: Sequence[Model] | None = None
) -> Recommendation | None:
    """Return the size that a VM's history or its siblings' calls for, None if there is none.

    Pure and deterministic. Memory is at least the peak that was seen, unless ``risk`` is
    ``cost``; it shrinks only after 7 days of the VM's own history, and not where tasks waited
    for memory; small changes of what a VM has are not worth a restart and are left out.
    ``learnt`` are models to use instead of those that come with pvekit.
    """
    cpu = _cpu(history, risk, learnt)
    memory = _memory(history, risk, learnt)
    if cpu is None and memory is None:
        return None
    return Recommendation(
        cpus=_whole_cpus(cpu.amount) if cpu else None,
        cpulimit=_cpulimit(cpu.amount) if cpu else None,
        memory_mb=memory_steps(memory.amount) if memory else None,
        confidence=least_sure(map(_confidence, (cpu, memory))),
        because="; ".join(one.because for one in (cpu, memory) if one),
        cpu_evidence=cpu.evidence if cpu else None,
        memory_evidence=memory.evidence if memory else None,
    )


def memory_steps(memory_mb: float) -> int:
    """Return memory in MiB, rounded up to what is given to a guest."""
    steps = math.ceil(memory_mb / MEMORY_STEP_MB - _EPSILON)
    return max(MIN_MEMORY_MB, steps * MEMORY_STEP_MB)


def _whole_cpus(cores: float) -> int:
    return max(1, math.ceil(cores - _EPSILON))


def _cpulimit(cores: float) -> float:
    steps = math.ceil(cores / _CPULIMIT_STEP - _EPSILON)
    return round(max(1, steps) * _CPULIMIT_STEP, 2)


def _confidence(wanted: _Wanted | None) -> Confidence:
    if wanted is None:
        return "low"
    enough = wanted.evidence.days >= ENOUGH_DAYS
    if wanted.evidence.origin == "own":
        return "high" if enough else "medium"
    return "medium" if enough or wanted.evidence.machines >= 3 else "low"


def _cpu(history: History, risk: Risk, learnt: _Models) -> _Wanted | None:
    wanted = _wanted(history, lambda demand: demand.cpu, "cpu", risk, learnt)
    if wanted is None or history.current is None:
        return wanted
    has = history.current.cpus
    if is_saturated(_last(history.own.cpu, 1), has):
        return _grown(wanted, has * _GROW_CPU, f"CPU was at its limit of {has:g}")
    stays = f"CPU stays at {has:g}"
    if not _worth_it(wanted.amount, has):
        fits = _whole_cpus(wanted.amount) == has
        return _kept(wanted, has, f"{stays}: {_near(f'{wanted.amount:.2f} cores', fits=fits)}")
    if wanted.amount < has and not _is_own(wanted):
        return _kept(wanted, has, f"{stays}: only others' history says that less would do")
    return wanted


def _memory(history: History, risk: Risk, learnt: _Models) -> _Wanted | None:
    wanted = _wanted(history, lambda demand: demand.memory, "memory", risk, learnt)
    if wanted is None or history.current is None:
        return wanted
    has = history.current.memory_mb
    own = history.own.memory
    if _peak(own, _QUIET_DAYS) >= has * AT_LIMIT:
        return _grown(wanted, has * _GROW_MEMORY, f"memory was used up at {has} MiB")
    stays, steps = f"memory stays at {has} MiB", memory_steps(wanted.amount)
    if not _worth_it(steps, has):
        return _kept(wanted, has, f"{stays}: {_near(f'{steps} MiB', fits=steps == has)}")
    if wanted.amount < has and not (_is_own(wanted) and wanted.evidence.days >= ENOUGH_DAYS):
        return _kept(wanted, has, f"{stays}: fewer than {ENOUGH_DAYS:g} days of its own history")
    if wanted.amount < has and history.own.memory_pressure:
        return _kept(wanted, has, f"{stays}: its tasks waited for memory")
    return wanted


def _is_own(wanted: _Wanted) -> bool:
    return wanted.evidence.origin == "own"


def _near(amount: str, *, fits: bool) -> str:
    """Say why what would do makes no change."""
    return "that fits" if fits else f"{amount} would do, too near to be worth a change"


def _worth_it(amount: float, has: float) -> bool:
    return amount < has * _SHRINK_BELOW or amount > has * _GROW_ABOVE


def _kept(wanted: _Wanted, has: float, because: str) -> _Wanted:
    return _Wanted(has, wanted.evidence, f"{because} ({wanted.because})")


def _grown(wanted: _Wanted, least: float, because: str) -> _Wanted:
    amount = max(wanted.amount, least)
    return _Wanted(amount, wanted.evidence, f"{because} ({wanted.because})")


def _peak(series: Series | None, days: int) -> float:
    return max(_last(series, days), default=0.0)


def is_saturated(cpu: Sequence[float], has: float) -> bool:
    """Whether CPUs were at their limit for more than 1 % of the samples, and more than once."""
    at_limit = sum(value >= has * AT_LIMIT for value in cpu)
    return at_limit > math.ceil(len(cpu) / 100)


def _last(series: Series | None, days: int) -> list[float]:
    if series is None:
        return []
    samples = days * DAY_SECONDS // series.step_seconds
    return [value for value in series.values[-samples:] if value is not None]


def _wanted(
    history: History,
    of: Callable[[Demand], Series | None],
    resource: Resource,
    risk: Risk,
    learnt: _Models,
) -> _Wanted | None:
    own = _known([of(history.own)])
    siblings = _known(map(of, history.siblings))
    use_own = bool(own) and (own[0].days >= _OWN_DAYS or not siblings)
    known = own if use_own else siblings
    seen = evidence("own" if use_own else "siblings", known)
    if seen is None:
        return None
    need = (
        need_of(known, resource, risk, learnt=learnt) if use_own else sibling_need(known, resource)
    )
    return _Wanted(need, seen, _why(seen, resource))


def _why(seen: Evidence, resource: Resource) -> str:
    whose = "its own" if seen.origin == "own" else f"{seen.machines} sibling(s)'"
    name, amount = ("CPU", "{:.2f} cores") if resource == "cpu" else ("memory", "{:.0f} MiB")
    return (
        f"{name} from {seen.days:.1f} days of {whose} history:"
        f" p99 {amount.format(seen.p99)}, peak {amount.format(seen.max)}"
    )


def _known(series: Iterable[Series | None]) -> tuple[Series, ...]:
    return tuple(one for one in series if one is not None and one.seen)
