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
from pvekit.lab.ha.attempt import Attempt
from pvekit.lab.ha.state import Status

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
        managed = {
            sid: section
            for sid, section in sections.items()
            if int(sid.partition(":")[2]) in owners
            and config.wanted_state(section.values) != "ignored"
        }
        for sid in status.services.keys() - managed.keys():
            del status.services[sid]
        status.save(node)
        for sid, section in sorted(managed.items()):
            await Attempt(node, status, sid, section).make()
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
