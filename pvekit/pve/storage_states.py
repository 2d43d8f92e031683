"""How the storages of a node stand, as Proxmox VE sees them at this moment."""

from __future__ import annotations

from pvekit.plan import Ask
from pvekit.pve.scripts import script
from pvekit.shell import Query


def asked(node: str) -> Ask[dict[str, str]]:
    """Ask for the status of each storage by its name: active, inactive, disabled..."""
    return Ask(node, Query(script("storages"), _read))


def _read(out: str) -> dict[str, str]:
    words = (line.split() for line in out.split("\n"))
    return {each[1]: each[2] for each in words if len(each) == 3 and each[0] == "storage"}
