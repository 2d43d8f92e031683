"""What every operation works with: the configuration, the site, the journals, the time."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pvekit.config.load import public_keys
from pvekit.config.model import Config, OnFailure
from pvekit.errors import PvekitError, Transient
from pvekit.inventory.model import Inventory
from pvekit.inventory.read import assemble
from pvekit.journal import Journal, Store
from pvekit.operations.site_reading import readings
from pvekit.run.clock import Clock
from pvekit.run.context import Context, Event, Policy
from pvekit.run.site import Site
from pvekit.run.slots import Slots
from pvekit.run.stop import Stop
from pvekit.shell import Secret
from pvekit.ssh.pins import Pins

if TYPE_CHECKING:
    from pvekit.vms.create import Owner

Watch = Callable[[Event], None]


def unwatched(_: object) -> None:
    """Take no notice."""


@dataclass(frozen=True)
class Desk:
    """A configured site that is ready to be worked on.

    ``found`` are the secrets of the configuration that were looked for, by what is written there.
    ``parallel`` is how many VMs are changed at once (0: all).
    """

    config: Config
    site: Site
    store: Store
    clock: Clock = field(default_factory=Clock)
    policy: Policy = field(default_factory=Policy)
    watch: Watch = unwatched
    warn: Callable[[str], None] = unwatched
    stop: Stop = field(default_factory=Stop)
    slots: dict[str, Slots] = field(default_factory=dict)
    on_failure: OnFailure = "keep"
    pins: Pins | None = None
    parallel: int = 0
    found: dict[str, Secret] = field(default_factory=dict, repr=False)

    def context(self, journal: Journal) -> Context:
        """Return what the steps of a run are carried out with."""
        return Context(
            journal, self.clock, self.policy, self.watch, slots=self.slots, stop=self.stop
        )

    def inventory(self) -> Inventory:
        """Read the whole site: one command per node, and one more per PVE cluster.

        Raises :class:`PvekitError` if none answers, :class:`Transient` where that may pass.
        """
        self.stop.check()
        aliases = [node.alias for node in self.config.nodes]
        answers = readings(self.site, aliases, self.config.image_dir, self.clock, self.policy)
        inventory = assemble(answers)
        if not any(node.online and node.configured for node in inventory.nodes):
            passing = any(isinstance(answer, Transient) for answer in answers.values())
            kind = Transient if passing else PvekitError
            raise kind(
                "Cannot read the site: no configured node answers.",
                details="\n".join(inventory.problems),
                id="SITE-SILENT",
            )
        for problem in inventory.problems:
            self.warn(problem)
        return inventory

    def begin(self, kind: str, request: Mapping[str, Any]) -> Journal:
        """Start a run that changes something; the configured public key must be a real one."""
        public_keys(self.config)
        return self.store.begin(kind, request)

    def forget_guest(self, vmid: int, run: str) -> None:
        """Forget the host key of the VM that a run made: it is gone, or is made anew."""
        from pvekit.guest.sight import pin_name

        if self.pins is not None and run:
            self.pins.forget(pin_name(vmid, run))

    @staticmethod
    def owner() -> Owner:
        """Return who writes claims: this machine and process, now."""
        from pvekit.vms.create import Owner

        return Owner(socket.gethostname(), os.getpid(), round(time.time(), 3))
