"""Numbers of bytes as Proxmox VE's programs write them for people."""

from __future__ import annotations

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def render_bytes(value: float, digits: int = 2) -> str:
    """Write bytes in the largest unit that is not above them: ``2.00 GiB``."""
    number, unit = float(value), 0
    while number >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.{digits}f} {_UNITS[unit]}"
