"""``/version`` and ``/nodes/NODE/version``."""

from __future__ import annotations

from typing import Any

from pvekit.lab.api.routes import Route
from pvekit.lab.commands.call import Call

VERSIONS = {"8.4": ("8.4.21", "2606ac850d46da29"), "9.2": ("9.2.11", "5f2a94c678cf4b14")}
"""The version and the commit of the manager's package by release."""


async def version(call: Call) -> dict[str, Any]:
    """Return the release that the node runs."""
    release = call.node.capacity.pve
    full, commit = VERSIONS[release]
    return {"release": release, "repoid": commit, "version": full}


ROUTES = (Route("get", "/version", version), Route("get", "/nodes/{node}/version", version))
