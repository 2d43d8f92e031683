"""Deciding where a guest goes, and under which vmid, name, address and MAC. Pure."""

from pvekit.placement.choice import Choice, Pass, Reason, choose, place, place_all
from pvekit.placement.rules import Group, Need, Rules

__all__ = ["Choice", "Group", "Need", "Pass", "Reason", "Rules", "choose", "place", "place_all"]
