"""What a run has decided of one subject, as its journal holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pvekit.journal.frozen import part


@dataclass(frozen=True)
class Pinned:
    """One subject's decision: its parts, each flat data, and what all commands say alike in them.

    What is made has the parts ``spec`` and ``at`` (a template ``recipe``, too). A VM that is there
    has ``target``, and ``aim`` where it is to become something else. ``node`` is the alias of the
    node it is made or lies on, ``nodes`` are those of all nodes that have to do with it;
    ``template`` is the vmid it is cloned from, ``maker`` the run that makes or has made it.
    """

    parts: Mapping[str, Any]
    vmid: int | None = None
    name: str = ""
    node: str = ""
    nodes: tuple[str, ...] = ()
    template: int | None = None
    maker: str = ""

    @classmethod
    def of(cls, parts: Mapping[str, Any]) -> Pinned:
        """Read a decision from its parts; what they do not say stays empty."""
        told: dict[str, Any] = {}
        for each in ("spec", "at", "target"):
            told |= parts.get(each) or {}
        node, at = told.get("node") or "", parts.get("at") or {}
        nodes = (node, told.get("template_node"), *told.get("claim_nodes", ()))
        return cls(
            parts,
            vmid=told.get("vmid"),
            name=told.get("name") or "",
            node=node,
            nodes=tuple(each for each in nodes if each),
            template=at.get("template") or None,
            maker=told.get("maker") or told.get("run") or "",
        )

    @property
    def makes(self) -> bool:
        """Whether its subject is something new."""
        return "spec" in self.parts

    @property
    def alters(self) -> bool:
        """Whether its subject is there already, and is to become something else."""
        return "aim" in self.parts

    @property
    def stands(self) -> bool:
        """Whether its subject is there already: to be altered, removed or otherwise acted on."""
        return "target" in self.parts

    def part(self, name: str) -> Mapping[str, Any]:
        """Return a part; raises :class:`UsageError` where the decision has none of this name."""
        return part(self.parts, name)
