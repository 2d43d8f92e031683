"""A fleet file that describes VMs that are there: applied, it changes nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pvekit.fleet.model import API_VERSION, KIND
from pvekit.inventory.model import Vm
from pvekit.pve import properties
from pvekit.pve.mark import notes_of

Document = dict[str, Any]


def document(fleet: str, vms: Sequence[Vm]) -> Document:
    """Return the content of a fleet file; what VMs have in common makes them a group."""
    groups: dict[str, Document] = {}
    for vm in sorted(vms, key=lambda vm: vm.name):
        told = _group(vm)
        same = next((key for key, group in groups.items() if _but_names(group) == told), "")
        if same:
            groups[same]["names"].append(vm.name)
        else:
            groups[_free(told["role"], groups)] = {"names": [vm.name], **told}
    return {"apiVersion": API_VERSION, "kind": KIND, "name": fleet, "groups": groups}


def _but_names(group: Document) -> Document:
    return {key: value for key, value in group.items() if key != "names"}


def _free(role: str, groups: Mapping[str, Document]) -> str:
    """Return a name for a group: the role's, with a number if that is taken."""
    word = role[:25].rstrip("-")
    numbered = (f"{word}-{number}" for number in range(2, len(groups) + 3))
    return next(name for name in (word, *numbered) if name not in groups)


def _group(vm: Vm) -> Document:
    values = vm.config.values
    role = vm.own.role or "vm"
    disk = vm.boot_disk
    told: Document = {"role": role, "cpus": vm.cpus, "memory_mb": vm.memory_mb}
    if disk is not None:
        told["disk_gb"] = disk.size_gb
    told["network"] = _network(vm)
    told["tags"] = [tag for tag in sorted(vm.tags) if tag not in ("pvekit", role)]
    notes = notes_of(vm.config.description)
    if notes:
        told["description"] = notes
    told["start"] = vm.running is not False
    told["onboot"] = values.get("onboot") == "1"
    return told


def _network(vm: Vm) -> Document | str:
    card = properties.parse(vm.config.values.get("net0", ""), "model")
    found: Document = {"ip": "dhcp"}
    if vm.addresses_configured:
        address = vm.addresses_configured[0]
        found["ip"] = f"{address.ip}-{address.ip}/{address.network.prefixlen}"
        told = properties.parse(vm.config.values.get("ipconfig0", ""))
        gateway = told.get("gw") or told.get("gw6")
        if gateway:
            found["gateway"] = gateway
    if "nameserver" in vm.config.values:
        found["dns"] = vm.config.values["nameserver"].replace(",", " ").split()
    if "bridge" in card:
        found["bridge"] = card["bridge"]
    if "tag" in card:
        found["vlan"] = int(card["tag"])
    return found
