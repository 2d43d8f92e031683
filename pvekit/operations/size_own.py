"""pvekit's own samples of VMs, read while their nodes are asked for theirs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from pvekit.deadlines import begun
from pvekit.inventory.model import Vm
from pvekit.operations.desk import Desk
from pvekit.operations.size_merging import merged
from pvekit.operations.size_sampling import SECONDS_OFF, sample_key
from pvekit.pve.use import Use
from pvekit.samples import Measured, Samples, measured
from pvekit.sizing.demand import DAY_SECONDS

Uses = Mapping[tuple[str, int], Use]
Own = Mapping[tuple[str, int], Sequence[Measured]]


def reading(desk: Desk, vms: Sequence[Vm], span_seconds: float) -> Callable[[], Own]:
    """Begin to read the samples of VMs, and return what waits for them."""
    samples, now = Samples.of(desk.store), time.time()

    def own() -> Own:
        kept = {
            vm.key: samples.read(sample_key(vm), now - span_seconds, now + SECONDS_OFF)
            for vm in vms
        }
        return {place: measured(each) for place, each in kept.items() if each}

    return begun(own).result


def over(found: Uses, own: Own, span_seconds: float) -> Uses:
    """Put own samples over what the nodes have recorded."""
    both = dict(found)
    for place, kept in own.items():
        both[place] = merged(_recent(found.get(place), span_seconds), kept)
    return both


def _recent(used: Use | None, span_seconds: float) -> Use | None:
    """Cut records that go back much further: own samples make their steps many."""
    return None if used is None else used.last(span_seconds + DAY_SECONDS)
