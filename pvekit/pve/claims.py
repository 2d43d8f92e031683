"""Claims: files in the PVE cluster file system that reserve a vmid, a name or an address.

Exclusive creation of such a file is atomic over the whole PVE cluster (measured on 8.4).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal, get_args

from pvekit.pve.numbers import whole

What = Literal["vmid", "name", "ip"]

FOLDER = "/etc/pve/priv/pvekit"


@dataclass(frozen=True)
class Claim:
    """One reservation and who holds it; ``domain`` is where it lies and is not written into it.

    ``memory_mb`` is in MiB, ``time`` in seconds since the epoch, ``pid`` lives on ``host``.
    """

    domain: str
    what: What
    value: str
    run: str = ""
    vmid: int = 0
    name: str = ""
    node: str = ""
    memory_mb: int = 0
    ip: str = ""
    role: str = ""
    host: str = ""
    pid: int = 0
    time: float = 0.0

    @property
    def path(self) -> str:
        """The absolute path of the claim's file."""
        return f"{FOLDER}/{self.what}-{self.value.replace(':', '-')}"

    def to_line(self) -> str:
        """Return the file's content: one line of JSON."""
        content = {key: getattr(self, key) for key in _FIELDS}
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"


_MOST = 1e11
"""Above all vmids, sizes in MiB, process ids and seconds since the epoch that there are."""

_FIELDS: dict[str, type | tuple[type, ...]] = {
    "run": str,
    "vmid": int,
    "name": str,
    "node": str,
    "memory_mb": int,
    "ip": str,
    "role": str,
    "host": str,
    "pid": int,
    "time": (int, float),
}


def parse(domain: str, path: str, text: str) -> Claim | None:
    """Read a claim's file, or return None if its name is none of a claim.

    A file that is empty or damaged still claims what its name says.
    """
    what, _, value = PurePosixPath(path).name.partition("-")
    kind = next((known for known in get_args(What) if known == what), None)
    if kind is None or not value or (kind == "vmid" and whole(value) is None):
        return None
    if kind == "ip":
        value = value.replace("-", ":")
    said_by_name = {kind: int(value) if kind == "vmid" else value}
    return Claim(domain, kind, value, **(said_by_name | _content(text)))


def _content(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {key: content[key] for key, kind in _FIELDS.items() if _is(kind, content.get(key))}


def _is(kind: type | tuple[type, ...], value: object) -> bool:
    """Whether a value is of a field's type and, as a number, one that can be meant."""
    if isinstance(value, bool) or not isinstance(value, kind):
        return False
    return isinstance(value, str) or 0 <= value < _MOST  # type: ignore[operator]
