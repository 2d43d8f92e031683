"""VMs: ``/nodes/NODE/qemu`` and what is below each of them."""

from __future__ import annotations

from typing import Any

from pvekit.lab import status
from pvekit.lab.api.routes import Method, Route, Verb
from pvekit.lab.commands import (
    attending,
    power,
    qm_clone,
    qm_create,
    qm_destroy,
    qm_disk,
    qm_move,
    qm_set,
    qm_show,
    qm_template,
    suspend,
)
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.qm_show import config_json, pending_rows
from pvekit.lab.guests.hardware import hardware, properties
from pvekit.lab.ha import state as ha
from pvekit.lab.vmconfig import digest

_VM = "/nodes/{node}/qemu/{vmid}"
Entry = dict[str, Any]


async def vms(call: Call) -> list[Entry]:
    """List the node's VMs, read live."""
    return [
        status.listed(call.node, vmid, everything=call.on("full")) for vmid in call.node.vmids()
    ]


async def config(call: Call) -> Entry:
    """Return a VM's configuration, as the next start will have it."""
    return dict(config_json(call))


async def pending(call: Call) -> list[Entry]:
    """Return present and coming values, and the digest among them."""
    rows = [dict(row) for row in pending_rows(call.node.config(call.vmid))]
    return [*rows, {"key": "digest", "value": digest(call.node.config_text(call.vmid))}]


async def current(call: Call) -> Entry:
    """Return how a VM is doing now."""
    found = call.node.config(call.vmid)
    facts = status.full(call.node, call.vmid, found)
    agent = {"agent": 1} if hardware(found.values).agent else {}
    screen = _screen(found.values["vga"]) if "vga" in found.values else {}
    return {**facts, **agent, **screen, "cpu": 0, "ha": ha.shown(call.node, call.vmid)}


async def below_status(call: Call) -> list[Entry]:
    """List what can be asked of or done with a VM's state."""
    call.node.config(call.vmid)
    names = ("current", "start", "stop", "reset", "shutdown", "suspend", "reboot")
    return [{"subdir": name} for name in names]


async def monitor(call: Call) -> str:
    """Return what the emulator's monitor answers."""
    call.node.config(call.vmid)
    return attending.monitored(call, call.values["command"].split())


def _screen(text: str) -> Entry:
    vga = properties(text, "type")
    spice = {"spice": 1} if vga.get("type", "").startswith(("qxl", "virtio")) else {}
    return {"clipboard": vga.get("clipboard"), **spice}


def _routes(verb: Verb, methods: dict[str, Method]) -> list[Route]:
    return [Route(verb, f"{_VM}{path}", method) for path, method in methods.items()]


ROUTES = (
    Route("get", "/nodes/{node}/qemu", vms),
    Route("create", "/nodes/{node}/qemu", qm_create.create),
    Route("get", f"{_VM}/cloudinit", qm_show.cloudinit_rows),
    Route("get", f"{_VM}/cloudinit/dump", qm_show.dumped),
    Route("get", f"{_VM}/config", config),
    Route("get", f"{_VM}/pending", pending),
    Route("get", f"{_VM}/status", below_status),
    Route("get", f"{_VM}/status/current", current),
    *_routes(
        "create",
        {
            "/clone": qm_clone.clone,
            "/config": qm_set.set_in_background,
            "/monitor": monitor,
            "/move_disk": qm_move.move_disk,
            "/status/reboot": power.reboot,
            "/status/reset": power.reset,
            "/status/resume": suspend.resume,
            "/status/shutdown": power.shutdown,
            "/status/start": power.qm_start,
            "/status/stop": power.stop,
            "/status/suspend": suspend.suspend,
            "/template": qm_template.template,
        },
    ),
    *_routes(
        "set",
        {
            "/cloudinit": qm_show.update_cloudinit,
            "/config": qm_set.set_options,
            "/resize": qm_disk.resize,
            "/sendkey": attending.sendkey,
            "/unlink": qm_disk.unlink,
        },
    ),
    Route("delete", _VM, qm_destroy.destroy),
)
