"""``qm``: which command does what, and which only read."""

from __future__ import annotations

from collections.abc import Mapping

from pvekit.lab.commands import (
    attending,
    power,
    qm_agent,
    qm_clone,
    qm_create,
    qm_destroy,
    qm_disk,
    qm_importovf,
    qm_migrate,
    qm_move,
    qm_set,
    qm_show,
    qm_template,
    snapshots,
    suspend,
)
from pvekit.lab.commands.call import Handler

HANDLERS: Mapping[str, Handler] = {
    "clone": qm_clone.clone,
    "cloudinit dump": qm_show.dump_cloudinit,
    "cloudinit pending": qm_show.show_cloudinit_pending,
    "cloudinit update": qm_show.update_cloudinit,
    "config": qm_show.show_config,
    "create": qm_create.create,
    "destroy": qm_destroy.destroy,
    "disk import": qm_disk.import_disk,
    "disk move": qm_move.move_disk,
    "disk rescan": qm_disk.rescan,
    "disk resize": qm_disk.resize,
    "disk unlink": qm_disk.unlink,
    "guest cmd": qm_agent.guest_cmd,
    "guest exec": qm_agent.guest_exec,
    "guest exec-status": qm_agent.guest_exec_status,
    "guest passwd": qm_agent.guest_passwd,
    "importovf": qm_importovf.import_ovf,
    "list": qm_show.list_vms,
    "migrate": qm_migrate.migrate,
    "monitor": attending.monitor,
    "nbdstop": attending.nbdstop,
    "pending": qm_show.show_pending,
    "reboot": power.reboot,
    "remote-migrate": qm_migrate.remote,
    "reset": power.reset,
    "resume": suspend.resume,
    "sendkey": attending.sendkey,
    "set": qm_set.set_options,
    "showcmd": attending.refuse_to_show,
    "shutdown": power.shutdown,
    "start": power.qm_start,
    "status": qm_show.show_status,
    "stop": power.stop,
    "suspend": suspend.suspend,
    "template": qm_template.template,
    "terminal": attending.terminal,
    "unlock": power.unlock,
    "wait": attending.wait,
    **snapshots.HANDLERS,
}

READING = frozenset(
    {
        "cloudinit dump",
        "cloudinit pending",
        "config",
        "guest cmd",
        "guest exec",
        "guest exec-status",
        "list",
        "listsnapshot",
        "pending",
        "showcmd",
        "status",
        "wait",
    }
)
