"""Formats of a VM's options, and the checks of whole property strings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from pvekit.lab.lists import split_list
from pvekit.lab.schema import names
from pvekit.lab.schema.addresses import Check, like, passes

_DISK = r"ide[0-3]|sata[0-5]|scsi([12]?[0-9]|30)|virtio(1[0-5]|[0-9])"
_DRIVE = rf"{_DISK}|efidisk0|tpmstate0"
_PASSED = r"net([12]?[0-9]|3[01])|usb(1[0-3]|[0-9])|hostpci(1[0-5]|[0-9])"
_HOTPLUG = frozenset({"network", "disk", "cpu", "memory", "usb", "cloudinit"})
_PHYSICAL = "value must be an integer between 8 and 64 or 'host'"
_MODELS = ("x86-64-v2", "x86-64-v2-AES", "x86-64-v3", "x86-64-v4")
_FLAGS = (
    "pcid, spec-ctrl, ibpb, ssbd, virt-ssbd, amd-ssbd, amd-no-ssb, pdpe1gb, md-clear, "
    "hv-tlbflush, hv-evmcs, aes"
)
_volume = names.CHECKS["pve-volume-id"]


def _cpus(text: str) -> str:
    for part in text.rstrip(",").split(",") if text else ():
        found = re.search(r"^\s*(\d+)(?:-(\d+))?\s*$", part)
        if not found or int(found[2] or found[1]) < int(found[1]):
            return "unable to parse cpuset option"
    return ""


def _hotplug(text: str) -> str:
    parts = split_list(text)
    wrong = [part for part in parts if part not in _HOTPLUG]
    return f"invalid hotplug feature '{wrong[0]}'" if wrong and text not in ("0", "1") else ""


def _startup(text: str) -> str:
    parts = [part for part in text.split(",") if part.strip()]
    known = all(re.search(r"^((order=)?\d+|up=\d+|down=\d+)$", part) for part in parts)
    return "" if known and text not in ("", "0") else "unable to parse startup options"


def _is_physical(text: str) -> bool:
    return text == "host" or (re.search(r"^\d{1,2}$", text) is not None and 8 <= int(text) <= 64)


CHECKS: Mapping[str, Check] = {
    "pve-cpuset": _cpus,
    "pve-hotplug-features": _hotplug,
    "pve-phys-bits": passes(_is_physical, _PHYSICAL),
    "pve-qm-bootdev": like(f"{_DISK}|{_PASSED}", "invalid boot device '{}'"),
    "pve-qm-bootdisk": like(_DRIVE, "invalid boot disk '{}'"),
    "pve-startup-order": _startup,
    "pve-volume-id-or-absolute-path": lambda text: "" if text[:1] == "/" else _volume(text),
    "pve-volume-id-or-qm-path": lambda text: (
        "" if text in ("none", "cdrom") or text[:1] == "/" else _volume(text)
    ),
}


def _cpu(values: Mapping[str, str], models: tuple[str, ...]) -> str:
    kind = values.get("cputype", "")
    if kind in ("", "0"):
        return "CPU is missing cputype"
    if kind.startswith("custom-"):
        return f"Custom cputype '{kind.removeprefix('custom-')}' not found"
    if kind not in (*models, *_MODELS):
        return f"Built-in cputype '{kind}' is not defined (missing 'custom-' prefix?)"
    wrong = set(re.split(r";?[+-]", values.get("flags", ""))) - {"", *_FLAGS.split(", ")}
    if wrong:
        return f"VM-specific CPU flags must be a subset of: {_FLAGS}"
    if "reported-model" in values:
        return "Property 'reported-model' not allowed in VM-specific CPU config."
    return ""


def _prune(values: Mapping[str, str], _: tuple[str, ...]) -> str:
    kept = [float(v) for name, v in values.items() if name != "keep-all"]
    if any(value > 0 for value in kept) and values.get("keep-all") == "1":
        return "keep-all cannot be set together with other options."
    return ""


WHOLE: Mapping[str, Callable[[Mapping[str, str], tuple[str, ...]], str]] = {
    "prune-backups": _prune,
    "pve-vm-cpu-conf": _cpu,
}
"""Checks of property strings by format: the properties, and the models that a CPU may have."""
