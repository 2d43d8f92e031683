"""How far a site is from a fleet file: which VMs are missing, differ, or are too many. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pvekit.errors import Conflict, Transient
from pvekit.fleet.model import Group
from pvekit.inventory.model import Inventory, Vm
from pvekit.inventory.unlocked import check_unlocked
from pvekit.pve import conf, properties
from pvekit.pve.mark import Mark, notes_of, with_mark
from pvekit.vms import resize
from pvekit.vms.alter import Alteration
from pvekit.vms.resize import Growth
from pvekit.vms.wishes import Wishes


@dataclass(frozen=True)
class Wanted:
    """One VM of a fleet file: its group, and what configuration and file together make of it."""

    group: Group
    wishes: Wishes

    @property
    def name(self) -> str:
        """Its name."""
        return self.wishes.name


@dataclass(frozen=True)
class Field:
    """One thing in which a VM differs; ``how`` it changes: live, restart, or off (it is so)."""

    name: str
    old: str
    new: str
    how: str


@dataclass(frozen=True)
class Differing:
    """A VM that is there and not as wanted; ``address`` is ``dhcp`` or its CIDR from now on."""

    wanted: Wanted
    vm: Vm
    fields: tuple[Field, ...]
    aim: Alteration
    address: str = "dhcp"


@dataclass(frozen=True)
class Comparison:
    """What is missing, what differs, what is as wanted, and what the file does not name."""

    missing: tuple[Wanted, ...]
    differing: tuple[Differing, ...]
    settled: tuple[Vm, ...]
    surplus: tuple[Vm, ...]


def compare(
    fleet: str, wanted: Sequence[Wanted], addresses: Mapping[str, str], inventory: Inventory
) -> Comparison:
    """Compare a site with what is wanted; ``addresses`` are those decided for each name.

    Raises :class:`Conflict` for a name that a stranger's VM or another fleet's has, and what
    :func:`resize.decide` raises; :class:`Transient` for a VM that somebody is at work on.
    """
    missing, differing, settled = [], [], []
    for each in sorted(wanted, key=lambda each: each.name):
        vm = find(fleet, each.name, inventory)
        if vm is None:
            missing.append(each)
            continue
        found = _differing(each, vm, addresses[each.name])
        if found.fields:
            check_unlocked(vm)
            differing.append(found)
        else:
            settled.append(vm)
    named = {each.name.lower() for each in wanted}
    surplus = [vm for vm in members(fleet, inventory) if vm.name.lower() not in named]
    return Comparison(tuple(missing), tuple(differing), tuple(settled), tuple(surplus))


def members(fleet: str, inventory: Inventory) -> list[Vm]:
    """Return the VMs that carry a fleet's name in their marks, by name."""
    return sorted(
        (vm for vm in inventory.vms if vm.ours and vm.own.fleet == fleet),
        key=lambda vm: vm.name,
    )


def find(fleet: str, name: str, inventory: Inventory) -> Vm | None:
    """Return the VM of this name; raises :class:`Conflict` unless it is ours, of no other fleet."""
    found = [vm for vm in inventory.vms if vm.kind == "qemu" and vm.name.lower() == name.lower()]
    if not found:
        _check_unclaimed(name, inventory)
        return None
    if len(found) > 1:
        raise Conflict(
            f"{len(found)} VMs are called {name!r}.",
            details="\n".join(f"VM {vm.vmid} on {vm.node}" for vm in found),
            hint="Rename or remove all but one.",
            id="VM-AMBIGUOUS",
        )
    vm = found[0]
    title = f"VM {vm.vmid} ({vm.name}) on {vm.node}"
    if not vm.ours or vm.is_template:
        raise Conflict(
            f"{title} has a name of the fleet, and is not ours.",
            hint="Choose another name; pvekit leaves it alone.",
            id="VM-NOT-OURS",
        )
    if vm.own.fleet not in ("", fleet):
        raise Conflict(
            f"{title} is one of the fleet {vm.own.fleet}.",
            hint="Names are unique over all fleets of a site: choose another one.",
            id="FLEET-OTHER",
        )
    _check_unclaimed(vm.name, inventory, vm)
    return vm


def _check_unclaimed(name: str, inventory: Inventory, vm: Vm | None = None) -> None:
    """Raise :class:`Transient` for a VM that a run is just making or deleting."""
    for claim in inventory.claims:
        named = claim.what == "name" and claim.value.lower() == name.lower()
        held = vm is not None and (claim.what, claim.domain, claim.vmid) == (
            "vmid",
            vm.domain,
            vm.vmid,
        )
        if named or held:
            raise Transient(
                f"{name} is just being made or deleted: run {claim.run or '?'} has claimed it.",
                hint="Wait for its end, or finish it where it was begun: pvekit run list "
                "--unfinished. `pvekit gc` removes claims that nobody holds any more.",
                id="VM-LOCKED",
            )


def _differing(wanted: Wanted, vm: Vm, address: str) -> Differing:
    sized, aim = _size(wanted, vm)
    settings = list(_settings(wanted, vm, address))
    described = _description(wanted, vm)
    fields = [*sized, *(field for field, _, _ in settings), *described]
    starts = wanted.group.start and vm.running is False
    if starts:
        fields.append(Field("power", "off", "running", "off"))
    running = vm.running is not False
    aim = replace(
        aim,
        keys=tuple(key for _, key, _ in settings),
        values=tuple(value for _, _, value in settings),
        description=_marked(wanted, vm) if described else "",
        restart=running and any(field.how == "restart" for field in fields),
        start=starts,
        told=tuple(f"{field.name} {field.old} -> {field.new}" for field in fields),
    )
    return Differing(wanted, vm, tuple(fields), aim, address)


def _size(wanted: Wanted, vm: Vm) -> tuple[list[Field], Alteration]:
    """Return what differs in size, and the whole of it as a resize decides it."""
    size = wanted.wishes.size
    disk = (Growth(size.disk_gb * 1024),)
    aim = resize.decide(vm, size.cpus, size.memory_mb, disk)
    fields = []
    if size.cpus != vm.cpus:
        alone = resize.decide(vm, size.cpus, None, ())
        fields.append(Field("cpus", str(vm.cpus), str(size.cpus), _how(vm, restart=alone.restart)))
    if size.memory_mb != vm.memory_mb:
        alone = resize.decide(vm, None, size.memory_mb, ())
        old, new = f"{vm.memory_mb} MiB", f"{size.memory_mb} MiB"
        fields.append(Field("memory", old, new, _how(vm, restart=alone.restart)))
    for slot, size_mb in aim.grows.items():
        old, new = f"{vm.volumes[slot].size_gb} GiB", f"{size_mb // 1024} GiB"
        fields.append(Field(f"disk {slot}", old, new, _how(vm)))
    known = {name: getattr(aim, name) for name in aim.__dataclass_fields__}
    return fields, Alteration(**known)


def _how(vm: Vm, *, restart: bool = False) -> str:
    if vm.running is False:
        return "off"
    return "restart" if restart else "live"


def _settings(wanted: Wanted, vm: Vm, address: str) -> Iterator[tuple[Field, str, str]]:
    """Yield what differs in PVE's options, each with the option and its new value."""
    group, wishes, values = wanted.group, wanted.wishes, vm.config.values
    tags = {"pvekit", wishes.role, *wishes.tags}
    if set(vm.tags) != tags:
        field = Field("tags", ", ".join(sorted(vm.tags)), ", ".join(sorted(tags)), _how(vm))
        yield field, "tags", ";".join(sorted(tags))
    if group.onboot is not None and (values.get("onboot") == "1") is not group.onboot:
        old, new = ("yes", "no") if values.get("onboot") == "1" else ("no", "yes")
        yield Field("onboot", old, new, _how(vm)), "onboot", str(int(group.onboot))
    yield from _card(wishes, vm)
    ip = _ipconfig(address, group)
    if not conf.equal("ipconfig0", ip, values.get("ipconfig0", "")):
        field = Field("network", values.get("ipconfig0", "none"), ip, _how(vm, restart=True))
        yield field, "ipconfig0", ip
    servers = " ".join(group.network.dns)
    if servers and not conf.equal("nameserver", servers, values.get("nameserver", "")):
        field = Field("dns", values.get("nameserver", "none"), servers, _how(vm, restart=True))
        yield field, "nameserver", servers


def _card(wishes: Wishes, vm: Vm) -> Iterator[tuple[Field, str, str]]:
    """Yield what differs in the network card; its MAC and all else of it stays."""
    there = vm.config.values.get("net0", "")
    found = properties.parse(there, "model")
    if not (wishes.bridge or wishes.vlan) or not found:
        return
    new = dict(found)
    if wishes.bridge:
        new["bridge"] = wishes.bridge
    new.pop("tag", None)
    if wishes.vlan:
        new["tag"] = str(wishes.vlan)
    if new == found:
        return
    keys = [key for key in ("bridge", "tag") if new.get(key) != found.get(key)]
    told = [" ".join(f"{key}={each.get(key, 'none')}" for key in keys) for each in (found, new)]
    live = "network" in resize.features(vm)
    text = ",".join(f"{key}={value}" for key, value in new.items())
    yield Field("card", told[0], told[1], _how(vm, restart=not live)), "net0", text


def _ipconfig(address: str, group: Group) -> str:
    if address == "dhcp":
        return "ip=dhcp"
    gateway = group.network.gateway or None
    if ":" in address:
        return properties.build(ip6=address, gw6=gateway)
    return properties.build(ip=address, gw=gateway)


def _description(wanted: Wanted, vm: Vm) -> list[Field]:
    """Return what differs in the description: people's notes, or the role in the mark."""
    found = []
    notes = notes_of(vm.config.description)
    if wanted.group.description is not None and _lines(wanted.group.description) != _lines(notes):
        old, new = _short(notes), _short(wanted.group.description)
        found.append(Field("description", old, new, _how(vm)))
    role = vm.own.role
    if role != wanted.wishes.role:
        found.insert(0, Field("role", role or "none", wanted.wishes.role, _how(vm)))
    return found


def _marked(wanted: Wanted, vm: Vm) -> str:
    mark = vm.mark or Mark("vm", vm.vmid, vm.name)
    notes = wanted.group.description
    kept = notes_of(vm.config.description) if notes is None else notes
    return with_mark("\n".join(_lines(kept)), replace(mark, role=wanted.wishes.role))


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def _short(text: str) -> str:
    line = " / ".join(_lines(text))
    return (line if len(line) <= 40 else f"{line[:39]}…") or "none"
