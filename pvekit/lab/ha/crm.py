"""The HA manager: brings resources to the state and place that they are asked to have.

One pass stands for what the cluster's master and the nodes' own managers do in ten seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pvekit.lab.access.store import text_of
from pvekit.lab.failure import Failure
from pvekit.lab.ha import config
from pvekit.lab.ha.placing import choose
from pvekit.lab.ha.state import Service, Status
from pvekit.lab.machine import collect

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_LEAST = 0.05  # real seconds between two passes, however fast the lab's time goes


def wake(node: Node) -> None:
    """See to it that the manager works, now that there is something to manage."""
    if node.machine.locate("ha-manager") is None:
        return  # its package is not installed
    running = node.cluster.daemons.get("ha")
    if running is None or running.done():
        loop = asyncio.get_running_loop()
        node.cluster.daemons["ha"] = loop.create_task(Manager(node.peers).work())


@dataclass
class Manager:
    """The manager of one PVE cluster; ``lost`` counts the passes in which nodes were not seen."""

    peers: Mapping[str, Node]
    lost: dict[str, int] = field(default_factory=dict)

    async def work(self) -> None:
        """Work until nothing is managed any more."""
        config.acting.set(True)
        first = next(iter(self.peers.values()))
        while True:
            await first.machine.clock.sleep(first.machine.clock.figures.ha_pass)
            await asyncio.sleep(_LEAST)
            node = self._any()
            if node is None:
                continue
            with contextlib.suppress(Failure, OSError):
                if not await self.act(node):
                    return

    def _any(self) -> Node | None:
        """Return a node that is up and has quorum."""
        for name, node in self.peers.items():
            if node.cluster.online(name) and node.cluster.quorate(name):
                return node
        return None

    async def act(self, node: Node) -> bool:
        """Do one pass; returns whether anything is managed."""
        status = Status.load(node)
        sections = config.load(node, config.RESOURCES).ids
        if not sections and not status.services:
            return False
        self._see_nodes(node, status)
        self._take_commands(node, status)
        owners = node.cluster.guests()
        wanted = {
            sid: config.wanted_state(section.values)
            for sid, section in sections.items()
            if int(sid.split(":")[1]) in owners
        }
        for sid in [sid for sid in status.services if wanted.get(sid, "ignored") == "ignored"]:
            del status.services[sid]
        status.save(node)
        for sid, state in sorted(wanted.items()):
            if state != "ignored":
                limits = {k: int(v) for k, v in sections[sid].values.items() if k in _LIMITS}
                await self._step(node, status, sid, state, limits)
                status.save(node)
        return True

    def _see_nodes(self, node: Node, status: Status) -> None:
        status.timestamp = int(node.machine.clock.now())
        for name in self.peers:
            if node.cluster.online(name, node.name):
                self.lost.pop(name, None)
                kept = status.nodes.get(name)
                status.nodes[name] = "maintenance" if kept == "maintenance" else "online"
            else:
                self.lost[name] = self.lost.get(name, 0) + 1
                figures = node.machine.clock.figures
                fenced = self.lost[name] * figures.ha_pass >= figures.ha_fence
                status.nodes[name] = "gone" if fenced else "fence"
        if status.nodes.get(status.master) not in ("online", "maintenance"):
            status.master = node.name

    def _take_commands(self, node: Node, status: Status) -> None:
        text = text_of(node, config.COMMANDS)
        if not text:
            return
        node.write(config.COMMANDS, "")
        for line in text.splitlines():
            name, subject, *rest = [*line.split(), ""]
            service = status.services.get(subject)
            if name.endswith("-node-maintenance") and subject in status.nodes:
                on = name.startswith("enable")
                status.nodes[subject] = "maintenance" if on else "online"
            elif service is not None and name in ("migrate", "relocate"):
                if rest[0] != service.node:
                    service.state, service.target = name, rest[0]
            elif service is not None and name == "stop":
                service.state, service.timeout = "request_stop", int(rest[0] or 60)

    def _load(self, status: Status) -> dict[str, int]:
        return {
            name: sum(s.node == name and s.state == "started" for s in status.services.values())
            for name, state in status.nodes.items()
            if state == "online"
        }

    async def _step(
        self, node: Node, status: Status, sid: str, wanted: str, limits: Mapping[str, int]
    ) -> None:
        vmid = int(sid.split(":")[1])
        owner = node.cluster.guests()[vmid][0]
        service = status.services.get(sid)
        if service is None:
            state = "request_start" if wanted == "started" else "request_stop"
            status.services[sid] = Service(owner, state, uid=node.new_uuid()[:22])
            return
        if service.state in ("migrate", "relocate"):
            await self._move(service, vmid)
            return
        service.node = owner
        if status.nodes.get(owner) in ("fence", "gone"):
            self._recover(node, status, sid, service)
            return
        await self._bring(node, status, sid, service, wanted, limits)

    async def _bring(
        self,
        node: Node,
        status: Status,
        sid: str,
        service: Service,
        wanted: str,
        limits: Mapping[str, int],
    ) -> None:
        vmid, here = int(sid.split(":")[1]), self.peers[service.node]
        if service.state == "error":
            if wanted == "disabled":
                service.state, service.failed, service.moved = "request_stop", 0, 0
            return
        if service.state == "request_stop" or wanted in ("stopped", "disabled"):
            await self._stop(here, service, vmid)
            if wanted == "started":
                config_path = config.RESOURCES
                async with config.changing(here, config_path, "", _unheard) as sections:
                    sections.ids[sid].values["state"] = "stopped"
            return
        place = choose(node, sid, service.node, self._load(status))
        if place and place != service.node:
            service.state, service.target = "migrate", place
            return
        service.state = "started"
        if here.guest(vmid):
            service.running, service.failed, service.moved = 1, 0, 0
            return
        await self._start(node, status, sid, service, limits)

    async def _start(
        self, node: Node, status: Status, sid: str, service: Service, limits: Mapping[str, int]
    ) -> None:
        vmid, here = int(sid.split(":")[1]), self.peers[service.node]
        service.running = 0
        if await _run(here, f"qm start {vmid} --skiplock 1"):
            service.running, service.failed, service.moved = 1, 0, 0
            return
        service.failed += 1
        if service.failed <= limits.get("max_restart", 1):
            return
        place = choose(node, sid, service.node, self._load(status), leave=True)
        service.moved += 1
        if not place or service.moved > limits.get("max_relocate", 1):
            service.state = "error"
            return
        service.state, service.target, service.failed = "relocate", place, 0

    async def _stop(self, here: Node, service: Service, vmid: int) -> None:
        service.state = "request_stop"
        if here.guest(vmid):
            how = f"shutdown {vmid} --timeout {service.timeout} --forceStop 1 --skiplock 1"
            await _run(here, f"qm {how}" if service.timeout else f"qm stop {vmid} --skiplock 1")
        if not here.guest(vmid):
            service.state, service.running, service.timeout = "stopped", 0, 60

    async def _move(self, service: Service, vmid: int) -> None:
        here = self.peers[service.node]
        on = here.guest(vmid) is not None
        if on and service.state == "relocate":
            await _run(here, f"qm shutdown {vmid} --timeout 60 --forceStop 1 --skiplock 1")
        online = " --online 1" if here.guest(vmid) else ""
        await _run(here, f"qm migrate {vmid} {service.target}{online}")
        service.node = here.cluster.guests()[vmid][0]
        service.state, service.target = ("started" if on or service.failed else "stopped"), ""
        service.running = int(self.peers[service.node].guest(vmid) is not None)

    def _recover(self, node: Node, status: Status, sid: str, service: Service) -> None:
        """Move the configuration of a resource whose node is lost, once that is surely off."""
        service.running = 0
        if status.nodes[service.node] == "fence":
            service.state = "fence" if service.state != "stopped" else "stopped"
            return
        place = choose(node, sid, service.node, self._load(status))
        if service.state == "stopped":
            return
        service.state = "recovery"
        if place:
            vmid = int(sid.split(":")[1])
            old = f"/etc/pve/nodes/{service.node}/qemu-server/{vmid}.conf"
            node.machine.files.rename(old, old.replace(f"/{service.node}/", f"/{place}/"))
            service.node, service.state = place, "started"


_LIMITS = ("max_restart", "max_relocate")


async def _unheard(_: str) -> None:
    """Say nothing: the manager has no terminal."""


async def _run(node: Node, line: str) -> bool:
    """Run a program on a node; returns whether it succeeded."""
    status, _, _ = await collect(node.machine, line)
    return status == 0
