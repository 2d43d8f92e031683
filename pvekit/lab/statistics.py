"""What the emulator of a running VM tells of itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

SUPPORT: Mapping[str, Any] = {
    "backup-access-api": True,
    "backup-fleecing": True,
    "backup-max-workers": True,
    "pbs-dirty-bitmap": True,
    "pbs-dirty-bitmap-migration": True,
    "pbs-dirty-bitmap-savevm": True,
    "pbs-library-version": "1.5.2 (UNKNOWN)",
    "pbs-masterkey": True,
    "query-bitmap-info": True,
}
"""What the emulator can do for backups."""
_DONE = ("flush", "rd", "unmap", "wr", "zone_append")
_KINDS = ("bytes", "merged", "operations", "total_time_ns")


def _nothing_done() -> dict[str, Any]:
    """Return the counters of a drive that nothing was read from: the lab counts no transfers."""
    zeros = {f"{action}_{kind}": 0 for action in _DONE for kind in _KINDS}
    zeros |= {f"{how}_{a}_operations": 0 for how in ("failed", "invalid") for a in _DONE}
    del zeros["flush_bytes"], zeros["flush_merged"]
    return {
        **zeros,
        "account_failed": True,
        "account_invalid": True,
        "idle_time_ns": 0,
        "timed_stats": [],
        "wr_highest_offset": 0,
    }


def blocks(slots: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the counters of drives, by slot."""
    return {slot: _nothing_done() for slot in slots}
