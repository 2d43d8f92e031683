"""Reading a site: the question to each node, and the inventory from all answers. Does no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from pvekit.errors import PvekitError, UnreadableAnswer, UsageError
from pvekit.inventory import guests, nodes, reading, storages
from pvekit.inventory.model import DEFAULT_VMID_RANGE, Domain, Inventory
from pvekit.inventory.reading import NodeReading
from pvekit.pve import conf, properties, scripts
from pvekit.pve.numbers import whole
from pvekit.shell import Query

Readings = Mapping[str, NodeReading]

UNSEEN = "No node of its PVE cluster tells what is there."


def site_query(image_dir: str) -> Query[NodeReading]:
    """Return the question that reads one node; the free space asked for is ``image_dir``'s."""
    return Query(scripts.script("read-site", image_dir), reading.parse)


def sparing_query(image_dir: str) -> Query[NodeReading]:
    """Return the question that leaves out what all members of a PVE cluster would tell alike."""
    return Query(scripts.joined(("sparing", "read-site"), image_dir), reading.parse)


def assemble(answers: Mapping[str, NodeReading | PvekitError]) -> Inventory:
    """Put together what each configured node answered, by alias, or why it did not.

    Of each PVE cluster one node at least must have told what all share; else none was read.
    Raises :class:`UsageError` where two aliases of the config are one host, and where two hosts
    cannot be told apart.
    """
    read = {alias: item for alias, item in answers.items() if isinstance(item, NodeReading)}
    failed = {alias: item for alias, item in answers.items() if isinstance(item, PvekitError)}
    _refuse_twins(read)
    groups = _by_domain(read)
    whole = {key: group for key, group in groups.items() if _viewed(group)}
    failed |= {alias: _unseen() for key in sorted(groups.keys() - whole) for alias in groups[key]}
    found = _joined([_part(key, group) for key, group in whole.items()])
    unread = tuple(f"{alias}: {error}" for alias, error in failed.items())
    return replace(
        found, nodes=nodes.with_failed(found.nodes, failed), problems=unread + found.problems
    )


def _viewed(readings: Readings) -> list[NodeReading]:
    """Return the readings that have what the whole PVE cluster shares."""
    return [item for item in readings.values() if not item.is_spared]


def _unseen() -> UnreadableAnswer:
    return UnreadableAnswer(UNSEEN)


def _joined(parts: Sequence[Inventory]) -> Inventory:
    return Inventory(
        domains=tuple(item for part in parts for item in part.domains),
        nodes=tuple(item for part in parts for item in part.nodes),
        storages=tuple(item for part in parts for item in part.storages),
        vms=tuple(item for part in parts for item in part.vms),
        claims=tuple(item for part in parts for item in part.claims),
        problems=tuple(item for part in parts for item in part.problems),
    )


def _refuse_twins(readings: Readings) -> None:
    for (alias, one), (other_alias, other) in combinations(readings.items(), 2):
        if one.boot_id and one.boot_id == other.boot_id:
            raise UsageError(
                f"{alias} and {other_alias} are the same host ({one.node}).",
                hint="Name it once in proxmox_nodes.",
                id="CONFIG-SAME-HOST",
            )
        if one.pve_cluster and (one.pve_cluster, one.node) == (other.pve_cluster, other.node):
            raise UsageError(
                f"{alias} and {other_alias} are two hosts, and both are node {one.node} of a PVE "
                f"cluster called {one.pve_cluster}: pvekit cannot tell them apart.",
                hint="Use one config file for each PVE cluster.",
                id="CONFIG-SAME-NAME",
            )


def _by_domain(readings: Readings) -> dict[str, dict[str, NodeReading]]:
    groups: dict[str, dict[str, NodeReading]] = {}
    for alias, item in sorted(readings.items()):
        groups.setdefault(item.pve_cluster or f"host:{alias}", {})[alias] = item
    return groups


def _part(key: str, readings: Readings) -> Inventory:
    """Return the inventory of one domain, after its most recent quorate view."""
    view = max(_viewed(readings), key=lambda item: (item.quorate, item.time))
    domain = Domain(
        key=key,
        clustered=view.pve_cluster is not None,
        quorate=view.quorate,
        members=view.members,
        vmid_range=_vmid_range(view),
    )
    return Inventory(
        domains=(domain,),
        nodes=nodes.nodes(domain, view, readings),
        storages=storages.storages(key, view),
        vms=guests.vms(key, view, readings.values()),
        claims=guests.claims_in(key, view),
        problems=tuple(_problems(domain, readings)),
    )


def _vmid_range(view: NodeReading) -> tuple[int, int]:
    options = conf.parse(view.files.get("/etc/pve/datacenter.cfg", ""))
    bounds = properties.parse(options.values.get("next-id", ""))
    lower, upper = (bounds.get(key, "") for key in ("lower", "upper"))
    default_lower, default_upper = DEFAULT_VMID_RANGE
    return (whole(lower) or default_lower, whole(upper) or default_upper)


def _problems(domain: Domain, readings: Readings) -> Iterator[str]:
    if not domain.quorate:
        yield f"PVE cluster {domain.key} has no quorum: nothing can be changed there."
    names = {member.name for member in domain.members}
    for alias, item in readings.items():
        if item.node not in names:
            yield f"{alias}: PVE cluster {domain.key} does not know this node as a member."
        elif domain.quorate and not item.writable:
            yield f"{alias}: /etc/pve takes no changes there; the node has no quorum."
