"""Templates as the configuration wants them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from pvekit.config.model import BASE_TEMPLATE, Config, TemplateConfig
from pvekit.templates import recipe, sums
from pvekit.templates.decide import Wish
from pvekit.templates.recipe import Recipe
from pvekit.templates.spec import TemplateSpec, Way

FEW_PACKAGES = 4
"""What still fits into a cloud image as it comes, with a few hundred MiB of free space."""


def configured(config: Config, named: str = "", recipe_name: str = "") -> list[TemplateConfig]:
    """Return the templates that a command line means: by key or name, or all configured ones.

    Another recipe than a template's own makes another template of it.
    """
    every = list(config.templates.values())
    if named:
        every = [t for t in every if named in (t.key, t.name)] or [config.template(named)]
    elif recipe_name:
        every = [config.template(BASE_TEMPLATE)]
    if not recipe_name:
        return every
    return [_with_recipe(each, recipe_name) for each in every]


def _with_recipe(template: TemplateConfig, wanted: str) -> TemplateConfig:
    """Return a template with another recipe: it gets a name and, after it, an id of its own."""
    if wanted == template.recipe:
        return template
    if recipe.is_path(wanted):
        wanted = str(
            Path(wanted).expanduser().absolute()
        )  # a user's words count from where they are
    suffix = PurePosixPath(wanted).stem
    return replace(template, recipe=wanted, name=f"{template.name}-{suffix}", id=template.id + 1)


def wish_of(config: Config, template: TemplateConfig) -> tuple[Wish, Recipe]:
    """Return a configured template as it is wanted, and its recipe."""
    minor = template.kubernetes_version
    name = str(config.path(template.recipe)) if recipe.is_path(template.recipe) else template.recipe
    made = recipe.load(name, {"KUBERNETES_MINOR": minor} if minor else None)
    network = template.build_network
    return (
        Wish(
            name=template.name,
            recipe=made.name,
            digest=made.digest(**_hardware(template)),
            vmid=template.id,
            storage=template.storage_pool,
            bridges=(template.network_bridge, network.bridge or template.network_bridge),
            disk_gb=template.base_disk_gb,
            customize=template.customize,
            roomy=len(made.packages) > FEW_PACKAGES,
            reserved=frozenset(t.id for t in config.templates.values() if t.key != template.key)
            - {template.id},
        ),
        made,
    )


def _hardware(template: TemplateConfig) -> dict[str, object]:
    names = (
        *("image_url", "storage_pool", "network_bridge", "vlan", "bios", "machine", "cpu"),
        *("scsihw", "disk_format", "cloud_init_slot"),
        *("base_cpus", "base_memory_mb", "base_disk_gb"),
    )
    return {name: getattr(template, name) for name in names}


def spec(
    config: Config, template: TemplateConfig, wish: Wish, checksum: sums.Checksum, way: Way
) -> TemplateSpec:
    """Return everything about a template that its plan needs."""
    network = template.build_network
    return TemplateSpec(
        name=template.name,
        recipe=wish.recipe,
        digest=wish.digest,
        image_url=template.image_url,
        image_algorithm=checksum.algorithm,
        image_sum=checksum.hexdigest,
        image_dir=config.image_dir,
        storage=template.storage_pool,
        cpus=template.base_cpus,
        memory_mb=template.base_memory_mb,
        disk_gb=template.base_disk_gb,
        bridge=template.network_bridge,
        vlan=template.vlan,
        bios=template.bios,
        machine=template.machine or ("q35" if template.bios == "ovmf" else ""),
        cpu=template.cpu,
        scsihw=template.scsihw,
        disk_format=template.disk_format or "",
        cloud_init_slot=template.cloud_init_slot,
        way=way,
        build_bridge=network.bridge or template.network_bridge,
        build_vlan=network.vlan if network.bridge or network.vlan else template.vlan,
        build_ip=network.ip,
        build_gateway=network.gateway or "",
        build_dns=network.dns,
        build_seconds=template.build_timeout_seconds,
        image_signer=checksum.signer,
    )
