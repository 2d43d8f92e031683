"""Workload classes: what a kind of work takes at the least, and for each further amount of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pvekit.sizing.size import Size

OTHER = "other"
"""The class of everything that no other is for."""
LARGEST = Size(512, 16_777_216, 131_072)
"""More than this of anything is no answer."""

_MEMORY_STEP_MB = 256

UNITS: Mapping[str, str] = {
    "requests_per_second": "requests per second",
    "data_gb": "GB of data",
    "connections": "connections",
    "pods": "pods",
    "nodes": "nodes",
    "jobs": "jobs",
    "series": "series",
}
"""What is counted, by its key, as people say it."""


@dataclass(frozen=True)
class Unit:
    """What so many (``per``) of something take: CPUs, MiB, GiB; None is nothing of a resource."""

    unit: str
    per: int
    source: str
    cpus: float | None = None
    memory_mb: float | None = None
    disk_gb: float | None = None


@dataclass(frozen=True)
class Workload:
    """A class of work: how it is recognised, its preset, its floor, and what amounts take."""

    name: str
    preset: str
    because: str
    floor: Size
    source: str
    words: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    units: tuple[Unit, ...] = ()


Catalogue = Mapping[str, Workload]
"""Workload classes by name; one is called ``other``."""


def parse(data: Mapping[str, Mapping[str, Any]]) -> dict[str, Workload]:
    """Return the classes of a file that fits the schema."""
    return {name: _workload(name, entry) for name, entry in data.items()}


def _workload(name: str, entry: Mapping[str, Any]) -> Workload:
    return Workload(
        name,
        entry["preset"],
        entry["because"],
        Size(**entry["floor"]),
        entry["source"],
        words=tuple(entry.get("words", ())),
        roles=tuple(entry.get("roles", ())),
        units=tuple(Unit(**unit) for unit in entry.get("units", ())),
    )


def of_role(catalogue: Catalogue, role: str) -> Workload:
    """Return the class of a role; a role that none names is of the class ``other``."""
    found = (each for each in catalogue.values() if role in each.roles)
    return next(found, catalogue[OTHER])


def estimate(
    workload: Workload, amounts: Mapping[str, float], preset: Size
) -> tuple[Size, tuple[str, ...]]:
    """Return the size for amounts by their units, and how it came about, a line for each.

    What no amount speaks of is as in the preset; nothing is below the floor.
    """
    used = [unit for unit in workload.units if amounts.get(unit.unit)]
    told = [_told(unit, amounts[unit.unit]) for unit in used]
    numbers = {
        field.name: _number(field.name, workload.floor, preset, used, amounts)
        for field in fields(Size)
    }
    floor = f"at least {workload.floor} for {workload.name} ({workload.source})"
    return at_least(Size(**numbers), workload.floor), (*told, floor)


def at_least(size: Size, floor: Size) -> Size:
    """Return a size of which nothing is below the floor, nor above what can be given."""
    least = {f.name: max(getattr(size, f.name), getattr(floor, f.name)) for f in fields(Size)}
    return Size(**{key: min(each, getattr(LARGEST, key)) for key, each in least.items()})


def _number(
    key: str, floor: Size, preset: Size, used: list[Unit], amounts: Mapping[str, float]
) -> int:
    taken = [(unit, share) for unit in used if (share := getattr(unit, key)) is not None]
    if not taken:
        kept: int = getattr(preset, key)
        return kept
    more = sum(share * amounts[unit.unit] / unit.per for unit, share in taken)
    whole: int = math.ceil(round(min(getattr(floor, key) + more, 1e12), 6))
    if key == "memory_mb":
        return math.ceil(whole / _MEMORY_STEP_MB) * _MEMORY_STEP_MB
    return whole


def _told(unit: Unit, amount: float) -> str:
    names = {"cpus": "vCPU", "memory_mb": "MiB", "disk_gb": "GiB"}
    takes = [f"{share:g} {word}" for key, word in names.items() if (share := getattr(unit, key))]
    return f"{amount:g} {UNITS[unit.unit]}: {', '.join(takes)} for each {unit.per} ({unit.source})"
