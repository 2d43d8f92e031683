"""What can be done with a volume, after its storage's plug-in."""

from __future__ import annotations

import re

from pvekit.lab.storage import Storages
from pvekit.lab.storages.kinds import KINDS, State


def format_of(name: str) -> str:
    """Return the format that a volume's name tells."""
    found = re.search(r"\.(raw|qcow2|vmdk|subvol)$", name)
    return found[1] if found else "raw"


def has_feature(storages: Storages, feature: str, volid: str, snapname: str = "") -> bool:
    """Return whether a volume, or a snapshot of it, can be used so; others' paths never can."""
    storage, colon, name = volid.partition(":")
    if not colon or volid.startswith("/"):
        return False
    kind = KINDS[storages.get(storage).type]
    return kind.can(feature, _state(name, snapname), format_of(name))


def _state(name: str, snapname: str) -> State:
    if snapname:
        return "snap"
    return "base" if name.rpartition("/")[2].startswith("base-") else "current"
