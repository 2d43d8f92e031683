"""The state of one simulated shell: variables, open files, options, traps, jobs."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from pvekit.lab.process import Process
from pvekit.lab.processes import LiveProcess
from pvekit.lab.shell.control import Exit
from pvekit.lab.shell.syntax import Command, Script
from pvekit.lab.shell.variables import Variables
from pvekit.lab.streams import Stream

BLANKS = " \t\n"
Builtin = Callable[["Shell", list[str]], Awaitable[int]]


@dataclass(frozen=True)
class Language:
    """What a shell understands: how it runs a command, and its own commands by name.

    Errors of ``special`` builtins end the shell. ``bash`` is whether it is bash and not dash.
    """

    execute: Callable[[Shell, Command], Awaitable[int]]
    builtins: Mapping[str, Builtin]
    special: frozenset[str]
    bash: bool = False
    words: Callable[[str], str] = str


class Shell:
    """A simulated shell. ``streams`` are its open files, each of them its own share."""

    def __init__(
        self, process: Process, language: Language, name: str, arguments: Sequence[str]
    ) -> None:
        self.process = process
        self.machine = process.machine
        self.language = language
        self.name = name
        self.arguments = list(arguments)
        self.variables = Variables(process.env)
        self.variables["IFS"] = BLANKS
        self.streams: dict[int, Stream] = {}
        self.functions: dict[str, Command] = {}
        self.options: set[str] = set()
        self.traps: dict[int, str] = {}
        self.pending: list[int] = []
        self.jobs: dict[int, LiveProcess] = {}
        self.last_background: int | None = None
        self.cwd = process.cwd
        self.umask = process.umask
        self.live = self.machine.processes.get(process.pid)
        self.status = 0
        self.substituted = 0  # status of the last command substitution of a command
        self.line = 1
        self.loops = 0
        self.tested = 0  # how many surrounding constructs expect failure
        self.steps = 0
        self.sourcing = 0  # how many files are being sourced
        self.from_option = False  # whether the script was given after -c
        self.option_offset = 0  # of getopts within a word such as -abc
        self.interrupted = asyncio.Event()

    def parameter(self, name: str) -> str | None:
        """Return a parameter's value, or None if it is unset."""
        if name in self.variables:
            return self.variables[name]
        if name.isdigit():
            number = int(name)
            words = [self.name, *self.arguments]
            return words[number] if number < len(words) else None
        return self._special(name)

    def _special(self, name: str) -> str | None:
        if name in {"@", "*"}:
            separator = self.variables.get("IFS", BLANKS)[:1]
            return separator.join(self.arguments) if self.arguments else None
        if name == "!":
            return None if self.last_background is None else str(self.last_background)
        values = {
            "#": str(len(self.arguments)),
            "?": str(self.status),
            "$": str(self.process.pid),
            "-": "".join(sorted(option for option in self.options if len(option) == 1)),
            "LINENO": str(self.line),
        }
        return values.get(name) or (self._of_bash(name) if self.language.bash else None)

    def _of_bash(self, name: str) -> str | None:
        account = self.machine.account(self.process.user) or (0, 0, "")
        values = {
            "UID": str(account[0]),
            "EUID": str(account[0]),
            "HOSTNAME": self.machine.hostname,
            "BASH": "/bin/bash",
            "BASH_VERSION": "5.2.15(1)-release",
            "PPID": str(self.live.parent if self.live else 1),
        }
        return str(secrets.randbelow(1 << 15)) if name == "RANDOM" else values.get(name)

    def assign(self, name: str, value: str) -> None:
        """Set a variable."""
        self.variables[name] = value
        if "a" in self.options:
            self.variables.exported.add(name)

    @property
    def pid(self) -> int:
        """The pid of the process that runs this shell; ``$$`` is that of the outermost shell."""
        return self.live.pid if self.live else self.process.pid

    async def write(self, text: str, number: int = 1) -> None:
        """Write text to one of the shell's open files."""
        stream = self.streams.get(number)
        if stream is None:
            raise OSError(9, "Bad file descriptor")
        await stream.write(text.encode(errors="surrogateescape"))

    async def complain(self, message: str) -> None:
        """Write a message to stderr as the shell does: name, line, message."""
        if 2 not in self.streams:
            return
        if not self.language.bash:
            await self.write(f"{self.name}: {self.line}: {message}\n", 2)
        elif message.startswith("Syntax error: "):
            where = f"{self.name}: {'-c: ' if self.from_option else ''}line"
            lines = message.removeprefix("Syntax error: ").split("\n")
            await self.write("".join(f"{where} {self.line}: {line}\n" for line in lines), 2)
        else:
            said = self.language.words(message)
            await self.write(f"{self.name}: line {self.line}: {said}\n", 2)

    async def run(self, script: Script) -> int:
        """Run commands one after the other and return the last one's status."""
        status = 0
        for command in script:
            status = await self.language.execute(self, command)
        return status

    async def test(self, body: Awaitable[int]) -> int:
        """Run something whose failure is expected by what surrounds it."""
        self.tested += 1
        try:
            return await body
        finally:
            self.tested -= 1

    def check(self, status: int) -> int:
        """End the shell for a failed command under ``set -e``, unless it is being tested."""
        if status and "e" in self.options and not self.tested:
            raise Exit(status)
        return status

    def take_signal(self, number: int) -> bool:
        """Take a signal upon itself if a trap is set for it."""
        if number not in self.traps:
            return False
        self.pending.append(number)
        self.interrupted.set()
        return True

    def fork(self, streams: Mapping[int, Stream]) -> Shell:
        """Return a copy of the shell that holds a share of the given streams."""
        child = Shell(self.process, self.language, self.name, self.arguments)
        child.variables = self.variables.copy()
        child.functions = dict(self.functions)
        child.options = set(self.options)
        child.last_background = self.last_background
        child.cwd, child.umask = self.cwd, self.umask
        child.status, child.line = self.status, self.line
        child.tested = self.tested
        child.live = self.live
        child.from_option = self.from_option
        child.streams = {number: stream.share() for number, stream in streams.items()}
        return child

    def release(self) -> None:
        """Let go of all open files: the shell has ended."""
        for stream in self.streams.values():
            stream.close()
        self.streams.clear()
