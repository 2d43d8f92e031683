"""The one door to a machine: a command goes in, a result comes out.

Words never become a string anywhere but in :meth:`Command.line`. A script travels over stdin to
``sh -s -- ARGS``, a file over stdin to ``install -m MODE /dev/stdin PATH``.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from pvekit.errors import PvekitError, Transient, UsageError
from pvekit.masking import register

T = TypeVar("T")


@dataclass(frozen=True)
class Secret:
    """Text that is sent but never shown. Not a ``str``, so that it cannot leak by accident.

    Where it has to be looked for, a function does so when it is sent.
    """

    text: str | Callable[[], str] = field(repr=False)

    @property
    def value(self) -> str:
        """The text itself."""
        return self.text if isinstance(self.text, str) else self.text()

    def __post_init__(self) -> None:
        if (
            isinstance(self.text, str) and "\n" not in self.text
        ):  # a whole file has words in it that are no secrets
            register(self.value)

    def __str__(self) -> str:
        return "***"


Word = str | int


@dataclass(frozen=True)
class Purpose:
    """What a command that may change something is for: a run and, in it, an operation."""

    run: str = ""
    op: str = ""


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Command:
    """One program with its arguments, what it reads on stdin, and its deadline in seconds.

    A secret travels on ``stdin`` only: the words of a process can be read by every user of a node.
    Without a ``purpose`` it changes nothing.
    """

    words: tuple[Word, ...]
    stdin: str | Secret = field(default="", repr=False)
    timeout: float = 60.0
    purpose: Purpose | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        for word in map(str, self.words):
            if _CONTROL.search(word):
                raise UsageError(f"A command's word must not hold control characters: {word!r}.")

    def line(self) -> str:
        """Return the line to send, quoted for a POSIX shell."""
        return shlex.join(map(str, self.words))

    def input(self) -> bytes:
        """Return the bytes to send on stdin."""
        text = self.stdin.value if isinstance(self.stdin, Secret) else self.stdin
        return text.encode()

    def __str__(self) -> str:
        return self.line()


@dataclass(frozen=True)
class Result:
    """What a command left behind. The value of a failing status means nothing on Proxmox VE."""

    command: Command
    exit_status: int
    out: str = ""
    err: str = ""

    @property
    def ok(self) -> bool:
        """Whether the command claims success; only a goal read back proves it."""
        return self.exit_status == 0


class Shell(Protocol):
    """Runs commands on one machine."""

    def run(self, command: Command) -> Result:
        """Run a command to its end.

        Raises :class:`Unreachable` if it was not sent and :class:`LinkLost` if its end is unknown.
        """
        ...


class Unreachable(Transient):
    """The machine could not be reached; nothing was sent."""

    id = "SSH-UNREACHABLE"


class LinkLost(Transient):
    """The link broke or a deadline passed: whether the command took effect is unknown."""

    id = "SSH-LINK-LOST"


_COMPLAINT = re.compile(r"error|fail|can't|cannot|not possible|refused", re.IGNORECASE)


class HostKeyRefused(PvekitError):
    """The machine's host key is not one that may be trusted; nothing was sent."""

    id = "SSH-HOST-KEY-REFUSED"


class HostKeyChanged(HostKeyRefused):
    """The host shows another key than the known one: reinstalled, or somebody in between."""

    id = "SSH-HOST-KEY-CHANGED"


class CommandFailed(PvekitError):
    """A command ended with a failing status."""

    id = "COMMAND-FAILED"

    def __init__(self, result: Result, *, where: str = "", shown: str = "") -> None:
        # What a task of Proxmox VE complains of comes out on stdout, and only its end on stderr.
        out, err = result.out.strip().splitlines(), result.err.strip().splitlines()
        complaints = [line for line in out if _COMPLAINT.search(line)] if err else out
        last = "\n".join(dict.fromkeys([*complaints, *err][-10:]))
        at = f" on {where}" if where else ""
        line = " && ".join((shown or str(result.command)).splitlines())
        super().__init__(
            f"Command failed{at} with exit status {result.exit_status}: {line}", details=last
        )
        self.result = result


@dataclass(frozen=True)
class Query(Generic[T]):
    """A read-only command and the function that reads its answer."""

    command: Command
    parse: Callable[[str], T]


def call(shell: Shell, command: Command) -> str:
    """Run a command that must succeed and return its output, or raise :class:`CommandFailed`."""
    result = shell.run(command)
    if not result.ok:
        raise CommandFailed(result)
    return result.out


def ask(shell: Shell, query: Query[T]) -> T:
    """Ask a question and return the parsed answer."""
    return query.parse(call(shell, query.command))
