"""``/nodes/NODE/startall`` and ``stopall``: all VMs of a node, in their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.ha import config as ha
from pvekit.lab.lists import split_list
from pvekit.lab.machine import collect
from pvekit.lab.tasks import Say
from pvekit.lab.workers import worker

_LAST = 1 << 62  # the order of VMs that have none
_DELAY = 3  # seconds between two starts, to keep the load down
_PATIENCE = 180  # seconds for one shutdown


@dataclass(frozen=True)
class _Entry:
    order: int
    vmid: int
    up: int
    down: int


def _entries(call: Call, *, autostart: bool) -> Iterator[_Entry]:
    node, wanted = call.node, set(map(int, split_list(call.get("vms"))))
    for vmid in node.vmids():
        config = node.config(vmid)
        if wanted and vmid not in wanted:
            continue
        if config.is_template or ha.managed(node, vmid):
            continue
        if autostart and config.values.get("onboot") != "1":
            continue
        startup = dict(
            p.split("=") for p in config.values.get("startup", "").split(",") if "=" in p
        )
        order = int(startup.get("order", _LAST))
        yield _Entry(order, vmid, int(startup.get("up", -1)), int(startup.get("down", _PATIENCE)))


async def start_all(call: Call) -> None:
    """Start the VMs that are to be started at boot, or all of them."""
    node = call.node
    async with worker(node.tasks, call.process, "startall", "", call.tasks) as say:
        node.check_quorum()
        for entry in sorted(_entries(call, autostart=not call.on("force")), key=_by_order):
            if not node.guest(entry.vmid):
                await _start(call, entry, say)


def _by_order(entry: _Entry) -> tuple[int, int]:
    return entry.order, entry.vmid


async def _start(call: Call, entry: _Entry, say: Say) -> None:
    await say(f"Starting VM {entry.vmid}\n")
    status, out, err = await collect(call.node.machine, f"qm start {entry.vmid}")
    if out:
        await say(out.decode(errors="replace"))
    if status:
        why = " ".join(err.decode(errors="replace").split("\n")).strip()
        await say(f"Starting VM {entry.vmid} failed: {why}\n")
        return
    if entry.up > 0:
        await say(f"Waiting for {entry.up} seconds (startup delay)\n")
    await call.node.machine.clock.sleep(entry.up if entry.up >= 0 else _DELAY)


async def stop_all(call: Call) -> None:
    """Shut the running VMs down, the last started first."""
    node = call.node
    async with worker(node.tasks, call.process, "stopall", "", call.tasks) as say:
        entries = sorted(_entries(call, autostart=False), key=_by_order, reverse=True)
        for entry in entries:
            if node.guest(entry.vmid):
                await _stop(call, entry, say)
        await say("all VMs and CTs stopped\n")


async def _stop(call: Call, entry: _Entry, say: Say) -> None:
    seconds = int(call.get("timeout") or entry.down)
    await say(f"Stopping VM {entry.vmid} (timeout = {seconds} seconds)\n")
    force = call.get("force-stop", "1")
    line = f"qm shutdown {entry.vmid} --timeout {seconds} --forceStop {force}"
    status, _, err = await collect(call.node.machine, line)
    if status:
        why = err.decode(errors="replace").strip()
        await say(f"Stopping VM {entry.vmid} failed: {why}\n")


async def wake(call: Call) -> None:
    """Ask for a node to be switched on over the network: it needs a known address."""
    name = call.get("node")
    if name == call.node.name:
        raise Failure(f"'{name}' is local node, cannot wake my self!")
    raise Failure(f"No wake on LAN MAC address defined for '{name}'!")


ROUTES = (
    Route("create", "/nodes/{node}/startall", start_all),
    Route("create", "/nodes/{node}/stopall", stop_all),
)
