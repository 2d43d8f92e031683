"""``vzdump`` and ``qmrestore`` on the command line."""

from __future__ import annotations

from pvekit.lab.backup import dump
from pvekit.lab.backup.restore import restore
from pvekit.lab.commands.call import Call
from pvekit.lab.process import NotSimulated, Process


async def vzdump(call: Call) -> None:
    """Back VMs up."""
    await dump.vzdump(call)


async def sendmail(_: Process) -> int:
    """Refuse to send mail: ``vzdump`` only wants to see that it could."""
    raise NotSimulated("mail")


HANDLERS = {"": vzdump}
RESTORE_HANDLERS = {"": restore}
