"""From a wish to a size, with the reason; what is known of machines is handed in from outside."""

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
from pvekit.sizing.presets import presets, roles_of, workloads
from pvekit.sizing.size import Size, parse_disk, parse_memory
from pvekit.sizing.workload import Catalogue, Workload

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
