"""The QEMU guest agent: what it answers, in the data that PVE passes on."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pvekit.lab.guests.links import Address, Link
from pvekit.lab.guests.system import System
from pvekit.lab.streams import BytesReader, BytesWriter

_BLOCKED_BY = "/etc/sysconfig/qemu-ga"
_COUNTERS = ("bytes", "dropped", "errs", "packets")


class AgentError(Exception):
    """A failed request, in PVE's words."""


class Wired(Protocol):
    """What knows the VM's network."""

    @property
    def links(self) -> tuple[Link, ...]:
        """The interfaces besides loopback."""
        ...


@dataclass
class _Execution:
    out: BytesWriter
    err: BytesWriter
    task: asyncio.Task[int]


class Agent:
    """The agent of one guest."""

    def __init__(self, system: System, network: Wired) -> None:
        self._system = system
        self._network = network
        self._executions: dict[int, _Execution] = {}
        self._last_pid = 300
        self._answers: dict[str, Callable[[], Any]] = {
            "ping": dict,
            "network-get-interfaces": self._interfaces,
            "get-host-name": lambda: {"host-name": system.machine.hostname},
            "get-osinfo": self._osinfo,
            "get-fsinfo": self._fsinfo,
            "get-time": lambda: int(system.machine.clock.now() * 1e9),
            "get-timezone": lambda: {"offset": 0, "zone": "UTC"},
            "get-users": list,
            "get-vcpus": lambda: [{"can-offline": False, "logical-id": 0, "online": True}],
            "fsfreeze-status": lambda: "thawed",
            "fsfreeze-freeze": lambda: 1,
            "fsfreeze-thaw": lambda: 1,
            "fstrim": lambda: {"paths": [{"path": "/", "minimum": 0, "trimmed": 0}]},
        }

    async def ask(self, command: str, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Answer one command; raises :class:`AgentError`."""
        self._refuse_blocked(command)
        if command == "exec":
            return self._exec(arguments["command"], arguments.get("input_data", b""))
        if command == "exec-status":
            return self._exec_status(arguments["pid"])
        if command == "exec-wait":
            return await self._exec_wait(arguments["pid"], arguments["timeout_seconds"])
        if command == "file-read":
            return self._file_read(arguments["file"])
        if command == "shutdown":
            return self._shutdown()
        answer = self._answers.get(command)
        if answer is None:
            raise AgentError(f"lab: not simulated: guest agent command '{command}'")
        return answer()

    def _refuse_blocked(self, command: str) -> None:
        name = {"exec-wait": "exec-status", "file-read": "file-open"}.get(command, command)
        blocked = re.findall(r"guest-[a-z-]+", self._system.text(_BLOCKED_BY))
        if f"guest-{name}" in blocked:
            raise AgentError(
                f"Agent error: Command guest-{name} has been disabled: the command is not allowed"
            )

    def _shutdown(self) -> dict[str, Any]:
        if self._system.halt is not None:
            self._system.halt(reboot=False)
        return {}

    def _interfaces(self) -> list[dict[str, Any]]:
        loopback = {
            "hardware-address": "00:00:00:00:00:00",
            "ip-addresses": [
                {"ip-address": "127.0.0.1", "ip-address-type": "ipv4", "prefix": 8},
                {"ip-address": "::1", "ip-address-type": "ipv6", "prefix": 128},
            ],
            "name": "lo",
            "statistics": _statistics(0),
        }
        return [loopback, *(_interface(link) for link in self._network.links)]

    def _osinfo(self) -> dict[str, str]:
        release = self._system.release
        kernels = self._system.files.glob("/boot/vmlinuz-*")
        return {
            "id": release["ID"],
            "kernel-release": kernels[-1].partition("vmlinuz-")[2] if kernels else "",
            "kernel-version": "#1 SMP PREEMPT_DYNAMIC",
            "machine": "x86_64",
            "name": release["NAME"],
            "pretty-name": release["PRETTY_NAME"],
            "version": release["VERSION"],
            "version-id": release["VERSION_ID"],
        }

    def _fsinfo(self) -> list[dict[str, Any]]:
        _, usage = self._system.files.usage("/")
        return [
            {
                "disk": [{"bus-type": "scsi", "dev": usage.device, "target": 0, "unit": 0}],
                "mountpoint": "/",
                "name": usage.device.rpartition("/")[2],
                "total-bytes": usage.total,
                "type": "ext4",
                "used-bytes": usage.used,
            }
        ]

    def _file_read(self, path: str) -> dict[str, Any]:
        try:
            data = self._system.files.read(path)
        except OSError as error:
            reason = f"failed to open file '{path}' (mode: 'r'): {error.strerror}"
            raise AgentError(f"Agent error: {reason}") from error
        return {"bytes-read": len(data), "content": data.decode(errors="replace")}

    def _exec(self, command: tuple[str, ...], input_data: bytes) -> dict[str, int]:
        machine = self._system.machine
        if machine.locate(command[0]) is None:
            raise AgentError(
                "Agent error: Guest agent command failed, error was 'Failed to execute child "
                f"process “{command[0]}” (No such file or directory)'"
            )
        self._last_pid += 2
        out, err = BytesWriter(), BytesWriter()
        work = machine.execute(f"exec {shlex.join(command)}", BytesReader(input_data), out, err)
        task = asyncio.get_running_loop().create_task(work)
        self._executions[self._last_pid] = _Execution(out, err, task)
        return {"pid": self._last_pid}

    def _exec_status(self, pid: int) -> dict[str, Any]:
        execution = self._executions.get(pid)
        if execution is None:
            raise AgentError("Agent error: Invalid parameter 'pid'")
        if not execution.task.done():
            return {"exited": 0}
        del self._executions[pid]
        status: dict[str, Any] = {"exited": 1, "exitcode": execution.task.result()}
        for key, data in (("out", execution.out.data), ("err", execution.err.data)):
            if data:
                status |= {f"{key}-data": data.decode(errors="replace"), f"{key}-truncated": 0}
        return status

    async def _exec_wait(self, pid: int, timeout_seconds: float) -> dict[str, Any] | None:
        """Return the status of a program once it has ended, or None after the time-out.

        The time is simulated; an immediate lab still gives the program a chance to end.
        """
        for _ in range(max(1, int(timeout_seconds * 4))):
            execution = self._executions.get(pid)
            if execution is None or execution.task.done():
                return self._exec_status(pid)
            await self._system.machine.clock.sleep(0.25)
            await asyncio.sleep(0.001)
        return None


def _interface(link: Link) -> dict[str, Any]:
    answer: dict[str, Any] = {"hardware-address": link.mac, "name": link.name}
    if link.addresses:  # as recorded: without an address both of these are missing
        answer["ip-addresses"] = [_address(address) for address in link.addresses]
        answer["statistics"] = _statistics(42)
    return answer


def _address(address: Address) -> dict[str, Any]:
    return {
        "ip-address": str(address.ip),
        "ip-address-type": f"ipv{address.version}",
        "prefix": address.network.prefixlen,
    }


def _statistics(received: int) -> dict[str, int]:
    figures = {f"{way}-{what}": 0 for way in ("rx", "tx") for what in _COUNTERS}
    if received:
        figures |= {"rx-bytes": received, "rx-packets": 1, "tx-bytes": 1928, "tx-packets": 25}
    return figures
