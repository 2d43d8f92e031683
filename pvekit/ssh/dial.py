"""Sockets straight to an address."""

from __future__ import annotations

import contextlib
import socket

from pvekit.deadlines import bounded
from pvekit.shell import Unreachable
from pvekit.ssh.deadline import Deadline, Limits
from pvekit.ssh.endpoint import Endpoint


def dial(endpoint: Endpoint, limits: Limits) -> socket.socket:
    """Open a TCP connection, trying each address of the host in turn.

    Raises :class:`Unreachable` when none of them answers in ``limits.connect`` seconds.
    """
    deadline = Deadline.after(limits.connect)
    reason = f"no answer in {limits.connect:g} s"
    try:
        found = bounded(
            lambda: socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM),
            deadline.left,
        )
        for family, kind, protocol, _, address in found:
            try:
                return _connected(socket.socket(family, kind, protocol), address, deadline, limits)
            except OSError as error:
                reason = error.strerror or reason
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or reason
    raise Unreachable(f"Cannot connect to {endpoint}: {reason}.")


def _connected(
    sock: socket.socket, address: tuple[object, ...], deadline: Deadline, limits: Limits
) -> socket.socket:
    try:
        _tune(sock, limits)
        sock.settimeout(deadline.left or 0.001)
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock


def _tune(sock: socket.socket, limits: Limits) -> None:
    """Send small packets at once, and notice a peer that has vanished from the network.

    Without TCP_NODELAY a command takes some 45 ms longer (Nagle and delayed acknowledgement).
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    seconds = int(limits.user_timeout)
    wanted = {"TCP_KEEPIDLE": seconds // 2, "TCP_KEEPINTVL": 5, "TCP_USER_TIMEOUT": seconds * 1000}
    for name, value in wanted.items():
        # Not every system has them; the deadlines of the commands hold without.
        with contextlib.suppress(AttributeError, OSError):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), max(1, value))
