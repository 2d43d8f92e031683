"""On which node a resource belongs: groups, rules of affinity, and the load of the nodes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvekit.lab.ha import config

if TYPE_CHECKING:
    from pvekit.lab.node import Node


@dataclass(frozen=True)
class Preference:
    """Nodes with their priorities; with ``only`` no others, with ``stay`` no way back."""

    priorities: Mapping[str, int]
    only: bool = False
    stay: bool = False

    def best(self, online: Collection[str]) -> list[str]:
        """Return the online nodes of the highest priority."""
        ranked = {name: self.priorities.get(name, -1) for name in online}
        if self.only:
            ranked = {name: rank for name, rank in ranked.items() if name in self.priorities}
        top = max(ranked.values(), default=0)
        return sorted(name for name, rank in ranked.items() if rank == top)


def preference(node: Node, sid: str) -> Preference:
    """Return where a resource may and should be."""
    section = config.load(node, config.RESOURCES).ids.get(sid)
    values = section.values if section else {}
    group = config.load(node, config.GROUPS).ids.get(values.get("group", ""))
    if group is not None:
        only = group.values.get("restricted") == "1"
        return Preference(
            _priorities(group.values["nodes"]), only, group.values.get("nofailback") == "1"
        )
    stay = values.get("failback") == "0"
    for rule in config.load(node, config.RULES).ids.values():
        resources = rule.values.get("resources", "").split(",")
        if rule.type == "node-affinity" and sid in resources and "disable" not in rule.values:
            strict = rule.values.get("strict") == "1"
            return Preference(_priorities(rule.values["nodes"]), strict, stay)
    return Preference({}, stay=stay)


def _priorities(text: str) -> dict[str, int]:
    found = {}
    for part in text.split(","):
        name, _, priority = part.partition(":")
        found[name] = int(priority or 0)
    return found


def choose(
    node: Node, sid: str, current: str, load: Mapping[str, int], *, leave: bool = False
) -> str:
    """Return the node for a resource, or nothing if none may have it.

    ``load`` counts the resources of each online node; ``leave`` looks for another than the
    present one, because it could not be started there.
    """
    wish = preference(node, sid)
    online = set(load) - ({current} if leave else set())
    allowed = not wish.only or current in wish.priorities
    if wish.stay and not leave and current in online and allowed:
        return current
    best = wish.best(online)
    if current in best:
        return current
    return min(best, key=lambda name: (load[name], name), default="")
