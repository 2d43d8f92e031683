"""Which of the nodes that can take a guest gets it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pvekit.placement.loads import Candidate
from pvekit.placement.rules import Need, Rules

Rank = tuple[float | str, ...]

_WEIGHTS = (1.0, 2.0, 5.0, 10.0)
"""Mean and highest load of CPUs, mean and highest load of memory, as Proxmox VE weighs them."""


def ranks(
    candidates: Sequence[Candidate], fitting: Sequence[Candidate], need: Need, rules: Rules
) -> dict[str, Rank]:
    """Return a key for each fitting node, by alias: the least is the best.

    The wishes to be apart or together come first, then the policy, then the name.
    """
    scores = _scores(candidates, need) if rules.policy == "balanced" else {}
    return {
        each.node.alias: (
            *_wishes(each),
            *_policy(each, rules, scores),
            each.node.name,
            each.node.alias,
        )
        for each in fitting
    }


def words(candidate: Candidate, rules: Rules) -> str:
    """Return the figures that the choice depends on."""
    parts = [f"{candidate.vms} VMs, {candidate.memory_free_mb} MiB free"]
    if rules.policy in ("memory", "pack"):
        parts.append(f"{reservable_mb(candidate, rules)} MiB can be given")
    if rules.policy == "balanced":
        cpus = candidate.node.cpus or 0
        parts.append(
            f"{candidate.memory_given_mb} of {candidate.node.memory_mb} MiB and "
            f"{candidate.cpus_given} of {cpus} CPUs given"
        )
    parts += [
        f"{each.on_node if each.group.rule == 'together' else each.in_domain} of {each.group.name}"
        for each in candidate.standings
        if each.anywhere
    ]
    return ", ".join(parts)


def reservable_mb(candidate: Candidate, rules: Rules) -> int:
    """Return how many MiB a node may still give away."""
    return rules.limit_mb(candidate.node.memory_mb or 0) - candidate.memory_given_mb


def topsis(rows: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Return how near each alternative is to the best of all columns: 0 (worst) to 1 (best).

    All columns are to be small; they are scaled to length 1 and weighted.
    """
    lengths = [math.sqrt(sum(x * x for x in column)) for column in zip(*rows.values(), strict=True)]
    scaled = {
        name: [
            weight * x / length if length else 0.0
            for weight, x, length in zip(_WEIGHTS, row, lengths, strict=True)
        ]
        for name, row in rows.items()
    }
    columns = list(zip(*scaled.values(), strict=True))
    best, worst = [min(column) for column in columns], [max(column) for column in columns]
    found = {}
    for name, row in scaled.items():
        to_best, to_worst = math.dist(row, best), math.dist(row, worst)
        found[name] = to_worst / (to_best + to_worst) if to_best + to_worst else 0.0
    return found


def balance(
    loads: Mapping[str, tuple[float, float, float, float]], cpus: float, memory: float
) -> dict[str, float]:
    """Return how even the nodes' loads would be with a guest on each of them in turn.

    ``loads`` are CPUs given, CPUs there, memory given and memory there, by node.
    """
    rows = {}
    for chosen in loads:
        cpu = [(c + cpus * (name == chosen)) / has for name, (c, has, _, _) in loads.items()]
        mem = [(m + memory * (name == chosen)) / has for name, (_, _, m, has) in loads.items()]
        # 1 more than the load, for a difference that is small to the whole shall count little.
        rows[chosen] = (1 + _mean(cpu), 1 + max(cpu), 1 + _mean(mem), 1 + max(mem))
    return topsis(rows)


def _mean(loads: Sequence[float]) -> float:
    return math.sqrt(sum(load * load for load in loads) / len(loads))


def _scores(candidates: Sequence[Candidate], need: Need) -> dict[str, float]:
    loads = {
        each.node.alias: (
            float(each.cpus_given),
            float(each.node.cpus or 1),
            float(each.memory_given_mb),
            float(each.node.memory_mb),
        )
        for each in candidates
        if each.node.configured and each.writable and each.node.memory_mb
    }
    return balance(loads, need.size.cpus, need.size.memory_mb) if loads else {}


def _wishes(candidate: Candidate) -> tuple[int, ...]:
    return tuple(
        number
        for each in candidate.standings
        for number in (
            (-each.on_node,) if each.group.rule == "together" else (each.in_domain, each.on_node)
        )
    )


def _policy(candidate: Candidate, rules: Rules, scores: Mapping[str, float]) -> tuple[float, ...]:
    if rules.policy == "balanced":
        # Rounded, so that the same figures in another order make no other choice.
        return (-round(scores.get(candidate.node.alias, 0.0), 9),)
    if rules.policy == "memory":
        return (-reservable_mb(candidate, rules), candidate.vms)
    if rules.policy == "pack":
        return (reservable_mb(candidate, rules), -candidate.vms)
    return (candidate.vms, -candidate.memory_free_mb)
