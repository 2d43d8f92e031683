"""A guest's configuration file as PVE writes it under ``/etc/pve/nodes/NODE/{qemu-server,lxc}``.

The format, the escaping and the normalisation follow the recorded files of Proxmox VE 8.4.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from pvekit.pve import properties

_OPTION = re.compile(r"([a-z][a-z_-]*\d*):\s*(.+?)\s*")
_SECTION = re.compile(r"\[([^\]]+)\]\s*")
_SNAPSHOT = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")  # sections of PVE's own have a colon
_PENDING = "pending"

# In a description PVE escapes control and non-ASCII characters, ":" and "%", and nothing else.
_DESCRIPTION_SAFE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in ":%")

# The key that a value without one belongs to, by option without its number.
_DEFAULT_KEYS = {
    "agent": "enabled",
    "boot": "legacy",
    "cpu": "cputype",
    "efidisk": "file",
    "ide": "file",
    "ipconfig": "",
    "machine": "type",
    "memory": "current",
    "net": "model",
    "sata": "file",
    "scsi": "file",
    "startup": "order",
    "tpmstate": "file",
    "vga": "type",
    "virtio": "file",
}
_BOOLEANS = frozenset(
    (
        "acpi",
        "autostart",
        "ciupgrade",
        "kvm",
        "localtime",
        "numa",
        "onboot",
        "protection",
        "reboot",
        "tablet",
        "template",
    )
)
_TRUE = frozenset(("1", "on", "yes", "true"))


@dataclass(frozen=True)
class Snapshot:
    """A snapshot: the guest's options of then with the snapshot's own, and its description."""

    values: Mapping[str, str] = field(default_factory=dict)
    description: str = ""

    @property
    def time(self) -> int:
        """When it was taken, in seconds since the epoch."""
        text = self.values.get("snaptime", "")
        return int(text) if text.isdecimal() else 0

    @property
    def is_whole(self) -> bool:
        """Whether it is neither being taken nor being removed, nor what is left of that."""
        return "snapstate" not in self.values


@dataclass(frozen=True)
class GuestConfig:
    """A guest's configuration: the part before the first ``[section]``, and what is pending.

    ``description`` is decoded, ``digest`` is what ``qm set --digest`` compares, ``snapshots`` are
    by name.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    pending: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""
    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)

    @property
    def lock(self) -> str | None:
        """What holds the guest (``clone``, ``backup``), or None."""
        return self.values.get("lock")

    @property
    def is_stub(self) -> bool:
        """Whether this is what stands in the place of a guest that is being made or destroyed."""
        return not self.values.keys() - {"lock"}

    @property
    def uuid(self) -> str:
        """What no two guests share, whatever their vmid: another one in each clone; may be empty.

        A guest that is restored from a backup has that of the backup.
        """
        return properties.parse(self.values.get("smbios1", "")).get("uuid", "").lower()

    def get(self, key: str) -> str | None:
        """Return an option's plain value: description and SSH keys decoded; None if not set."""
        if key == "description":
            return self.description or None
        value = self.values.get(key)
        return decode(value) if key == "sshkeys" and value is not None else value

    def is_pending(self, key: str) -> bool:
        """Whether a change of this option waits for the next start."""
        deletions = re.split(r"[\s,;]+", self.pending.get("delete", ""))
        return key in self.pending or key in (word.lstrip("!") for word in deletions)

    def has(self, key: str, wanted: str | int | None) -> bool:
        """Whether an option is settled on a value (None: not set) and no lock holds the guest."""
        if self.lock or self.is_pending(key):
            return False
        actual = self.get(key)
        if wanted is None or actual is None:
            return actual is None and wanted is None
        return equal(key, str(wanted), actual)


def parse(text: str) -> GuestConfig:
    """Read a configuration file; a line that is no option is passed over, as PVE does."""
    sections: dict[str, dict[str, str]] = {"": {}}
    described: dict[str, list[str]] = {"": []}
    section = ""
    for line in text.split("\n"):
        if heading := _SECTION.fullmatch(line):
            section = _PENDING if heading[1].lower() == _PENDING else heading[1]
            sections.setdefault(section, {})
        elif line.startswith("#"):
            described.setdefault(section, []).append(decode(line[1:]))
        elif option := _OPTION.fullmatch(line):
            sections[section][option[1]] = option[2]
    main, notes = sections[""], described[""]
    if "description" in main:
        notes.append(decode(main.pop("description")))
    return GuestConfig(
        values=main,
        description="\n".join(notes).rstrip(),
        pending=sections.get(_PENDING, {}),
        digest=hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(),
        snapshots={
            name: Snapshot(values, "\n".join(described.get(name, ())).rstrip())
            for name, values in sections.items()
            if name != _PENDING and _SNAPSHOT.fullmatch(name)
        },
    )


def encode(text: str) -> str:
    """Escape one line of a description the way PVE stores it."""
    return quote(text, safe=_DESCRIPTION_SAFE)


def decode(text: str) -> str:
    """Undo PVE's escaping of descriptions and of SSH keys."""
    return unquote(text, errors="replace")


def equal(key: str, wanted: str, actual: str) -> bool:
    """Whether two plain values of an option mean the same to PVE."""
    return wanted == actual or _normal(key, wanted) == _normal(key, actual)


def _normal(key: str, value: str) -> object:
    family = key.rstrip("0123456789")
    if key == "tags":
        return sorted(set(re.split(r"[\s,;]+", value.lower())) - {""})
    if key in ("description", "sshkeys"):
        return [line.rstrip() for line in value.strip().splitlines()]
    if key in ("nameserver", "searchdomain"):
        return re.split(r"[\s,;]+", value.strip())
    if key in _BOOLEANS:
        return value.lower() in _TRUE
    if family in _DEFAULT_KEYS:
        return _normal_properties(family, value)
    return value.strip()


def _normal_properties(family: str, value: str) -> dict[str, str]:
    found = properties.parse(value, _DEFAULT_KEYS[family])
    if family == "net":
        return {name: text.upper() if ":" in text else text for name, text in found.items()}
    if family == "agent":
        return {name: "1" if text.lower() in _TRUE else text for name, text in found.items()}
    return found
