"""The presets and workload classes that come with pvekit, read from ``sizes/``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from pvekit import resources
from pvekit.sizing.size import Size
from pvekit.sizing.workload import Catalogue, parse

WORKLOADS = "workloads"


@cache
def presets() -> Mapping[str, Size]:
    """Return the presets by name."""
    return MappingProxyType({name: Size(**size) for name, size in _load("presets").items()})


@cache
def workloads() -> Catalogue:
    """Return the workload classes by name."""
    return MappingProxyType(parse(_load(WORKLOADS)))


def roles_of(preset: str, catalogue: Catalogue) -> tuple[str, ...]:
    """Return the roles that get a preset by default; ``other`` is every role that has none."""
    return tuple(
        role
        for name, each in catalogue.items()
        if each.preset == preset
        for role in each.roles or (name,)
    )


def _load(name: str) -> dict[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast
    path = resources.folder("sizes") / f"{name}.yaml"
    content: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506
    return content
