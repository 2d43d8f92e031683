"""What programs in guests print, by ``qm guest exec``. A guest may lie: all is bounded."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

_MOST_KB = 1 << 40
_LINE = re.compile(r"^(MemTotal|MemAvailable): +([0-9]{1,15}) kB$", re.MULTILINE)


@dataclass(frozen=True)
class Meminfo:
    """What ``/proc/meminfo`` tells, in KiB; what is used is without page cache."""

    total_kb: int
    available_kb: int

    @property
    def used_kb(self) -> int:
        """What is in use."""
        return self.total_kb - self.available_kb


def text(answer: str) -> str:
    """Return what a program in a guest printed; nothing where there is no such answer."""
    try:
        said: Any = json.loads(answer)
    except (ValueError, RecursionError):
        return ""
    told = said.get("out-data") if isinstance(said, dict) else None
    return told if isinstance(told, str) else ""


def meminfo(text: str) -> Meminfo | None:
    """Read ``/proc/meminfo``; None where its numbers make no sense."""
    sizes = dict(_LINE.findall(text))
    if len(sizes) < 2:
        return None
    total, available = int(sizes["MemTotal"]), int(sizes["MemAvailable"])
    if not 0 < total <= _MOST_KB or available > total:
        return None
    return Meminfo(total, available)
