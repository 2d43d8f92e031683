"""SSH sessions of the lab's machines: one command each, its streams and its exit status."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, cast

import asyncssh

from pvekit.lab.link import Link, LinkCut, LinkFaults, Request, answer
from pvekit.lab.machine import Machine
from pvekit.lab.sftpsession import SFTP_SERVER, Factory, Transfer
from pvekit.lab.streams import BytesReader, BytesWriter

MAX_SESSIONS = 10
"""Open sessions that one connection may have, as OpenSSH's sshd has it by default."""

NO_SHELL = b"lab: only commands are served, no interactive shell\n"
BROKEN = b"lab: a bug: see daemon.log in the lab's directory\n"
SERVER_OPTIONS = {
    "encoding": None,
    "line_editor": False,
    "allow_pty": True,
    "agent_forwarding": False,
    "x11_forwarding": False,
    "compression_algs": None,
    "password_auth": False,
    "kbdint_auth": False,
}
"""How every SSH server of the lab is set up: commands over bytes, public keys only."""


@dataclass(frozen=True)
class _ChannelReader:
    """A command's stdin; it ends when the client closes it or the link is lost."""

    stream: asyncssh.SSHReader[bytes]

    async def read(self) -> bytes:
        try:
            return await self.stream.read()
        except (asyncssh.Error, OSError):
            return b""

    async def readline(self) -> bytes:
        try:
            return await self.stream.readline()
        except (asyncssh.Error, OSError):
            return b""


@dataclass(frozen=True)
class _ChannelWriter:
    """A command's stdout or stderr; broken once the channel is closed or the link is lost."""

    stream: asyncssh.SSHWriter[bytes]

    async def write(self, data: bytes) -> None:
        try:
            self.stream.write(data)
            await self.stream.drain()
        except (asyncssh.Error, OSError) as error:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe") from error


@dataclass(frozen=True)
class _Terminal(_ChannelWriter):
    """stdout and stderr of a command that runs on a terminal, whose lines end with CR LF."""

    async def write(self, data: bytes) -> None:
        await super().write(data.replace(b"\n", b"\r\n"))


class Traffic:
    """What goes on over SSH: commands, which outlive their links but not the lab, and links."""

    def __init__(self, command_ended: Callable[[], None]) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._links: dict[asyncssh.SSHServerConnection, str] = {}
        self._command_ended = command_ended

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something, and keep it until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._command_ended()

    def opened(self, link: asyncssh.SSHServerConnection, node: str) -> None:
        """Count a connection to a node or one of its guests."""
        self._links[link] = node

    def closed(self, link: asyncssh.SSHServerConnection) -> None:
        """Forget a connection."""
        self._links.pop(link, None)

    def sever(self, node: str) -> None:
        """Drop all connections to a node and its guests."""
        for link, where in list(self._links.items()):
            if where == node:
                link.abort()

    async def end(self) -> None:
        """Drop all connections and end all commands."""
        links, tasks = list(self._links), list(self._tasks)
        for link in links:
            link.abort()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(link.wait_closed() for link in links))


@dataclass(frozen=True)
class Host:
    """A machine as SSH reaches it; ``vmid`` says which guest of ``node`` it is, if it is one."""

    machine: Machine
    node: str
    faults: LinkFaults
    traffic: Traffic
    vmid: int | None = None


class MachineServer(asyncssh.SSHServer):
    """One client's connection to a machine; subclasses say whose keys are accepted."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._sessions: set[asyncssh.SSHServerProcess[bytes]] = set()

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Keep the connection."""
        self._connection = conn
        self.host.traffic.opened(conn, self.host.node)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Forget the connection."""
        self.host.traffic.closed(self._connection)

    def public_key_auth_supported(self) -> bool:
        """Accept public keys."""
        return True

    def session_requested(self) -> asyncssh.SSHServerProcess[bytes] | bool:
        """Open a session, unless the connection has as many as sshd allows."""
        if len(self._sessions) >= MAX_SESSIONS:
            return False
        session = _Session(self._start, self._transfer, self._sessions.discard)
        self._sessions.add(session)
        return session

    def _start(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        self.host.traffic.start(self._serve(process))

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        try:
            process.exit(await self._answer(process))
        except LinkCut:
            pass
        except asyncio.CancelledError:
            self._connection.abort()
            raise
        except BaseException:
            process.stderr.write(BROKEN)
            process.exit(99)
            raise
        finally:
            self._sessions.discard(process)

    async def _transfer(self, channel: asyncssh.channel.SSHChannel[bytes]) -> asyncssh.SFTPServer:
        user = self._connection.get_extra_info("username")
        server_channel = cast(
            "asyncssh.SSHServerChannel[bytes]", channel
        )  # as all that a server has
        transfer = Transfer(self.host.machine, user, server_channel)
        self.host.traffic.start(self._attend(transfer))
        return await transfer.server()

    async def _attend(self, transfer: Transfer) -> None:
        """See a client's transfer to its end."""
        request = Request(self.host.node, SFTP_SERVER, transfer.user, self.host.vmid)
        outputs = BytesWriter(), BytesWriter()
        link = Link(BytesReader(), *outputs, self._connection.abort, session=transfer)
        try:
            await answer(self.host.machine, request, link, self.host.faults)
        except LinkCut:
            pass
        except asyncio.CancelledError:
            self._connection.abort()
            raise
        finally:
            transfer.end()

    async def _answer(self, process: asyncssh.SSHServerProcess[bytes]) -> int:
        line = process.command
        if line is None:
            process.stderr.write(NO_SHELL)
            return 1
        user = self._connection.get_extra_info("username")
        request = Request(self.host.node, line, user, self.host.vmid)
        stdin = _ChannelReader(process.stdin)
        stdout, stderr = _outputs(process)
        link = Link(stdin, stdout, stderr, self._connection.abort)
        return await answer(self.host.machine, request, link, self.host.faults)


def _outputs(
    process: asyncssh.SSHServerProcess[bytes],
) -> tuple[_ChannelWriter, _ChannelWriter]:
    """Return where a command writes: its streams apart, or both to the client's terminal."""
    if process.term_type is not None:
        terminal = _Terminal(process.stdout)
        return terminal, terminal
    return _ChannelWriter(process.stdout), _ChannelWriter(process.stderr)


class _Session(asyncssh.SSHServerProcess[bytes]):
    """A session for a command or for SFTP; no other subsystem is served."""

    def __init__(
        self,
        start: Callable[[asyncssh.SSHServerProcess[bytes]], None],
        transfer: Factory,
        closed: Callable[[asyncssh.SSHServerProcess[bytes]], None],
    ) -> None:
        super().__init__(start, transfer, 3, allow_scp=False)
        self._closed = closed

    def subsystem_requested(self, subsystem: str) -> bool:
        """Serve SFTP only."""
        return subsystem == "sftp"

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the session as ended."""
        super().connection_lost(exc)
        self._closed(self)
