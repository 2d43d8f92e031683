"""What a text such as ``postgres 200 GB, 300 qps`` says of a workload, found by words alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pvekit.sizing.workload import LARGEST, Catalogue, Workload

MOST_CHARACTERS = 2000
"""A longer text says no more: the rest is not read."""

_NUMBER = r"(?<![\w.])(\d{1,12}(?:\.\d{1,6})?)\s*(k|thousand|million)?[\s-]*"
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_TIMES = {"": 1.0, "k": 1e3, "thousand": 1e3, "million": 1e6}
_GB = {"mb": 1 / 1024, "gb": 1.0, "tb": 1024.0}

# What the words after a number mean. The first that fits counts: memory and disk come before data.
_BYTES = re.compile(r"(?<![\w.])(\d{1,12}(?:\.\d{1,6})?)\s*([mgt])i?b?\b(?:\s+(?:of\s+)?([a-z]+))?")
_MEMORY = {"ram", "memory", "mem", "heap"}
_DISK = {"disk", "ssd", "nvme", "volume", "storage"}
_COUNTED = {
    "cpus": r"(?:v?cpus?|cores?|threads?)\b",
    "requests_per_second": (
        r"(?:qps|rps|tps|(?:req(?:uest)?s?|quer(?:y|ies)|transactions?|messages?|msgs?|ops)"
        r"\s*(?:/|per|a|each)\s*s(?:ec(?:ond)?)?)\b"
    ),
    "connections": r"(?:concurrent\s+)?(?:connections?|clients?|users?)\b",
    "pods": r"pods?\b",
    "nodes": r"(?:nodes?|hosts?|servers?|machines?)\b",
    "jobs": r"(?:parallel\s+|concurrent\s+)?(?:jobs?|builds?|pipelines?|runners?)\b",
    "series": r"(?:active\s+)?(?:time\s*)?series\b",
}
_PATTERNS = {key: re.compile(_NUMBER + words) for key, words in _COUNTED.items()}


@dataclass(frozen=True)
class Described:
    """What a text says: the class, amounts by unit, sizes that it asks for, and what it leaves out.

    ``asked`` has ``cpus``, ``memory_mb`` and ``disk_gb`` as far as the text names them;
    ``missing`` are units of the class that the text says nothing of; ``others`` are further
    classes that the text names.
    """

    workload: Workload | None = None
    amounts: Mapping[str, float] = field(default_factory=dict)
    asked: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def describe(text: str, catalogue: Catalogue) -> Described:
    """Return what a text says; the class whose word stands first counts."""
    plain = _THOUSANDS.sub("", " ".join(text[:MOST_CHARACTERS].lower().split()))
    named = _named(plain, catalogue)
    workload = catalogue[named[0]] if named else None
    amounts, asked = _amounts(plain)
    units = tuple(unit.unit for unit in workload.units) if workload else ()
    return Described(
        workload,
        amounts,
        asked,
        missing=tuple(unit for unit in units if unit not in amounts),
        others=tuple(named[1:]),
    )


def _named(plain: str, catalogue: Catalogue) -> list[str]:
    """Return the classes that a text names, in its order; a longer word hides those within."""
    found = sorted(
        (match.start(), -match.end(), name)
        for name, workload in catalogue.items()
        for word in (*workload.words, name)
        for match in re.finditer(rf"(?<![\w-]){re.escape(word)}(?![\w-])", plain)
    )
    named: list[str] = []
    end = 0
    for start, minus_end, name in found:
        if start < end:
            continue
        end = -minus_end
        if name not in named:
            named.append(name)
    return named


def _amounts(plain: str) -> tuple[dict[str, float], dict[str, int]]:
    amounts: dict[str, float] = {}
    asked: dict[str, int] = {}
    for key, value in _bytes(plain):
        if key == "data_gb":
            amounts[key] = amounts.get(key, 0.0) + value
        else:
            asked.setdefault(key, _whole(key, value))
    for key, pattern in _PATTERNS.items():
        if match := pattern.search(plain):
            value = float(match[1]) * _TIMES[match[2] or ""]
            if key == "cpus":
                asked[key] = _whole(key, value)
            elif value:
                amounts[key] = value
    return amounts, asked


def _bytes(plain: str) -> Iterator[tuple[str, float]]:
    for match in _BYTES.finditer(plain):
        gb = float(match[1]) * _GB[f"{match[2]}b"]
        if not gb:
            continue
        if match[3] in _MEMORY:
            yield "memory_mb", gb * 1024
        elif match[3] in _DISK:
            yield "disk_gb", gb
        else:
            yield "data_gb", gb


def _whole(key: str, value: float) -> int:
    most: int = getattr(LARGEST, key)
    return min(max(1, round(value)), most)
