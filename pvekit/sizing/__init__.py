"""From a wish to a size, with the reason; what is known of VMs is handed in from outside.

To models, a machine is whatever samples are of: a VM, or what they were learnt from elsewhere.

What only some commands need is imported when it is first asked for: starting must stay cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pvekit.sizing.presets import presets, roles_of, workloads
from pvekit.sizing.size import Size, parse_disk, parse_memory
from pvekit.sizing.workload import Catalogue, Workload

if TYPE_CHECKING:
    from pvekit.sizing.choice import Link, Need, Sized, SizeRequest, choose, is_open
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

__all__ = [
    "Allocation",
    "Catalogue",
    "Confidence",
    "Demand",
    "Evidence",
    "History",
    "Link",
    "Need",
    "Recommendation",
    "Risk",
    "Series",
    "Size",
    "SizeRequest",
    "Sized",
    "Workload",
    "choose",
    "is_open",
    "parse_disk",
    "parse_memory",
    "presets",
    "recommend",
    "roles_of",
    "workloads",
]

_LATER = ("choice", "demand", "history")


def __getattr__(name: str) -> object:
    """Return what one of the modules has that are imported later."""
    if name in __all__:
        for module in map(import_module, (f"{__name__}.{each}" for each in _LATER)):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
