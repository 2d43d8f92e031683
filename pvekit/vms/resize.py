"""Giving one of our VMs other CPUs, memory or bigger disks: what that takes, and the plan. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pvekit.errors import Conflict, NotFound, UsageError
from pvekit.guest.ready import stages
from pvekit.inventory.model import Vm
from pvekit.plan import Plan, Step
from pvekit.pve import goals, properties, qm
from pvekit.pve.volumes import boot_slot
from pvekit.vms.create import Wait
from pvekit.vms.power import Target, restart

# What Proxmox VE changes in a running VM where its configuration says nothing of it.
_HOTPLUG = ("network", "disk", "usb")


@dataclass(frozen=True)
class Growth:
    """A disk's wanted size in MiB, or by how much it is to grow; no ``slot`` is the boot disk."""

    size_mb: int
    added: bool = False
    slot: str = ""


@dataclass(frozen=True)
class Resizing:
    """What one VM gets: its new settings and disk sizes, and whether that takes a restart.

    A setting of 0 stays as it is; ``drop_vcpus`` takes a limit below the sockets' cores away.
    ``slots`` and ``sizes_mb`` (MiB) belong together. ``told`` says it all in words.
    """

    cores: int = 0
    vcpus: int = 0
    drop_vcpus: bool = False
    memory_mb: int = 0
    slots: tuple[str, ...] = ()
    sizes_mb: tuple[int, ...] = ()
    restart: bool = False
    told: tuple[str, ...] = ()

    @property
    def settings(self) -> Mapping[str, str | int | None]:
        """The options that it sets; None is one that goes."""
        given = {"cores": self.cores, "vcpus": self.vcpus, "memory": self.memory_mb}
        wanted: dict[str, str | int | None] = {key: value for key, value in given.items() if value}
        return wanted | ({"vcpus": None} if self.drop_vcpus else {})

    @property
    def grows(self) -> Mapping[str, int]:
        """The disks that it grows, with their new sizes in MiB."""
        return dict(zip(self.slots, self.sizes_mb, strict=True))


def decide(
    vm: Vm, cpus: int | None, memory_mb: int | None, growths: tuple[Growth, ...]
) -> Resizing:
    """Decide what a VM needs to become what is asked for, as it is now.

    Raises :class:`UsageError` for a disk that would shrink, :class:`NotFound` for one that is not
    there, :class:`Conflict` for settings of the VM that do not go with it.
    """
    told: list[str] = []
    cores, vcpus, drop_vcpus = _cpus(vm, cpus)
    if cores or vcpus:
        told.append(f"cpus {vm.cpus} -> {cpus}")
    memory = memory_mb if memory_mb and memory_mb != vm.memory_mb else 0
    if memory:
        _check_balloon(vm, memory)
        told.append(f"memory {vm.memory_mb} -> {memory} MiB")
    disks = _disks(vm, growths)
    told += [
        f"{slot} {_gib(_size_mb(vm, slot))} -> {_gib(size)} GiB" for slot, size in disks.items()
    ]
    later = bool(
        cores or (vcpus and not _plugs_cpus(vm, vcpus)) or (memory and not _plugs(vm, memory))
    )
    return Resizing(
        cores,
        vcpus,
        drop_vcpus,
        memory,
        tuple(disks),
        tuple(disks.values()),
        restart=later and vm.running is not False,
        told=tuple(told),
    )


def _cpus(vm: Vm, cpus: int | None) -> tuple[int, int, bool]:
    """Return new cores (0: as they are), new vcpus (0: likewise), and whether vcpus go."""
    if cpus is None or cpus == vm.cpus:
        return 0, 0, False
    values = vm.config.values
    sockets, cores = int(values.get("sockets", "1")), int(values.get("cores", "1"))
    if "vcpus" in values and cpus <= sockets * cores:
        return 0, cpus, False
    if cpus % sockets:
        raise UsageError(
            f"{_title(vm)} has {sockets} sockets: {cpus} CPUs cannot be shared out equally.",
            hint=f"Give a multiple of {sockets}, or change `sockets` with `qm set` first.",
        )
    return cpus // sockets, 0, "vcpus" in values


def _check_balloon(vm: Vm, memory_mb: int) -> None:
    balloon = vm.config.values.get("balloon", "0")
    if balloon.isdecimal() and int(balloon) > memory_mb:
        raise Conflict(
            f"{_title(vm)} keeps at least {balloon} MiB (balloon), which is more than "
            f"{memory_mb} MiB.",
            hint=f"Lower that first: qm set {vm.vmid} --balloon {memory_mb}",
        )


def _disks(vm: Vm, growths: tuple[Growth, ...]) -> dict[str, int]:
    """Return the new sizes in MiB of the disks that grow, by slot."""
    found: dict[str, int] = {}
    for growth in growths:
        slot = _slot(vm, growth)
        now = _size_mb(vm, slot)
        wanted = now + growth.size_mb if growth.added else growth.size_mb
        if wanted < now:
            raise UsageError(
                f"{_title(vm)}: {slot} has {_gib(now)} GiB, it cannot shrink to {_gib(wanted)} "
                "GiB.",
                hint="Proxmox VE only grows disks. Nothing was sent.",
                id="DISK-CANNOT-SHRINK",
            )
        if slot in found:
            raise UsageError(f"{_title(vm)}: {slot} is given two sizes.")
        if wanted > now:
            found[slot] = wanted
    return found


def _slot(vm: Vm, growth: Growth) -> str:
    """Return the slot of the disk that is meant; raises :class:`NotFound` where there is none."""
    slot = growth.slot or boot_slot(vm.config) or ""
    volume = vm.volumes.get(slot)
    if volume is None or volume.media == "cdrom" or slot.startswith(("efi", "tpm", "unused")):
        disks = sorted(s for s, v in vm.volumes.items() if v.media != "cdrom")
        what = f"disk {slot}" if slot else "disk to boot from"
        raise NotFound(f"{_title(vm)} has no {what}.", hint=f"Its disks: {', '.join(disks)}.")
    return slot


def _title(vm: Vm) -> str:
    return f"VM {vm.vmid} ({vm.name})"


def _size_mb(vm: Vm, slot: str) -> int:
    return -(-vm.volumes[slot].size_bytes // (1 << 20))


def _gib(size_mb: int) -> str:
    return f"{size_mb / 1024:g}"


def features(vm: Vm) -> tuple[str, ...]:
    """Return what its configuration lets be changed while it runs."""
    text = vm.config.values.get("hotplug", "1")
    if text in ("0", "1"):
        return _HOTPLUG if text == "1" else ()
    return tuple(text.replace(";", ",").split(","))


def _plugs_cpus(vm: Vm, vcpus: int) -> bool:
    """Whether a running VM takes more CPUs; giving some back is up to its guest."""
    return "cpu" in features(vm) and vcpus > vm.cpus


def _plugs(vm: Vm, memory_mb: int) -> bool:
    """Whether a running VM takes more memory; giving some back is up to its guest."""
    numa = properties.parse(vm.config.values.get("numa", "0"), "on").get("on")
    return "memory" in features(vm) and numa == "1" and memory_mb > vm.memory_mb


def plan(vm: Target, aim: Resizing, seconds: int, wait: Wait | None) -> Plan:
    """Return the plan: disks first, so that a boot that follows sees them; then the settings.

    What a running VM cannot take is set while it is off. Nothing is left to wait for a start by
    chance.
    """
    steps = [_grow(vm, slot, size) for slot, size in aim.grows.items()]
    if aim.settings:
        settled = goals.configured(vm.node, vm.vmid, aim.settings)
        given = {key: value for key, value in aim.settings.items() if value is not None}
        gone = [key for key, value in aim.settings.items() if value is None]
        options = given | ({"delete": ",".join(gone)} if gone else {})
        change = qm.configure(vm.guard, options)
        middle = Step(vm.subject, "resize", vm.node, settled, (change,))
        around = restart(vm, settled, seconds=seconds) if aim.restart else ()
        steps += [*around[:1], middle, *around[1:]]
    if aim.restart and wait is not None:
        waits = {"timeout": wait.timeout, "interval": wait.interval}
        steps += stages(vm.subject, vm.wanted, **waits, hint=wait.hint)
    return Plan(tuple(steps))


def _grow(vm: Target, slot: str, size_mb: int) -> Step:
    return Step(
        vm.subject,
        f"grow-{slot}",
        vm.node,
        goal=goals.disk_grown(vm.node, vm.vmid, slot, size_mb),
        changes=(qm.resize_mb(vm.guard, slot, size_mb),),
        lasting="a grown disk does not shrink again",
    )
