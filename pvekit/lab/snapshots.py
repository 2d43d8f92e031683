"""The snapshots in a VM's configuration file: sections of their own, each with all options."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from pvekit.lab.vmconfig import DRIVE_NAME, UNUSED_NAME, Drive, VmConfig, encode_text

_HEAD = re.compile(r"\[(?P<name>[^\]\s]+)\]\s*")
_LINE = re.compile(r"([a-z][a-z_-]*\d*):\s*(.*?)\s*")
_OWN = ("snaptime", "snapstate", "vmstate", "parent", "runningmachine", "runningcpu")


@dataclass
class Snapshot:
    """One snapshot: the options of the VM at that time, and its own."""

    name: str
    values: dict[str, str] = field(default_factory=dict)
    description: str = ""

    @property
    def parent(self) -> str:
        """The snapshot before it, or nothing."""
        return self.values.get("parent", "")

    @property
    def time(self) -> int:
        """When it was taken, in seconds since the epoch."""
        return int(self.values.get("snaptime", "0"))

    @property
    def state(self) -> str:
        """What is being done to it or was broken off, or nothing."""
        return self.values.get("snapstate", "")

    @property
    def vmstate(self) -> str:
        """The volume that holds its memory, or nothing."""
        return self.values.get("vmstate", "")

    def config(self) -> VmConfig:
        """Return the VM as it was then."""
        return VmConfig(dict(self.values), self.description)

    def drives(self) -> Iterator[tuple[str, Drive]]:
        """Return the drives it had then."""
        return self.config().drives()


def parse(config: VmConfig) -> dict[str, Snapshot]:
    """Return a configuration's snapshots by name; sections of other kinds are left out."""
    return {name: _snapshot(name, lines) for name, lines in _sections(config) if _is_name(name)}


def find(config: VmConfig, name: str) -> Snapshot | None:
    """Return one snapshot."""
    return parse(config).get(name)


def store(config: VmConfig, snapshots: Mapping[str, Snapshot]) -> None:
    """Put the snapshots in place of those that the configuration has."""
    parts = [
        f"[{name}]\n" + "".join(f"{line}\n" for line in lines)
        for name, lines in _sections(config)
        if not _is_name(name)
    ]
    parts += [_text(snapshot) for _, snapshot in sorted(snapshots.items())]
    config.sections = "\n".join(parts)


def _is_name(name: str) -> bool:
    return ":" not in name


def _sections(config: VmConfig) -> Iterator[tuple[str, list[str]]]:
    name, lines = "", list[str]()
    for line in config.sections.splitlines():
        if head := _HEAD.fullmatch(line):
            if name:
                yield name, lines
            name, lines = head["name"], []
        elif line.strip():
            lines.append(line)
    if name:
        yield name, lines


def _snapshot(name: str, lines: list[str]) -> Snapshot:
    values: dict[str, str] = {}
    comments = [unquote(line[1:], errors="surrogateescape") for line in lines if line[:1] == "#"]
    for line in lines:
        if found := _LINE.fullmatch(line):
            values[found[1]] = found[2]
    return Snapshot(name, values, "\n".join(comments))


def _text(snapshot: Snapshot) -> str:
    lines = [f"#{encode_text(line)}\n" for line in snapshot.description.split("\n") if line]
    lines += [f"{key}: {value}\n" for key, value in sorted(snapshot.values.items())]
    return f"[{snapshot.name}]\n" + "".join(lines)


def frozen(config: VmConfig) -> dict[str, str]:
    """Return the options that a new snapshot takes over."""
    return {
        key: value
        for key, value in config.values.items()
        if key not in {"lock", "vmstate", "snaptime", "snapstate"}
        and not UNUSED_NAME.fullmatch(key)
    }


def restored(snapshot: Snapshot) -> dict[str, str]:
    """Return the options that a VM gets back from a snapshot."""
    return {key: value for key, value in snapshot.values.items() if key not in {*_OWN, "lock"}}


def users(config: VmConfig, volid: str) -> list[str]:
    """Return the snapshots that use a volume."""
    return [
        name
        for name, snapshot in parse(config).items()
        if any(drive.file == volid for _, drive in snapshot.drives())
    ]


def volumes(config: VmConfig) -> Iterator[str]:
    """Return the ids of all volumes that snapshots use, those with memory too."""
    for snapshot in parse(config).values():
        yield from (drive.file for _, drive in snapshot.drives() if drive.has_volume)
        if snapshot.vmstate:
            yield snapshot.vmstate


def rename_volumes(config: VmConfig, names: Mapping[str, str]) -> None:
    """Write other volume ids in place of old ones, everywhere."""
    kept = parse(config)
    for values in (config.values, config.pending, *(one.values for one in kept.values())):
        for key, text in list(values.items()):
            if DRIVE_NAME.fullmatch(key):
                drive = Drive.parse(text)
                if drive.file in names:
                    values[key] = str(Drive(names[drive.file], drive.properties))
            elif UNUSED_NAME.fullmatch(key) or key == "vmstate":
                values[key] = names.get(text, text)
    if kept:
        store(config, kept)
