"""Deciding where a guest goes, and under which vmid, name, address and MAC. Pure."""

from pvekit.placement.choice import Choice, Reason, choose, place_all
from pvekit.placement.filters import Need, Rules

__all__ = ["Choice", "Need", "Reason", "Rules", "choose", "place_all"]
