"""Keeping what a review found, for the sizes that are proposed after it."""

from __future__ import annotations

import time

from pvekit.errors import PvekitError
from pvekit.operations.desk import Desk
from pvekit.operations.reviewing import Finding, Found
from pvekit.reviews import Book, Reviewed
from pvekit.sizing.size import parse_need


def keep(desk: Desk, found: Found) -> None:
    """Write down what was measured; a disk that is full is only warned of."""
    now = time.time()
    measured = [each for each in found.findings if each.review.cpu or each.review.memory]
    if not measured:
        return
    try:
        Book.of(desk.store).write([_reviewed(each, now) for each in measured])
    except OSError as error:
        desk.warn(f"the review is not kept for later sizes: {error.strerror}")
    except PvekitError as error:
        desk.warn(f"the review is not kept for later sizes: {error.brief}")


def _reviewed(finding: Finding, now: float) -> Reviewed:
    vm, review = finding.vm, finding.review
    return Reviewed(
        domain=vm.domain,
        vmid=vm.vmid,
        name=vm.name,
        role=vm.own.role,
        workload=vm.own.workload,
        tags=vm.tags,
        template=vm.own.template,
        source=vm.own.source,
        proposed=parse_need(vm.own.need),
        cpus=vm.cpus,
        memory_mb=vm.memory_mb,
        cpu=review.cpu.used if review.cpu else None,
        memory=review.memory.used if review.memory else None,
        signs=review.signs,
        at=now,
        days=review.days,
    )
