"""``qm``: which command does what, and which only read."""

from __future__ import annotations

from collections.abc import Mapping

from pvekit.lab.commands import (
    power,
    qm_agent,
    qm_clone,
    qm_create,
    qm_destroy,
    qm_disk,
    qm_set,
    qm_show,
    qm_template,
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
    "disk rescan": qm_disk.rescan,
    "disk resize": qm_disk.resize,
    "disk unlink": qm_disk.unlink,
    "guest cmd": qm_agent.guest_cmd,
    "guest exec": qm_agent.guest_exec,
    "guest exec-status": qm_agent.guest_exec_status,
    "list": qm_show.list_vms,
    "pending": qm_show.show_pending,
    "reboot": power.reboot,
    "reset": power.reset,
    "set": qm_set.set_options,
    "shutdown": power.shutdown,
    "start": power.qm_start,
    "status": qm_show.show_status,
    "stop": power.stop,
    "template": qm_template.template,
    "unlock": power.unlock,
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
        "pending",
        "status",
    }
)
