"""Traces of machines, cut into windows: what was used so far, and on the day after."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pvekit.sizing.demand import percentile
from pvekit.sizing.learnt import Kind
from pvekit.sizing.shape import Resource, Window, anchor_of, exceeded_at

STEP = 300
DAY = 86400 // STEP
KNOWN_SHARE = 0.7
SCALE = {"cpu": 1e-4, "memory": 0.1}
COLUMN = {"cpu": "cpu_e4", "memory": "mem_dmib"}

Samples = tuple[float | None, ...]


@dataclass(frozen=True)
class Unit:
    """What has one size: a VM, or a workload with its replicas."""

    name: str
    kind: Kind
    cpu: tuple[Samples, ...]
    memory: tuple[Samples, ...]
    saturated: bool
    cores: float = 0.0
    provisioned_mb: float = 0.0

    def samples(self, resource: Resource) -> tuple[Samples, ...]:
        return self.cpu if resource == "cpu" else self.memory


@dataclass(frozen=True)
class Case:
    """A unit at a moment: what its machines used before, and what on the day after, sorted."""

    unit: Unit
    origin: int
    machines: tuple[Samples, ...]
    after: tuple[tuple[float, ...], ...]
    resource: Resource

    def window(self, typical: float) -> Window:
        return Window(self.machines, self.resource, STEP, typical)

    @property
    def anchor(self) -> float:
        return max(anchor_of(sorted(known(one)), self.resource) for one in self.machines)

    @property
    def needs(self) -> tuple[float, ...]:
        """What each machine needs so that its day is not a bad one."""
        return tuple(exceeded_at(one, self.resource) for one in self.after)

    @property
    def p99(self) -> tuple[float, ...]:
        return tuple(percentile(list(one), 99) for one in self.after)

    @property
    def oracle(self) -> float:
        """What a clairvoyant would give: the next day's p99 of CPU, its peak of memory."""
        return max(self.p99 if self.resource == "cpu" else self.needs)


def known(samples: Sequence[float | None]) -> list[float]:
    return [value for value in samples if value is not None]


def load(folder: Path, kind: Kind) -> list[Unit]:
    """Read a kind's traces: ``vm*.parquet`` or ``k8s*.parquet``, with their ``*_meta.csv``."""
    machines = [
        machine
        for path in sorted(folder.glob("vm*.parquet" if kind == "vm" else "k8s*.parquet"))
        for machine in _machines(path)
    ]
    groups: dict[str, list[tuple[dict[str, str], Samples, Samples]]] = {}
    for meta, cpu, memory in machines:
        groups.setdefault(meta["id"] if kind == "vm" else meta["label"], []).append(
            (meta, cpu, memory)
        )
    return [
        Unit(
            name,
            kind,
            tuple(cpu for _, cpu, _ in group),
            tuple(memory for _, _, memory in group),
            saturated=group[0][0].get("saturated") == "1",
            cores=float(group[0][0].get("cores") or 0),
            provisioned_mb=float(group[0][0].get("mem_prov_mib") or 0),
        )
        for name, group in sorted(groups.items())
    ]


def _machines(path: Path) -> Iterator[tuple[dict[str, str], Samples, Samples]]:
    import pyarrow.parquet

    with path.with_name(f"{path.stem}_meta.csv").open(encoding="utf-8", newline="") as file:
        meta = {row["id"]: row for row in csv.DictReader(file)}
    for row in pyarrow.parquet.read_table(path).to_pylist():
        yield meta[row["id"]], _samples(row, "cpu"), _samples(row, "memory")


def _samples(row: dict[str, list[int]], resource: Resource) -> Samples:
    scale = SCALE[resource]
    return tuple(value * scale if value >= 0 else None for value in row[COLUMN[resource]])


def cases(
    units: Sequence[Unit], resource: Resource, history: float, stride: float, horizon: float = 1
) -> list[Case]:
    """Walk forward through the traces: ``history`` days, then ``horizon``, each ``stride`` days.

    A machine counts where 70 % of both parts are known; CPU of saturated machines never.
    """
    found = []
    before, after = round(history * DAY), round(horizon * DAY)
    for unit in units:
        series = unit.samples(resource)
        if resource == "cpu" and unit.saturated:
            continue
        for origin in range(before, len(series[0]) - after + 1, round(stride * DAY)):
            pairs = [
                (one[origin - before : origin], one[origin : origin + after]) for one in series
            ]
            whole = [(past, sorted(known(next_))) for past, next_ in pairs if _whole(past, next_)]
            if whole:
                machines = tuple(past for past, _ in whole)
                later = tuple(tuple(next_) for _, next_ in whole)
                found.append(Case(unit, origin, machines, later, resource))
    return found


def _whole(past: Samples, later: Samples) -> bool:
    seen = known(past)
    enough = len(seen) >= KNOWN_SHARE * len(past) and max(seen) > 0
    return enough and len(known(later)) >= KNOWN_SHARE * len(later)


@dataclass(frozen=True)
class Score:
    """How sizes did on the day after; rates are in percent.

    ``slack``: what of all allocated capacity lay above the p99 of use. ``bad``: of all machines'
    days. ``violation``: of all samples, those above the size. ``top``: of the days of the tenth
    of units that need most, those that were bad for a machine. ``allocation``: relative to the
    oracle's.
    """

    slack: float
    bad: float
    violation: float
    top: float
    allocation: float
    cases: int


class Scorer:
    """Cases prepared for scoring many sizes."""

    def __init__(self, found: Sequence[Case]) -> None:
        self.cases = found
        self.rows = [(case.p99, case.needs, case.oracle) for case in found]
        ordered = sorted(oracle for _, _, oracle in self.rows)
        self.large = percentile(ordered, 90) if ordered else math.inf

    def slack_and_bad(self, sizes: Sequence[float], only: Sequence[int]) -> tuple[float, float]:
        spare = total = 0.0
        bad = machines = 0
        for at in only:
            size, (p99, needs, _) = sizes[at], self.rows[at]
            total += size * len(p99)
            spare += sum(max(0.0, size - one) for one in p99)
            bad += sum(need > size + 1e-9 for need in needs)
            machines += len(needs)
        return 100 * spare / total, 100 * bad / machines

    def score(self, sizes: Sequence[float]) -> Score:
        slack, bad = self.slack_and_bad(sizes, range(len(sizes)))
        large = [
            max(needs) > size + 1e-9
            for size, (_, needs, oracle) in zip(sizes, self.rows, strict=True)
            if oracle >= self.large
        ]
        samples = above = 0
        for case, size in zip(self.cases, sizes, strict=True):
            for one in case.after:
                samples += len(one)
                above += sum(value > size + 1e-9 for value in one)
        wanted = sum(len(needs) * oracle for _, needs, oracle in self.rows)
        given = sum(len(needs) * size for size, (_, needs, _) in zip(sizes, self.rows, strict=True))
        return Score(
            slack=slack,
            bad=bad,
            violation=100 * above / samples,
            top=100 * sum(large) / len(large),
            allocation=given / wanted,
            cases=len(sizes),
        )
