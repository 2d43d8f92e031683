"""What the configuration says, as frozen data with every default filled in.

Field names are the keys of the file. Paths stay as they were written and become a ``Path`` where
they are used, by :meth:`Config.path`.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pvekit.config.faults import Origin, Place
from pvekit.config.nearest import did_you_mean
from pvekit.errors import UsageError
from pvekit.sizing.size import Size

AUTO_SIZE = "auto"
BASE_TEMPLATE = "base"


@dataclass(frozen=True)
class NodeEntry:
    """One Proxmox VE node as the file names it; what is None comes from the defaults or ssh."""

    host: str
    name: str | None = None
    port: int | None = None
    user: str | None = None
    ssh_private_key_path: str | None = None
    jump: str | None = None
    failure_domain: str | None = None

    @property
    def alias(self) -> str:
        """The word that the command line uses: the given name, else the host without its domain."""
        return self.name or short_name(self.host)


def with_aliases(nodes: Sequence[NodeEntry]) -> tuple[NodeEntry, ...]:
    """Return the nodes, named by the full host where the short name would also mean another."""
    taken = Counter(node.alias for node in nodes)
    return tuple(
        node if node.name or taken[node.alias] == 1 else replace(node, name=node.host)
        for node in nodes
    )


def short_name(host: str) -> str:
    """Return the first label of a host name, and an IP address unchanged."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.partition(".")[0]
    return host


@dataclass(frozen=True)
class BuildNetwork:
    """The network of a template's build VM; `ip` is "dhcp" or an address in CIDR form.

    Without a bridge it is the template's own ``network_bridge`` and ``vlan``.
    """

    bridge: str | None = None
    vlan: int | None = None
    ip: str = "dhcp"
    gateway: str | None = None
    dns: tuple[str, ...] = ()


@dataclass(frozen=True)
class TemplateConfig:
    """One template to build; `key` is its word in the file, "base" for ``vm_template``.

    Without a `signature` one is required wherever it is known whose it must be.
    """

    key: str
    name: str
    id: int
    image_url: str
    checksum_url: str
    storage_pool: str
    network_bridge: str
    base_cpus: int
    base_memory_mb: int
    base_disk_gb: int
    recipe: str = "base"
    vlan: int | None = None
    bios: Literal["seabios", "ovmf"] = "seabios"
    machine: str | None = None
    cpu: str = "x86-64-v2-AES"
    scsihw: Literal["virtio-scsi-single", "virtio-scsi-pci"] = "virtio-scsi-single"
    disk_format: Literal["raw", "qcow2"] | None = None
    user: str = "ubuntu"
    customize: Literal["auto", "virt-customize", "boot"] = "auto"
    cloud_init_slot: str = "scsi1"
    build_network: BuildNetwork = field(default_factory=BuildNetwork)
    kubernetes_version: str | None = None
    build_timeout_seconds: int = 1800
    signature: Literal["require", "if-present"] | None = None
    signature_url: str | None = None
    signing_key: str | None = None


@dataclass(frozen=True)
class RoleConfig:
    """What the VMs of a role get unless the command line says otherwise.

    Without an ``anti_affinity`` it is soft for masters, and none for others.
    """

    name: str
    template: str = BASE_TEMPLATE
    size: str = AUTO_SIZE
    tags: tuple[str, ...] = ()
    anti_affinity: Literal["none", "soft", "hard"] | None = None


@dataclass(frozen=True)
class CloudInitConfig:
    """What cloud-init gives each VM; the key is as written: its text or the path of a .pub file.

    The password is as written, too: in most cases where it is to be found.
    """

    ssh_public_key: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    upgrade: bool = False
    nameservers: tuple[str, ...] = ()
    searchdomain: str | None = None


@dataclass(frozen=True)
class Readiness:
    """How long a new VM is waited for, how often SSH is tried, and by which way."""

    timeout_seconds: float = 300
    ssh_check_interval_seconds: float = 10
    via: Literal["auto", "direct", "node"] = "auto"


@dataclass(frozen=True)
class Placement:
    """How much of a node may be given away, and which node gets a VM.

    A reserve of None means the smaller of 4096 MiB and 12 % of the node's memory; other limits of
    None are none. ``n_plus_one`` is what is done where the loss of a node would not be borne.
    """

    policy: Literal["count", "memory", "balanced", "pack"] = "count"
    memory_ratio: float = 1.0
    memory_reserve_mb: int | None = None
    cpu_ratio: float | None = None
    max_vms: int | None = None
    n_plus_one: Literal["ignore", "warn", "refuse"] = "ignore"


@dataclass(frozen=True)
class Naming:
    """How VMs are called: ``PREFIX-ROLE-NUMBER``."""

    prefix: str = "k8s"


@dataclass(frozen=True)
class Clone:
    """What clones get by default, and how many run at once per node and storage."""

    full: bool = True
    storage: str | None = None
    bridge: str | None = None
    vlan: int | None = None
    onboot: bool = False
    concurrency: int = 4


@dataclass(frozen=True)
class Timeouts:
    """How long a run puts up with what may pass by itself, in seconds.

    ``quorum`` is how long a lost quorum is waited for, ``retry`` how long after its first failure
    a step is still tried again.
    """

    quorum: float = 300
    retry: float = 300


@dataclass(frozen=True)
class MaxCost:
    """The most that questions to a model may cost, in USD; None is no limit."""

    call: float | None = None
    day: float | None = None


@dataclass(frozen=True)
class Price:
    """What a million tokens cost, in USD: those of a question, and those of an answer.

    With one of them alone nothing is known of costs.
    """

    question: float | None = None
    answer: float | None = None


@dataclass(frozen=True)
class LlmConfig:
    """The model that proposes sizes for `--size auto`; without a `model` none is asked.

    The key is as written: in most cases where it is to be found.
    """

    model: str | None = None
    api_base: str | None = None
    api_key: str | None = field(default=None, repr=False)
    timeout_seconds: float = 20
    max_rounds: int = 2
    send_names: bool = False
    max_cost_usd: MaxCost = field(default_factory=MaxCost)
    price_per_million: Price = field(default_factory=Price)


OnFailure = Literal["keep", "rollback"]


@dataclass(frozen=True)
class Config:
    """The whole configuration; `source` is the file that says most, if there is one.

    Without an `ssh_user` it is whom ``~/.ssh/config`` names, else root. `context` is the name of
    the chosen site, `origins` say where each value stands.
    """

    nodes: tuple[NodeEntry, ...]
    templates: Mapping[str, TemplateConfig]
    cloud_init: CloudInitConfig
    sizes: Mapping[str, Size]
    roles: Mapping[str, RoleConfig] = field(default_factory=dict)
    ssh_user: str | None = None
    ssh_private_key_path: str | None = None
    ssh_known_hosts_path: str | None = None
    readiness: Readiness = field(default_factory=Readiness)
    placement: Placement = field(default_factory=Placement)
    naming: Naming = field(default_factory=Naming)
    clone: Clone = field(default_factory=Clone)
    timeouts: Timeouts = field(default_factory=Timeouts)
    llm: LlmConfig = field(default_factory=LlmConfig)
    on_failure: OnFailure = "keep"
    audit: bool = True
    sudo: Literal["all", "wrapper"] = "all"
    image_dir: str = "/var/lib/vz/pvekit"
    sizes_dir: str | None = None
    source: Path | None = None
    context: str = ""
    origins: Mapping[Place, Origin] = field(default_factory=dict, compare=False, repr=False)

    def template(self, key: str) -> TemplateConfig:
        """Return the template of that key; UsageError names the known ones."""
        if key in self.templates:
            return self.templates[key]
        known = sorted(self.templates)
        raise UsageError(
            f"There is no template {key!r} in the configuration.",
            details=f"Configured are: {', '.join(known)}.",
            hint=did_you_mean(key, known),
            id="TEMPLATE-UNKNOWN",
        )

    def role(self, name: str) -> RoleConfig:
        """Return the settings of a role; one that the file does not name has the defaults."""
        return self.roles.get(name) or RoleConfig(name)

    @property
    def whereabouts(self) -> str:
        """What tells this site from others: how its nodes are called, and where they are."""
        return " ".join(sorted(f"{node.alias}={node.host}:{node.port}" for node in self.nodes))

    def path(self, written: str) -> Path:
        """Return a path of this configuration as :func:`beside` reads it."""
        return beside(self.source, written)


def beside(source: Path | None, written: str) -> Path:
    """Return the path that a file means: ``~`` expanded, a relative one beside the file."""
    try:
        path = Path(written).expanduser()
    except RuntimeError:  # the home of a user that does not exist
        path = Path(written)
    return (source.absolute().parent if source else Path.cwd()) / path
