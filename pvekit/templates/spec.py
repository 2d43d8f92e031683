"""What a template is to be, and where: flat data that a journal can hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from pvekit.templates.origins import Origin

Way = Literal["virt-customize", "boot"]


@dataclass(frozen=True)
class TemplateSpec:
    """The wanted template: ``memory_mb`` in MiB, ``disk_gb`` in GiB.

    ``digest`` is of recipe and hardware, ``image_sum`` the verified checksum of the image,
    ``image_signer`` the fingerprint of the key that has signed it (empty: nobody).
    """

    name: str
    recipe: str
    digest: str
    image_url: str
    image_algorithm: str
    image_sum: str
    image_dir: str
    storage: str
    cpus: int
    memory_mb: int
    disk_gb: int
    bridge: str
    vlan: int | None
    bios: str
    machine: str
    cpu: str
    scsihw: str
    disk_format: str
    cloud_init_slot: str
    way: Way
    build_bridge: str
    build_vlan: int | None
    build_ip: str
    build_gateway: str
    build_dns: tuple[str, ...]
    build_seconds: int
    image_signer: str = ""

    @property
    def image_path(self) -> str:
        """Where the verified image lies on the node; its name holds its checksum."""
        name = PurePosixPath(self.image_url).name
        return f"{self.image_dir}/images/{self.image_sum[:16]}-{name}"

    def work_path(self, vmid: int) -> str:
        """Where what is needed only while building lies on the node."""
        return f"{self.image_dir}/build/{vmid}-{self.digest}"


@dataclass(frozen=True)
class Existing:
    """A copy of a template that is there already: the alias of its node and its vmid there."""

    name: str
    node: str
    vmid: int


@dataclass(frozen=True)
class Copy:
    """One copy of a template: the node it is built on, its vmid there, and whence its image."""

    run: str
    node: str
    pve_node: str
    vmid: int
    claim_nodes: tuple[str, ...]
    origin: Origin = field(default_factory=Origin)

    def subject(self, spec: TemplateSpec) -> str:
        """Return what the plan's steps and the journal call this copy."""
        return f"template/{spec.name}@{self.node}"
