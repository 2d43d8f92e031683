"""Learning the host keys of a node: shown first, stored after a yes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pvekit.ssh.connection import Dial
from pvekit.ssh.deadline import Limits
from pvekit.ssh.endpoint import Endpoint
from pvekit.ssh.errors import HostKeyUnknown, Incompatible
from pvekit.ssh.hostkeys import HostKey, KnownHostPolicy, KnownHosts, remember

_FAMILIES = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)


def scan(endpoint: Endpoint, dial: Dial, limits: Limits | None = None) -> tuple[HostKey, ...]:
    """Return the host keys that a machine proves to hold, one per kind, without logging in.

    Nothing tells that it is the right machine: that is for a person to compare.
    """
    limits = limits or Limits()
    found: list[HostKey] = []
    refusal: Incompatible | None = None
    for family in _FAMILIES:
        try:
            found.append(_shown(endpoint, dial, family, limits))
        except Incompatible as error:
            refusal = error
    if not found and refusal:
        raise refusal
    return tuple(found)


def _shown(endpoint: Endpoint, dial: Dial, family: Sequence[str], limits: Limits) -> HostKey:
    from pvekit.ssh.library import paramiko
    from pvekit.ssh.link import abandon, handshake

    sock = dial(endpoint, limits)
    transport = paramiko.Transport(sock)
    try:
        return handshake(transport, str(endpoint), family, limits)
    finally:
        abandon(transport, sock)


def untrusted(endpoint: Endpoint, keys: Sequence[HostKey]) -> tuple[HostKey, ...]:
    """Return those of a machine's keys that are not known yet.

    Raises :class:`HostKeyRevoked` for a revoked key, and :class:`HostKeyChanged` where another key
    of the same type is known: a trusted key is never replaced, only forgotten by hand.
    """
    known = KnownHosts(endpoint.known_hosts)
    policy = KnownHostPolicy(endpoint.alias, endpoint.host, endpoint.port, known)
    new = []
    for key in keys:
        try:
            policy.verify(key)
        except HostKeyUnknown:
            new.append(key)
    return tuple(new)


def store(endpoint: Endpoint, keys: Sequence[HostKey], path: Path | None = None) -> Path:
    """Add keys to the machine's own known_hosts file (its first one) and return that file."""
    file = path or endpoint.known_hosts[0]
    if keys:
        remember(file, endpoint.host, endpoint.port, keys)
    return file
