"""Lists in one value, as Proxmox VE's programs take them apart."""

from __future__ import annotations

import re

_BETWEEN = re.compile(r"[,;\s]+")


def split_list(text: str) -> list[str]:
    """Return the words between commas, semicolons and blanks, or else those between NULs."""
    if "\0" in text:
        return text.split("\0")
    return [part for part in _BETWEEN.split(text) if part]
