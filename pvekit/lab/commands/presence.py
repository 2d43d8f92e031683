"""Whether a VM is on this node, and whether it is on."""

from __future__ import annotations

from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.tasks import Say

_PING = 3.0  # seconds until an agent is given up


def check_here(call: Call) -> None:
    """Die unless the VM's configuration is on this node."""
    node, vmid = call.node, call.vmid
    if not node.machine.files.is_file(node.config_path(vmid)):
        raise Failure(f"unable to find configuration file for VM {vmid} on node '{node.name}'")


def is_on(call: Call) -> bool:
    """Return whether the VM is powered on; die if it is not on this node."""
    check_here(call)
    return call.node.guest(call.vmid) is not None


def check_on(call: Call) -> None:
    """Die unless the VM is powered on."""
    if not is_on(call):
        raise Failure(f"VM {call.vmid} not running", 2)


async def is_paused(call: Call) -> bool:
    """Return whether the VM is on and paused; why this cannot be told goes to stderr."""
    try:
        check_on(call)
    except Failure as failure:
        await call.process.complain(f"{failure.message}\n\n")
        return False
    return call.node.guests[call.vmid].state != "running"


async def agent_answers(call: Call, say: Say) -> bool:
    """Return whether the agent of a VM that is on answers a ping; it is told if not."""
    if call.node.guests[call.vmid].agent_ready:
        return True
    await call.node.machine.clock.sleep(_PING)
    why = f"VM {call.vmid} qmp command 'guest-ping' failed - got timeout"
    await say(f"QEMU Guest Agent is not running - {why}\n")
    return False
