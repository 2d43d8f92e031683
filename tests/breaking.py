"""Commands that are broken off at a chosen point, by a cut link or by the death of the process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labsite import Cut, Killed, LabSite, desk_for

from pvekit.errors import PvekitError
from pvekit.operations.carrying import Report
from pvekit.operations.desk import Desk


def fresh_desk(site: LabSite, directory: Path, name: str) -> Desk:
    (directory / name).mkdir()
    return desk_for(site, directory / name)


@dataclass(frozen=True)
class Broken:
    """Whether it came to the break, and whether the command went well all the same."""

    struck: bool
    well: bool


def broken(do: Callable[[Desk], Report], desk: Desk, site: LabSite, at: int, when: str) -> Broken:
    """Run a command whose link breaks once, or whose process dies."""
    site.cut = Cut(at, when)
    try:
        well = do(desk).status == 0
    except (PvekitError, Killed):
        well = False
    struck = site.cut.struck
    site.cut = None
    settle(site)
    return Broken(struck, well)


def settle(site: LabSite) -> None:
    """Let what still runs on the nodes come to its end."""
    for node in site.lab.site.nodes:
        site.on(node, "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1; done")


def difference(found, wanted) -> list[str]:
    """What is there too much (+) and what is missing (-)."""
    flat = [{f"{node} {line}" for node in side for line in side[node]} for side in (found, wanted)]
    return [f"+ {x}" for x in sorted(flat[0] - flat[1])] + [
        f"- {x}" for x in sorted(flat[1] - flat[0])
    ]
