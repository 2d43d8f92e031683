"""The lab's SSH keys, kept in its directory so that a second start is the same site."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import asyncssh

from pvekit.lab.home import Home

KEY_TYPE = "ssh-ed25519"


def client_key(home: Home) -> asyncssh.SSHKey:
    """Return the key that opens the nodes, made with its ``.pub`` at the first start."""
    path = home.private_key
    if not path.exists():
        key = asyncssh.generate_private_key(KEY_TYPE, comment="pvekit-lab")
        home.write(path.with_suffix(".pub"), public_line(key) + "\n")
        home.write(path, key.export_private_key().decode())
    return asyncssh.read_private_key(path)


def host_key(home: Home, node: str) -> asyncssh.SSHKey:
    """Return a node's host key, made at the first start."""
    path = home.host_keys / node
    if not path.exists():
        home.host_keys.mkdir(mode=0o700, exist_ok=True)
        key = asyncssh.generate_private_key(KEY_TYPE, comment=f"root@{node}")
        home.write(path, key.export_private_key().decode())
    return asyncssh.read_private_key(path)


def public_line(key: asyncssh.SSHKey) -> str:
    """Return a key's public half as one line of ``authorized_keys``."""
    return key.export_public_key().decode().strip()


def known_hosts(addresses: Mapping[str, tuple[str, int]], keys: Mapping[str, str]) -> str:
    """Return the text of ``known_hosts`` for nodes' addresses and public host keys."""
    lines = (
        f"[{host}]:{port} {' '.join(keys[node].split()[:2])}\n"
        for node, (host, port) in addresses.items()
    )
    return "".join(lines)


def authorized(text: str) -> Iterable[bytes]:
    """Return the keys of an ``authorized_keys`` file as SSH sends them; bad lines are skipped."""
    for line in text.splitlines():
        try:
            yield asyncssh.import_public_key(line).public_data
        except asyncssh.KeyImportError:
            continue
