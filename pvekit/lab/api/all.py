"""All methods of the API that the lab answers, from all parts of the tree."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from pvekit.lab.api import (
    access,
    agent,
    backup,
    bulk,
    capabilities,
    cluster,
    datacenter,
    empty,
    firewall,
    ha,
    history,
    moves,
    network,
    nodefiles,
    nodes,
    pools,
    qemu,
    resources,
    schedules,
    sdn,
    storage,
    tasks,
    version,
)
from pvekit.lab.api.index import index
from pvekit.lab.api.routes import Method, Route

_PARTS = (
    access,
    agent,
    backup,
    bulk,
    capabilities,
    cluster,
    datacenter,
    empty,
    firewall,
    ha,
    history,
    network,
    moves,
    nodefiles,
    nodes,
    pools,
    qemu,
    resources,
    schedules,
    sdn,
    storage,
    tasks,
    version,
)


def listed() -> Sequence[Route]:
    """Return all methods, part by part."""
    return [route for part in _PARTS for route in part.ROUTES]


@functools.cache
def routes() -> Mapping[tuple[str, str], Method]:
    """Return all methods by verb and path."""
    return {(route.verb, route.path): route.method for route in listed()}


def find(verb: str, template: str) -> Method | None:
    """Return what answers a method: a route, or the list of what is below a directory."""
    return routes().get((verb, template)) or (index(template) if verb == "get" else None)
