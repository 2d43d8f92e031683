"""``place``: where VMs would go, and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pvekit.operations import placement_rules, size_links, vm_wishes
from pvekit.operations.desk import Desk
from pvekit.operations.vm_wishes import Request
from pvekit.vms import decide


@dataclass(frozen=True)
class Answer:
    """Where VMs would go: each with its node and the reasons for every node, and what is doubtful.

    ``places`` are data: name, size, node, and reasons by node.
    """

    policy: str
    places: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...]


def ask(desk: Desk, request: Request) -> Answer:
    """Return where the asked-for VMs would go; changes nothing.

    Raises what :func:`pvekit.vms.decide.placed` does.
    """
    inventory = desk.inventory()
    links = size_links.links(desk, inventory)
    wished = vm_wishes.wishes(desk.config, inventory, request, links)
    chosen = placement_rules.rules(desk.config, request.policy)
    at = decide.placed(wished, inventory, chosen)
    places = tuple(
        {
            "name": need.name,
            "size": str(need.size),
            "cpus": need.size.cpus,
            "memory_mb": need.size.memory_mb,
            "disk_gb": need.size.disk_gb,
            "source": wished.source,
            "because": wished.because,
            "evidence": list(wished.evidence),
            "confidence": wished.confidence,
            "workload": wished.workload,
            "node": choice.node.alias,
            "template": choice.template.vmid,
            "reasons": [
                {**asdict(each), "chosen": each.node == choice.node.alias}
                for each in choice.reasons
            ],
        }
        for need, choice in zip(at.needs, at.found.choices, strict=True)
    )
    return Answer(chosen.policy, places, at.found.warnings)
