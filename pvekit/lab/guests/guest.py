"""A powered-on VM: it boots what is on its disks, and answers on its network and to its agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from pvekit.lab.guests import content, first_boot, kernellog, links, services
from pvekit.lab.guests.addresses import ip
from pvekit.lab.guests.agent import Agent, AgentError
from pvekit.lab.guests.ailments import Ailments
from pvekit.lab.guests.cloudinit import CloudInit
from pvekit.lab.guests.cloudmodules import CONSOLE
from pvekit.lab.guests.devices import Devices
from pvekit.lab.guests.disk import Disk, Iso
from pvekit.lab.guests.hardware import Hardware, hardware
from pvekit.lab.guests.kernellog import KernelLog
from pvekit.lab.guests.links import Link
from pvekit.lab.guests.lsblk import lsblk
from pvekit.lab.guests.memory import meminfo
from pvekit.lab.guests.software import base_programs, equip
from pvekit.lab.guests.system import System
from pvekit.lab.guests.waiting import until
from pvekit.lab.guests.world import World
from pvekit.lab.machine import Machine
from pvekit.lab.tree import Usage

SYSTEM_BYTES = 1536 << 20  # what an installed cloud image occupies

HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
AGENT = "qemu-guest-agent.service"
_CHANGING = frozenset({"exec-status", "exec-wait", "file-write", "set-user-password"})


class Guest:
    """A powered-on VM.

    ``config`` is the main section of its configuration, ``disks`` maps slots to live contents that
    the guest keeps up to date, ``isos`` maps slots to CDs (the cloud-init drive is one).
    ``on_power_off`` is called when the guest has powered itself off. Call :meth:`power_on` next.
    """

    def __init__(
        self,
        world: World,
        vmid: int,
        config: Mapping[str, str],
        disks: Mapping[str, Disk],
        isos: Mapping[str, Iso],
        on_power_off: Callable[[Guest], None],
    ) -> None:
        self.world = world
        self.vmid = vmid
        self.hardware: Hardware = hardware(config)
        self._config = config
        self._on_power_off = on_power_off
        slot = self.hardware.boot_slot(disks)
        self.disk: Disk | None = disks[slot] if slot else None
        self.running = False
        self._going = asyncio.Event()
        self._going.set()
        self._held = False
        self.links: tuple[Link, ...] = ()
        self.machine = Machine("localhost", world.clock, world.log, base_programs())
        self.machine.cpus = self.hardware.cpus
        self.kernel_log = KernelLog(vmid, self.machine, world.faults)
        self.machine.proc.texts |= {
            "meminfo": lambda: meminfo(
                self.vmid, self.hardware.memory_mb, self.machine.clock.now()
            ),
            "pressure/memory": self.kernel_log.pressure,
        }
        self.devices = Devices(disks, isos, slot or "", self.machine.files)
        self.system = System(self.machine, world.internet, halt=self._halt)
        self.cloud = CloudInit(self.system)
        self.agent_interface = Agent(self.system, self)
        self._ailments = Ailments(vmid, world.faults)
        self._loaded = False
        self._tasks: set[asyncio.Task[None]] = set()

    def power_on(self) -> asyncio.Task[None]:
        """Start booting in the background, and return the boot; needs a running event loop."""
        self.running = True
        self._going.set()
        self.kernel_log.boot()
        if self.machine.files.is_file(CONSOLE):
            self.machine.files.unlink(CONSOLE)
        self._ailments.strike()
        if self.disk and self.disk.boots_on(self.hardware.cpu) and not self._loaded:
            content.load(self.disk, self.machine.files)
            self.machine.files.usages["/"] = self._usage
            equip(self.system, self.cloud)
            self.machine.programs |= kernellog.programs(self.kernel_log) | {
                "lsblk": partial(lsblk, self.devices),
                "ip": partial(ip, lambda: (*self.links, *links.noise(self.system))),
            }
            self._loaded = True
        return self._in_background(self.boot())

    def console_text(self) -> bytes:
        """Return what was written to the serial console since power-on."""
        files = self.machine.files
        return files.read(CONSOLE) if files.is_file(CONSOLE) else b""

    def follow(self, on_power_off: Callable[[Guest], None]) -> None:
        """Tell another one from now on that the guest powered itself off: it moved there."""
        self._on_power_off = on_power_off

    def power_off(self) -> None:
        """Cut the power: everything ends at once, the disks stay as they are."""
        self._end()

    async def shutdown(self, timeout_seconds: float, *, by_agent: bool = False) -> bool:
        """Ask the guest to shut down, as ACPI or the agent do; False if it does not in time.

        The guest ignores it until its services run; as after a shutdown from inside,
        ``on_power_off`` is called.
        """
        if not by_agent and not await until(
            self.world.clock, lambda: self._hears_power, timeout_seconds
        ):
            return False
        self._halt(reboot=False)
        return await until(self.world.clock, lambda: not self.running, timeout_seconds)

    @property
    def _hears_power(self) -> bool:
        return not self.running or (self.system.booted and self._going.is_set())

    @property
    def state(self) -> str:
        """What the emulator says of it: ``running``, ``paused`` or held before its start."""
        if self._going.is_set():
            return "running"
        return "prelaunch" if self._held else "paused"

    def hold(self) -> None:
        """Keep it from its first instruction until :meth:`resume`."""
        self._held = True
        self._going.clear()

    def pause(self) -> None:
        """Stop its processors: it neither boots on nor answers until :meth:`resume`."""
        self._going.clear()

    def resume(self) -> None:
        """Let its processors go on."""
        self._held = False
        self._going.set()

    def put_aside(self) -> None:
        """Take its memory away to a disk: it neither runs nor is reached until :meth:`wake`."""
        self.flush()
        self.pause()
        self.running = False

    def wake(self) -> None:
        """Go on with the memory that was put aside."""
        self.running = True
        self.resume()

    def forget(self) -> None:
        """Lose the memory that was put aside: nothing of it reaches the disks any more."""
        for task in self._tasks:
            task.cancel()

    def rewire(self, config: Mapping[str, str]) -> None:
        """Take note of a changed configuration: its network cards and their bridges."""
        self._config = config
        self.hardware = hardware(config)
        if self.system.booted and self.links:
            self._connect()

    def reset(self) -> asyncio.Task[None]:
        """Press the reset button: boot again without shutting down; returns the boot."""
        self._end()
        return self.power_on()

    def _halt(self, *, reboot: bool) -> None:
        self._in_background(self._go_down(reboot=reboot))

    async def _go_down(self, *, reboot: bool) -> None:
        await self.world.clock.sleep(self.world.clock.figures.guest_shutdown)
        await self._going.wait()
        if not self.running:
            return
        if reboot:
            self.reset()
            return
        self._end()
        self._on_power_off(self)

    def _end(self) -> None:
        self.running = False
        self.links = ()
        self.machine.reboot()
        self.system.stop()
        self.agent_interface.reset()
        self.cloud.reset()
        self._save()
        present = asyncio.current_task()
        for task in self._tasks - {present}:
            task.cancel()

    def flush(self) -> None:
        """Bring the disk up to date with the running system's files.

        A guest that is off has done so, and its disk may be another's by now.
        """
        if self.running:
            self._save()

    def _save(self) -> None:
        if self.disk is not None and self._loaded:
            content.save(self.machine.files, self.disk)

    async def boot(self) -> None:
        """Boot: firmware, kernel, cloud-init and the services, step by step as time passes."""
        await self._ailments.slow_down()
        await self.world.clock.sleep(self.world.clock.figures.firmware_and_kernel)
        await self._going.wait()
        if self.disk is None or not self.disk.boots_on(self.hardware.cpu):
            return
        self.devices.make_nodes()
        self.system.agent_port = self.hardware.agent
        first_boot.prepare(self.system)
        services.start(self.system, AGENT)
        self.system.booted = True
        self.cloud.find(self.devices.visible_isos(), self.hardware.nics)
        await self.world.clock.sleep(self.world.clock.figures.guest_network)
        await self._going.wait()
        self._connect()
        self._grow()
        await self.cloud.initialise()
        services.start_enabled(self.system)
        self.flush()
        await self.cloud.finish()
        self.flush()

    def _connect(self) -> None:
        self.links = links.connect(self.system, self.hardware.nics, self.world.network)
        self.system.online = any(link.routed for link in self.links)

    def _grow(self) -> None:
        if self.disk is not None and self.cloud.enabled:
            self.disk.root_bytes = max(self.disk.root_bytes, self.disk.size_bytes)

    def _usage(self) -> Usage:
        total = self.disk.root_bytes if self.disk else 0
        self.machine.files.root.total = total
        return Usage("/dev/sda1", total, min(total, SYSTEM_BYTES + self.machine.files.root.used))

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses that it answers at, loopback and link-local ones left out."""
        return tuple(str(address.ip) for link in self.links for address in link.reachable)

    @property
    def ssh_ready(self) -> bool:
        """Whether its SSH server accepts connections."""
        running = self.running and self._going.is_set()
        return running and not self._ailments.without_ssh and services.ssh_runs(self.system)

    @property
    def host_key(self) -> bytes:
        """Its SSH server's private key in OpenSSH's format; raises OSError without one."""
        return self.machine.files.read(HOST_KEY)

    def authorized_keys(self, user: str) -> str:
        """Return the text of a user's ``authorized_keys``, empty for one without."""
        path = f"{self.machine.home(user)}/.ssh/authorized_keys"
        if self.machine.account(user) is None or not self.machine.files.is_file(path):
            return ""
        return self.machine.files.read(path).decode(errors="replace")

    @property
    def agent_ready(self) -> bool:
        """Whether the guest agent answers."""
        running = self.running and self._going.is_set()
        return running and not self._ailments.silent and AGENT in self.system.active

    async def agent(self, command: str, /, **arguments: Any) -> Any:  # noqa: ANN401
        """Ask the guest agent what :meth:`Agent.ask` answers.

        Raises :class:`AgentError` with PVE's message.
        """
        if not self.agent_ready:
            raise AgentError("QEMU guest agent is not running")
        answer = await self.agent_interface.ask(command, arguments)
        if command in _CHANGING:
            self.flush()
        return answer

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
