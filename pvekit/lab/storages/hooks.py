"""What adding, changing and removing a storage does besides its section: secrets in files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pvekit.lab.storages import reach
from pvekit.lab.storages.definition import Definition

if TYPE_CHECKING:
    from pvekit.lab.node import Node

SECRET = frozenset({"password", "encryption-key", "master-pubkey", "keyring"})
_ADMIN = "/etc/pve/priv/ceph.client.admin.keyring"
_PLACES: Mapping[str, str] = {
    "password": "/etc/pve/priv/storage/{}.pw",
    "encryption-key": "/etc/pve/priv/storage/{}.enc",
    "master-pubkey": "/etc/pve/priv/storage/{}.master.pem",
    "keyring": "/etc/pve/priv/ceph/{}.keyring",
}


def added(node: Node, definition: Definition, values: Mapping[str, str]) -> str:
    """Keep a new storage's secrets; returns what is complained of."""
    updated(node, definition.id, values)
    if definition.type not in {"rbd", "cephfs"} or "keyring" in values:
        return ""
    files = node.machine.files
    if reach.has_ceph(node.storages) and "monhost" not in values:
        return ""
    if not files.exists(_ADMIN):
        return f"{_ADMIN} not found, authentication is disabled.\n"
    _keep(node, _PLACES["keyring"].format(definition.id), files.read(_ADMIN).decode())
    return ""


def updated(node: Node, storage: str, values: Mapping[str, str]) -> None:
    """Keep the secrets among the values in their files."""
    for name in sorted(SECRET & values.keys()):
        _keep(node, _PLACES[name].format(storage), f"{values[name]}\n")


def _keep(node: Node, path: str, text: str) -> None:
    node.machine.files.mkdir(path.rpartition("/")[0], parents=True)
    node.write(path, text)


def removed(node: Node, storage: str) -> None:
    """Remove the files of a storage's secrets."""
    for place in _PLACES.values():
        path = place.format(storage)
        if node.machine.files.exists(path):
            node.machine.files.unlink(path)
