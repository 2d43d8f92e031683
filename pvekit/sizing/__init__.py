"""From a wish to a size, with the reason; predictors are handed in from outside."""

from pvekit.sizing.choice import Answer, Predictor, Sized, SizeRequest, choose
from pvekit.sizing.presets import RolePreset, presets, role_preset, roles_of
from pvekit.sizing.size import Size, parse_disk, parse_memory

__all__ = [
    "Answer",
    "Predictor",
    "RolePreset",
    "Size",
    "SizeRequest",
    "Sized",
    "choose",
    "parse_disk",
    "parse_memory",
    "presets",
    "role_preset",
    "roles_of",
]
