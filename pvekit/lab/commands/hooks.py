"""Hook scripts: what a VM's configuration wants to run on the node around its starts and stops."""

from __future__ import annotations

from dataclasses import replace

from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.streams import BytesWriter
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import VmConfig


async def run(call: Call, config: VmConfig, phase: str, say: Say, *, must: bool = False) -> None:
    """Run the script of a VM, if it has one; with ``must`` its failure is the program's."""
    volid = config.values.get("hookscript", "")
    if not volid:
        return
    path = call.node.storages.path(volid)
    said = BytesWriter()
    process = replace(call.process, stdout=said, stderr=said)
    words = (path, str(call.vmid), phase)
    status = await call.node.machine.spawn(process, words)
    await say(said.data.decode(errors="replace"))
    if not status:
        return
    why = f"command '{' '.join(words)}' failed: exit code {status}"
    error = f"hookscript error for {call.vmid} on {phase}: {why}"
    if must:
        raise Failure(error)
    await say(f"{error}\n")
