"""What a command of Proxmox VE's programs works with, and how it is run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pvekit.lab import formats
from pvekit.lab.commands import perl
from pvekit.lab.commands.inputs import with_inputs
from pvekit.lab.configcheck import broken
from pvekit.lab.failure import Failure
from pvekit.lab.options import HELP, Arguments, Command, Refused, Table, table
from pvekit.lab.process import NotSimulated, Process
from pvekit.lab.schema.command import OUTPUT
from pvekit.lab.tasks import Say, Task
from pvekit.lab.workers import worker

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_NOT_ROOT = (
    "ipcc_send_rec[1] failed: Unknown error -1\nipcc_send_rec[2] failed: Unknown error -1\n"
    "ipcc_send_rec[3] failed: Unknown error -1\nUnable to load access control list: "
    "Unknown error -1\n"
)
_CONTROL = OUTPUT | {"api_path", "noproxy", "type", "delete", "digest", "lock-token"}


@dataclass(frozen=True)
class Call:
    """One call of one command or API method, its options read and checked.

    ``tasks`` collects what it started as tasks: the API answers with their ids. ``lists`` are the
    values of options that take an array, one by one.
    """

    node: Node
    process: Process
    command: Command
    values: Mapping[str, str]
    extra: tuple[str, ...] = ()
    tasks: list[Task] = field(default_factory=list)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def vmid(self) -> int:
        """The VM that the command is about."""
        return int(self.values["vmid"])

    def get(self, name: str, default: str = "") -> str:
        """Return an option's value."""
        return self.values.get(name, default)

    def on(self, name: str) -> bool:
        """Return whether a boolean option is on."""
        return self.values.get(name) == "1"

    @property
    def bandwidth(self) -> int:
        """The limit in bytes per second that is asked for; 0 is none."""
        return int(self.get("bwlimit") or 0) << 10

    def properties(self, *names: str) -> dict[str, str]:
        """Return the options that a section of a file is to hold: all but its own ``names``.

        How the call is to go and what it deletes is none of them.
        """
        return {k: v for k, v in self.values.items() if k not in _CONTROL and k not in names}

    def worker(self, kind: str, subject: str = "") -> AbstractAsyncContextManager[Say]:
        """Run the body as a task about ``subject``, or else about the VM."""
        return worker(
            self.node.tasks, self.process, kind, subject or self.values["vmid"], self.tasks
        )

    def refuse(self, **faults: str) -> Refused:
        """Return the refusal of parameters: reason by name."""
        return formats.refused(
            self.command.usage(), {k.replace("_", "-"): v for k, v in faults.items()}
        )


Handler = Callable[[Call], Awaitable[None]]


@dataclass(frozen=True)
class PveProgram:
    """One program: its commands' handlers by name, and which of them only read."""

    node: Node
    name: str
    handlers: Mapping[str, Handler]
    reading: frozenset[str]

    @property
    def table(self) -> Table:
        """The program's commands as its node's version has them."""
        return table(self.name, self.node.capacity.pve)

    async def __call__(self, process: Process) -> int:
        """Run it; only root may."""
        if said := perl.warnings(process.env):
            await process.complain(said)
        words = tuple(map(perl.decoder(process.env), process.argv[1:]))
        self._log(words)
        clock = process.machine.clock
        await clock.sleep(clock.figures.start_of(self.name))
        if process.user != "root":
            await process.complain(_NOT_ROOT)
            return 255
        try:
            await self.run(replace(process, argv=(self.name, *words)))
        except Refused as refused:
            await process.complain(f"{refused}\n")
            return 255
        except Failure as failure:
            await process.complain(f"{failure.message}\n")
            return failure.status
        return 0

    def _log(self, words: tuple[str, ...]) -> None:
        try:
            name = self.table.find(words)[0].name
        except Refused:
            name = HELP
        changes = name != HELP and name not in self.reading
        argv = [self.name, *words]
        self.node.machine.log.add("program", node=self.node.name, argv=argv, changes=changes)

    async def run(self, process: Process) -> None:
        """Read the words, check the values and do what the command does."""
        words = process.argv[1:]
        if words[:1] == ("verifyapi",):
            return
        if words[:1] == ("bashcomplete",) or (self.table.simple and words[:1] == (HELP,)):
            raise NotSimulated(words[0])
        command, rest = self.table.find(words)
        given = command.read(rest)
        values = await with_inputs(process, command, given.values)
        formats.check_all(command, replace(given, values=values))
        if command.name == HELP:
            await self._help(process, given)
            return
        if command.name not in self.handlers:
            raise NotSimulated(command.name)
        if self.name == "qm" and (said := self._warnings(values.get("vmid", ""))):
            await process.complain(said)
        await self.handlers[command.name](
            Call(self.node, process, command, values, given.extra, lists=given.lists)
        )

    def _warnings(self, vmid: str) -> str:
        """Return what is said of a VM's configuration when it is read: only on its own node."""
        path = f"/etc/pve/nodes/{self.node.name}/qemu-server/{vmid}.conf"
        if not vmid.isdecimal() or not self.node.machine.files.is_file(path):
            return ""
        faults = broken(self.node.config_text(int(vmid)), self.node.capacity.pve)
        return "".join(f"vm {vmid} - {why}\n" for _, why in faults)

    async def _help(self, process: Process, given: Arguments) -> None:
        """Show usage lines; with the texts about options, which is the default, it cannot."""
        text = self.table.short_help(given.extra)
        if given.values.get("verbose", "1") != "0":
            raise NotSimulated("help with what options are for")
        await process.say(text)
