"""Lines of a VM's configuration file that its readers refuse, and what they say of them."""

from __future__ import annotations

import functools
import re

from pvekit.lab import formats
from pvekit.lab.options import Spec, table
from pvekit.lab.vmconfig import INTERNAL, UNUSED_NAME

_LINE = re.compile(r"([a-z][a-z_-]*\d*):\s*(.+?)\s*")


@functools.lru_cache(maxsize=20_000)
def broken(text: str, version: str) -> tuple[tuple[str, str], ...]:
    """Return the options that make no sense, each with the reason, in the file's order."""
    found = []
    for line in text.partition("\n[")[0].splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        parts = _LINE.fullmatch(line)
        if parts is None:
            found.append(("", f"unable to parse config: {line}"))
        elif why := _fault(parts[1], parts[2], version):
            found.append((parts[1], f"unable to parse value of '{parts[1]}' - {why}"))
    return tuple(found)


@functools.lru_cache(maxsize=1 << 16)
def _fault(key: str, value: str, version: str) -> str:
    """Only type and format count: ranges were looked at when the value was given."""
    if key in INTERNAL or UNUSED_NAME.fullmatch(key):
        return ""
    spec = table("qm", version).commands["set"].names.get(key)
    if spec is None:
        return f"unknown setting '{key}'"
    kept = Spec(type=spec.type, format=spec.format, properties=spec.properties)
    try:
        formats.check(kept, value, "")
    except formats.Invalid as invalid:
        return str(invalid).removeprefix("invalid format - ").rstrip("\n")
    return ""
