"""``qm clone``: what is asked for is checked, and what happens to every drive is planned."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pvekit.lab import snapshots
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.cloning import Clone, Plan
from pvekit.lab.commands.guards import check_lock
from pvekit.lab.commands.volumes import Volumes
from pvekit.lab.failure import Failure
from pvekit.lab.features import has_feature
from pvekit.lab.vmconfig import DRIVE_NAME, Drive, VmConfig


async def clone(call: Call) -> None:
    """Clone a VM or template; what a lost link or SIGKILL leaves behind stays."""
    running = check_here(call) is not None
    _plan(call, running=running)
    new = int(call.values["newid"])
    async with call.worker("qmclone") as say:
        locking = call.node.locking
        async with (
            locking.config(call.vmid, say, seconds=1, shared=not running),
            locking.config(new, say, seconds=1),
        ):
            plan = _plan(call, running=running)
            if call.node.capacity.pve.startswith("9"):
                await say(f"creating a clone of VM {call.vmid} with ID {new}\n")
            await Clone(call, plan, Volumes(call.node, say), new).run()


def check_here(call: Call) -> object:
    """Return the powered-on VM; the program dies if it is not on this node."""
    if not call.node.machine.files.exists(call.node.config_path(call.vmid)):
        where = f"VM {call.vmid} on node '{call.node.name}'"
        raise Failure(f"unable to find configuration file for {where}", 2)
    return call.node.guest(call.vmid)


def target_of(call: Call) -> str:
    """Return the other node that the clone is for, or nothing."""
    target = call.get("target")
    return "" if target in {call.node.name, "localhost"} else target


def _plan(call: Call, *, running: bool) -> Plan:
    """Decide how every drive is cloned; the program dies where that is impossible."""
    node, name = call.node, call.get("snapname")
    _check_pool(call)
    _check_places(call)
    node.check_quorum()
    config = node.config(call.vmid)
    check_lock(config)
    if (node.guest(call.vmid) is not None) != running:
        raise Failure("unexpected state change")
    snapshot = snapshots.find(config, name) if name else None
    if name and snapshot is None:
        raise Failure(f"snapshot '{name}' does not exist", 2)
    source = snapshot.config() if snapshot else config
    full = call.on("full") if "full" in call.values else not config.is_template
    _check_options(call, full=full)
    _check_shared(call, source)
    new = int(call.values["newid"])
    if node.machine.files.exists(node.config_path(new)):
        raise Failure(f"unable to create VM {new}: config file already exists", 2)
    return Plan(source, name, running, _Decision(call, name, full, running).drives(source.values))


def _check_pool(call: Call) -> None:
    if (pool := call.get("pool")) and pool not in call.node.pools():
        raise Failure(f"403 Permission check failed (pool '{pool}' does not exist)", 2)


def _check_places(call: Call) -> None:
    node, storage, target = call.node, call.get("storage"), target_of(call)
    if target and target not in node.peers:
        raise Failure(f"no such cluster node '{target}'", 2)
    if not storage:
        return
    definition = node.storages.enabled(storage)
    if "images" not in definition.content:
        raise call.refuse(storage=f"storage '{storage}' does not support vm images")
    if target:
        node.peers[target].storages.enabled(storage)
        if not definition.shared:
            raise Failure(f"can't clone to non-shared storage '{storage}'", 2)


def _check_options(call: Call, *, full: bool) -> None:
    for option in ("storage", "format"):
        if option in call.values and not full:
            raise Failure(f"parameter '{option}' not allowed for linked clones", 2)


def _check_shared(call: Call, source: VmConfig) -> None:
    used = [drive.file.partition(":")[0] for _, drive in source.drives() if drive.has_volume]
    shared = {call.node.storages.get(storage).shared for storage in used}
    if (target := target_of(call)) and False in shared:
        raise Failure(f"can't clone VM to node '{target}' (VM uses local storage)", 2)


@dataclass(frozen=True)
class _Decision:
    """Which drives are copied in full, and whether their storages can do that."""

    call: Call
    snapname: str
    full: bool
    running: bool

    def drives(self, values: Mapping[str, str]) -> Mapping[str, bool]:
        """Return for every drive that gets a volume of its own whether it is copied in full."""
        found = {}
        for slot, text in sorted(values.items()):
            drive = Drive.parse(text)
            if not DRIVE_NAME.fullmatch(slot) or (drive.is_cdrom and not drive.is_cloudinit):
                continue
            found[slot] = self._whole(slot, drive)
        return found

    def _whole(self, slot: str, drive: Drive) -> bool:
        if slot == "tpmstate0" and self.full and self.running and not self.snapname:
            raise Failure("cannot clone TPM state while VM is running", 2)
        newer = self.call.node.capacity.pve.startswith("9")
        whole = self.full or drive.is_cloudinit or (newer and slot == "tpmstate0")
        feature, word = ("copy", "Full") if whole else ("clone", "Linked")
        # A cloud-init drive has no snapshots: it is made anew.
        name = "" if drive.is_cloudinit else self.snapname
        known = re.match(r"[\w.-]+:", drive.file) is not None
        if not known or not has_feature(self.call.node.storages, feature, drive.file, name):
            of = " a snapshot of" if self.snapname and newer else ""
            raise Failure(f"{word} clone feature is not supported for{of} '{drive.file}' ({slot})")
        return whole
