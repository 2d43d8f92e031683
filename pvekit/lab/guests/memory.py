"""What a guest's kernel says of its memory."""

from __future__ import annotations

from pvekit.lab import usage


def meminfo(vmid: int, memory_mb: int, now: float) -> str:
    """Return ``/proc/meminfo``: of what Proxmox VE sees in use a part is page cache."""
    total = memory_mb << 10
    used = int(total * usage.memory(vmid, now, highest=False))
    cached = int(used * usage.CACHE_SHARE)
    lines = {
        "MemTotal": total,
        "MemFree": total - used,
        "MemAvailable": total - used + cached,
        "Buffers": 0,
        "Cached": cached,
    }
    return "".join(f"{key + ':':<16}{value:>8} kB\n" for key, value in lines.items())
