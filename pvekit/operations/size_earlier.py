"""What a model is told of: VMs like one that is to be sized, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pvekit.inventory.model import Inventory, Vm
from pvekit.llm.earlier import Earlier, chosen
from pvekit.operations.size_reviews import ReviewKey, Reviews, likeness_of, review_key
from pvekit.reviews import Reviewed
from pvekit.sizing import Demand, Need, similar
from pvekit.sizing.demand import evidence
from pvekit.sizing.size import parse_need

Used = Sequence[tuple[Vm, Demand]]
"""VMs that run, and what they have used."""


def earlier(need: Need, inventory: Inventory, used: Used, reviews: Reviews) -> tuple[Earlier, ...]:
    """Return what a model is told of: those that run with what they ``used``, then the others."""
    return chosen(tuple(_all(need, inventory, used, reviews)))


def _all(need: Need, inventory: Inventory, used: Used, reviews: Reviews) -> Iterator[Earlier]:
    for vm, demand in used:
        yield _running(need, vm, demand, reviews.of(vm))
    known = {review_key(vm) for vm, _ in used}
    there = {review_key(vm) for vm in inventory.vms}
    for review in reviews.similar(need):
        if review.key not in known:
            yield _reviewed(need, review, still_there=review.key in there)


def _running(need: Need, vm: Vm, used: Demand, review: Reviewed | None) -> Earlier:
    mark = vm.own
    cpu = evidence("own", [used.cpu] if used.cpu else [])
    memory = evidence("own", [used.memory] if used.memory else [])
    return Earlier(
        identity=_identity(review_key(vm), review),
        name=vm.name,
        role=mark.role,
        workload=mark.workload,
        shared_tags=len({*need.request.tags} & {*vm.tags}),
        same_template=bool(mark.template) and mark.template == need.request.template,
        likeness=similar.likeness_of(need, vm),
        still_there=True,
        first=parse_need(mark.need),
        source=mark.source,
        cpus=vm.cpus,
        memory_mb=vm.memory_mb,
        cpu=cpu or (review.cpu if review else None),
        memory=memory or (review.memory if review else None),
        signs=review.signs if review else (),
    )


def _reviewed(need: Need, review: Reviewed, *, still_there: bool) -> Earlier:
    template = review.template
    return Earlier(
        identity=_identity(review.key, review),
        name=review.name,
        role=review.role,
        workload=review.workload,
        shared_tags=len({*need.request.tags} & {*review.tags}),
        same_template=bool(template) and template == need.request.template,
        likeness=likeness_of(need, review),
        still_there=still_there,
        first=review.proposed,
        source=review.source,
        cpus=review.cpus,
        memory_mb=review.memory_mb,
        cpu=review.cpu,
        memory=review.memory,
        signs=review.signs,
    )


def _identity(key: ReviewKey, review: Reviewed | None) -> str:
    return f"{key}, reviewed {review.at if review else 'never'}"
