"""What is wrong with a guest, by the faults that were ordered for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from pvekit.lab.faults import Fault, Faults


@dataclass
class Ailments:
    """The faults of one guest: those of its agent and its SSH server strike as it is powered on."""

    vmid: int
    faults: Faults
    _silent: Fault | None = field(default=None, init=False)
    _without_ssh: Fault | None = field(default=None, init=False)

    def strike(self) -> None:
        """Take what was ordered for the boot that begins."""
        self._silent = self.faults.take("guest-silent", str(self.vmid))
        self._without_ssh = self.faults.take("guest-no-ssh", str(self.vmid))

    @property
    def silent(self) -> bool:
        """Whether its agent does not answer."""
        return self._lasts(self._silent)

    @property
    def without_ssh(self) -> bool:
        """Whether its SSH server does not answer."""
        return self._lasts(self._without_ssh)

    def _lasts(self, fault: Fault | None) -> bool:
        """Tell whether a fault that struck at power-on still lasts: to power-off, or as ordered."""
        if fault is None or fault.count > 0:
            return fault is not None
        return self.faults.holds(fault.kind, str(self.vmid)) is not None

    async def slow_down(self) -> None:
        """Take as long as was ordered."""
        fault = self.faults.take("guest-slow", str(self.vmid))
        if fault is not None:
            # Wall time on purpose: a guest must be able to be slow in an immediate lab too.
            await asyncio.sleep(float(fault.detail.get("seconds", "5")))
