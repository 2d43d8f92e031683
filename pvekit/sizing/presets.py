"""The presets and the roles' defaults that come with pvekit, read from ``sizes/``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from pvekit import resources
from pvekit.sizing.size import Size

_OTHER_ROLES = "other"


@dataclass(frozen=True)
class RolePreset:
    """The preset that suits a role, and why."""

    preset: str
    because: str


@cache
def presets() -> Mapping[str, Size]:
    """Return the presets by name."""
    return MappingProxyType({name: Size(**size) for name, size in _load("presets").items()})


def role_preset(role: str) -> RolePreset:
    """Return the preset for a role; a role that is not known gets the common one."""
    roles = _roles()
    return roles.get(role, roles[_OTHER_ROLES])


def roles_of(preset: str) -> tuple[str, ...]:
    """Return the roles that get a preset by default; ``other`` is every role that has none."""
    return tuple(role for role, entry in _roles().items() if entry.preset == preset)


@cache
def _roles() -> Mapping[str, RolePreset]:
    return {role: RolePreset(**entry) for role, entry in _load("roles").items()}


def _load(name: str) -> dict[str, Any]:
    import yaml

    path = resources.folder("sizes") / f"{name}.yaml"
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content
