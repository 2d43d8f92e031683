"""All checks, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pvekit.doctor import clusters, here, images, networks, nodes, storages
from pvekit.doctor.model import Finding, View
from pvekit.errors import Transient

Check = Callable[[View], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    here.public_key,
    here.agent,
    here.model,
    nodes.reached,
    nodes.shells,
    nodes.permissions,
    nodes.versions,
    nodes.clocks,
    nodes.run_space,
    clusters.quorum,
    clusters.members,
    storages.storages,
    storages.others,
    storages.pools,
    networks.bridges,
    networks.guests,
    images.tools,
    images.urls,
    images.room,
    clusters.leftovers,
)


def examine(view: View) -> tuple[Finding, ...]:
    """Return what all checks find; what two of them say alike is said once."""
    return tuple(dict.fromkeys(finding for check in CHECKS for finding in check(view)))


def status(findings: Iterable[Finding]) -> int:
    """Return the exit status: 0 without a failure, 7 if all of them may pass, else 1."""
    failed = [finding for finding in findings if finding.level == "fail"]
    if not failed:
        return 0
    return Transient.exit_status if all(each.passing for each in failed) else 1
