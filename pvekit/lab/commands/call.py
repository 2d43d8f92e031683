"""What a command of Proxmox VE's programs works with, and how it is run."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from pvekit.lab import formats
from pvekit.lab.failure import Failure
from pvekit.lab.options import Arguments, Command, Refused, table
from pvekit.lab.process import NotSimulated, Process
from pvekit.lab.tasks import PROGRAM_SECONDS, Say, Task, worker

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_NOT_ROOT = (
    "ipcc_send_rec[1] failed: Unknown error -1\nipcc_send_rec[2] failed: Unknown error -1\n"
    "ipcc_send_rec[3] failed: Unknown error -1\nUnable to load access control list: "
    "Unknown error -1\n"
)
_SSH_KEY = re.compile(
    r"(ssh-(rsa|dss|ed25519)|ecdsa-sha2-nistp\d+|sk-[\w@.-]+) +[A-Za-z0-9+/]+={0,2}( |$)"
)


@dataclass(frozen=True)
class Call:
    """One call of one command or API method, its options read and checked.

    ``tasks`` collects what it started as tasks: the API answers with their ids.
    """

    node: Node
    process: Process
    command: Command
    values: Mapping[str, str]
    extra: tuple[str, ...] = ()
    tasks: list[Task] = field(default_factory=list)

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
    seconds: float = PROGRAM_SECONDS

    async def __call__(self, process: Process) -> int:
        """Run it; only root may."""
        words = tuple(map(decoder(process.env), process.argv[1:]))
        self._log(words)
        await process.machine.clock.sleep(self.seconds)
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
            name = table(self.name).find(words)[0].name
        except Refused:
            name = ""
        changes = bool(name) and name not in self.reading
        argv = [self.name, *words]
        self.node.machine.log.add("program", node=self.node.name, argv=argv, changes=changes)

    async def run(self, process: Process) -> None:
        """Read the words, check the values and do what the command does."""
        words = process.argv[1:]
        if words[:1] == ("help",):
            raise NotSimulated("help")
        command, rest = table(self.name).find(words)
        given = command.read(rest)
        call = Call(self.node, process, command, given.values, given.extra)
        if "sshkeys" in given.values and self.name == "qm":
            keys = await _keys(process, given.values["sshkeys"])
            call = replace(call, values={**call.values, "sshkeys": keys})
        formats.check_all(command, Arguments(call.values, call.extra))
        if command.name not in self.handlers:
            raise NotSimulated(command.name)
        await self.handlers[command.name](call)


def decoder(env: Mapping[str, str]) -> Callable[[str], str]:
    """Return how Perl reads a word under a locale: without UTF-8, other characters are lost."""
    locale = env.get("LC_ALL") or env.get("LC_CTYPE") or env.get("LANG") or ""
    if re.search(r"utf-?8", locale, re.IGNORECASE):
        return str
    return lambda word: re.sub(r"[^\x00-\x7f]", "\ufffd", word)


async def read_file(process: Process, path: str) -> bytes:
    """Return the content of a file named by an option, ``/dev/stdin`` too; else the program dies.

    A single dash is no name for stdin here.
    """
    if path == "/dev/stdin":
        return await process.stdin.read()
    try:
        return process.machine.files.read(posixpath.join(process.cwd, path) if path else "")
    except OSError as error:
        raise Failure(f"can't open '{path}' - {error.strerror}", 2) from error


async def _keys(process: Process, path: str) -> str:
    """Return the SSH keys in a file as the configuration holds them."""
    text = (await read_file(process, path)).decode(errors="surrogateescape")
    for line in text.splitlines():
        if line.strip() and not _SSH_KEY.match(line):
            raise Failure("SSH public key validation error")
    return quote(text, safe="!*'()", errors="surrogateescape")
