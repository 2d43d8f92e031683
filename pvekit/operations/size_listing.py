"""Looking at the sizes that VMs may have."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from pvekit.config.model import Config
from pvekit.config.nearest import did_you_mean
from pvekit.errors import NotFound
from pvekit.operations import workload_classes
from pvekit.sizing import roles_of


def rows(config: Config) -> list[dict[str, Any]]:
    """Return the sizes: memory in MiB, disk in GiB, and the roles that get each by default."""
    known = workload_classes.known(config)
    return [
        {"name": name, **asdict(size), "roles": list(roles_of(name, known))}
        for name, size in config.sizes.items()
    ]


def one(config: Config, name: str) -> dict[str, Any]:
    """Return one size; raises :class:`NotFound` with the nearest name."""
    for row in rows(config):
        if row["name"] == name:
            return row
    raise NotFound(
        f"There is no size {name!r}.",
        details=f"There are {', '.join(config.sizes)}.",
        hint=did_you_mean(name, list(config.sizes)),
        id="SIZE-NOT-FOUND",
    )
