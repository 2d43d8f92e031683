"""Guests: reached directly, or through the node they run on where their network is not ours."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from pvekit.errors import UsageError
from pvekit.shell import Command, HostKeyChanged, Result, Unreachable
from pvekit.ssh.connection import Connection, Dial
from pvekit.ssh.deadline import Deadline, Limits
from pvekit.ssh.dial import dial
from pvekit.ssh.endpoint import Endpoint
from pvekit.ssh.errors import HostKeyUnknown
from pvekit.ssh.hostkeys import SSH_PORT, FirstSeenPolicy, HostKey, HostKeyPolicy, PinnedPolicy
from pvekit.ssh.pins import Keeping, Pins

T = TypeVar("T")

Via = Literal["auto", "direct", "node"]
CONNECT_SECONDS = 3.0
MAX_IDLE = 16
_MAX_BANNER = 8192


@dataclass(frozen=True)
class GuestEndpoint:
    """A guest's SSH server: on which node it runs, where it listens, and its pinned host key.

    ``host_key`` is a line ``TYPE BASE64``, learnt through the node; without it ``accept_new``
    takes the key that is shown first. ``pin`` is the name under which the key is kept.
    """

    node: str
    address: str
    user: str
    host_key: str | None = None
    accept_new: bool = False
    port: int = SSH_PORT
    pin: str = ""

    @property
    def endpoint(self) -> Endpoint:
        """The guest as a machine to dial."""
        return Endpoint(f"guest {self.address}", self.address, self.port, self.user)


class GuestShell:
    """A :class:`~pvekit.shell.Shell` of a guest's user: words are sent as they are."""

    def __init__(self, connection: Connection, wrong_machine: Callable[[], bool]) -> None:
        self._connection = connection
        self._wrong_machine = wrong_machine

    def run(self, command: Command) -> Result:
        """Run a command to its end; see :meth:`Connection.run`."""
        try:
            return self._connection.run(command)
        except HostKeyChanged:
            # Private addresses repeat: here another machine may have the guest's, behind the
            # node it is the guest. Nothing was sent, and the pinned key decides again.
            if not self._wrong_machine():
                raise
            return self._connection.run(command)

    def retire(self) -> None:
        """Let the open connection go once nothing uses it."""
        self._connection.retire()

    def close(self) -> None:
        """Cut the connection for good."""
        self._connection.close()


class Guests:
    """The guests of a site. A node whose guests answer only through it is remembered."""

    def __init__(
        self,
        node: Callable[[str], Connection],
        direct: Dial = dial,
        *,
        key_paths: tuple[Path, ...] = (),
        via: Via = "auto",
        limits: Limits | None = None,
        pins: Pins | None = None,
    ) -> None:
        self._pins = pins
        self._node = node
        self._direct = direct
        self._key_paths = key_paths
        self._via = via
        self._limits = replace(limits or Limits(), connect=CONNECT_SECONDS)
        self._lock = threading.Lock()
        self._closed = False
        self._behind: set[str] = set()
        self._shells: dict[GuestEndpoint, GuestShell] = {}

    def shell(self, guest: GuestEndpoint) -> GuestShell:
        """Return the shell of a guest; raises :class:`HostKeyUnknown` without any key to trust."""
        with self._lock:
            shell = self._shells.pop(guest, None) or self._new_shell(guest)
            self._shells[guest] = shell
            if len(self._shells) > MAX_IDLE:
                # A connection costs a thread; one that is used again is opened again.
                tuple(self._shells.values())[-MAX_IDLE - 1].retire()
            return shell

    def reach(self, guest: GuestEndpoint) -> str:
        """Return the banner of the guest's SSH server, or raise :class:`Unreachable`."""
        # A banner, not a connection, proves the way: some firewalls accept for everybody.
        return self._by_any_way(guest, self._limits, lambda sock: self._greeting(guest, sock))

    def is_behind(self, node: str) -> bool:
        """Whether a guest of this node was not reached directly, but through the node."""
        with self._lock:
            return node in self._behind

    def _greeting(self, guest: GuestEndpoint, sock: socket.socket) -> str:
        with sock:
            return _banner(sock, guest.endpoint, self._limits.connect)

    def close(self) -> None:
        """Cut every connection to a guest."""
        with self._lock:
            self._closed = True
            shells = tuple(self._shells.values())
        for shell in shells:
            shell.close()

    def _new_shell(self, guest: GuestEndpoint) -> GuestShell:
        policy = self._policy(guest)
        connection = Connection(
            replace(guest.endpoint, key_paths=self._key_paths),
            lambda _, limits: self._dial(guest, limits),
            lambda: policy,
            limits=self._limits,
        )
        if self._closed:
            connection.close()
        return GuestShell(connection, lambda: self._now_behind(guest.node))

    def _policy(self, guest: GuestEndpoint) -> HostKeyPolicy:
        policy = _policy(guest)
        if self._pins is None or not guest.pin:
            return policy
        return Keeping(policy, self._pins, guest.pin, f"guest {guest.address}")

    def _now_behind(self, node: str) -> bool:
        """Go through the node from now on; false where that is so already, or not wanted."""
        with self._lock:
            if self._via != "auto" or node in self._behind:
                return False
            self._behind.add(node)
            return True

    def _remember(self, node: str) -> None:
        with self._lock:
            self._behind.add(node)

    def _dial(self, guest: GuestEndpoint, limits: Limits) -> socket.socket:
        return self._by_any_way(guest, limits, lambda sock: sock)

    def _by_any_way(
        self, guest: GuestEndpoint, limits: Limits, use: Callable[[socket.socket], T]
    ) -> T:
        """Use a socket by the ways that are left; both reasons are told where both fail."""
        reasons = []
        for way in self._ways(guest.node):
            try:
                used = use(self._open(way, guest, limits))
            except Unreachable as error:
                reasons.append(f"{way}: {error}")
            else:
                if way == "node":
                    self._remember(guest.node)
                return used
        raise Unreachable(
            f"The SSH server of guest {guest.address} is not reached.",
            details="\n".join(reasons),
            id="GUEST-UNREACHABLE",
        )

    def _open(self, way: Via, guest: GuestEndpoint, limits: Limits) -> socket.socket:
        if way == "direct":
            return self._direct(guest.endpoint, limits)
        return self._node(guest.node).open_tunnel(guest.address, guest.port, limits.connect)

    def _ways(self, node: str) -> tuple[Via, ...]:
        if self._via != "auto":
            return (self._via,)
        with self._lock:
            return ("node",) if node in self._behind else ("direct", "node")


def _policy(guest: GuestEndpoint) -> HostKeyPolicy:
    where = f"Guest {guest.address}"
    if guest.host_key is not None:
        try:
            return PinnedPolicy(where, HostKey.parse(guest.host_key))
        except ValueError as error:
            raise UsageError(f"{where} has no readable host key: {error}.") from error
    if guest.accept_new:
        return FirstSeenPolicy(where)
    raise HostKeyUnknown(
        f"The host key of guest {guest.address} is not known.",
        hint="`--guest-host-key accept-new` takes the key that it shows first.",
    )


def _banner(sock: socket.socket, endpoint: Endpoint, seconds: float) -> str:
    deadline = Deadline.after(seconds)
    seen = b""
    reason = f"no SSH banner in {seconds:g} s"
    try:
        while len(seen) < _MAX_BANNER and not deadline.passed:
            sock.settimeout(deadline.left or 0.001)
            data = sock.recv(1024)
            if not data:
                reason = "it closed the connection before the SSH banner"
                break
            seen += data
            for line in seen.splitlines(keepends=True):
                if line.startswith(b"SSH-") and line.endswith(b"\n"):
                    return line.decode(errors="replace").strip()
    except OSError as error:
        reason = error.strerror or reason
    raise Unreachable(f"{endpoint} is reached, but {reason}.")
