"""``vm create``: read, decide, claim, carry out; decide again where a race was lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pvekit.config.load import public_keys
from pvekit.config.model import BASE_TEMPLATE, Config, TemplateConfig
from pvekit.errors import Conflict, IdTaken, UsageError
from pvekit.inventory.model import Inventory, Vm
from pvekit.journal import Journal
from pvekit.operations.carrying import Report, carry, finish, held, take_back
from pvekit.operations.desk import Desk
from pvekit.placement import Rules
from pvekit.plan import Plan
from pvekit.run.apply import Outcome, Preview, preview
from pvekit.sizing import Sized, SizeRequest, choose
from pvekit.vms import create, decide
from pvekit.vms.create import Wait
from pvekit.vms.decide import Decision, Wishes
from pvekit.vms.spec import Placement, VmSpec, freeze, thaw

KIND = "vm create"
ROUNDS = 40
"""How often a lost race for a name, address or vmid is tried again before giving up."""


@dataclass(frozen=True)
class Request:
    """What a command line asks for; None and empty text leave a thing to config and site.

    ``memory_mb`` is in MiB, ``disk_gb`` in GiB, ``timeout`` in seconds (0: the configured one).
    """

    role: str
    size: str = ""
    cpus: int | None = None
    memory_mb: int | None = None
    disk_gb: int | None = None
    network: str = "dhcp"
    ip: str = ""
    gateway: str = ""
    dns: tuple[str, ...] = ()
    vmid: int | None = None
    name: str = ""
    count: int = 1
    node: str | None = None
    template: str = ""
    storage: str = ""
    bridge: str = ""
    vlan: int | None = None
    tags: tuple[str, ...] = ()
    full: bool | None = None
    wait: bool = True
    timeout: float = 0.0
    accept_new: bool = False


@dataclass(frozen=True)
class Decided:
    """Machines with their places, and whether and how they are waited for."""

    decisions: tuple[Decision, ...]
    wait: Wait | None
    run: str = ""

    def plan(self, desk: Desk) -> Plan:
        """Return the plan for all of them."""
        return _plan(desk, self.decisions, self.wait)


def data(request: Request) -> dict[str, Any]:
    """Return a request as its journal holds it."""
    return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(request).items()}


def request_of(stored: Mapping[str, Any]) -> Request:
    """Return the request that :func:`data` wrote down."""
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in stored.items()
    }
    return Request(**values)


def standing(desk: Desk, request: Request) -> Vm | None:
    """Return the VM that a wish by name or vmid speaks of, if it is there, ours and as wished.

    Raises :class:`Conflict` for a stranger's, and for ours with the differences.
    """
    if not request.name and request.vmid is None:
        return None
    inventory = desk.inventory()
    for vm in inventory.find(request.name or str(request.vmid)):
        if not vm.ours or vm.is_template:
            raise Conflict(
                f"VM {vm.vmid} ({vm.name}) on {vm.node} is not ours: it does not carry our mark.",
                hint="Choose another name or vmid; pvekit leaves it alone.",
            )
        differences = _differences(request, vm)
        if differences:
            raise Conflict(
                f"VM {vm.vmid} ({vm.name}) is ours, but is not what is asked for.",
                details="\n".join(differences),
            )
        return vm
    return None


def decided(desk: Desk, request: Request, run: str = "preview") -> Decided:
    """Read the site and decide; changes nothing."""
    return Decided(_decide(desk, request, run), _wait(desk.config, request), run)


def foresee(desk: Desk, request: Request) -> tuple[Decided, Preview]:
    """Return what creating would do; changes nothing."""
    found = decided(desk, request)
    return found, preview(found.plan(desk), desk.site)


def carry_out(desk: Desk, request: Request, journal: Journal) -> tuple[Decided, Report]:
    """Create what is asked for, in a new run or one that is gone on with."""
    with held(journal):
        wait = _wait(desk.config, request)
        outcomes: dict[str, Outcome] = {}
        decisions: dict[str, Decision] = {}
        fresh = _pinned(journal) or _pin(journal, _decide(desk, request, journal.run))
        for _ in range(ROUNDS):
            decisions |= {spec.subject: (spec, at) for spec, at in fresh}
            outcomes |= _round(desk, fresh, journal, wait)
            lost = [decisions[name] for name, each in outcomes.items() if _lost(each, request)]
            if not lost:
                break
            for spec, _at in lost:
                del decisions[spec.subject], outcomes[spec.subject]
            fresh = _again(desk, request, journal, lost)
        ordered = {name: outcomes[name] for name in decisions}
        report = finish(desk, journal, ordered)
        return Decided(tuple(decisions.values()), wait, journal.run), report


def _round(
    desk: Desk, fresh: Sequence[Decision], journal: Journal, wait: Wait | None
) -> dict[str, Outcome]:
    """Claim what was decided, then make those machines whose claims were all won."""
    claimed = carry(desk, _claims(desk, fresh), journal)
    won = [each for each in fresh if claimed[each[0].subject].error is None]
    failed = {name: each for name, each in claimed.items() if each.error is not None}
    return failed | carry(desk, _plan(desk, won, wait), journal)


def _lost(outcome: Outcome, request: Request) -> bool:
    """Whether a race was lost for something that pvekit was free to choose."""
    return isinstance(outcome.error, IdTaken) and not request.name and request.vmid is None


def _again(
    desk: Desk, request: Request, journal: Journal, lost: Sequence[Decision]
) -> tuple[Decision, ...]:
    """Take back what lost machines had touched and decide them anew."""
    take_back(desk, _plan(desk, lost, None), journal)
    for spec, _ in lost:
        journal.dropped(spec.subject)
    desk.clock.sleep(desk.policy.jitter() * 0.2)
    fewer = replace(request, count=len(lost))
    return _pin(journal, _decide(desk, fewer, journal.run))


def _pin(journal: Journal, decisions: tuple[Decision, ...]) -> tuple[Decision, ...]:
    for spec, at in decisions:
        journal.decided(spec.subject, {"spec": freeze(spec), "at": freeze(at)})
    return decisions


def _pinned(journal: Journal) -> tuple[Decision, ...]:
    return tuple(
        (thaw(VmSpec, decision["spec"]), thaw(Placement, decision["at"]))
        for decision in journal.decisions().values()
    )


def resumed(desk: Desk, journal: Journal) -> Plan:
    """Return the plan of the decisions that a run has pinned."""
    return _plan(desk, _pinned(journal), None)


def _plan(desk: Desk, decisions: Iterable[Decision], wait: Wait | None) -> Plan:
    owner = desk.owner()
    plans = [create.create(spec, at, wait, owner) for spec, at in decisions]
    return Plan(tuple(step for plan in plans for step in plan))


def _claims(desk: Desk, decisions: Iterable[Decision]) -> Plan:
    owner = desk.owner()
    return Plan(tuple(s for spec, at in decisions for s in create.claims(spec, at, owner)))


def _decide(desk: Desk, request: Request, run: str) -> tuple[Decision, ...]:
    """Read the site and decide on it."""
    inventory = desk.inventory()
    placement = desk.config.placement
    rules = Rules(placement.memory_ratio, placement.memory_reserve_mb)
    return decide.decide(_wishes(desk.config, inventory, request), inventory, rules, run)


def _wait(config: Config, request: Request) -> Wait | None:
    if not request.wait:
        return None
    readiness = config.readiness
    return Wait(
        timeout=request.timeout or readiness.timeout_seconds,
        interval=readiness.ssh_check_interval_seconds,
        accept_new=request.accept_new,
        hint="The VM is kept. The same command goes on waiting for it.",
    )


def sized(config: Config, inventory: Inventory, request: Request) -> Sized:
    """Decide the size of the asked-for machines."""
    role = config.role(request.role)
    template = _template(config, inventory, request.template or role.template)
    found = decide.templates(inventory, template.name)
    asked = SizeRequest(
        role=request.role,
        size=request.size or role.size,
        cpus=request.cpus,
        memory_mb=request.memory_mb,
        disk_gb=request.disk_gb,
        template_disk_gb=decide.template_disk_gb(found) or template.base_disk_gb,
    )
    return choose(asked, config.sizes)


def _wishes(config: Config, inventory: Inventory, request: Request) -> Wishes:
    role = config.role(request.role)
    template = _template(config, inventory, request.template or role.template)
    size = sized(config, inventory, request)
    clone, cloud_init = config.clone, config.cloud_init
    return Wishes(
        role=request.role,
        size=size.size,
        because=size.because,
        template=template.name,
        user=cloud_init.user or template.user,
        keys=public_keys(config),
        count=request.count,
        prefix=config.naming.prefix,
        name=request.name,
        vmid=request.vmid,
        node=request.node,
        storage=request.storage or clone.storage or "",
        bridge=request.bridge or clone.bridge or "",
        vlan=request.vlan if request.vlan is not None else clone.vlan,
        ip=_first_address(request),
        gateway=request.gateway,
        nameservers=request.dns or cloud_init.nameservers,
        searchdomain=cloud_init.searchdomain or "",
        tags=(*role.tags, *request.tags),
        upgrade=cloud_init.upgrade,
        full=clone.full if request.full is None else request.full,
        onboot=clone.onboot,
        avoid=frozenset(each.id for each in config.templates.values()),
    )


def _template(config: Config, inventory: Inventory, wanted: str) -> TemplateConfig:
    """Return a template by its key in the config, its name, or the name of one on the site."""
    for template in config.templates.values():
        if wanted in (template.key, template.name):
            return template
    if decide.templates(inventory, wanted):
        return replace(config.template(BASE_TEMPLATE), key=wanted, name=wanted)
    return config.template(wanted)


def _first_address(request: Request) -> str:
    if request.network == "dhcp":
        if request.ip or request.gateway:
            raise UsageError("--ip and --gateway go with --network static.")
        return "dhcp"
    if not request.ip:
        raise UsageError("--network static needs --ip, such as --ip 10.0.0.20/24.")
    return request.ip


def _differences(request: Request, vm: Vm) -> list[str]:
    asked = {
        "name": (request.name or None, vm.name),
        "vmid": (request.vmid, vm.vmid),
        "cpus": (request.cpus, vm.cpus),
        "memory_mb": (request.memory_mb, vm.memory_mb),
        "role": (request.role, vm.mark.role if vm.mark else ""),
        "node": (request.node, vm.node),
    }
    return [
        f"{key}: asked for {wanted}, is {actual}"
        for key, (wanted, actual) in asked.items()
        if wanted is not None and wanted != actual
    ]


def result(spec: VmSpec, at: Placement, report: Report) -> dict[str, Any]:
    """Return what became of one machine, as data: seconds in all and per stage, and why."""
    outcome = report.outcomes[spec.subject]
    seen = {stage.verb: stage.seen for stage in outcome.stages}
    return {
        "name": spec.name,
        "vmid": at.vmid,
        "node": at.node,
        "address": spec.address or seen.get("address", ""),
        "size": f"{spec.cpus}/{spec.memory_mb}/{spec.disk_gb}",
        "cpus": spec.cpus,
        "memory_mb": spec.memory_mb,
        "disk_gb": spec.disk_gb,
        "because": spec.because,
        "role": spec.role,
        "placement": list(at.reasons),
        "state": "failed" if outcome.error else "ready" if "ssh" in seen else "started",
        "error": outcome.error.brief if outcome.error else None,
        "seconds": round(sum(stage.seconds for stage in outcome.stages), 1),
        "stages": {stage.verb: round(stage.seconds, 3) for stage in outcome.stages},
    }
