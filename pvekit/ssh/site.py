"""All machines of a site: one connection each, opened when it is first used."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from pvekit.errors import NotFound
from pvekit.ssh.connection import Connection, Dial
from pvekit.ssh.deadline import Limits
from pvekit.ssh.dial import dial
from pvekit.ssh.endpoint import Endpoint
from pvekit.ssh.guests import GuestEndpoint, Guests, GuestShell, Via
from pvekit.ssh.hostkeys import HostKeyPolicy, KnownHostPolicy, KnownHosts
from pvekit.ssh.pins import Pins

LOCALE = ("env", "LC_ALL=C.UTF-8")


def node_prefix(user: str, *, wrapper: bool = False) -> tuple[str, ...]:
    """Return the words before every command on a node: as root, in a locale that it has.

    Without a locale qm spoils every letter that is not ASCII; C.UTF-8 is part of every node.
    """
    if user == "root":
        return LOCALE
    if not wrapper:
        return ("sudo", "-n", *LOCALE)
    from pvekit.pve.agent import PROGRAM

    return ("sudo", "-n", PROGRAM)


class Connections:
    """The connections to the nodes of a site and, through them, to jump hosts and guests."""

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        *,
        guest_keys: tuple[Path, ...] = (),
        via: Via = "auto",
        limits: Limits | None = None,
        dial: Dial = dial,
        pins: Pins | None = None,
    ) -> None:
        self._endpoints = {endpoint.alias: endpoint for endpoint in endpoints}
        self._limits = limits or Limits()
        self._dial = dial
        self._guests = Guests(
            self.node, dial, key_paths=guest_keys, via=via, limits=limits, pins=pins
        )
        self._lock = threading.RLock()
        self._opened: dict[Endpoint, Connection] = {}
        self._closed = False

    def endpoint(self, alias: str) -> Endpoint:
        """Return how a node is reached; raises :class:`NotFound`."""
        try:
            return self._endpoints[alias]
        except KeyError:
            known = ", ".join(sorted(self._endpoints)) or "none"
            raise NotFound(
                f"There is no node {alias!r} in the configuration.",
                hint=f"Known: {known}.",
                id="NODE-NOT-FOUND",
            ) from None

    def node(self, alias: str) -> Connection:
        """Return the connection to a node by its alias; raises :class:`NotFound`."""
        return self._connection(self.endpoint(alias))

    def as_user(self, alias: str, user: str) -> Connection:
        """Return a connection of another user to a node, one who may do everything there."""
        return self._connection(replace(self.endpoint(alias), user=user, wrapper=False))

    def guest(self, guest: GuestEndpoint) -> GuestShell:
        """Return the shell of a guest's user."""
        return self._guests.shell(guest)

    def reach(self, guest: GuestEndpoint) -> str:
        """Return the banner of a guest's SSH server, or raise :class:`Unreachable`."""
        return self._guests.reach(guest)

    def is_behind(self, node: str) -> bool:
        """Whether guests of a node were only reached through it so far."""
        return self._guests.is_behind(node)

    def close(self) -> None:
        """Cut every connection; none is opened any more."""
        self._guests.close()
        with self._lock:
            self._closed = True
            connections = tuple(self._opened.values())
        for connection in connections:
            connection.close()

    def __enter__(self) -> Connections:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def dial(self, endpoint: Endpoint, limits: Limits) -> socket.socket:
        """Open a socket to a machine, through its jump host where it has one."""
        if endpoint.jump is None:
            return self._dial(endpoint, limits)
        jump = self._connection(self._node_at(endpoint.jump))
        return jump.open_tunnel(endpoint.host, endpoint.port, limits.connect)

    def _node_at(self, jump: Endpoint) -> Endpoint:
        """Return the node that the jump host is, or the jump host where it is none."""
        wanted = (jump.host, jump.port, jump.user)
        nodes = (e for e in self._endpoints.values() if (e.host, e.port, e.user) == wanted)
        return next(nodes, jump)

    def _connection(self, endpoint: Endpoint) -> Connection:
        with self._lock:
            if endpoint not in self._opened:
                self._opened[endpoint] = self._new_connection(endpoint)
            return self._opened[endpoint]

    def _new_connection(self, endpoint: Endpoint) -> Connection:
        connection = Connection(
            endpoint,
            self.dial,
            lambda: _known_host(endpoint),
            prefix=node_prefix(endpoint.user, wrapper=endpoint.wrapper),
            limits=self._limits,
        )
        if self._closed:
            connection.close()
        return connection


def _known_host(endpoint: Endpoint) -> HostKeyPolicy:
    """Return what the files say now: they are read again for each new connection."""
    known = KnownHosts(endpoint.known_hosts)
    return KnownHostPolicy(endpoint.alias, endpoint.host, endpoint.port, known)
