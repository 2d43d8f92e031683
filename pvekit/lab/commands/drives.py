"""The drive options of ``qm create`` and ``qm set``: how they are read, checked and written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from pvekit.lab import formats
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.options import Spec
from pvekit.lab.storages.naming import parse_name
from pvekit.lab.vmconfig import DRIVE_NAME, Drive, VmConfig, format_size, parse_size

NEW_DISK = re.compile(r"(?:(?P<storage>[^/:\s]+):)?(?P<size>\d+(\.\d+)?)")
CLOUDINIT = re.compile(r"(?P<storage>[^:/]+):cloudinit")
_RATES = ("bps", "bps_rd", "bps_wr")
_BURSTS = {
    "mbps_max": "mbps",
    "mbps_rd_max": "mbps_rd",
    "mbps_wr_max": "mbps_wr",
    "iops_max": "iops",
    "iops_rd_max": "iops_rd",
    "iops_wr_max": "iops_wr",
    "bps_max_length": "mbps_max",
    "bps_rd_max_length": "mbps_rd_max",
    "bps_wr_max_length": "mbps_wr_max",
    "iops_max_length": "iops_max",
    "iops_rd_max_length": "iops_rd_max",
    "iops_wr_max_length": "iops_wr_max",
}
_NOT_BOTH = ("mbps_rd", "mbps_wr", "iops_rd", "iops_wr")
_NOT_ON_CD = ("snapshot", "trans", "format", "heads", "secs", "cyls")


def without_alias(values: Mapping[str, str]) -> dict[str, str]:
    """Return the options with ``cdrom`` under its real name."""
    found = dict(values)
    if text := found.pop("cdrom", ""):
        found["ide2"] = text if "media=" in text else f"{text},media=cdrom"
    return found


async def wanted(call: Call, values: Mapping[str, str]) -> dict[str, Drive]:
    """Return the drives among the options by slot, sorted; what cannot be is refused."""
    found: dict[str, Drive] = {}
    for slot in sorted(filter(DRIVE_NAME.fullmatch, values)):
        drive, warnings = parse(call.command.names.get(slot, Spec()), slot, values[slot])
        if warnings:
            await call.process.complain("".join(f"{line}\n" for line in warnings))
        if drive is None:
            raise call.refuse(**{slot: "unable to parse drive options"})
        found[slot] = drive
    return found


def parse(spec: Spec, slot: str, text: str) -> tuple[Drive | None, list[str]]:
    """Read a drive's line; returns nothing if its properties contradict, with the reasons."""
    found = formats.properties(spec, text, slot) if spec.properties else _plain(text)
    warnings: list[str] = []
    for rate in _RATES:
        if rate not in found:
            continue
        number = float(found.pop(rate))
        if f"m{rate}" in found:
            warnings.append(f"both {rate} and m{rate} specified")
        found[f"m{rate}"] = f"{number / (1 << 20):.3f}"
    for option, needed in _BURSTS.items():
        if _is_set(found, option) and not _is_set(found, needed):
            warnings.append(f"{option} requires {needed}")
    if warnings or _contradicts(slot, found):
        return None, warnings
    if "size" in found:
        found["size"] = format_size(parse_size(found["size"]))
    return Drive(found.pop("file", ""), found), []


def _plain(text: str) -> dict[str, str]:
    drive = Drive.parse(text)
    return {"file": drive.file, **drive.properties}


def _is_set(found: Mapping[str, str], option: str) -> bool:
    return found.get(option, "0") != "0"


def _contradicts(slot: str, found: Mapping[str, str]) -> bool:
    if any(_is_set(found, name) and _is_set(found, name[:4]) for name in _NOT_BOTH):
        return True
    on_cd = any(_is_set(found, name) for name in _NOT_ON_CD) or slot.startswith("virtio")
    return found.get("media") == "cdrom" and on_cd


def check_storages(call: Call, drives: Mapping[str, Drive]) -> None:
    """Refuse drives on storages, or from images, that cannot be used so."""
    for slot, drive in drives.items():
        new = NEW_DISK.fullmatch(drive.file)
        if drive.is_cdrom and drive.file in {"cdrom", "none"}:
            continue
        if drive.file in {"none", "cloudinit"} or CLOUDINIT.fullmatch(drive.file):
            continue
        if new and not drive.is_cdrom:
            _check_alloc(call, new["storage"])
        elif drive.has_volume:
            _check_volume(call, slot, drive.file, ("images", "iso"))
        if source := drive.properties.get("import-from", ""):
            _check_source(call, slot, source)


def _check_alloc(call: Call, storage: str) -> None:
    storage = storage or call.get("storage")
    if not storage:
        raise Failure("no storage ID specified (and no default storage)")
    if "images" not in call.node.storages.get(storage).content:
        raise call.refuse(storage=f"storage '{storage}' does not support vm images")


def _check_volume(call: Call, slot: str, volid: str, kinds: tuple[str, ...]) -> None:
    content = parse_name(*call.node.storages.split(volid)).content
    if content not in kinds:
        shown = " or ".join(f"'{kind}'" for kind in kinds)
        raise call.refuse(**{slot: f"content type needs to be {shown}"})


def _check_source(call: Call, slot: str, source: str) -> None:
    if source.startswith("/"):
        return
    content = parse_name(*call.node.storages.split(source)).content
    if content not in {"images", "import"}:
        why = f"{source} has wrong type '{content}' - needs to be 'images' or 'import'"
        raise call.refuse(**{slot: why})


def checked(call: Call, drives: Mapping[str, Drive]) -> dict[str, Drive]:
    """Return the drives as they are written, paths as volume ids; wrong imports are refused."""
    found = {}
    for slot, drive in drives.items():
        if "import-from" in drive.properties:
            _check_import(call, slot, drive)
        found[slot] = _with_volume(call, slot, drive)
    return found


def _check_import(call: Call, slot: str, drive: Drive) -> None:
    new = NEW_DISK.fullmatch(drive.file)
    if not new or float(new["size"]) != 0:
        special = "use <storage ID>:0,import-from=<source>"
        raise call.refuse(**{slot: f"'import-from' requires special syntax - {special}"})
    needed = {"efidisk0": ("efitype", "pre-enrolled-keys"), "tpmstate0": ("version",)}
    for name in needed.get(slot, ()):
        if name not in drive.properties:
            raise call.refuse(**{slot: f"need to specify '{name}' when using 'import-from'"})


def _with_volume(call: Call, slot: str, drive: Drive) -> Drive:
    if drive.file in {"cdrom", "none"}:
        return drive if "media" in drive.properties else drive.having(media="cdrom")
    own = drive.has_volume or drive.file.startswith("/dev/") or drive.file.isdecimal()
    if own:
        return drive
    volid = call.node.storages.by_path(drive.file)
    if not volid:
        raise call.refuse(**{slot: f"unable to associate path '{drive.file}' to any storage"})
    content = parse_name(*call.node.storages.split(volid)).content
    if content == "iso" and "media" not in drive.properties:
        drive = drive.having(media="cdrom")
    media = drive.properties.get("media", "")
    expected = {"disk": "images", "cdrom": "iso"}.get(media, content)
    if content != expected:
        raise call.refuse(**{slot: f"unexpected media type ({content} != {expected})"})
    return replace(drive, file=volid)


def default_boot(config: VmConfig) -> str:
    """Return the boot order of a new VM: its first disk, first CD and first network card."""
    order = []
    for cdrom in (False, True):
        slots = [slot for slot, drive in config.drives() if drive.is_cdrom == cdrom]
        order += sorted(filter(_bootable, slots), key=_rank)[:1]
    nets = sorted((key for key in config.values if re.fullmatch(r"net\d+", key)), key=_number)
    return boot_text([*order, *nets[:1]])


def boot_text(order: Iterable[str]) -> str:
    """Return a boot order as the configuration holds it."""
    devices = ";".join(order)
    return f"order={devices}" if devices else ""


def _bootable(slot: str) -> bool:
    return not slot.startswith(("efidisk", "tpmstate"))


def _rank(slot: str) -> tuple[int, int]:
    kind = slot.rstrip("0123456789")
    return ("ide", "scsi", "virtio", "sata").index(kind), _number(slot)


def _number(key: str) -> int:
    return int(key.lstrip("abcdefghijklmnopqrstuvwxyz"))


def check_machine(version: str, values: Mapping[str, str]) -> None:
    """Die if the machine's properties do not fit its type."""
    parts = dict(p.partition("=")[::2] for p in values.get("machine", "").split(",") if "=" in p)
    kind = parts.get("type", values.get("machine", "").partition(",")[0])
    if parts.get("viommu") == "intel" and "q35" not in kind:
        raise Failure("to use Intel vIOMMU please set the machine type to q35")
    if version.startswith("9") and "aw-bits" in parts and "viommu" not in parts:
        raise Failure("aw-bits can only be set if viommu is set")
