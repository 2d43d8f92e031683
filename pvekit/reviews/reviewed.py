"""What one review found of one VM, and how it is written down. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

from pvekit.sizing.demand import Evidence, Origin
from pvekit.sizing.size import Size

MOST_TEXT = 200
"""Characters of a text, and texts of a list: what is longer was not written by a review."""


Reader = Callable[[object], Any]
"""Returns what JSON may hold as a field's value, or raises ValueError."""


@dataclass(frozen=True)
class Reviewed:
    """What a VM was given, what it used, and what went wrong; CPU in cores, memory in MiB.

    ``source`` is where its first size came from (empty: nobody says), ``proposed`` that size.
    ``cpus`` and ``memory_mb`` are what it had when it was reviewed, ``cpu`` and ``memory`` what was
    measured, ``signs`` what says that it was too small. ``at`` is in seconds since 1970, ``days``
    how long was measured. Gone VMs are in it, too: a name may have been used again.
    """

    domain: str
    vmid: int
    name: str
    role: str
    workload: str
    tags: tuple[str, ...]
    template: str
    source: str
    proposed: Size | None
    cpus: float
    memory_mb: int
    cpu: Evidence | None
    memory: Evidence | None
    signs: tuple[str, ...]
    at: float
    days: float

    @property
    def key(self) -> tuple[str, int, str]:
        """What tells one VM from all others of a site; vmids are used again."""
        return self.domain, self.vmid, self.name


def to_data(review: Reviewed) -> dict[str, Any]:
    """Return a review as JSON holds it."""
    return asdict(review)


def from_data(data: object) -> Reviewed:
    """Return a review that was written down; raises ValueError for anything else."""
    return Reviewed(**_read(data, _READERS))


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MOST_TEXT:
        raise ValueError("no text, or too long a one")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MOST_TEXT:
        raise ValueError("no list, or too long a one")
    return tuple(map(_text, value))


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("no number")
    if not 0 <= value < 1 << 53:  # NaN is not, either
        raise ValueError("a negative number, or too large a one")
    return float(value)


def _whole(value: object) -> int:
    _number(value)
    if not isinstance(value, int):
        raise ValueError("no whole number")
    return value


def _size(value: object) -> Size | None:
    return None if value is None else Size(**_read(value, _SIZE))


def _origin(value: object) -> Origin:
    if value not in get_args(Origin):
        raise ValueError("nobody is the origin")
    return "own" if value == "own" else "siblings"


def _evidence(value: object) -> Evidence | None:
    return None if value is None else Evidence(**_read(value, _EVIDENCE))


def _read(value: object, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Return the checked fields of a mapping; what only another version knows is left out."""
    if not isinstance(value, dict) or not value.keys() >= readers.keys():
        raise ValueError("no mapping, or one without some of the fields")
    return {key: read(value[key]) for key, read in readers.items()}


_SIZE: Mapping[str, Reader] = {"cpus": _whole, "memory_mb": _whole, "disk_gb": _whole}
_EVIDENCE: Mapping[str, Reader] = {
    "origin": _origin,
    "machines": _whole,
    "samples": _whole,
    **dict.fromkeys(("days", "p50", "p95", "p99", "max"), _number),
}
_READERS: Mapping[str, Reader] = {
    **dict.fromkeys(("domain", "name", "role", "workload", "template", "source"), _text),
    **dict.fromkeys(("tags", "signs"), _texts),
    **dict.fromkeys(("cpus", "at", "days"), _number),
    **dict.fromkeys(("vmid", "memory_mb"), _whole),
    **dict.fromkeys(("cpu", "memory"), _evidence),
    "proposed": _size,
}
