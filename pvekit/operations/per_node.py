"""Asking each node of several VMs for what it knows of them: one command per node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pvekit.errors import PvekitError
from pvekit.inventory.model import Inventory, NodeState, Vm, VmKey
from pvekit.operations.desk import Desk
from pvekit.plan import Ask
from pvekit.run.gather import gather
from pvekit.shell import Query

T = TypeVar("T")

Asked = Callable[[NodeState, Sequence[Vm]], Query[Mapping[int, T]]]
"""Returns the question for these VMs of a node; the answer is by vmid."""


@dataclass(frozen=True)
class Answers(Generic[T]):
    """What nodes said of VMs, and why some said nothing, by the node's alias.

    A VM is in neither where its node had nothing to say of it, or could not be asked.
    """

    found: Mapping[VmKey, T]
    failed: Mapping[str, PvekitError]


def answers(desk: Desk, inventory: Inventory, vms: Sequence[Vm], asked: Asked[T]) -> Answers[T]:
    """Ask the nodes of these VMs, each once, as far as they are configured and online."""
    there: dict[str, tuple[NodeState, list[Vm]]] = {}
    for vm in vms:
        node = inventory.node_of(vm)
        if node is not None and node.configured and node.online:
            there.setdefault(node.alias, (node, []))[1].append(vm)
    asks = {alias: Ask(alias, asked(*each)) for alias, each in there.items()}
    found: dict[VmKey, T] = {}
    failed: dict[str, PvekitError] = {}
    said = gather(desk.site, asks, desk.clock, once=True)
    for alias, (node, _) in there.items():
        answer = said[alias]
        if isinstance(answer, PvekitError):
            failed[alias] = answer
        else:
            found |= {(node.domain, vmid): each for vmid, each in answer.items()}
    return Answers(found, failed)
