"""The plan that makes a VM: claim, clone, configure, grow, start, wait until it is ready.

The clone carries the mark from its first moment of being whole; before that, the claim says whose
it is. Everything the later steps need (MAC, disk slot, address) is decided beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pvekit.guest.ready import stages
from pvekit.guest.sight import Wanted
from pvekit.plan import Guard, Plan, Step
from pvekit.pve import claiming, goals, properties, qm, state, stored
from pvekit.pve.claims import Claim
from pvekit.pve.mark import Mark, with_mark
from pvekit.shell import Secret
from pvekit.vms import first_boot
from pvekit.vms.spec import Placement, VmSpec


@dataclass(frozen=True)
class Wait:
    """How a new VM is waited for, in seconds; ``hint`` is the way on if it does not get ready."""

    timeout: float = 300.0
    interval: float = 10.0
    accept_new: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Owner:
    """Who writes a claim: the machine and process of a run, and when (seconds since the epoch)."""

    host: str = ""
    pid: int = 0
    time: float = 0.0


def create(
    spec: VmSpec,
    at: Placement,
    wait: Wait | None = None,
    owner: Owner | None = None,
    *,
    begun: bool = False,
    password: Callable[[str], Secret] | None = None,
    listed: stored.Listing | None = None,
) -> Plan:
    """Return the plan for a new VM at a decided place; without ``wait`` it ends at the start.

    ``begun``: the run has begun its clone, so what lies under the vmid is its own. ``password``
    makes the hash of the password for this machine; without it, it gets none. ``listed`` is what
    was just seen on storages.
    """
    vm = Guard("vm", at.vmid, spec.name, at.run)
    hashed = password(f"{at.run}/{spec.subject}/{at.vmid}") if password else None
    steps = [
        *claims(spec, at, owner or Owner()),
        _leftovers(spec, at) if begun else _vacant(spec, at, listed),
        _clone(spec, at),
        _configure(spec, at, vm),
        *([_password(spec, at, vm, hashed)] if hashed else []),
        *_releases(spec, at),
    ]
    if spec.disk_gb > at.template_disk_gb:
        steps.append(_grow(spec, at, vm))
    if not spec.start:
        return Plan(tuple(steps))
    steps += [first_boot.inspect(spec, at, hashed), _start(spec, at, vm)]
    if wait is not None:
        steps += stages(
            spec.subject,
            wanted(spec, at, accept_new=wait.accept_new),
            timeout=wait.timeout,
            interval=wait.interval,
            hint=wait.hint,
        )
    return Plan(tuple(steps))


def wanted(spec: VmSpec, at: Placement, *, accept_new: bool = False) -> Wanted:
    """Return how to find the guest of a VM."""
    return Wanted(at.node, at.vmid, at.mac, spec.user, spec.address, accept_new, at.run)


def claims(spec: VmSpec, at: Placement, owner: Owner) -> list[Step]:
    """Return the steps that reserve vmid, name and address on the whole site."""
    there = goals.exists(at.node, at.vmid, spec.name, at.run)
    return [
        claiming.take(spec.subject, node, _claim(spec, at, owner, node), unless=there)
        for node in at.claim_nodes
    ]


def _releases(spec: VmSpec, at: Placement) -> list[Step]:
    files = claiming.names(_claim(spec, at, Owner(), at.home))
    return [claiming.give_up(spec.subject, node, at.run, files) for node in at.claim_nodes]


def _claim(spec: VmSpec, at: Placement, owner: Owner, node: str) -> Claim:
    """Return what is claimed; only at home does it name the node whose memory it will take."""
    return Claim(
        domain="",
        what="vmid",
        value=str(at.vmid),
        run=at.run,
        vmid=at.vmid,
        name=spec.name,
        node=at.pve_node if node == at.home else "",
        memory_mb=spec.memory_mb if node == at.home else 0,
        ip=spec.address,
        role=spec.role,
        host=owner.host,
        pid=owner.pid,
        time=owner.time,
    )


def storages_of(spec: VmSpec, at: Placement) -> tuple[str, ...]:
    """Return where a VM's volumes are going to lie."""
    return at.storages or (spec.storage,)


def _vacant(spec: VmSpec, at: Placement, listed: stored.Listing | None) -> Step:
    there = goals.exists(at.node, at.vmid, spec.name, at.run)
    places = storages_of(spec, at)
    return stored.vacant(spec.subject, at.template_node, at.vmid, places, there, listed)


def _leftovers(spec: VmSpec, at: Placement) -> Step:
    places = storages_of(spec, at)
    return stored.cleared(spec.subject, at.template_node, at.vmid, at.run, places)


def _clone(spec: VmSpec, at: Placement) -> Step:
    mark = mark_of(spec, at)
    options: dict[str, str | int] = {
        "name": spec.name,
        "description": mark.to_line(),
        "full": int(spec.full),
    }
    if spec.full:
        options["storage"] = spec.storage
    if at.target:
        options["target"] = at.target
    source = Guard("template", at.template, at.template_name)
    made = goals.exists(at.template_node, at.vmid, spec.name, at.run)
    return Step(
        spec.subject,
        "clone",
        at.template_node,
        goal=goals.free_for(made, at.template_node, at.vmid, spec.name, at.run),
        changes=(qm.clone(source, at.vmid, options),),
        slot=f"{at.template_node}/{spec.storage}",
        parts=at.template_disks,
        undo=_undo(spec, at),
    )


def mark_of(spec: VmSpec, at: Placement) -> Mark:
    """Return the mark that a machine carries."""
    need = f"{spec.cpus}c{spec.memory_mb}m{spec.disk_gb}g"
    return Mark(
        "vm",
        at.vmid,
        spec.name,
        role=spec.role,
        run=at.run,
        need=need,
        fleet=spec.fleet,
        source=spec.source,
        workload=spec.workload,
        template=spec.template,
    )


def _undo(spec: VmSpec, at: Placement) -> tuple[Step, ...]:
    """Take back a clone where it is: until it is whole, that is its template's node."""
    home, source = (at.node, at.pve_node), (at.template_node, at.template_pve_node)
    made = Guard("unfinished", at.vmid, spec.name, at.run)
    storages = storages_of(spec, at)
    steps = undo_creation(spec.subject, at.node, (home[1], source[1]), made, storages)
    if source != home:
        places = (source[1], home[1])
        steps += undo_creation(spec.subject, at.template_node, places, made, storages)
    return steps


def undo_creation(
    subject: str, node: str, places: tuple[str, ...], made: Guard, storages: tuple[str, ...]
) -> tuple[Step, ...]:
    """Return the steps that remove from one node what a run made there, finished or not.

    ``places`` are the node's name in Proxmox VE and those of others that are looked at as well.
    Volumes that no config names go first: what is left of the config keeps the vmid ours so long.
    """
    stopped = state.holds(
        f"VM {made.vmid} does not run on {node}, or is a stranger's",
        node,
        made.vmid,
        lambda now: made.vmid not in now.running or not now.made_by(made.run, made.vmid),
    )
    gone = goals.gone(node, places, made.vmid, made.run)
    return (
        Step(subject, f"undo-stop@{node}", node, stopped, (qm.stop(made),), patience=30.0),
        stored.freed(subject, node, made.vmid, made.run, storages),
        Step(subject, f"undo-destroy@{node}", node, gone, (qm.destroy(made),)),
    )


def options(spec: VmSpec, at: Placement) -> dict[str, str | int]:
    """Return the options that a VM gets after its clone, but for its SSH keys."""
    wanted: dict[str, str | int] = {
        "cores": spec.cpus,
        "memory": spec.memory_mb,
        "net0": properties.build(virtio=at.mac, bridge=spec.bridge, tag=spec.vlan),
        "ipconfig0": _ipconfig(spec),
        "ciuser": spec.user,
        "ciupgrade": int(spec.upgrade),
        "onboot": int(spec.onboot),
        "tags": ";".join(spec.tags),
    }
    if spec.nameservers:
        wanted["nameserver"] = " ".join(spec.nameservers)
    if spec.searchdomain:
        wanted["searchdomain"] = spec.searchdomain
    return wanted


def _ipconfig(spec: VmSpec) -> str:
    if spec.ip == "dhcp":
        return properties.build(ip="dhcp")
    gateway = spec.gateway or None
    if ":" in spec.ip:
        return properties.build(ip6=spec.ip, gw6=gateway)
    return properties.build(ip=spec.ip, gw=gateway)


def _configure(spec: VmSpec, at: Placement, vm: Guard) -> Step:
    keys = "".join(f"{key}\n" for key in spec.keys)
    given = options(spec, at)
    goal: Mapping[str, str | int | None] = {**given, "sshkeys": keys.strip()}
    changes = [qm.configure(vm, {**given, "sshkeys": "/dev/stdin"}, stdin=keys)]
    if spec.notes:
        goal = {**goal, "description": with_mark(spec.notes, mark_of(spec, at))}
        changes.append(qm.describe(vm, str(goal["description"])))
    return Step(
        spec.subject, "configure", at.node, goals.configured(at.node, at.vmid, goal), tuple(changes)
    )


def _password(spec: VmSpec, at: Placement, vm: Guard, hashed: Secret) -> Step:
    goal = goals.has_password(at.node, at.vmid, hashed)
    return Step(spec.subject, "password", at.node, goal, (qm.password(vm, hashed),))


def _grow(spec: VmSpec, at: Placement, vm: Guard) -> Step:
    return Step(
        spec.subject,
        "grow",
        at.node,
        goal=goals.disk_size(at.node, at.vmid, at.disk_slot, spec.disk_gb),
        changes=(qm.resize(vm, at.disk_slot, spec.disk_gb),),
        lasting="a grown disk does not shrink again",
    )


def _start(spec: VmSpec, at: Placement, vm: Guard) -> Step:
    return Step(
        spec.subject,
        "start",
        at.node,
        goal=goals.running(at.node, at.vmid),
        changes=(qm.start(vm),),
        patience=60.0,
    )
