"""A VM's configuration file: its text, taken apart and put together as Proxmox VE does."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

_LINE = re.compile(r"([a-z][a-z_]*\d*):\s*(.+?)\s*", re.DOTALL)
_SECTION = re.compile(r"\[(?P<name>[A-Za-z][\w:-]*)\]\s*", re.IGNORECASE)
_SIZES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
DRIVE_NAME = re.compile(r"(ide|sata|scsi|virtio)\d+|efidisk0|tpmstate0")
UNUSED_NAME = re.compile(r"unused\d+")


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
        config = cls()
        target: dict[str, str] | None = config.values
        comments: list[str] = []
        for line in text.splitlines():
            if section := _SECTION.fullmatch(line):
                target = config.pending if section["name"] == "PENDING" else None
            if target is None:
                config.sections += f"{line}\n"
            elif line.startswith("#") and target is config.values:
                comments.append(unquote(line[1:], errors="surrogateescape"))
            elif found := _LINE.fullmatch(line):
                target[found[1]] = found[2]
        config.description = "\n".join(comments)
        return config

    def text(self) -> str:
        """Return the text to write."""
        lines = [f"#{encode_text(line)}\n" for line in self.description.split("\n") if line]
        lines += [f"{key}: {value}\n" for key, value in sorted(self.values.items())]
        if self.pending:
            lines += ["\n[PENDING]\n"]
            lines += [f"{key}: {value}\n" for key, value in sorted(self.pending.items())]
        return "".join(lines) + (f"\n{self.sections}" if self.sections else "")

    def effective(self) -> dict[str, str]:
        """Return the values with all pending changes applied."""
        kept = {k: v for k, v in self.values.items() if k not in self.pending_deletions()}
        return kept | {k: v for k, v in self.pending.items() if k != "delete"}

    def pending_deletions(self) -> list[str]:
        """Return the options that the next start removes."""
        return [name for name in re.split(r"[,;\s]+", self.pending.get("delete", "")) if name]

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
        """Return all drives with a slot, by slot."""
        for slot, text in sorted(self.values.items()):
            if DRIVE_NAME.fullmatch(slot):
                yield slot, Drive.parse(text)

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

    def boot_disk(self) -> Drive | None:
        """Return the first disk in the boot order, or None."""
        order = re.split(r"[;,\s]", self.values.get("boot", "").removeprefix("order="))
        drives = dict(self.drives())
        for slot in [*order, self.values.get("bootdisk", "")]:
            if slot in drives and not drives[slot].is_cdrom:
                return drives[slot]
        return None

    def add_unused(self, volid: str) -> str:
        """Note a volume that no slot uses any more; returns its key."""
        number = next(n for n in range(256) if f"unused{n}" not in self.values)
        self.values[f"unused{number}"] = volid
        return f"unused{number}"
