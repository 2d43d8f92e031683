"""SFTP sessions: each is a process of the machine that it copies files to or from."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import asyncssh

from pvekit.lab.credentials import ACTING, PROGRAM
from pvekit.lab.link import Link
from pvekit.lab.machine import Machine
from pvekit.lab.sftp import Server
from pvekit.lab.sftpanswers import Conditions

SFTP_SERVER = "/usr/lib/openssh/sftp-server"
"""The command behind the subsystem `sftp`: what the log names and faults are ordered for."""

Factory = Callable[["asyncssh.channel.SSHChannel[bytes]"], Coroutine[Any, Any, asyncssh.SFTPServer]]
"""What makes the server for a session's channel."""


@dataclass(eq=False)
class Transfer:
    """One session of a client: a process of the machine until the client leaves or it is killed."""

    machine: Machine
    user: str
    channel: asyncssh.SSHServerChannel[bytes]
    _begun: asyncio.Future[Conditions] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def server(self) -> asyncssh.SFTPServer:
        """Return what answers the client, once it may."""
        conditions = await self._begun
        # asyncssh serves the whole session in the task that waits here.
        ACTING.set(self.user)
        PROGRAM.set(posixpath.basename(SFTP_SERVER))
        return Server(self.channel, self.user, conditions, self.end)

    async def run(self, link: Link, cut: str | None, rate: float) -> int:
        """Serve until the end, and return the status."""
        live = self.machine.processes.add((SFTP_SERVER,), user=self.user)
        live.task = asyncio.get_running_loop().create_task(self._last())
        self._begun.set_result(Conditions(self.machine, self.machine.boot_id, link, cut, rate))
        try:
            status = await live.wait()
        finally:
            live.task.cancel()
            self.machine.processes.discard(live)
        if status:
            self.channel.abort()
        return status

    async def _last(self) -> int:
        await self._ended.wait()
        return 0

    def end(self) -> None:
        """Note that the client has left, or that it never got an answer."""
        self._begun.cancel()
        self._ended.set()
