"""Orders: what is to be done with VMs that are there and ours, as a journal holds it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Generic, TypeVar, cast

from pvekit.journal import Pinned
from pvekit.journal.frozen import thaw
from pvekit.operations.desk import Desk
from pvekit.plan import Plan
from pvekit.vms.power import Target

A = TypeVar("A")


@dataclass(frozen=True)
class Work(Generic[A]):
    """One VM of an order, and what was decided for it: flat data, or None."""

    vm: Target
    aim: A


AnyWork = Work[Any]


class AnyOrder(ABC, Generic[A]):
    """An order; a subclass is a frozen dataclass of flat data.

    ``verb`` is what it does, as the command line says it after ``vm``. ``aim`` is the class of what
    it decides for each VM, None where there is nothing to decide.
    """

    verb: str
    aim: ClassVar[type[Any] | None] = None

    @property
    def kind(self) -> str:
        """What the journal calls such a run."""
        return f"vm {self.verb}"

    def decide(self, desk: Desk, found: Sequence[Target]) -> list[Work[A]]:  # noqa: ARG002
        """Decide what is to be done with each VM; raises what stands in the way. Sends nothing."""
        return [Work(vm, cast("A", None)) for vm in found]

    def again(self, desk: Desk, begun: Sequence[Work[A]]) -> list[Work[A]]:  # noqa: ARG002
        """Return what a run that is gone on with is to do, as the VMs are now. Sends nothing."""
        return list(begun)

    @abstractmethod
    def plan(self, desk: Desk, work: Work[A]) -> Plan:
        """Return the plan for one VM."""

    def leaves(self, work: Work[A]) -> str:
        """Return the PVE name of the node that it moves a VM to; empty if it does not."""
        del work
        return ""

    def frozen(self, work: Work[A]) -> dict[str, Any]:
        """Return a decision as the journal holds it."""
        aim = {"aim": asdict(cast("Any", work.aim))} if self.aim else {}
        return {"target": asdict(work.vm), **aim}

    def thawed(self, pinned: Pinned) -> Work[A]:
        """Return a decision from the journal."""
        vm = thaw(Target, pinned.part("target"))
        return Work(vm, cast("A", thaw(self.aim, pinned.part("aim")) if self.aim else None))
