"""The QEMU guest agent: what it answers, in the data that PVE passes on."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pvekit.lab.guests import agentfacts
from pvekit.lab.guests.devices import Devices
from pvekit.lab.guests.hardware import Hardware
from pvekit.lab.guests.links import Address, Link, noise
from pvekit.lab.guests.system import System
from pvekit.lab.guests.users import set_password
from pvekit.lab.guests.waiting import until
from pvekit.lab.streams import BytesReader, BytesWriter

_BLOCKED_BY = "/etc/sysconfig/qemu-ga"
_AT_ONCE = 0.02  # seconds until it is first looked whether a program has ended
_COUNTERS = ("bytes", "dropped", "errs", "packets")
_WHILE_FROZEN = frozenset({"ping", "info", "fsfreeze-status", "fsfreeze-thaw"})
_NOT_FOUND = "CommandNotFound"


class AgentError(Exception):
    """A failed request, in PVE's words; ``reason`` and ``kind`` are the agent's own."""

    def __init__(self, message: str, kind: str = "GenericError") -> None:
        super().__init__(message)
        self.reason = message.removeprefix("Agent error: ")
        self.kind = kind


class Wired(Protocol):
    """What knows the VM's devices."""

    @property
    def links(self) -> tuple[Link, ...]:
        """The interfaces besides loopback."""
        ...

    @property
    def hardware(self) -> Hardware:
        """The VM's machine."""
        ...

    @property
    def devices(self) -> Devices:
        """The VM's disks."""
        ...


@dataclass
class _Execution:
    out: BytesWriter
    err: BytesWriter
    task: asyncio.Task[int]


class Agent:
    """The agent of one guest."""

    def __init__(self, system: System, vm: Wired) -> None:
        self._system = system
        self._vm = vm
        self._executions: dict[int, _Execution] = {}
        self._last_pid = 300
        self._frozen = False

    def reset(self) -> None:
        """Forget everything, as a boot does."""
        self._executions.clear()
        self._frozen = False

    def _answer(self, command: str) -> Callable[[], Any] | None:
        system = self._system
        answers: dict[str, Callable[[], Any]] = {
            "ping": dict,
            "info": lambda: agentfacts.info(system),
            "network-get-interfaces": self._interfaces,
            "get-host-name": lambda: {"host-name": system.machine.hostname},
            "get-osinfo": lambda: agentfacts.osinfo(system),
            "get-fsinfo": lambda: agentfacts.fsinfo(system, self._vm.devices),
            "get-time": lambda: int(system.machine.clock.now() * 1e9),
            "get-timezone": lambda: {"offset": 0, "zone": "UTC"},
            "get-users": list,
            "get-vcpus": lambda: agentfacts.vcpus(self._vm.hardware),
            "get-memory-blocks": lambda: agentfacts.memory_blocks(self._vm.hardware),
            "get-memory-block-info": lambda: {"size": agentfacts.BLOCK},
            "fsfreeze-status": lambda: "frozen" if self._frozen else "thawed",
            "fsfreeze-freeze": self._freeze,
            "fsfreeze-thaw": self._thaw,
            "fstrim": lambda: {"paths": [{"path": "/", "minimum": 0, "trimmed": 0}]},
            "shutdown": self._shutdown,
        }
        return answers.get(command)

    def _freeze(self) -> int:
        self._frozen = True
        return 1

    def _thaw(self) -> int:
        thawed, self._frozen = int(self._frozen), False
        return thawed

    async def ask(self, command: str, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Answer one command, named as ``qm guest cmd`` does; raises :class:`AgentError`.

        Besides those: ``exec`` (``command``: words, ``input_data``: bytes), ``exec-status``
        (``pid``), ``exec-wait`` (``pid``, ``timeout_seconds``; None after the time-out),
        ``file-read`` (``file``), ``file-write`` (``file``, ``content``: bytes) and
        ``set-user-password`` (``username``, ``password``, ``crypted``). Returns JSON data as PVE
        would show it.
        """
        self._refuse_blocked(command)
        if command == "exec-wait":
            return await self._exec_wait(arguments["pid"], arguments["timeout_seconds"])
        working: Mapping[str, Callable[..., Any]] = {
            "exec": self._exec,
            "exec-status": self._exec_status,
            "file-read": self._file_read,
            "file-write": self._file_write,
            "set-user-password": self._set_password,
        }
        if command in working:
            return working[command](**arguments)
        answer = self._answer(command)
        if answer is None:
            raise AgentError(f"lab: not simulated: guest agent command '{command}'")
        return answer()

    def _refuse_blocked(self, command: str) -> None:
        names = {"exec-wait": "exec-status", "file-read": "file-open", "file-write": "file-open"}
        name = f"guest-{names.get(command, command)}"
        blocked = re.findall(r"guest-[a-z-]+", self._system.text(_BLOCKED_BY))
        reason = "the command is not allowed" if name in blocked else ""
        if self._frozen and command not in _WHILE_FROZEN:
            reason = "the agent is in frozen state"
        if reason:
            raise AgentError(
                f"Agent error: Command {name} has been disabled: {reason}", kind=_NOT_FOUND
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
        links = (*self._vm.links, *noise(self._system))
        return [loopback, *(_interface(link) for link in links)]

    def _file_read(self, file: str) -> dict[str, Any]:
        try:
            data = self._system.files.read(file)
        except OSError as error:
            reason = f"failed to open file '{file}' (mode: 'r'): {error.strerror}"
            raise AgentError(f"Agent error: {reason}") from error
        return {"bytes-read": len(data), "content": data.decode(errors="replace")}

    def _file_write(self, file: str, content: bytes) -> dict[str, int]:
        try:
            self._system.files.write(file, content)
        except OSError as error:
            reason = f"failed to open file '{file}' (mode: 'wb'): {error.strerror}"
            raise AgentError(f"Agent error: {reason}") from error
        return {"count": len(content)}

    def _set_password(self, username: str, password: str, *, crypted: bool) -> dict[str, Any]:
        if self._system.machine.account(username) is None:
            raise AgentError("Agent error: child process has failed to set user password")
        set_password(self._system, username, password, crypted=crypted)
        return {}

    def _exec(self, command: tuple[str, ...], input_data: bytes = b"") -> dict[str, int]:
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

        def ended() -> bool:
            execution = self._executions.get(pid)
            return execution is None or execution.task.done()

        # Proxmox VE looks at once, and then every second.
        await self._system.machine.clock.sleep(_AT_ONCE)
        await asyncio.sleep(0.001)
        if await until(self._system.machine.clock, ended, timeout_seconds, every=1.0):
            return self._exec_status(pid)
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
