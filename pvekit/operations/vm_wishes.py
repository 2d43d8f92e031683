"""What ``vm create`` is asked for, turned into wishes with the configuration's defaults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from ipaddress import ip_address
from typing import Any

from pvekit.config.load import public_keys
from pvekit.config.model import AUTO_SIZE, BASE_TEMPLATE, Config, TemplateConfig
from pvekit.errors import UsageError
from pvekit.inventory.model import Inventory
from pvekit.journal.account import MANNER
from pvekit.operations import placement_rules, workload_classes
from pvekit.sizing import Catalogue, Link, Sized, SizeRequest, choose
from pvekit.sizing.described import describe
from pvekit.sizing.workload import OTHER
from pvekit.vms import sources
from pvekit.vms.create import Wait
from pvekit.vms.wishes import Wishes


@dataclass(frozen=True)
class Request:
    """What a command line asks for; None and empty text leave a thing to config and site.

    ``memory_mb`` is in MiB, ``disk_gb`` in GiB, ``timeout`` in seconds (0: the configured one).
    """

    role: str
    size: str = ""
    workload: str = ""
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
    policy: str = ""
    anti_affinity: str = ""
    spread: str = ""
    near: str = ""
    avoid: tuple[str, ...] = ()


WAITING = ("wait", "timeout", "accept_new")
"""The parts of a request that say how the VMs are waited for."""


def data(request: Request, config: Config) -> dict[str, Any]:
    """Return a request as its journal holds it, with what the configuration makes of it.

    How it is waited for stands apart: it is no other request for that.
    """
    asked = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(request).items()}
    manner = {key: asked.pop(key) for key in WAITING}
    role = config.role(request.role)
    template = request.template or role.template
    user = config.cloud_init.user or ""
    made_of = {"template": template, "user": user, "keys": list(public_keys(config))}
    return {"asked": asked, MANNER: manner, **made_of}


def sized(
    config: Config,
    inventory: Inventory,
    request: Request,
    links: Sequence[Link] = (),
    catalogue: Catalogue | None = None,
) -> Sized:
    """Decide the size of the asked-for VMs; ``links`` know more than the presets.

    ``catalogue`` are other workload classes than the configured ones.
    """
    role = config.role(request.role)
    template = _template(config, inventory, request.template or role.template)
    found = sources.templates(inventory, template.name)
    asked = SizeRequest(
        role=request.role,
        size=request.size or (AUTO_SIZE if request.workload else role.size),
        cpus=request.cpus,
        memory_mb=request.memory_mb,
        disk_gb=request.disk_gb,
        template_disk_gb=sources.template_disk_gb(found) or template.base_disk_gb,
        workload=request.workload,
        tags=(*role.tags, *request.tags),
        template=template.name,
    )
    return choose(asked, config.sizes, catalogue or workload_classes.known(config), links)


def untold(config: Config, request: Request) -> tuple[str, ...]:
    """Return the units that a text's workload class counts by and that the text does not tell."""
    return describe(request.workload, workload_classes.known(config)).missing


def unnamed(config: Config, request: Request) -> tuple[str, ...]:
    """Return the workload classes that there are, if a text names none of them."""
    known = workload_classes.known(config)
    named = describe(request.workload, known).workload is not None
    return () if named else tuple(name for name in known if name != OTHER)


def is_sized_by_text(request: Request) -> bool:
    """Whether a text is there, and something is left to be chosen by it."""
    given = (request.cpus, request.memory_mb, request.disk_gb)
    return bool(request.workload) and request.size in ("", AUTO_SIZE) and None in given


def wishes(
    config: Config, inventory: Inventory, request: Request, links: Sequence[Link] = ()
) -> Wishes:
    """Return what is wished for: what was asked for, over the role's and the config's defaults."""
    role = config.role(request.role)
    template = _template(config, inventory, request.template or role.template)
    size = sized(config, inventory, request, links)
    clone, cloud_init = config.clone, config.cloud_init
    return Wishes(
        role=request.role,
        size=size.size,
        because=size.because,
        source=size.source,
        evidence=size.evidence,
        confidence=size.confidence,
        workload=size.workload,
        template=template.name,
        user=cloud_init.user or template.user,
        keys=public_keys(config),
        count=request.count,
        prefix=config.naming.prefix,
        name=request.name,
        vmid=request.vmid,
        node=request.node,
        storage=_storage(config, request),
        bridge=request.bridge or clone.bridge or "",
        vlan=request.vlan if request.vlan is not None else clone.vlan,
        ip=_first_address(request),
        exact_ip=request.count == 1,
        gateway=request.gateway,
        nameservers=_nameservers(request) or cloud_init.nameservers,
        searchdomain=cloud_init.searchdomain or "",
        tags=(*role.tags, *request.tags),
        upgrade=cloud_init.upgrade,
        full=_full(config, request),
        onboot=clone.onboot,
        avoid=frozenset(each.id for each in config.templates.values()),
        groups=placement_rules.groups(
            config,
            inventory,
            request.role,
            request.anti_affinity,
            request.spread,
            request.near,
        ),
        shun=frozenset(request.avoid),
    )


def _template(config: Config, inventory: Inventory, wanted: str) -> TemplateConfig:
    """Return a template by its key in the config, its name, or the name of one on the site."""
    for template in config.templates.values():
        if wanted in (template.key, template.name):
            return template
    if sources.templates(inventory, wanted):
        return replace(config.template(BASE_TEMPLATE), key=wanted, name=wanted)
    return config.template(wanted)


def _full(config: Config, request: Request) -> bool:
    return config.clone.full if request.full is None else request.full


def _storage(config: Config, request: Request) -> str:
    """Return the storage for full clones; empty means the template's."""
    if _full(config, request):
        return request.storage or config.clone.storage or ""
    if request.storage:
        raise UsageError(
            "A linked clone stays on its template's storage.",
            hint="Leave out --storage, or make a full clone with --full.",
        )
    return ""


def _first_address(request: Request) -> str:
    if request.network == "dhcp":
        if request.ip or request.gateway:
            raise UsageError("--ip and --gateway go with --network static.")
        return "dhcp"
    if not request.ip:
        raise UsageError(
            "--network static needs --ip, such as --ip 10.0.0.20/24.", id="ADDRESS-INVALID"
        )
    return request.ip


def _nameservers(request: Request) -> tuple[str, ...]:
    for address in request.dns:
        try:
            ip_address(address)
        except ValueError:
            raise UsageError(
                f"--dns needs an address, not {address!r}.", id="ADDRESS-INVALID"
            ) from None
    return request.dns


def wait(config: Config, request: Request) -> Wait | None:
    """Return how the VMs are waited for, or None if they are not."""
    if not request.wait:
        return None
    readiness = config.readiness
    return Wait(
        timeout=request.timeout or readiness.timeout_seconds,
        interval=readiness.ssh_check_interval_seconds,
        accept_new=request.accept_new,
        hint="The VM is kept. The same command goes on waiting for it.",
    )
