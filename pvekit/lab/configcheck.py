"""Lines of a configuration file that its readers refuse, and what they say of them."""

from __future__ import annotations

import functools
import re

from pvekit.lab import formats
from pvekit.lab.options import table
from pvekit.lab.vmconfig import UNUSED_NAME

_LINE = re.compile(r"([a-z][a-z_-]*\d*):\s*(.+?)\s*")
_INTERNAL = frozenset({"meta", "parent", "runningcpu", "runningmachine", "snaptime", "vmstate"})


@functools.lru_cache(maxsize=20_000)
def broken(text: str, version: str) -> tuple[tuple[str, str], ...]:
    """Return the options that make no sense, each with the reason, in the file's order.

    Values are checked where they are blank: others were checked when they were written.
    """
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


def _fault(key: str, value: str, version: str) -> str:
    if key in _INTERNAL or UNUSED_NAME.fullmatch(key):
        return ""
    spec = table("qm", version).commands["set"].names.get(key)
    if spec is None:
        return f"unknown setting '{key}'"
    if value.strip() or not spec.format or spec.properties:
        return ""
    try:
        formats.check(spec, value, key)
    except formats.Invalid as invalid:
        return str(invalid).removeprefix("invalid format - ").rstrip("\n")
    return ""
