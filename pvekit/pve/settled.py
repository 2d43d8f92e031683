"""Goals about a VM that nothing is at work on: its snapshots, and the node that it is on."""

from __future__ import annotations

from collections.abc import Callable

from pvekit.plan import Check, Verdict, check
from pvekit.pve import state
from pvekit.pve.conf import GuestConfig
from pvekit.pve.state import State


def snapshot_taken(node: str, vmid: int, snap: str) -> Check:
    """Check that a VM has a whole snapshot of this name, and that nothing is at work on it."""

    def test(config: GuestConfig) -> bool:
        found = config.snapshots.get(snap)
        return found is not None and found.is_whole

    return _settled(f"VM {vmid} has the snapshot {snap}", node, vmid, test)


def snapshot_gone(node: str, vmid: int, snap: str) -> Check:
    """Check that a VM has no snapshot of this name, and that nothing is at work on it."""
    says = f"VM {vmid} has no snapshot {snap}"
    return _settled(says, node, vmid, lambda config: snap not in config.snapshots)


def rolled_back(node: str, vmid: int, snap: str, genid: str) -> Check:
    """Check that a VM was brought back to a snapshot since it had this ``vmgenid``."""

    def test(config: GuestConfig) -> bool:
        values = config.values
        return values.get("parent") == snap and values.get("vmgenid") != genid

    return _settled(f"VM {vmid} is back at snapshot {snap}", node, vmid, test)


def _settled(says: str, node: str, vmid: int, test: Callable[[GuestConfig], bool]) -> Check:
    """Return the check that a test of a VM's config holds, and that no lock is on it."""

    def judge(now: State) -> Verdict:
        found = now.vms.get(vmid)
        if found is None:
            return Verdict(holds=False, seen=f"VM {vmid} does not exist")
        if found.config.lock:
            return Verdict(holds=False, seen=f"VM {vmid} is locked ({found.config.lock})")
        return Verdict(test(found.config))

    return check(says, state.asked(node, vmid), judge)


def moved(node: str, vmid: int, target: str) -> Check:
    """Check that a VM is on the node of this PVE name, and that nothing is at work on it."""

    def judge(now: State) -> Verdict:
        found = now.vms.get(vmid)
        if found is None:
            return Verdict(holds=False, seen=f"VM {vmid} does not exist")
        lock = f", locked ({found.config.lock})" if found.config.lock else ""
        return Verdict(found.node == target and not lock, f"it is on {found.node}{lock}")

    return check(f"VM {vmid} is on {target}", state.asked(node, vmid), judge)
