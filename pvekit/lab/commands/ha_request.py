"""What ``qm`` does with a VM under high availability: it asks the HA stack instead."""

from __future__ import annotations

import shlex

from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.ha import config


def managed(call: Call) -> bool:
    """Return whether high availability looks after the VM, and is not itself the one who asks."""
    return config.managed(call.node, call.vmid)


async def ask(call: Call, action: str, words: tuple[str, ...], told: str = "") -> None:
    """Ask for ``start`` or ``stop`` as a task; ``words`` are those of ``ha-manager``.

    ``told`` is what is said of another request.
    """
    async with call.worker(f"ha{action}") as say:
        await say(f"Requesting HA {told or f'{action} for VM {call.vmid}'}\n")
        machine, command = call.node.machine, " ".join(words)
        if machine.locate(words[0]) is None:
            place = "at /usr/share/perl5/PVE/Tools.pm line 527."
            missing = f"open3: exec of {command} failed: No such file or directory {place}"
            raise Failure(f"command '{command}' failed: {missing}")
        status = await machine.spawn(call.process, words)
        if status:
            raise Failure(f"command '{shlex.join(words)}' failed: exit code {status}")
