"""From a wish to a size, with the reason; predictors are handed in from outside."""

from pvekit.sizing.choice import Answer, Predictor, Sized, SizeRequest, choose
from pvekit.sizing.demand import (
    Allocation,
    Confidence,
    Demand,
    Evidence,
    History,
    Recommendation,
    Risk,
    Series,
)
from pvekit.sizing.history import recommend
from pvekit.sizing.presets import RolePreset, presets, role_preset, roles_of
from pvekit.sizing.size import Size, parse_disk, parse_memory

__all__ = [
    "Allocation",
    "Answer",
    "Confidence",
    "Demand",
    "Evidence",
    "History",
    "Predictor",
    "Recommendation",
    "Risk",
    "RolePreset",
    "Series",
    "Size",
    "SizeRequest",
    "Sized",
    "choose",
    "parse_disk",
    "parse_memory",
    "presets",
    "recommend",
    "role_preset",
    "roles_of",
]
