"""Making VMs the sizes that a review recommends: one run, in which each VM has its own numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pvekit.errors import Conflict
from pvekit.operations.desk import Desk
from pvekit.operations.orders import AnyOrder, Work
from pvekit.operations.resizing import Resize
from pvekit.plan import Plan
from pvekit.vms.power import Target
from pvekit.vms.resize import Resizing

KIND = "size review"


@dataclass(frozen=True)
class Follow(AnyOrder[Resizing]):
    """Following a review of the last ``since`` seconds; what each VM gets was decided with it.

    ``seconds`` is a guest's time to shut down, ``ready`` its time to get ready again (0: as
    configured).
    """

    since: int
    allow_restart: bool = False
    wait: bool = True
    seconds: int = 120
    ready: float = 0.0

    aim = Resizing
    verb = "resize"

    @property
    def kind(self) -> str:
        """What the journal calls such a run."""
        return KIND

    def decide(self, desk: Desk, found: Sequence[Target]) -> list[Work[Resizing]]:  # noqa: ARG002
        """Raise :class:`Conflict`: sizes are decided by a review that is shown, and agreed to."""
        raise Conflict(
            "The run ended before it had decided which VM gets what.",
            hint="Nothing was sent. Review again: pvekit size review --apply.",
            id="RUN-OVER",
        )

    def plan(self, desk: Desk, work: Work[Resizing]) -> Plan:
        """Return the plan for one VM."""
        return Resize(wait=self.wait, seconds=self.seconds, ready=self.ready).plan(desk, work)
