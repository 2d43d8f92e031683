"""Sizes of machines that never ran: with nothing known of them, and with one predecessor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sizing_traces import STEP, Case, Score, Scorer, Unit, cases

from pvekit.sizing.demand import Series, percentile
from pvekit.sizing.need import sibling_need
from pvekit.sizing.shape import Resource

PRESET_PERCENTILE = 95
PREDECESSOR_DAYS = 14


@dataclass(frozen=True)
class Launches:
    """Scores of a first launch, how it was sized, and of the second one."""

    title: str
    first_name: str
    first: Score
    second: Score


def launches(workloads: Sequence[Unit], vms: Sequence[Unit]) -> tuple[Launches, ...]:
    """Score workloads' replicas by one replica before, and VMs by their own earlier launch."""
    found = []
    for resource in ("memory", "cpu"):
        for one in (_workloads(workloads, resource), _vms(vms, resource)):
            found.extend(one)
    return tuple(found)


def _workloads(units: Sequence[Unit], resource: Resource) -> Iterator[Launches]:
    """The first replica's first day is reviewed, then the others are launched.

    The first launch is sized by a preset: large enough for 95 % of the other workloads.
    """
    all_ = cases(units, resource, 1, 1)
    firsts = [case for case in all_ if case.origin == min(one.origin for one in all_)]
    pairs = [(case, _others(case)) for case in firsts if len(case.machines) > 1]
    if not pairs or len(firsts) < 2:  # nobody else to take a preset from
        return
    scorer = Scorer([others for _, others in pairs])
    needs = {case.unit.name: case.oracle for case in firsts}
    presets = [
        percentile(
            sorted(need for name, need in needs.items() if name != case.unit.name),
            PRESET_PERCENTILE,
        )
        for case, _ in pairs
    ]
    second = [
        sibling_need([Series(STEP, case.machines[0])], resource, "workload") for case, _ in pairs
    ]
    yield Launches(
        f"Kubernetes {_NAME[resource]}, launches of a workload",
        f"first launch, preset (p{PRESET_PERCENTILE} of the others)",
        scorer.score(presets),
        scorer.score(second),
    )


def _others(case: Case) -> Case:
    return replace(case, machines=case.machines[1:], after=case.after[1:])


def _vms(units: Sequence[Unit], resource: Resource) -> Iterator[Launches]:
    """A VM's first 14 days are its predecessor's; the first launch is sized by its owner."""
    found = cases(units, resource, PREDECESSOR_DAYS, 7)
    if not found:
        return
    scorer = Scorer(found)
    owners = [
        case.unit.provisioned_mb if resource == "memory" else case.unit.cores for case in found
    ]
    second = [sibling_need([Series(STEP, case.machines[0])], resource) for case in found]
    yield Launches(
        f"VM {_NAME[resource]}, launches of a VM",
        "first launch, as its owner sized it",
        scorer.score(owners),
        scorer.score(second),
    )


_NAME = {"cpu": "CPU", "memory": "memory"}
