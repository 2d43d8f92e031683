"""The emulator processes of a node: their command lines, pid files and sockets under ``/run``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pvekit.lab import usage
from pvekit.lab.machine import Machine
from pvekit.lab.processes import LiveProcess
from pvekit.lab.vmconfig import VmConfig

DIRECTORY = "/run/qemu-server"
_SHOWN = "/var/run/qemu-server"


class Emulators:
    """The emulators that run on one machine, by vmid."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._live: dict[int, LiveProcess] = {}

    def __contains__(self, vmid: object) -> bool:
        return vmid in self._live

    def pid(self, vmid: int) -> int:
        """Return an emulator's process id, or 0."""
        return self._live[vmid].pid if vmid in self._live else 0

    def add(self, vmid: int, config: VmConfig, killed: Callable[[], None]) -> None:
        """Start one; ``killed`` is called when a signal ends it."""

        def on_signal(_: int) -> bool:
            killed()
            return True

        live = self._machine.processes.add(tuple(_words(vmid, config)))
        live.on_signal = on_signal
        cpus, began, clock = config.cpus, self._machine.clock.now(), self._machine.clock
        live.cpu_seconds = lambda: cpus * usage.cpu_seconds(vmid, began, clock.now())
        self._live[vmid] = live
        files = self._machine.files
        files.write(f"{DIRECTORY}/{vmid}.pid", f"{live.pid}\n".encode())
        for name in _sockets(vmid, config):
            files.write(f"{DIRECTORY}/{name}", b"")

    def discard(self, vmid: int) -> None:
        """Take away one that ended, with all that it had under ``/run``."""
        self._machine.processes.discard(self._live.pop(vmid))
        files = self._machine.files
        for path in files.glob(f"{DIRECTORY}/{vmid}.*"):
            files.unlink(path)


def _sockets(vmid: int, config: VmConfig) -> Iterator[str]:
    yield f"{vmid}.qmp"
    if re.match(r"(enabled=)?1", config.values.get("agent", "")):
        yield f"{vmid}.qga"
    if not config.values.get("vga", "").startswith(("serial", "none", "type=serial")):
        yield f"{vmid}.vnc"
    for number in range(4):
        if config.values.get(f"serial{number}") == "socket":
            yield f"{vmid}.serial{number}"


def _words(vmid: int, config: VmConfig) -> Iterator[str]:
    """Return the beginning of the real command line, which is what people look for."""
    name, values = config.name or f"vm{vmid}", config.values
    sockets, cores = values.get("sockets", "1"), values.get("cores", "1")
    yield from ("/usr/bin/kvm", "-id", str(vmid), "-name", f"{name},debug-threads=on")
    qmp = f"socket,id=qmp,path={_SHOWN}/{vmid}.qmp,server=on,wait=off"
    yield from ("-no-shutdown", "-chardev", qmp, "-mon", "chardev=qmp,mode=control")
    yield from ("-pidfile", f"{_SHOWN}/{vmid}.pid", "-daemonize")
    if "smbios1" in values:
        yield from ("-smbios", f"type=1,{values['smbios1']}")
    vcpus = values.get("vcpus", config.cpus)
    yield from ("-smp", f"{vcpus},sockets={sockets},cores={cores},maxcpus={config.cpus}")
    yield from ("-nodefaults", "-cpu", values.get("cpu", "kvm64"), "-m", str(config.memory_mb))
