"""Everything about storages in the API."""

from __future__ import annotations

from pvekit.lab.api import (
    downloads,
    prune,
    scan,
    storage_config,
    storage_content,
    storage_state,
)

ROUTES = tuple(
    route
    for part in (storage_config, storage_state, storage_content, prune, downloads, scan)
    for route in part.ROUTES
)
