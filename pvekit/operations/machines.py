"""The site as SSH reaches it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pvekit.audit.log import AuditLog
from pvekit.config.model import Config, NodeEntry
from pvekit.errors import PvekitError
from pvekit.operations.auditing import Audited, Whereabouts
from pvekit.plan import Guest, Place
from pvekit.shell import Command, Result, Shell, Unreachable
from pvekit.ssh.connection import Connection
from pvekit.ssh.endpoint import Defaults, Endpoint, Wanted, resolve
from pvekit.ssh.errors import AuthFailed
from pvekit.ssh.guests import GuestEndpoint
from pvekit.ssh.pins import Pins
from pvekit.ssh.site import Connections
from pvekit.ssh.sshconfig import known_hosts_files, read_ssh_config


@dataclass(frozen=True)
class Sent:
    """A command that was run somewhere: how long it took in seconds, and how it ended.

    ``status`` is its exit status, or ``None`` with what kept it from being known.
    """

    name: str
    command: Command
    seconds: float
    status: int | None
    failure: str = ""


Trace = Callable[[Sent], None]


class Machines:
    """Shells for the nodes and guests of a configured site."""

    def __init__(
        self, connections: Connections, trace: Trace | None = None, audit: AuditLog | None = None
    ) -> None:
        self.connections = connections
        self._trace = trace
        self._audit = audit

    def shell(self, place: Place) -> Shell:
        """Return the shell of a node or a guest."""
        shell: Shell
        if isinstance(place, str):
            shell = self._node(place)
        else:
            shell = Young(self.connections.guest(self._endpoint(place)))
        return Traced(shell, _name(place), self._trace) if self._trace else shell

    def as_user(self, alias: str, user: str) -> Shell:
        """Return the shell of another user on a node."""
        return self._audited(alias, self.connections.as_user(alias, user))

    def _node(self, alias: str) -> Shell:
        return self._audited(alias, self.connections.node(alias))

    def _audited(self, alias: str, node: Connection) -> Shell:
        if self._audit is None:
            return node
        at = node.endpoint
        there = Whereabouts(alias, f"{at.host}:{at.port}", at.user, lambda: node.fingerprint)
        return Audited(node, self._audit, there)

    def reach(self, guest: Guest) -> str:
        """Return the banner of a guest's SSH server."""
        return self.connections.reach(self._endpoint(guest))

    def is_behind(self, node: str) -> bool:
        """Whether guests of a node were only reached through it so far."""
        return self.connections.is_behind(node)

    def close(self) -> None:
        """Cut all connections."""
        self.connections.close()

    @staticmethod
    def _endpoint(guest: Guest) -> GuestEndpoint:
        return GuestEndpoint(
            node=guest.node,
            address=guest.address,
            user=guest.user,
            host_key=guest.host_key or None,
            accept_new=not guest.host_key,
            port=guest.port,
            pin=guest.pin,
        )


@dataclass(frozen=True)
class Young:
    """A guest's shell; one that refuses our keys may just not have been given them yet."""

    shell: Shell

    def run(self, command: Command) -> Result:
        """Run a command."""
        try:
            return self.shell.run(command)
        except AuthFailed as error:
            raise Unreachable(
                error.brief, details=error.details, hint=error.hint, id=error.id
            ) from error


@dataclass(frozen=True)
class Traced:
    """A shell that tells each command with its time and exit status."""

    shell: Shell
    name: str
    trace: Trace

    def run(self, command: Command) -> Result:
        """Run a command and tell about it."""
        began = time.monotonic()
        try:
            result = self.shell.run(command)
        except PvekitError as error:
            self._tell(command, began, None, error.brief)
            raise
        self._tell(command, began, result.exit_status)
        return result

    def _tell(self, command: Command, began: float, status: int | None, why: str = "") -> None:
        self.trace(Sent(self.name, command, time.monotonic() - began, status, why))


def connect(
    config: Config,
    home: Path,
    trace: Trace | None = None,
    pins: Pins | None = None,
    audit: AuditLog | None = None,
) -> Machines:
    """Return the machines of a configured site; nothing is opened yet."""
    connections = Connections(
        endpoints(config, home),
        guest_keys=guest_keys(config, home),
        via=config.readiness.via,
        pins=pins,
    )
    return Machines(connections, trace, audit)


def guest_keys(config: Config, home: Path) -> tuple[Path, ...]:
    """Return the private keys for guests: the public key's own, the nodes', the usual ones."""
    public = config.cloud_init.ssh_public_key
    named = [config.path(public.removesuffix(".pub"))] if public.endswith(".pub") else []
    if config.ssh_private_key_path:
        named.append(config.path(config.ssh_private_key_path))
    usual = (home / ".ssh" / name for name in ("id_ed25519", "id_ecdsa", "id_rsa"))
    return tuple(dict.fromkeys(path for path in (*named, *usual) if path.is_file()))


def endpoints(config: Config, home: Path) -> tuple[Endpoint, ...]:
    """Return where each configured node is and how to get in."""
    wanted = [_wanted(config, node) for node in config.nodes]
    return resolve(wanted, _defaults(config, home), read_ssh_config(home))


def _defaults(config: Config, home: Path) -> Defaults:
    key, known = config.ssh_private_key_path, config.ssh_known_hosts_path
    return Defaults(
        user=config.ssh_user,
        key_path=config.path(key) if key else None,
        known_hosts=known_hosts_files(home, config.path(known) if known else None),
        home=home,
        wrapper=config.sudo == "wrapper",
    )


def _wanted(config: Config, node: NodeEntry) -> Wanted:
    key = node.ssh_private_key_path
    return Wanted(
        host=node.host,
        alias=node.alias,
        port=node.port,
        user=node.user,
        key_path=config.path(key) if key else None,
        jump=node.jump,
    )


def _name(place: Place) -> str:
    return place if isinstance(place, str) else f"{place.user}@{place.address}"
