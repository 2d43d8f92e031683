"""What reviews found of the VMs that are like one that is to be sized, gone ones too."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from pvekit.inventory.model import Vm
from pvekit.operations.desk import Desk
from pvekit.reviews import Book, Reviewed
from pvekit.sizing import Need
from pvekit.sizing.similar import MOST, likeness

ReviewKey = tuple[str, int, str]
"""What tells a reviewed VM from all others, gone ones too: its domain, vmid and name."""


@dataclass(frozen=True)
class Reviews:
    """What reviews found of the VMs of a site, read when it is first asked for."""

    desk: Desk

    @cached_property
    def all(self) -> dict[ReviewKey, Reviewed]:
        """All reviews that are kept."""
        return {each.key: each for each in Book.of(self.desk.store).read()}

    def of(self, vm: Vm) -> Reviewed | None:
        """Return the review of a VM that is there, if there is one."""
        return self.all.get(review_key(vm))

    def similar(self, need: Need) -> tuple[Reviewed, ...]:
        """Return the reviews of similar VMs, the best first, of equally similar ones the newest."""
        scored = [(likeness_of(need, each), each.at, each.key) for each in self.all.values()]
        return tuple(self.all[key] for score, _, key in sorted(scored, reverse=True) if score)

    def best(self, need: Need) -> tuple[Reviewed, ...]:
        """Return as many of them as a size is taken from."""
        return self.similar(need)[:MOST]


def likeness_of(need: Need, review: Reviewed) -> int:
    """Return how much a reviewed VM is like what is to be sized."""
    return likeness(need, review.role, review.workload, review.tags, review.template)


def review_key(vm: Vm) -> ReviewKey:
    """Return what a VM's review is known by."""
    return vm.domain, vm.vmid, vm.name
