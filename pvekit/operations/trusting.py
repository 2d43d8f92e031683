"""Learning the host keys of nodes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pvekit.operations.machines import Machines
from pvekit.ssh import trust
from pvekit.ssh.endpoint import Endpoint
from pvekit.ssh.hostkeys import HostKey


@dataclass(frozen=True)
class Scanned:
    """A node, its host keys, and those of them that are not known yet."""

    endpoint: Endpoint
    keys: tuple[HostKey, ...]
    new: tuple[HostKey, ...]


def scan(machines: Machines, node: str) -> Scanned:
    """Ask a node for its host keys; raises an error for a changed or revoked one."""
    connections = machines.connections
    endpoint = connections.endpoint(node)
    keys = trust.scan(endpoint, connections.dial)
    return Scanned(endpoint, keys, trust.untrusted(endpoint, keys))


def store(found: Scanned) -> Path:
    """Add the keys to pvekit's own file of known hosts and return its path."""
    return trust.store(found.endpoint, found.new)
