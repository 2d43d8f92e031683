"""SSH into guests: each connection is served inside a channel that a node opened to it."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, cast

import asyncssh

from pvekit.lab.keys import authorized
from pvekit.lab.link import LinkFaults
from pvekit.lab.sessions import SERVER_OPTIONS, Host, MachineServer, Traffic

if TYPE_CHECKING:
    from pvekit.lab.guests.guest import Guest


class GuestServer(MachineServer):
    """One connection to a guest, which accepts the keys that its own files name."""

    def __init__(self, host: Host, guest: Guest) -> None:
        super().__init__(host)
        self._guest = guest

    def session_requested(self) -> asyncssh.SSHServerProcess[bytes] | bool:
        """Open a session; the link of a guest that is off has died with it."""
        if not self._guest.running:
            self._connection.abort()
            return False
        return super().session_requested()

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Accept the keys in the user's ``authorized_keys`` on the guest's disk."""
        return key.public_data in authorized(self._guest.authorized_keys(username))


async def connect(
    guest: Guest, node: str, faults: LinkFaults, traffic: Traffic
) -> asyncssh.SSHTCPSession[bytes]:
    """Return the end of a new connection to a guest's port 22 that a channel is to be tied to."""
    near, far = socket.socketpair()
    host = Host(guest.machine, node, faults, traffic, guest.vmid)
    traffic.start(_serve(far, host, guest))
    loop = asyncio.get_running_loop()
    _, peer = await loop.create_connection(asyncssh.SSHForwarder, sock=near)
    # A forwarder is used as a session here, as asyncssh itself does it.
    return cast(asyncssh.SSHTCPSession[bytes], asyncssh.SSHForwarder(peer))


async def _serve(far: socket.socket, host: Host, guest: Guest) -> None:
    try:
        key = asyncssh.import_private_key(guest.host_key)
        connection = await asyncssh.run_server(
            far,
            server_factory=lambda: GuestServer(host, guest),
            server_host_keys=[key],
            **SERVER_OPTIONS,
        )
    except (asyncssh.Error, OSError):  # it has no key, or its client left
        return
    try:
        await connection.wait_closed()
    finally:
        connection.abort()
