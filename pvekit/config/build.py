"""From a file without faults to the frozen configuration."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pvekit.config.model import (
    BASE_TEMPLATE,
    BuildNetwork,
    Clone,
    CloudInitConfig,
    Config,
    LlmConfig,
    MaxCost,
    Naming,
    NodeEntry,
    Placement,
    Price,
    Readiness,
    RoleConfig,
    TemplateConfig,
    Timeouts,
    with_aliases,
)
from pvekit.sizing.size import Size

Section = Mapping[str, Any]

_VMIDS = range(100, 1_000_000_000)


def config(source: Path | None, data: Section, presets: Mapping[str, Size]) -> Config:
    """Return the configuration that checked values stand for; `source` is the main file."""
    kept = (
        *("ssh_user", "ssh_private_key_path", "ssh_known_hosts_path"),
        *("image_dir", "on_failure", "audit", "sudo", "sizes_dir"),
    )
    return Config(
        nodes=with_aliases([_node(entry) for entry in data["proxmox_nodes"]]),
        templates=_templates(data["vm_template"], data.get("templates", {})),
        cloud_init=CloudInitConfig(**_frozen(data["cloud_init"])),
        sizes={
            **presets,
            **{name: Size(**size) for name, size in data.get("vm_sizes", {}).items()},
        },
        roles={
            name: RoleConfig(name, **_frozen(role)) for name, role in data.get("roles", {}).items()
        },
        readiness=Readiness(**data.get("readiness_check", {})),
        placement=Placement(**data.get("placement", {})),
        naming=Naming(**data.get("naming", {})),
        clone=Clone(**data.get("clone", {})),
        timeouts=Timeouts(**data.get("timeouts", {})),
        llm=_llm(data.get("llm", {})),
        source=source,
        **{key: data[key] for key in kept if key in data},
    )


def _llm(section: Section) -> LlmConfig:
    most = MaxCost(**section.get("max_cost_usd", {}))
    told = section.get("price_per_million", {})
    price = Price(question=told.get("input"), answer=told.get("output"))
    return LlmConfig(**{**section, "max_cost_usd": most, "price_per_million": price})


def _frozen(section: Section) -> dict[str, Any]:
    return {
        key: tuple(value) if isinstance(value, list) else value for key, value in section.items()
    }


def _node(entry: str | Section) -> NodeEntry:
    return NodeEntry(entry) if isinstance(entry, str) else NodeEntry(**entry)


def _templates(base: Section, others: Mapping[str, Section]) -> dict[str, TemplateConfig]:
    """Return all templates; what a further one leaves out is as in the first."""
    wanted = {base["id"], *(template["id"] for template in others.values() if "id" in template)}
    free = (
        vmid for vmid in chain(range(base["id"] + 1, _VMIDS.stop), _VMIDS) if vmid not in wanted
    )
    templates = {BASE_TEMPLATE: _template(BASE_TEMPLATE, base)}
    for key, template in others.items():
        vmid = template["id"] if "id" in template else next(free)
        inherited = {name: each for name, each in base.items() if _passes_on(name, base, template)}
        templates[key] = _template(key, {**inherited, **template, "id": vmid})
    return templates


def _passes_on(name: str, base: Section, template: Section) -> bool:
    """Whether a template without this key takes it from the first: not a signature of others."""
    here, there = (each.get("checksum_url", base["checksum_url"]) for each in (base, template))
    if name == "signature_url":
        return bool(here == there)
    if name in ("signature", "signing_key"):
        return bool(urlsplit(here).hostname == urlsplit(there).hostname)
    return True


def _template(key: str, section: Section) -> TemplateConfig:
    network = BuildNetwork(**_frozen(section.get("build_network", {})))
    return TemplateConfig(key, **{**section, "build_network": network})
