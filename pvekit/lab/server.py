"""The nodes of a lab as SSH servers, each at its own address on the loopback network."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import asyncssh

from pvekit.lab.guestserver import connect
from pvekit.lab.home import LabError
from pvekit.lab.link import LinkFaults
from pvekit.lab.machine import Machine
from pvekit.lab.sessions import SERVER_OPTIONS, Host, MachineServer, Traffic

if TYPE_CHECKING:
    from pvekit.lab.site import Site

FIRST_PORT = 22022
SSH_PORT = 22
ADMIN = "admin"
_ADMIN_ACCOUNT = f"{ADMIN}:x:1000:1000::/home/{ADMIN}:/bin/bash\n"
_TRIES = 64

Address = tuple[str, int]


class NodeServer(MachineServer):
    """One connection to a node; it accepts the lab's key, and forwards to guests and nodes."""

    def __init__(self, port: NodePort) -> None:
        super().__init__(port.host)
        self._port = port

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Keep the connection."""
        super().connection_made(conn)
        self._port.greeted()

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Accept the lab's own key for the users that a node has."""
        right = username in {"root", ADMIN} and key.public_data == self._port.client_key
        return right and not self._port.site.faults.take("auth-refused", self.host.node)

    def connection_requested(
        self,
        dest_host: str,
        dest_port: int,
        orig_host: str,  # noqa: ARG002 - asyncssh's signature
        orig_port: int,  # noqa: ARG002
    ) -> Awaitable[asyncssh.SSHTCPSession[bytes]]:
        """Open a connection from the node to another one or into the guests' network."""
        node = self._port.node_at(dest_host, dest_port)
        if node is not None:
            if not self._port.site.nodes[node].machine.up:
                raise _unreachable("No route to host")
            forwarded = self._connection.forward_connection(*self._port.addresses[node])
            # A forwarder is used as a session here, as asyncssh itself does it.
            return cast("Awaitable[asyncssh.SSHTCPSession[bytes]]", forwarded)
        guest = self._port.site.guest_at(dest_host)
        if guest is None:
            raise _unreachable("No route to host")
        if dest_port != 22 or not guest.ssh_ready:
            raise _unreachable("Connection refused")
        return connect(guest, self.host.node, self.host.faults, self.host.traffic)


def _unreachable(why: str) -> asyncssh.ChannelOpenError:
    return asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, why)


class NodePort:
    """Where a node's SSH server listens: nothing does while the node is down."""

    def __init__(
        self,
        site: Site,
        host: Host,
        addresses: Mapping[str, Address],
        host_key: asyncssh.SSHKey,
        client_key: bytes,
    ) -> None:
        self.site = site
        self.host = host
        self.addresses = addresses
        self.client_key = client_key
        self._host_key = host_key
        self._wrong_key: asyncssh.SSHKey | None = None
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._mute: list[socket.socket] = []
        self._work: asyncio.Task[None] | None = None

    async def open(self, sock: socket.socket) -> None:
        """Listen on a socket."""
        self._acceptor = await asyncssh.listen(
            sock=sock,
            server_factory=lambda: NodeServer(self),
            server_host_keys=[self._key()],
            **SERVER_OPTIONS,
        )

    def close(self) -> None:
        """Stop listening."""
        if self._work is not None:
            self._work.cancel()
        if self._acceptor is not None:
            self._acceptor.close()
            self._acceptor = None
        for sock in self._mute:
            sock.close()
        self._mute = []

    def node_at(self, host: str, port: int) -> str | None:
        """Return the node that a connection from this one is for, or None."""
        for name, address in self.addresses.items():
            if (host, port) == address:
                return name
        if port != SSH_PORT:
            return None
        for member in self.site.nodes[self.host.node].cluster.members:
            if host in {member.name, member.address} or host.startswith(f"{member.name}."):
                return member.name
        return None

    def _key(self) -> asyncssh.SSHKey:
        if self.site.faults.holds("host-key", self.host.node) is None:
            return self._host_key
        self._wrong_key = self._wrong_key or asyncssh.generate_private_key("ssh-ed25519")
        return self._wrong_key

    def greeted(self) -> None:
        """Count a connection, if it is one that is shown the wrong host key."""
        self.site.faults.take("host-key", self.host.node)

    def refresh(self) -> None:
        """Show the host key that the open faults want from now on."""
        if self._acceptor is not None:
            self._acceptor.update(server_host_keys=[self._key()])

    def power_changed(self) -> None:
        """Follow the node's power: drop everything, or listen again."""
        self.close()
        self.host.traffic.sever(self.host.node)
        fault = self.site.faults.holds("node-down", self.host.node)
        if self.host.machine.up:
            loop = asyncio.get_running_loop()
            self._work = loop.create_task(self.open(_listening(self.addresses[self.host.node])))
        elif fault is None or fault.detail.get("how") != "refused":
            self._mute = _mute(self.addresses[self.host.node])


def _listening(address: Address, backlog: int = 128) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(address)
        sock.listen(backlog)
    except OSError:
        sock.close()
        raise
    return sock


def _mute(address: Address) -> list[socket.socket]:
    """Make connections to an address time out: who fills the queue gets no answer after that."""
    sockets = [_listening(address, 0)]
    for _ in range(2):
        filling = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        filling.setblocking(False)  # noqa: FBT003
        filling.connect_ex(address)
        sockets.append(filling)
    return sockets


async def listen(
    site: Site,
    sockets: Mapping[str, socket.socket],
    host_keys: Mapping[str, asyncssh.SSHKey],
    client_key: asyncssh.SSHKey,
    traffic: Traffic,
) -> list[NodePort]:
    """Serve the nodes of a site on sockets that listen already."""
    faults = LinkFaults(site.faults, site.outages)
    addresses: dict[str, Address] = {name: sock.getsockname() for name, sock in sockets.items()}
    ports: dict[str, NodePort] = {}
    for name, sock in sockets.items():
        host = Host(site.nodes[name].machine, name, faults, traffic)
        _admit(host.machine)
        ports[name] = NodePort(site, host, addresses, host_keys[name], client_key.public_data)
        await ports[name].open(sock)
        site.faults.watch(ports[name].refresh)
        if not host.machine.up:
            ports[name].power_changed()
    site.outages.watch(lambda name: ports[name].power_changed())
    return list(ports.values())


def _admit(machine: Machine) -> None:
    """Give a node its second user, who becomes root by `sudo` only."""
    if machine.account(ADMIN) is None:
        machine.files.write("/etc/passwd", _ADMIN_ACCOUNT.encode(), append=True)
        machine.files.mkdir(f"/home/{ADMIN}", mode=0o700)
        machine.files.chown(f"/home/{ADMIN}", ADMIN, ADMIN)


def bind(names: Sequence[str], before: Mapping[str, Address]) -> dict[str, socket.socket]:
    """Bind one address per node: those from before if they are free, else a free block.

    Raises :class:`LabError` where no block of 127.0.0.0/8 is free.
    """
    for block in _blocks(names, before):
        sockets = _bind_all(block)
        if sockets is not None:
            return sockets
    raise LabError("no free addresses in 127.0.0.0/8 for the nodes")


def _blocks(names: Sequence[str], before: Mapping[str, Address]) -> Iterator[Mapping[str, Address]]:
    if set(before) == set(names):
        yield before
    for step in range(_TRIES):
        second, third = divmod(os.getpid() + step, 256)
        network = f"127.{64 + second % 128}.{third}"
        yield {
            name: (f"{network}.{number}", FIRST_PORT + step)
            for number, name in enumerate(names, start=1)
        }


def _bind_all(block: Mapping[str, Address]) -> dict[str, socket.socket] | None:
    bound: dict[str, socket.socket] = {}
    for name, address in block.items():
        try:
            bound[name] = _listening(address)
        except OSError as error:
            for opened in bound.values():
                opened.close()
            if error.errno not in {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES}:
                raise
            return None
    return bound
