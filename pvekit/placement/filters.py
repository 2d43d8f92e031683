"""What keeps a guest off a node: each filter returns its objection in words, or None."""

from __future__ import annotations

from pvekit.placement.loads import Candidate, Standing
from pvekit.placement.rules import GIB, Need, Rules


def objection(candidate: Candidate, need: Need, rules: Rules) -> str | None:
    """Return why a guest cannot go to a node, or None if it can."""
    return (
        _state(candidate)
        or _pins(candidate, need)
        or _template(candidate)
        or _storage(candidate, need)
        or _bridge(candidate, need)
        or _cpus(candidate, need, rules)
        or _vms(candidate, rules)
        or _memory(candidate, need, rules)
        or _groups(candidate)
    )


def _state(candidate: Candidate) -> str | None:
    node = candidate.node
    if not node.configured:
        return "not named in the config (proxmox_nodes)"
    if not node.online:
        return "not online"
    if not candidate.writable:
        return "no quorum, nothing can be changed there"
    if node.maintenance:
        return "in maintenance (HA node-maintenance)"
    return None


def _pins(candidate: Candidate, need: Need) -> str | None:
    alias = candidate.node.alias
    if alias in need.avoid:
        return "is to be avoided"
    if need.pin and alias not in need.pin:
        return f"is none of the nodes that it is pinned to ({', '.join(sorted(need.pin))})"
    return None


def _template(candidate: Candidate) -> str | None:
    return None if candidate.template else "no copy of the template that could be cloned to it"


def _storage(candidate: Candidate, need: Need) -> str | None:
    storage = candidate.storage
    if storage is None or not storage.is_on(candidate.node.name):
        return f"has no storage {need.storage}"
    if storage.disabled:
        return f"storage {need.storage} is disabled"
    if "images" not in storage.content:
        content = ", ".join(sorted(storage.content))
        return f"storage {need.storage} does not take disk images (its content: {content})"
    if candidate.room is None:
        return f"storage {need.storage} is not active"
    if candidate.room < need.room_bytes:
        return (
            f"storage {need.storage} has {candidate.room / GIB:.1f} GiB free, "
            f"{need.room_bytes / GIB:.1f} GiB are wanted"
        )
    return None


def _bridge(candidate: Candidate, need: Need) -> str | None:
    if need.bridge in candidate.node.bridges:
        return None
    known = ", ".join(sorted(candidate.node.bridges)) or "none"
    return f"has no bridge {need.bridge} (there are: {known})"


def _cpus(candidate: Candidate, need: Need, rules: Rules) -> str | None:
    cpus, wanted = candidate.node.cpus, need.size.cpus
    if cpus is None:
        return None
    if wanted > cpus:
        return f"has {cpus} CPUs, and PVE starts no guest with more ({wanted} are wanted)"
    if rules.cpu_ratio is not None and candidate.cpus_given + wanted > cpus * rules.cpu_ratio:
        return (
            f"CPUs: {candidate.cpus_given} given to guests + {wanted} wanted is more than "
            f"{cpus} x placement.cpu_ratio {rules.cpu_ratio:g}"
        )
    return None


def _vms(candidate: Candidate, rules: Rules) -> str | None:
    if rules.max_vms is None or candidate.vms < rules.max_vms:
        return None
    return f"has {candidate.vms} VMs, and placement.max_vms is {rules.max_vms}"


def _memory(candidate: Candidate, need: Need, rules: Rules) -> str | None:
    total = candidate.node.memory_mb
    if total is None:
        return "its memory is not known (pvestatd reports nothing)"
    given, wanted, limit = candidate.memory_given_mb, need.size.memory_mb, rules.limit_mb(total)
    if given + wanted <= limit:
        return None
    return (
        f"memory: {given} MiB given to guests + {wanted} MiB wanted is more than {limit} MiB "
        f"({total} MiB x placement.memory_ratio {rules.memory_ratio:g} - "
        f"placement.memory_reserve_mb {rules.reserve_mb(total)})"
    )


def _groups(candidate: Candidate) -> str | None:
    objections = (_group(candidate, each) for each in candidate.standings if each.group.hard)
    return next(filter(None, objections), None)


def _group(candidate: Candidate, standing: Standing) -> str | None:
    group = standing.group
    if group.rule == "apart" and standing.in_domain:
        return f"anti-affinity: {standing.in_domain} of {group.name} {_there(candidate)} already"
    if group.rule == "spread" and standing.in_domain > standing.least:
        return (
            f"spread: {standing.in_domain} of {group.name} {_there(candidate)}, "
            f"{standing.least} elsewhere"
        )
    if group.rule == "together" and standing.anywhere and not standing.on_node:
        return f"affinity: {group.name} is on {standing.where}"
    return None


def _there(candidate: Candidate) -> str:
    own = candidate.domain == candidate.node.alias
    return "there" if own else f"in failure domain {candidate.domain}"
