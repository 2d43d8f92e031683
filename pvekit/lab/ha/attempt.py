"""What the HA manager does about one resource in one pass: a step to where it is asked to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvekit.lab.ha import config
from pvekit.lab.ha.placing import choose
from pvekit.lab.ha.state import Service, Status
from pvekit.lab.machine import collect

if TYPE_CHECKING:
    from pvekit.lab.node import Node
    from pvekit.lab.sections import Section

_LOST = frozenset({"fence", "gone"})


@dataclass(frozen=True)
class Attempt:
    """One step for a resource; ``node`` is where the manager works."""

    node: Node
    status: Status
    sid: str
    section: Section

    @property
    def _vmid(self) -> int:
        return int(self.sid.partition(":")[2])

    @property
    def _wanted(self) -> str:
        return config.wanted_state(self.section.values)

    @property
    def _here(self) -> Node:
        return self.node.peers[self._service.node]

    @property
    def _service(self) -> Service:
        return self.status.services[self.sid]

    @property
    def _is_on(self) -> bool:
        return self._here.guest(self._vmid) is not None

    def _limit(self, name: str) -> int:
        return int(self.section.values.get(name, "1"))

    def _place(self, *, leave: bool = False) -> str:
        load = self.status.load_of_nodes()
        return choose(self.node, self.sid, self._service.node, load, leave=leave)

    async def make(self) -> None:
        """Take the step."""
        owner = self.node.cluster.owner(self._vmid)
        if owner is None:
            return  # it was destroyed meanwhile
        if self.sid not in self.status.services:
            state = "request_start" if self._wanted == "started" else "request_stop"
            self.status.services[self.sid] = Service(owner[0], state, self.node.new_uuid()[:22])
        elif self._service.state in {"migrate", "relocate"}:
            await self._move()
        else:
            self._service.node = owner[0]
            if self.status.nodes.get(owner[0]) in _LOST:
                self._recover()
            else:
                await self._bring()

    async def _bring(self) -> None:
        service = self._service
        if service.state == "error":
            if self._wanted == "disabled":
                service.state, service.failed, service.moved = "request_stop", 0, 0
        elif service.state == "request_stop" or self._wanted in {"stopped", "disabled"}:
            await self._stop()
            if self._wanted == "started":
                await self._ask_for("stopped")
        elif (place := self._place()) and place != service.node:
            service.state, service.target = "migrate", place
        else:
            service.state = "started"
            await self._start()

    async def _ask_for(self, state: str) -> None:
        """Note another wish, so that what was stopped on purpose does not come back."""
        async with config.changing(self._here, config.RESOURCES, "", _unheard) as sections:
            sections.ids[self.sid].values["state"] = state

    async def _start(self) -> None:
        service = self._service
        service.running = int(
            self._is_on or await _run(self._here, f"qm start {self._vmid} --skiplock 1")
        )
        if service.running:
            service.failed, service.moved = 0, 0
            return
        service.failed += 1
        if service.failed <= self._limit("max_restart"):
            return
        place = self._place(leave=True)
        service.moved += 1
        if not place or service.moved > self._limit("max_relocate"):
            service.state = "error"
        else:
            service.state, service.target, service.failed = "relocate", place, 0

    async def _stop(self) -> None:
        service, vmid = self._service, self._vmid
        service.state = "request_stop"
        if self._is_on and service.timeout:
            await self._shut_down(service.timeout)
        elif self._is_on:
            await _run(self._here, f"qm stop {vmid} --skiplock 1")
        if not self._is_on:
            service.state, service.running, service.timeout = "stopped", 0, 60

    async def _shut_down(self, timeout: int) -> None:
        how = f"--timeout {timeout} --forceStop 1 --skiplock 1"
        await _run(self._here, f"qm shutdown {self._vmid} {how}")

    async def _move(self) -> None:
        service, on = self._service, self._is_on
        if on and service.state == "relocate":
            await self._shut_down(60)
        online = " --online 1" if self._is_on else ""
        await _run(self._here, f"qm migrate {self._vmid} {service.target}{online}")
        owner = self.node.cluster.owner(self._vmid)
        service.node = owner[0] if owner else service.node
        service.state, service.target = ("started" if on or service.failed else "stopped"), ""
        service.running = int(self._is_on)

    def _recover(self) -> None:
        """Move the configuration from a node that is lost, once that is surely off."""
        service = self._service
        service.running = 0
        if service.state == "stopped":
            return
        if self.status.nodes[service.node] == "fence":
            service.state = "fence"
            return
        service.state = "recovery"
        if place := self._place():
            old = f"/etc/pve/nodes/{service.node}/qemu-server/{self._vmid}.conf"
            new = old.replace(f"/{service.node}/", f"/{place}/")
            self.node.machine.files.rename(old, new)
            service.node, service.state = place, "started"


async def _unheard(_: str) -> None:
    """Say nothing: the manager has no terminal."""


async def _run(node: Node, line: str) -> bool:
    """Run a program on a node; returns whether it succeeded."""
    status, _, _ = await collect(node.machine, line)
    return status == 0
