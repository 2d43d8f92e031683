"""The nodes' SSH host keys, as other nodes know them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

KNOWN = "nodes/{}/ssh_known_hosts"
"""Where a PVE cluster's file system keeps a member's host key."""


@dataclass
class HostKeys:
    """Public host keys by node, as ``known_hosts`` has them: kind and base64.

    Nodes without a server get one that stays the same, but that nobody can prove to have.
    """

    _known: dict[str, str] = field(default_factory=dict)

    def put(self, node: str, line: str) -> None:
        """Note the key that a node's server shows."""
        self._known[node] = " ".join(line.split()[:2])

    def of(self, node: str) -> str:
        """Return a node's key."""
        if node not in self._known:
            from cryptography.hazmat.primitives import serialization as form
            from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

            seed = hashlib.sha256(f"host key of {node}".encode()).digest()
            public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
            told = public.public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
            self._known[node] = told.decode()
        return self._known[node]

    def known_hosts(self, node: str) -> bytes:
        """Return what Proxmox VE writes into a member's ``ssh_known_hosts``."""
        return f"{node} {self.of(node)}\n".encode()
