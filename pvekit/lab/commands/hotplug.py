"""Changes of a running VM: which of them it takes at once, the others wait for its next start."""

from __future__ import annotations

from collections.abc import Awaitable, Collection

from pvekit.lab.commands import cichanges
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.cloudinit import generate
from pvekit.lab.commands.nets import bridge_of
from pvekit.lab.commands.pending import Applier
from pvekit.lab.commands.plugging import Later, Plugging, is_at_once
from pvekit.lab.failure import Failure
from pvekit.lab.node import Node
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import VmConfig


def missing_bridge(call: Call, net: str) -> str:
    """Return the bridge that a card's line names if the node has none of that name."""
    bridge = bridge_of(net)
    there = call.node.machine.files.is_dir(f"/sys/class/net/{bridge}/bridge")
    return "" if not bridge or there else bridge


async def apply_running(call: Call, applier: Applier, chosen: Collection[str]) -> dict[str, str]:
    """Apply the pending changes of a running VM that can be, and write its configuration.

    ``chosen`` are the options of this call; others wait on. Returns what the emulator refused,
    and why, by option: it stays pending.
    """
    config = applier.config
    _apply_fast(applier)
    run = Plugging(call, applier)
    faults: dict[str, str] = {}
    for option, force in sorted(config.pending_deletions().items()):
        if option in chosen:
            await _try(run.unplug(option, force=force), option, faults)
    for option in [name for name in config.pending if name != "delete"]:
        if option in chosen:
            await _try(run.plug(option), option, faults)
    applier.save()
    if "cloudinit" in run.features and cichanges.recorded(config):
        await update_drive(call.node, applier.vmid, config, applier.say)
    return faults


async def _try(work: Awaitable[None], option: str, faults: dict[str, str]) -> None:
    try:
        await work
    except Later:
        return
    except Failure as failure:
        faults[option] = f"hotplug problem - {failure.message}\n"


def _apply_fast(applier: Applier) -> None:
    config = applier.config
    for option in [name for name in config.pending if name != "delete" and is_at_once(name)]:
        cichanges.note(config, option, config.values.get(option), config.pending[option])
        applier.take(option)


async def update_drive(node: Node, vmid: int, config: VmConfig, say: Say) -> None:
    """Make the cloud-init drive anew; a running VM finds it in its CD drive."""
    slot = config.cloudinit_slot()
    iso = await generate(node, vmid, config, say)
    if iso is None:
        return
    if cichanges.settle(config):
        node.save(vmid, config)
    if guest := node.guest(vmid):
        guest.devices.change_cd(slot, iso)
