"""A VM's configuration file: its text, taken apart and put together as Proxmox VE does."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from pvekit.lab.lists import split_list

_LINE = re.compile(r"([a-z][a-z_-]*\d*):\s*(.+?)\s*", re.DOTALL)
_SECTION = re.compile(r"\[(?P<name>[A-Za-z][\w:-]*)\]\s*", re.IGNORECASE)
_SIZES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
DRIVE_NAME = re.compile(r"(ide|sata|scsi|virtio)\d+|efidisk0|tpmstate0")
UNUSED_NAME = re.compile(r"unused\d+")
INTERNAL = frozenset({"meta", "parent", "runningcpu", "runningmachine", "snaptime", "vmstate"})
"""What configurations hold besides the options of ``qm set``."""
_BUSES = ("ide", "scsi", "virtio", "sata", "efidisk", "tpmstate")


def encode_text(text: str) -> str:
    """Escape control and non-ASCII characters, ``:`` and ``%`` as configuration files do."""
    return "".join(
        char if " " <= char < "\x7f" and char not in ":%" else _escaped(char) for char in text
    )


def _escaped(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode(errors="surrogateescape"))


def digest(text: str) -> str:
    """Return what ``--digest`` is compared with."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Drive:
    """A drive's line: its volume id (or path, ``none``, ``cdrom``) and its properties."""

    file: str
    properties: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Drive:
        """Read ``VOLID,discard=on,size=2G``; ``file=`` may name the volume."""
        found: dict[str, str] = {}
        for part in text.split(","):
            key, equals, value = part.partition("=")
            found.setdefault(*((key, value) if equals else ("file", part)))
        return cls(found.pop("file", ""), found)

    def __str__(self) -> str:
        return ",".join([self.file, *(f"{k}={v}" for k, v in sorted(self.properties.items()))])

    def having(self, **properties: str) -> Drive:
        """Return the drive with properties added or changed."""
        return Drive(self.file, {**self.properties, **properties})

    @property
    def is_cdrom(self) -> bool:
        """Whether it is a CD, be it a cloud-init drive."""
        return self.properties.get("media") == "cdrom" or self.file == "cdrom"

    @property
    def is_cloudinit(self) -> bool:
        """Whether its volume is a cloud-init drive."""
        return re.search(r"[:/]vm-\d+-cloudinit(\.\w+)?$", self.file) is not None

    @property
    def has_volume(self) -> bool:
        """Whether it names a volume of a storage."""
        return ":" in self.file and not self.file.startswith("/")

    @property
    def size_bytes(self) -> int:
        """The ``size=`` of its line, or 0 without one."""
        return parse_size(self.properties.get("size", "0"))


def parse_size(text: str) -> int:
    """Read ``2G``, ``5.5G``, ``1056M`` or bytes."""
    if text and text[-1] in _SIZES:
        return int(float(text[:-1]) * _SIZES[text[-1]])
    return int(float(text or "0"))


def format_size(size: int) -> str:
    """Write bytes in the largest unit that divides them, as ``size=`` does (0 is ``0T``)."""
    for unit in "TGMK":
        if size % _SIZES[unit] == 0:
            return f"{size // _SIZES[unit]}{unit}"
    return str(size)


@dataclass
class VmConfig:
    """The parts of a configuration file; ``sections`` holds snapshots, as they are.

    ``pending`` are the changes of a running VM that wait for its next start, by option; their
    ``delete`` names the options to go.
    """

    values: dict[str, str] = field(default_factory=dict)
    description: str = ""
    pending: dict[str, str] = field(default_factory=dict)
    sections: str = ""

    @classmethod
    def parse(cls, text: str) -> VmConfig:
        """Read a file's text; lines that make no sense are dropped, as Proxmox VE drops them."""
        parts = _parsed(text)
        return cls(dict(parts.values), parts.description, dict(parts.pending), parts.sections)

    def text(self) -> str:
        """Return the text to write; no volume is noted as unused that a drive uses."""
        used = {drive.file for _, drive in self.drives()}
        used |= {Drive.parse(v).file for k, v in self.pending.items() if DRIVE_NAME.fullmatch(k)}
        values = {
            key: value
            for key, value in self.values.items()
            if not (UNUSED_NAME.fullmatch(key) and Drive.parse(value).file in used)
        }
        text = _written(values, self.description)
        if self.pending:
            pending = {k: v for k, v in self.pending.items() if k != "description"}
            text += "\n[PENDING]\n" + _written(pending, self.pending.get("description", ""))
        return text + (f"\n{self.sections}" if self.sections else "")

    def effective(self) -> dict[str, str]:
        """Return the values with all pending changes applied."""
        gone = self.pending_deletions()
        kept = {k: v for k, v in self.values.items() if k not in gone}
        return kept | {k: v for k, v in self.pending.items() if k not in ("delete", "description")}

    def pending_deletions(self) -> dict[str, bool]:
        """Return the options that the next start removes, and whether their volumes go too."""
        names = split_list(self.pending.get("delete", ""))
        return {name.removeprefix("!"): name.startswith("!") for name in names}

    def mark_deletions(self, names: Mapping[str, bool]) -> None:
        """Note the options that the next start removes, in place of those noted before."""
        self.pending.pop("delete", None)
        if names:
            shown = (f"!{name}" if force else name for name, force in sorted(names.items()))
            self.pending["delete"] = ",".join(shown)

    @property
    def name(self) -> str:
        """The VM's name, or nothing."""
        return self.values.get("name", "")

    @property
    def lock(self) -> str:
        """The ``lock:`` property, or nothing."""
        return self.values.get("lock", "")

    @property
    def is_template(self) -> bool:
        """Whether it is a template."""
        return self.values.get("template") == "1"

    @property
    def memory_mb(self) -> int:
        """The memory in MiB; Proxmox VE's default is 512."""
        return int(self.values.get("memory", "512").removeprefix("current="))

    @property
    def cpus(self) -> int:
        """The number of virtual CPUs."""
        return int(self.values.get("cores", "1")) * int(self.values.get("sockets", "1"))

    def drives(self) -> Iterator[tuple[str, Drive]]:
        """Return all drives with a slot, in Proxmox VE's order of slots."""
        for slot in sorted(filter(DRIVE_NAME.fullmatch, self.values), key=slot_rank):
            yield slot, Drive.parse(self.values[slot])

    def volumes(self) -> Iterator[tuple[str, str]]:
        """Return slot and volume id of all volumes, unused ones too."""
        for slot, drive in self.drives():
            if drive.has_volume:
                yield slot, drive.file
        for key, value in sorted(self.values.items()):
            if UNUSED_NAME.fullmatch(key):
                yield key, value

    def cloudinit_slot(self) -> str:
        """Return the slot of the cloud-init drive, or nothing."""
        return next((slot for slot, drive in self.drives() if drive.is_cloudinit), "")

    def boot_order(self) -> list[str] | None:
        """Return the devices in the boot order, or None where the old form or none is used."""
        text = self.values.get("boot", "").strip()
        if not text.startswith("order="):
            return [] if not text and "boot" in self.values else None
        return [name for name in re.split(r"[;,\s]+", text.removeprefix("order=")) if name]

    def boot_disk(self) -> Drive | None:
        """Return the first disk in the boot order, or None."""
        order = self.boot_order()
        slots = [self.values.get("bootdisk", "")] if order is None else order
        drives = dict(self.drives())
        for slot in slots:
            if slot in drives and not drives[slot].is_cdrom:
                return drives[slot]
        return None

    def add_unused(self, volid: str) -> str:
        """Note a volume that no slot uses any more; returns its key, its old one if it has one."""
        noted = (k for k, v in self.values.items() if UNUSED_NAME.fullmatch(k) and v == volid)
        key = next(noted, "")
        if not key:
            number = next(n for n in range(256) if f"unused{n}" not in self.values)
            key = f"unused{number}"
            self.values[key] = volid
        return key


def slot_rank(slot: str) -> tuple[int, int]:
    """Return where a drive's slot stands among all slots."""
    bus = slot.rstrip("0123456789")
    return _BUSES.index(bus), int(slot[len(bus) :])


def _written(values: Mapping[str, str], description: str) -> str:
    head = [f"#{encode_text(line)}\n" for line in description.rstrip("\n").split("\n")]
    lines = [f"{key}: {value}\n" for key, value in sorted(values.items())]
    return "".join(head if description.strip("\n") else []) + "".join(lines)


@dataclass(frozen=True)
class _Parts:
    values: Mapping[str, str]
    description: str
    pending: Mapping[str, str]
    sections: str


# Lists of many VMs read each configuration again and again.
@functools.lru_cache(maxsize=20_000)
def _parsed(text: str) -> _Parts:
    values: dict[str, str] = {}
    pending: dict[str, str] = {}
    comments: dict[int, list[str]] = {}
    sections: list[str] = []
    target: dict[str, str] | None = values
    for line in text.splitlines():
        if section := _SECTION.fullmatch(line):
            target = pending if section["name"] == "PENDING" else None
            if target is not None:
                continue
        if target is None:
            sections.append(f"{line}\n")
        elif line.startswith("#"):
            comment = unquote(line[1:], errors="surrogateescape")
            comments.setdefault(id(target), []).append(comment)
        elif found := _LINE.fullmatch(line):
            target[found[1]] = found[2]
    if id(pending) in comments:
        pending["description"] = "\n".join(comments[id(pending)]).rstrip()
    description = "\n".join(comments.get(id(values), [])).rstrip()
    return _Parts(values, description, pending, "".join(sections))
