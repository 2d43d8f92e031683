"""``size sample``: what the VMs that run have used until now, kept for the sizes of later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pvekit.errors import PvekitError, Transient
from pvekit.inventory.model import Inventory, Vm, VmKey
from pvekit.operations.carrying import PARTIAL
from pvekit.operations.desk import Desk
from pvekit.operations.listing import vm_of
from pvekit.operations.per_node import answers
from pvekit.operations.selecting import Selection, find
from pvekit.pve import counters
from pvekit.pve.counters import Counters
from pvekit.samples import Sample, Samples, kept_under

SECONDS_OFF = 3600.0
"""A node whose clock is further off from this machine's is not believed the time."""

_NAMED = 5


@dataclass(frozen=True)
class Taken:
    """What became of one VM: ``node`` is its node's alias.

    ``state`` is ``sampled``, ``stopped``, ``recent`` (another one has just sampled it) or
    ``unread`` (its node does not say).
    """

    vm: Vm
    node: str
    state: str
    sample: Sample | None = None
    error: PvekitError | None = None


@dataclass(frozen=True)
class Sampled:
    """What became of the VMs; ``silent_nodes`` may have further ones that are meant."""

    vms: tuple[Taken, ...]
    silent_nodes: tuple[str, ...] = ()


def take(desk: Desk, chosen: Selection | None, samples: Samples, now: float) -> Sampled:
    """Sample the VMs that are chosen and run, one command per node; None are all of ours.

    Raises :class:`PvekitError` where samples cannot be kept.
    """
    inventory = desk.inventory()
    vms = _chosen(inventory, chosen)
    told = _counted(desk, inventory, [vm for vm in vms if vm.running])
    taken = [_taken(vm, inventory, told.get(vm.key), now) for vm in vms]
    _tell_mute(desk, taken)
    return Sampled(_kept(taken, samples), _silent(inventory, chosen))


def prune(samples: Samples, keep_seconds: float, now: float) -> None:
    """Remove the samples that are older; raises :class:`PvekitError` where that cannot be."""
    try:
        samples.prune(now - keep_seconds)
    except OSError as error:
        raise _unusable(samples, error) from None


def _silent(inventory: Inventory, chosen: Selection | None) -> tuple[str, ...]:
    """Return the nodes that do not say which VMs they have, where all that match are meant."""
    if chosen is not None and chosen.names:
        return ()
    return tuple(node.alias for node in inventory.nodes if node.configured and not node.online)


def status(found: Sampled) -> int:
    """Return the exit status: 0, 4 where only some could be read, else why none could.

    7 where nothing failed, but a node does not say which VMs it has.
    """
    errors = [each.error for each in found.vms if each.error is not None]
    if not errors:
        return Transient.exit_status if found.silent_nodes else 0
    statuses = {error.exit_status for error in errors}
    if any(each.state in ("sampled", "recent") for each in found.vms):
        return PARTIAL
    return statuses.pop() if len(statuses) == 1 else 1


def _chosen(inventory: Inventory, chosen: Selection | None) -> list[Vm]:
    if chosen is not None:
        return [vm_of(inventory, target) for target in find(inventory, chosen)]
    ours = (vm for vm in inventory.vms if vm.kind == "qemu" and vm.ours and not vm.is_template)
    placed = ((inventory.node_of(vm), vm) for vm in ours)
    found = [vm for node, vm in placed if node is not None and node.configured]
    return sorted(found, key=lambda vm: (vm.node, vm.vmid))


_Told = Mapping[VmKey, Counters | PvekitError]


def _counted(desk: Desk, inventory: Inventory, vms: Sequence[Vm]) -> _Told:
    """Return what each VM's node says of it, or why it says nothing; left out: it is off by now."""
    told = answers(desk, inventory, vms, lambda _, there: _query(there))
    found: dict[VmKey, Counters | PvekitError] = dict(told.found)
    for vm in vms:
        node = inventory.node_of(vm)
        if node is not None and node.alias in told.failed:
            found[vm.key] = told.failed[node.alias]
    return found


def _query(vms: Sequence[Vm]) -> counters.Counting:
    mute = [vm.vmid for vm in vms if not vm.has_agent]
    return counters.query([vm.vmid for vm in vms if vm.has_agent], mute)


def _taken(vm: Vm, inventory: Inventory, said: Counters | PvekitError | None, now: float) -> Taken:
    alias = inventory.alias_of(vm)
    if isinstance(said, PvekitError):
        return Taken(vm, alias, "unread", error=said)
    if said is None:
        if vm.running is not None:
            return Taken(vm, alias, "stopped")
        return Taken(vm, alias, "unread", error=Transient(f"{alias} does not answer."))
    return Taken(vm, alias, "sampled", _sample(said, now))


def _sample(said: Counters, now: float) -> Sample:
    at = said.at if abs(said.at - now) <= SECONDS_OFF else int(now)
    sample = Sample(at, said.process, round(said.cpu_seconds * 10))
    memory = said.memory
    if memory is None:
        return sample
    return replace(
        sample,
        used_mb=memory.used_mb,
        total_mb=memory.total_mb,
        some_ms=memory.some_ms,
        full_ms=memory.full_ms,
    )


def _tell_mute(desk: Desk, taken: Sequence[Taken]) -> None:
    """Say once, of all of them, which guests did not tell."""
    mute = [each.vm.name for each in taken if each.sample and each.sample.used_mb is None]
    if mute:
        more = f" and {len(mute) - _NAMED} more" if len(mute) > _NAMED else ""
        named = ", ".join(mute[:_NAMED])
        desk.warn(f"no guest agent tells of memory in {named}{more}: only CPU was sampled")


def _kept(taken: Sequence[Taken], samples: Samples) -> tuple[Taken, ...]:
    """Write the samples down; one that another process has just taken is not written twice."""
    keys = {sample_key(each.vm): each.sample for each in taken if each.sample is not None}
    if not keys:
        return tuple(taken)
    try:
        added = samples.add(keys)
    except OSError as error:
        raise _unusable(samples, error) from None
    return tuple(
        replace(each, state="recent") if each.sample and sample_key(each.vm) not in added else each
        for each in taken
    )


def sample_key(vm: Vm) -> str:
    """Return what a VM's samples are kept under."""
    return kept_under(vm.vmid, vm.own.run, vm.name)


def _unusable(samples: Samples, error: OSError) -> PvekitError:
    return PvekitError(
        f"Cannot keep samples in {samples.directory}: {error.strerror or error}.",
        hint="XDG_STATE_HOME says where they lie.",
        id="SAMPLES-UNUSABLE",
    )
