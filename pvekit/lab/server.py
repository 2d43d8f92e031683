"""The nodes of a lab as SSH servers, each at its own address on the loopback network."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import asyncssh

from pvekit.lab.guestserver import connect
from pvekit.lab.home import LabError
from pvekit.lab.link import LinkFaults
from pvekit.lab.machine import Machine
from pvekit.lab.sessions import SERVER_OPTIONS, Host, MachineServer, Traffic

if TYPE_CHECKING:
    from pvekit.lab.site import Site

FIRST_PORT = 22022
ADMIN = "admin"
_ADMIN_ACCOUNT = f"{ADMIN}:x:1000:1000::/home/{ADMIN}:/bin/sh\n"
_TRIES = 64

Address = tuple[str, int]


class NodeServer(MachineServer):
    """One connection to a node; it accepts the lab's key and forwards to guests' port 22."""

    def __init__(self, host: Host, site: Site, client_key: bytes) -> None:
        super().__init__(host)
        self._site = site
        self._client_key = client_key

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Accept the lab's own key for the users that a node has."""
        return username in {"root", ADMIN} and key.public_data == self._client_key

    def connection_requested(
        self,
        dest_host: str,
        dest_port: int,
        orig_host: str,  # noqa: ARG002 - asyncssh's signature
        orig_port: int,  # noqa: ARG002
    ) -> Awaitable[asyncssh.SSHTCPSession[bytes]]:
        """Open a connection from the node into the guests' network."""
        guest = self._site.guest_at(dest_host)
        if guest is None:
            raise _unreachable("No route to host")
        if dest_port != 22 or not guest.ssh_ready:
            raise _unreachable("Connection refused")
        return connect(guest, self.host.node, self.host.faults, self.host.traffic)


def _unreachable(why: str) -> asyncssh.ChannelOpenError:
    return asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, why)


async def listen(
    site: Site,
    sockets: Mapping[str, socket.socket],
    host_keys: Mapping[str, asyncssh.SSHKey],
    client_key: asyncssh.SSHKey,
    traffic: Traffic,
) -> list[asyncssh.SSHAcceptor]:
    """Serve the nodes of a site on sockets that listen already."""
    faults = LinkFaults(site.faults)
    acceptors = []
    for name, sock in sockets.items():
        host = Host(site.nodes[name].machine, name, faults, traffic)
        _admit(host.machine)
        acceptors.append(
            await asyncssh.listen(
                sock=sock,
                server_factory=lambda host=host: NodeServer(host, site, client_key.public_data),
                server_host_keys=[host_keys[name]],
                **SERVER_OPTIONS,
            )
        )
    return acceptors


def _admit(machine: Machine) -> None:
    """Give a node its second user, who becomes root by `sudo` only."""
    if machine.account(ADMIN) is None:
        machine.files.write("/etc/passwd", _ADMIN_ACCOUNT.encode(), append=True)
        machine.files.mkdir(f"/home/{ADMIN}", mode=0o700)


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
        bound[name] = sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(address)
            sock.listen(128)
        except OSError as error:
            for opened in bound.values():
                opened.close()
            if error.errno not in {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES}:
                raise
            return None
    return bound
