"""The description of a VM in the Open Virtualization Format, as Proxmox VE reads it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree

from pvekit.lab.failure import Failure
from pvekit.lab.files import FileSystem
from pvekit.lab.images import read_image_file

_NAMES = {
    "ovf": "http://schemas.dmtf.org/ovf/envelope/1",
    "rasd": "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData",
    "vmw": "http://www.vmware.com/schema/ovf",
}
_OVF = f"{{{_NAMES['ovf']}}}"
_HARDWARE = "ovf:VirtualSystem/ovf:VirtualHardwareSection"
_PROCESSOR, _MEMORY, _NETWORK, _DISK = "3", "4", "10", "17"
_BUSES = {"5": "ide", "6": "scsi", "20": "sata"}
_CARDS = frozenset({"e1000", "e1000e", "vmxnet3"})
_SYSTEMS = {
    "l24": (97, 98),
    "l26": (36, *range(79, 81), *range(82, 87), *range(89, 97), *range(99, 102), *range(106, 110)),
    "solaris": (29, 81),
    "w2k": (58,),
    "w2k3": (69, 70),
    "w2k8": (76, 77),
    "win10": (116, 119, 120, 121),
    "win11": (122, 123),
    "win7": (103, 105),
    "win8": (111, 112, 113, 114, 115, 117, 118),
    "winxp": (18,),
    "wvista": (73, 74),
    "wxp": (67, 71, 72, 75),
}
_OSTYPES = {str(number): name for name, numbers in _SYSTEMS.items() for number in numbers}
_HOST_RESOURCE = re.compile(r"(?:ovf:)?/([\w\-.~]+)/([\w\-.~]+)")
_REFERENCE = re.compile(r"[\w\-.~/]+")
_SAFE = re.compile(r"[a-zA-Z0-9\-.+=_ ]+")


@dataclass(frozen=True)
class OvfDisk:
    """One disk: its image file, as the manifest names it and in full, and its place."""

    slot: str
    path: str
    relative: str
    size: int

    def shown(self) -> dict[str, str | int]:
        """Return it as JSON data."""
        return {
            "backing_file": self.path,
            "disk_address": self.slot,
            "relative_path": self.relative,
            "virtual_size": self.size,
        }


@dataclass
class Manifest:
    """What was read; ``warnings`` are what stderr tells of it."""

    values: dict[str, str] = field(default_factory=dict)
    disks: list[OvfDisk] = field(default_factory=list)
    cards: dict[str, dict[str, str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def shown(self) -> dict[str, object]:
        """Return it as JSON data."""
        disks = [disk.shown() for disk in self.disks]
        return {"disks": disks, "net": self.cards, "qm": self.values}


def read_manifest(files: FileSystem, path: str) -> Manifest:
    """Read a manifest; the program dies if an image that it names is missing."""
    data = files.read(path)
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise Failure(f"{path}: entities are not supported")
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - without entities
    except ElementTree.ParseError as error:
        line, _ = error.position
        raise Failure(f"{path}:{line}: parser error : Document is empty") from error
    return _Reader(files, path, root, Manifest()).read()


@dataclass
class _Reader:
    files: FileSystem
    path: str
    root: ElementTree.Element
    found: Manifest

    def read(self) -> Manifest:
        self._read_values()
        for item in self._items(_DISK):
            self._read_disk(item)
        if self.found.disks:
            order = ";".join(disk.slot for disk in self.found.disks)
            self.found.values["boot"] = f"order={order}"
        for number, item in enumerate(self._items(_NETWORK)):
            model = self._text(item, "rasd:ResourceSubType").lower()
            self.found.cards[f"net{number}"] = {"model": model if model in _CARDS else "e1000"}
        return self.found

    def _read_values(self) -> None:
        values = self.found.values
        if name := self._text(self.root, "ovf:VirtualSystem/ovf:Name"):
            values["name"] = re.sub(r"[^a-zA-Z0-9\-.]", "", name)
        else:
            why = "unable to parse the VM name in this OVF manifest, generating a default value"
            self.found.warnings.append(f"warning: {why}")
        for key, kind in (("cores", _PROCESSOR), ("memory", _MEMORY)):
            item = next(self._items(kind), None)
            text = "" if item is None else self._text(item, "rasd:VirtualQuantity")
            values[key] = text
        system = self.root.find("ovf:VirtualSystem/ovf:OperatingSystemSection", _NAMES)
        number = "" if system is None else system.get(f"{_OVF}id", "")
        values["ostype"] = _OSTYPES.get(number, "other")
        if self._firmware() == "efi":
            values["bios"] = "ovmf"

    def _firmware(self) -> str:
        names = {name: f"{{{_NAMES['vmw']}}}{name}" for name in ("key", "value")}
        for entry in self.root.iterfind(f"{_HARDWARE}/vmw:Config", _NAMES):
            if entry.get(names["key"]) == "firmware":
                return entry.get(names["value"], "")
        return ""

    def _items(self, kind: str) -> Iterator[ElementTree.Element]:
        for item in self.root.iterfind(f"{_HARDWARE}/ovf:Item", _NAMES):
            if self._text(item, "rasd:ResourceType") == kind:
                yield item

    def _text(self, element: ElementTree.Element, path: str) -> str:
        return (element.findtext(path, "", _NAMES) or "").strip()

    def _read_disk(self, item: ElementTree.Element) -> None:
        resource = self._text(item, "rasd:HostResource")
        place = _HOST_RESOURCE.fullmatch(resource)
        reference = (
            self._attribute("DiskSection/ovf:Disk", "diskId", place[2], "fileRef") if place else ""
        )
        if not _REFERENCE.fullmatch(reference):
            self.found.warnings.append(f"invalid host ressource {resource}, skipping")
            return
        name = self._attribute("References/ovf:File", "id", reference, "href")
        if not name:
            self.found.warnings.append(f"invalid file reference {reference}, skipping")
            return
        if not _SAFE.fullmatch(name) or name in {".", ".."}:
            raise Failure(f"referenced path '{name}' is invalid")
        kind = self._controller(self._text(item, "rasd:Parent"))
        if not kind:
            self.found.warnings.append(f"invalid or missing controller: {kind}, skipping")
            return
        slot = _BUSES.get(kind, "") + self._text(item, "rasd:AddressOnParent")
        self.found.disks.append(self._disk(slot, name))

    def _attribute(self, path: str, key: str, wanted: str, name: str) -> str:
        for element in self.root.iterfind(f"ovf:{path}", _NAMES):
            if element.get(f"{_OVF}{key}") == wanted:
                return element.get(f"{_OVF}{name}", "")
        return ""

    def _controller(self, instance: str) -> str:
        for item in self.root.iterfind(f"{_HARDWARE}/ovf:Item", _NAMES):
            if self._text(item, "rasd:InstanceID") == instance:
                return self._text(item, "rasd:ResourceType")
        return ""

    def _disk(self, slot: str, name: str) -> OvfDisk:
        path = posixpath.join(posixpath.dirname(self.path), name)
        if not self.files.is_file(path):
            why = f"file seems not to exist at {path}"
            raise Failure(f"error parsing {name}, {why}")
        size = read_image_file(self.files.read(path), path).disk.size_bytes
        if not size:
            raise Failure(f"error parsing {path}, cannot determine file size")
        return OvfDisk(slot, path, name, size)
