"""What simulated VMs use over time: made up, but the same for a VM and a moment each time."""

from __future__ import annotations

import math
import zlib

DAY_SECONDS = 86400
CACHE_SHARE = 0.25
"""The part of the memory in use that is page cache, which Proxmox VE counts as used."""


def cpu(vmid: int, time: float, *, highest: bool) -> float:
    """Return the part of its processors that a VM uses, on average or at its highest."""
    level = 0.1 + 0.3 * _chance(vmid, 0)
    mean = level * (1 + 0.5 * _daily(vmid, time)) + 0.05 * _chance(vmid, time)
    return min(1.0, mean * (1.4 if highest else 1.0))


def cpu_seconds(vmid: int, since: float, until: float) -> float:
    """Return how long one processor of a VM has worked: :func:`cpu` on average, added up."""
    seconds = max(0.0, until - since)
    level = 0.1 + 0.3 * _chance(vmid, 0)
    turn = DAY_SECONDS / (2 * math.pi)
    waves = turn * (_rise(vmid, until) - _rise(vmid, since))
    return max(0.0, seconds * (level + 0.025) + level * 0.5 * waves)


def memory(vmid: int, time: float, *, highest: bool) -> float:
    """Return the part of its memory that a VM uses, page cache included."""
    level = 0.35 + 0.25 * _chance(vmid, 1)
    mean = level * (1 + 0.15 * _daily(vmid, time)) + 0.03 * _chance(vmid, time)
    return min(0.98, mean * (1.05 if highest else 1.0))


def _daily(vmid: int, time: float) -> float:
    phase = time / DAY_SECONDS + _chance(vmid, 2) / 8
    return math.sin(2 * math.pi * phase)


def _rise(vmid: int, time: float) -> float:
    """Return what :func:`_daily` is the slope of, in its own unit of time."""
    phase = time / DAY_SECONDS + _chance(vmid, 2) / 8
    return -math.cos(2 * math.pi * phase)


def _chance(vmid: int, what: float) -> float:
    return zlib.crc32(f"{vmid}/{int(what)}".encode()) / (1 << 32)
