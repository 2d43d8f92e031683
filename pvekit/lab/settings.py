"""The settings of a lab as the command line gives them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

RELEASES = {"8": "8.4", "9": "9.2"}
"""The releases of Proxmox VE that are simulated, by what `--pve` calls them."""


@dataclass(frozen=True)
class Wanted:
    """The settings that `up` was given; None where it was not told."""

    nodes: int | None = None
    clustered: bool | None = None
    storage: str | None = None
    profile: str | None = None
    virt_customize: bool | None = None
    pve: str | None = None
    history_days: int | None = None
    fresh: bool = False

    def settings(self) -> dict[str, Any]:
        """Return what was given, under the names that ``SiteSpec`` has."""
        given = asdict(self)
        del given["fresh"]
        return {name: value for name, value in given.items() if value is not None}
