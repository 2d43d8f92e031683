"""How a transfer's operations end: in OpenSSH's words, or with the link that they came over."""

from __future__ import annotations

import asyncio
import errno
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import asyncssh

from pvekit.lab.link import Link
from pvekit.lab.machine import Machine

_NO_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP})
_DENIED = frozenset({errno.EPERM, errno.EACCES})
_BAD = frozenset({errno.ENAMETOOLONG, errno.EINVAL})

_Given = ParamSpec("_Given")
_Answer = TypeVar("_Answer")
_Of = TypeVar("_Of", bound="Answering")


class Answering(Protocol):
    """Who answers a client."""

    @property
    def conditions(self) -> Conditions:
        """How its link does."""
        ...


def status_of(error: OSError) -> asyncssh.SFTPError:
    """Return the status that OpenSSH's sftp-server gives for an error, in its words."""
    if error.errno in _NO_FILE:
        return asyncssh.SFTPNoSuchFile("No such file")
    if error.errno in _DENIED:
        return asyncssh.SFTPPermissionDenied("Permission denied")
    if error.errno in _BAD:
        return asyncssh.SFTPBadMessage("Bad message")
    return asyncssh.SFTPFailure("Failure")


def answering(
    operation: Callable[Concatenate[_Of, _Given], _Answer],
) -> Callable[Concatenate[_Of, _Given], _Answer]:
    """Let an operation fail as OpenSSH's does."""

    @functools.wraps(operation)
    def answer(server: _Of, /, *given: _Given.args, **named: _Given.kwargs) -> _Answer:
        if server.conditions.over:
            raise asyncssh.SFTPConnectionLost("Connection lost")
        try:
            return operation(server, *given, **named)
        except OSError as error:
            raise status_of(error) from error

    return answer


@dataclass(frozen=True)
class Conditions:
    """How the link of a transfer does: when it is cut, and bytes per second (0: no limit).

    ``boot`` is that of the machine when it began.
    """

    machine: Machine
    boot: str
    link: Link
    cut: str | None
    rate: float

    @property
    def running(self) -> bool:
        """Whether the machine has run on since."""
        return self.machine.up and self.machine.boot_id == self.boot

    @property
    def over(self) -> bool:
        """Whether the link or the machine is gone: what was on its way is not done any more."""
        return self.link.cut or not self.running

    def reached(self, moment: str) -> None:
        """Lose the link if it is cut when data comes (`during`) or a file is done (`after`)."""
        if self.cut == moment:
            self.link.lose()

    async def pass_through(self, size: int) -> None:
        """Wait as long as so many bytes take."""
        if self.rate:
            await asyncio.sleep(size / self.rate)
