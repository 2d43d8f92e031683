"""What ordered faults do to whole nodes: power that is lost and comes back, clocks that are off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pvekit.lab.clock import Clock, SkewedClock
from pvekit.lab.faults import Faults
from pvekit.lab.machine import collect

if TYPE_CHECKING:
    from pvekit.lab.node import Node

_SKEW_SECONDS = 300.0


class Outages:
    """Keeps the nodes as the open faults want them."""

    def __init__(self, nodes: Mapping[str, Node], faults: Faults, clock: Clock) -> None:
        self._nodes = nodes
        self._faults = faults
        self._clock = clock
        self._applying = False
        self._booting: dict[str, asyncio.Task[None]] = {}
        self._watchers: list[Callable[[str], None]] = []
        faults.watch(self.apply)

    def watch(self, watcher: Callable[[str], None]) -> None:
        """Have a function called with the name of a node that went down or came up."""
        self._watchers.append(watcher)

    def apply(self) -> None:
        """Bring about what the open faults say of whole nodes."""
        if self._applying:
            return
        self._applying = True
        try:
            for name in self._nodes:
                self._apply(name)
        finally:
            self._applying = False

    def _apply(self, name: str) -> None:
        node = self._nodes[name]
        down = self._faults.holds("node-down", name) is not None
        if down and (node.machine.up or name in self._booting):
            self.lose_power(name)
        elif not down and not node.machine.up and name not in self._booting:
            self._boot(name)
        skew = self._faults.holds("clock-skew", name)
        if isinstance(node.machine.clock, SkewedClock):
            ahead = skew.number_of("seconds", _SKEW_SECONDS) if skew else 0.0
            node.machine.clock.ahead[0] = ahead
        reboot = self._faults.holds("node-reboot", name)
        if reboot is not None and not reboot.detail.get("line") and not down:
            self._faults.take("node-reboot", name)
            self.reboot(name)

    def reboot_for(self, name: str, line: str) -> str | None:
        """Return the moment at which a command line makes its node start anew, or None."""
        fault = self._faults.holds("node-reboot", name)
        if fault is None or fault.detail.get("line", "") not in line:
            return None
        self._faults.take("node-reboot", name)
        return fault.when

    def reboot(self, name: str) -> None:
        """Let a node lose its power and come back after its boot."""
        self.lose_power(name)
        self._boot(name)

    def lose_power(self, name: str) -> None:
        """Let a node lose its power: its guests, programs and connections are gone."""
        booting = self._booting.pop(name, None)
        if booting is not None:
            booting.cancel()
        node = self._nodes[name]
        for vmid in tuple(node.guests):
            node.power_off(vmid)
        node.running = []
        node.machine.up = False
        node.machine.reboot()
        self._tell(name)

    def _boot(self, name: str) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._come_up(name)
            return
        self._booting[name] = loop.create_task(self._booted(name))

    async def _booted(self, name: str) -> None:
        await self._clock.sleep(self._clock.figures.node_boot)
        self._booting.pop(name, None)
        self._come_up(name)
        node = self._nodes[name]
        for vmid in node.vmids():
            values = node.config(vmid).values
            if values.get("onboot") == "1" and "template" not in values:
                await collect(node.machine, f"qm start {vmid}")

    def _come_up(self, name: str) -> None:
        machine = self._nodes[name].machine
        machine.reboot()
        machine.up = True
        self._tell(name)

    def _tell(self, name: str) -> None:
        for watcher in self._watchers:
            watcher(name)
