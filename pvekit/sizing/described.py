"""What a text such as ``postgres 200 GB, 300 qps`` says of a workload, found by words alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pvekit.sizing.workload import LARGEST, Catalogue, Workload

MOST_CHARACTERS = 2000
"""A longer text says no more: the rest is not read."""

MOST = 1e12
"""No amount counts for more: nothing is that large, and what is counted from it stays a number."""

_FIGURES = r"(?<![\w.])(\d{1,40}(?:\.\d{1,6})?)"
_NUMBER = _FIGURES + r"\s*(k|thousand|million)?[\s-]*"
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_THOUSANDS_BY_DOTS = re.compile(r"(?<![\w.,])[1-9]\d{0,2}(?:\.\d{3}){2}(?![\w.])")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_TIMES = {"": 1.0, "k": 1e3, "thousand": 1e3, "million": 1e6}
_GB = {"mb": 1 / 1024, "gb": 1.0, "tb": 1024.0}

# What the words after a number mean. The first that fits counts: memory and disk come before data.
_BYTES = re.compile(_FIGURES + r"\s*([mgt])(?P<unit>i?b?)\b(?:\s+(?:of\s+)?([a-z]+))?")
_MEMORY = {"ram", "memory", "mem", "heap"}
_DATA = {"data"}
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
_SIZES = {"cpus", "memory_mb", "disk_gb"}
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


@dataclass(frozen=True)
class Mention:
    """An amount in a text and where it stands: ``key`` is a unit, or the number of a size."""

    start: int
    end: int
    key: str
    value: float


def normal(text: str) -> str:
    """Return a text as it is read: lower case, single blanks, numbers as ``1200000`` and ``1.5``.

    Written they may be as ``1,200,000``, ``1.200.000`` and ``1,5``, too.
    """
    plain = " ".join(text[:MOST_CHARACTERS].lower().split())
    grouped = _THOUSANDS_BY_DOTS.sub(lambda found: found[0].replace(".", ""), plain)
    return _DECIMAL_COMMA.sub(".", _THOUSANDS.sub("", grouped))


def describe(text: str, catalogue: Catalogue) -> Described:
    """Return what a text says; the class whose word stands first counts."""
    plain = normal(text)
    named = _named(plain, catalogue)
    workload = catalogue[named[0]] if named else None
    amounts, asked = totals(mentions(plain))
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


def mentions(plain: str) -> tuple[Mention, ...]:
    """Return all amounts of a text as :func:`normal` returns it: bytes first, then by unit."""
    counted = (
        Mention(match.start(), match.end(), key, _number(match) * _TIMES[match[2] or ""])
        for key, pattern in _PATTERNS.items()
        for match in pattern.finditer(plain)
    )
    return (*_bytes(plain), *counted)


def _number(found: re.Match[str]) -> float:
    return min(MOST, float(found[1]))


def totals(found: Iterable[Mention]) -> tuple[dict[str, float], dict[str, int]]:
    """Return amounts by unit and the numbers that are asked for: data adds up, else the first."""
    amounts: dict[str, float] = {}
    asked: dict[str, int] = {}
    for each in found:
        if each.key in _SIZES:
            asked.setdefault(each.key, _whole(each.key, each.value))
        elif each.key == "data_gb":
            amounts[each.key] = amounts.get(each.key, 0.0) + each.value
        elif each.value:
            amounts.setdefault(each.key, each.value)
    return amounts, asked


def _bytes(plain: str) -> Iterator[Mention]:
    for match in _BYTES.finditer(plain):
        gb = _number(match) * _GB[f"{match[2]}b"]
        if not gb:
            continue
        if match[4] in _MEMORY:
            key, value = "memory_mb", gb * 1024
        else:
            key, value = "disk_gb" if match[4] in _DISK else "data_gb", gb
        told = match[4] in _MEMORY | _DISK | _DATA
        yield Mention(match.start(), match.end() if told else match.end("unit"), key, value)


def _whole(key: str, value: float) -> int:
    most: int = getattr(LARGEST, key)
    return min(max(1, round(value)), most)
