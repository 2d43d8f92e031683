"""Choosing nodes: of those that no filter objects to, the best by wishes and policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pvekit.errors import NoCapacity, NotFound
from pvekit.inventory.model import Inventory, NodeState, Vm
from pvekit.placement import scores, survival
from pvekit.placement.filters import objection
from pvekit.placement.loads import Candidate, Loads
from pvekit.placement.rules import Group, Need, Rules


@dataclass(frozen=True)
class Reason:
    """Why a node was or was not accepted, by its alias; figures as they stood before the pick."""

    node: str
    accepted: bool
    because: str
    vms: int
    memory_given_mb: int
    memory_free_mb: int
    failure_domain: str = ""


@dataclass(frozen=True)
class Choice:
    """The chosen node, the template that is cloned for it, and the reason for each node."""

    node: NodeState
    template: Vm
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Pass:
    """The choices for several guests, in their order, and what is doubtful about them all."""

    choices: tuple[Choice, ...]
    warnings: tuple[str, ...] = ()


def choose(need: Need, inventory: Inventory, rules: Rules, only: str | None = None) -> Choice:
    """Choose a node for one guest; ``only`` admits a single node, by alias or PVE name.

    Raises :class:`NoCapacity` with the numbers of each node, :class:`NotFound` if ``only`` is
    none.
    """
    return place_all((need,), inventory, rules, only)[0]


def place_all(
    needs: Sequence[Need], inventory: Inventory, rules: Rules, only: str | None = None
) -> tuple[Choice, ...]:
    """Choose nodes for several guests in one pass; each pick counts for those after it."""
    return place(needs, inventory, rules, only).choices


def place(
    needs: Sequence[Need], inventory: Inventory, rules: Rules, only: str | None = None
) -> Pass:
    """Choose nodes as :func:`place_all` does, and say what is doubtful about the outcome."""
    loads = Loads(inventory, rules)
    nodes = _admitted(inventory, only)
    _check_names(needs, inventory)
    choices = []
    for need in needs:
        choices.append(_choose(need, loads, nodes, inventory, rules))
        loads.take(need, choices[-1].node)
    return Pass(tuple(choices), (*_crowded(needs, loads, rules), *_lost(loads, inventory, rules)))


def named(inventory: Inventory, alias: str) -> NodeState:
    """Return a node by its alias or PVE name; raises :class:`NotFound` if it is none."""
    node = inventory.node(alias)
    if node is None:
        known = ", ".join(node.alias for node in inventory.nodes if node.configured)
        raise NotFound(
            f"There is no node {alias!r} on the site; the config names {known}.",
            id="NODE-NOT-FOUND",
        )
    return node


def _admitted(inventory: Inventory, only: str | None) -> tuple[NodeState, ...]:
    return inventory.nodes if only is None else (named(inventory, only),)


def _check_names(needs: Sequence[Need], inventory: Inventory) -> None:
    for alias in sorted({alias for need in needs for alias in need.pin | need.avoid}):
        named(inventory, alias)


def _choose(
    need: Need, loads: Loads, nodes: Sequence[NodeState], inventory: Inventory, rules: Rules
) -> Choice:
    candidates = loads.candidates(need, nodes)
    objections = {
        each.node: objection(each, need, rules) or _loss(each, need, loads, inventory, rules)
        for each in candidates
    }
    fitting = [each for each in candidates if objections[each.node] is None]
    reasons = tuple(_reason(each, objections[each.node], rules) for each in candidates)
    ranks = scores.ranks(candidates, fitting, need, rules)
    best = min(fitting, key=lambda each: ranks[each.node.alias], default=None)
    if best is None or best.template is None:
        raise NoCapacity(
            f"No node can take {need.name} ({need.size}).",
            details="\n".join(f"{reason.node}: {reason.because}" for reason in reasons),
            id="PLACEMENT-IMPOSSIBLE",
            hint=_hint(need, candidates),
        )
    return Choice(best.node, best.template, reasons)


def _loss(
    candidate: Candidate, need: Need, loads: Loads, inventory: Inventory, rules: Rules
) -> str | None:
    if rules.loss != "refuse":
        return None
    lost = survival.losses(loads.after(need, candidate.node), inventory, rules)
    return f"placement.n_plus_one: {lost[0]}" if lost else None


def _hint(need: Need, candidates: Sequence[Candidate]) -> str:
    """Say how few failure domains there are, where guests must be apart."""
    apart = [group.name for group in need.groups if group.hard and group.rule == "apart"]
    if not apart:
        return ""
    domains = {each.domain for each in candidates if each.node.configured}
    return (
        f"{apart[0]} must be apart, and there are {len(domains)} failure domains "
        f"({', '.join(sorted(domains))}): fewer of them, or anti-affinity soft."
    )


def _reason(candidate: Candidate, objects: str | None, rules: Rules) -> Reason:
    return Reason(
        node=candidate.node.alias,
        accepted=objects is None,
        because=objects or scores.words(candidate, rules),
        vms=candidate.vms,
        memory_given_mb=candidate.memory_given_mb,
        memory_free_mb=candidate.memory_free_mb,
        failure_domain=candidate.domain,
    )


def _crowded(needs: Sequence[Need], loads: Loads, rules: Rules) -> list[str]:
    """Say which guests that should be apart share a failure domain."""
    groups = {g.name: g for need in needs for g in need.groups if g.rule == "apart"}
    return [line for name in sorted(groups) for line in _sharing(groups[name], loads, rules)]


def _sharing(group: Group, loads: Loads, rules: Rules) -> list[str]:
    counts: dict[str, int] = {}
    for node, count in loads.counts(group).items():
        domain = rules.domain_of(node)
        counts[domain] = counts.get(domain, 0) + count
    total = sum(counts.values())
    return [
        f"{count} of {total} VMs of {group.name} share {domain}: its failure takes "
        + ("half of them or more." if 2 * count >= total else "them together.")
        for domain, count in sorted(counts.items())
        if count > 1
    ]


def _lost(loads: Loads, inventory: Inventory, rules: Rules) -> list[str]:
    if rules.loss != "warn":
        return []
    return [f"Not N+1: {loss}." for loss in survival.losses(loads.now, inventory, rules)]
