"""What the node's hardware and the emulator refuse of a VM's configuration."""

from __future__ import annotations

import re
import shlex

from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.guests.hardware import properties
from pvekit.lab.process import NotSimulated
from pvekit.lab.qemu import QEMU
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import VmConfig

_MAX_NUMA = 8
_STATIC_MEMORY = 1024  # MiB that a VM has outside its pluggable modules
# Those of the emulator's own options that people give with --args.
_WORDS = """
accel acpitable action add-fd append audio audiodev bios blockdev boot cdrom chardev cpu d
daemonize debugcon device display dtb echr enable-kvm fda fdb fsdev full-screen fw_cfg g gdb
global hda hdb hdc hdd icount incoming initrd k kernel L loadvm m machine mem-path mem-
prealloc mon monitor M msg name net netdev nic no-reboot no-shutdown nodefaults nographic
numa object only-migratable option-rom overcommit parallel pflash pidfile plugin preconfig
qmp qmp-pretty rtc s S sandbox sd seed serial set shim smbios smp snapshot spice tpmdev
trace usb usbdevice uuid vga virtfs vnc watchdog-action
"""
_OPTIONS = frozenset(_WORDS.split())


async def check_hardware(call: Call, config: VmConfig, say: Say) -> None:
    """Die if this node cannot be what the configuration wants, before the emulator is asked."""
    values = config.values
    _check_machine(call, call.get("machine") or values.get("machine", ""))
    if values.get("bios") == "ovmf" and "efidisk0" not in values:
        await say("WARN: no efidisk configured! Using temporary efivars disk.\n")
    for key, text in sorted(values.items()):
        _check_device(call, key, text)
    allowed = call.node.capacity.cpus
    if config.cpus > allowed:
        raise Failure(f"MAX {allowed} vcpus allowed per VM on this node")
    if "memory" in values.get("hotplug", ""):
        _check_pluggable_memory(config)
    if values.get("numa") == "1":
        _check_topology(config)


def _check_machine(call: Call, text: str) -> None:
    machine = re.match(r"(?:type=)?(pc(?:-i440fx|-q35)?-(\d+\.\d+)(?:\.\d+)?[^,]*)", text)
    have = QEMU[call.node.capacity.pve]
    if machine and _numbers(machine[2]) > _numbers(have)[:2]:
        raise Failure(
            f"Installed QEMU version '{have}' is too old to run machine type '{machine[1]}', "
            f"please upgrade node '{call.node.name}'"
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _check_pci(text: str) -> None:
    host = text.partition(",")[0].removeprefix("host=")
    raise Failure(f"no PCI device found for '{host.partition(';')[0]}'")


def _check_device(call: Call, key: str, text: str) -> None:
    kind = key.rstrip("0123456789")
    if kind in {"hostpci", "usb"} and "mapping=" in text:
        _check_mapping(call, kind.removeprefix("host"), properties(text, "host")["mapping"])
    elif kind == "hostpci":
        _check_pci(text)
    elif kind not in {"parallel", "serial"} or not text.startswith("/dev/"):
        return
    elif not call.node.machine.files.exists(text):
        raise Failure(f"no such {kind} device")


def _check_mapping(call: Call, kind: str, name: str) -> None:
    path = f"/etc/pve/mapping/{kind}.cfg"
    files = call.node.machine.files
    if files.is_file(path) and re.search(rf"(?m)^{re.escape(name)}$", files.read(path).decode()):
        raise NotSimulated("mapped devices")
    raise Failure(f"{kind.upper()} device mapping not found for '{name}'")


def _check_pluggable_memory(config: VmConfig) -> None:
    if config.values.get("numa") != "1":
        raise Failure("NUMA needs to be enabled for memory hotplug")
    if any(re.fullmatch(r"numa\d+", key) for key in config.values):
        raise Failure("cannot enable memory hotplugging with custom NUMA topology")
    if config.memory_mb < _STATIC_MEMORY:
        raise Failure(f"minimum memory must be {_STATIC_MEMORY}MB")


def _check_topology(config: VmConfig) -> None:
    total = 0
    for number in range(_MAX_NUMA):
        text = config.values.get(f"numa{number}")
        if text is None:
            continue
        memory = int(float(properties(text, "cpus").get("memory", "0")))
        if not memory:
            raise Failure(f"missing NUMA node{number} memory value")
        total += memory
    if total not in (0, config.memory_mb):
        raise Failure("total memory for NUMA nodes must be equal to vm static memory")


async def check_emulator(call: Call, config: VmConfig, say: Say) -> None:
    """Die if the emulator refuses to start with what it is given."""
    complaint = _complaint(call, config)
    if complaint:
        await say(f"qemu-system-x86_64: {complaint}\n")
        raise Failure("start failed: QEMU exited with code 1")


def _complaint(call: Call, config: VmConfig) -> str:
    for word in shlex.split(config.values.get("args", "")):
        if word.startswith("-") and word.lstrip("-") not in _OPTIONS:
            return f"{word}: invalid option"
    model = properties(config.values.get("cpu", ""), "cputype").get("cputype")
    if model == "host" and config.values.get("kvm") == "0":
        return "CPU model 'host' requires KVM or HVF"
    if config.memory_mb > call.node.capacity.memory_mb:
        return "cannot set up guest memory 'pc.ram': Cannot allocate memory"
    return ""
