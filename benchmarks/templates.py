"""How long `template build` takes on many nodes: all download the image, or one hands it on.

On a simulated time, so that the processor does not count: on the lab's realistic site, and on one
whose way to the internet is slower, or whose network between the nodes is.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from create import DISK_GB, configuration
from create_virtual import VirtualSite, virtual_site

from pvekit.config.load import load
from pvekit.journal import Store
from pvekit.lab.figures import Figures, realistic
from pvekit.lab.site import SiteSpec
from pvekit.operations import templates
from pvekit.operations.desk import Desk
from pvekit.operations.template_deciding import Decided, Request
from pvekit.templates.origins import Origin

NODES = (2, 4, 16)
LINES: dict[str, dict[str, float]] = {
    "1 Gbit/s": {},
    "100 Mbit/s": {"download_one": 11.5, "download_all": 11.5},
    "100 Mbit/s, slow mirror": {"download_one": 3.0, "download_all": 11.5},
    "100 Mbit/s, nodes too": {
        "download_one": 11.5, "download_all": 11.5, "volume_migration": 11.5, "node_link": 11.5,
    },
}  # fmt: skip
"""Ways to the internet, as figures of the lab (MiB per second) that differ from the realistic."""


@contextmanager
def bare_desk(
    nodes: int, figures: Figures, *, spec: SiteSpec | None = None
) -> Iterator[tuple[Desk, VirtualSite]]:
    """Have a site without a template."""
    spec = spec or SiteSpec(nodes=nodes, memory_mb=1 << 20, storage_gb=1 << 14, cpus=256, seed=1)
    with virtual_site(spec, figures) as site, tempfile.TemporaryDirectory() as named:
        directory = Path(named)
        path = directory / "config.yaml"
        path.write_text(
            yaml.safe_dump(configuration(list(site.lab.site.nodes), directory, DISK_GB))
        )
        yield Desk(load(path), site, Store(directory / "runs"), site.clock), site


@dataclass(frozen=True)
class Measured:
    """How long deciding and building took, in simulated seconds, and what came how."""

    deciding: float
    building: float
    downloads: int
    copies: int
    why: str


def measure(nodes: int, figures: Figures, way: str = "") -> Measured:
    """Build a template on so many nodes; ``way`` is `download`, `copy`, or pvekit's own choice."""
    with bare_desk(nodes, figures) as (desk, site):
        began = site.time.now
        found = templates.decided(desk, Request())
        decided = site.time.now
        found, journal = templates.begin(desk, Request(), forced(found, way))
        _, report = templates.carry_out(desk, found, journal)
        if report.status:
            raise SystemExit(f"not all were built: {report.errors[0]}")
        log = site.lab.site.log
        size = int(figures.image_size) << 20
        return Measured(
            decided - began,
            site.time.now - decided,
            sum(event["bytes"] == size for event in log.of("download")),
            sum(event["bytes"] == size for event in log.of("transfer")),
            found.works[-1].at.origin.why,
        )


def forced(found: Decided, way: str) -> Decided:
    """Return the decisions with all images downloaded, or handed on by the first node."""
    if not way:
        return found
    first, *rest = found.works
    handed = Origin(first.at.node, first.at.pve_node, "so ordered")
    origin = handed if way == "copy" else Origin()
    works = (
        replace(first, at=replace(first.at, origin=Origin())),
        *(replace(work, at=replace(work.at, origin=origin)) for work in rest),
    )
    return replace(found, works=works)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=NODES)
    parser.add_argument("--line", choices=LINES, nargs="+", default=tuple(LINES))
    given = parser.parse_args()
    for name in given.line:
        figures = replace(realistic(), **LINES[name])
        print(f"{name}:\n  nodes  downloading  copying   pvekit  of it measuring  chosen")
        for nodes in given.nodes:
            every, one = (measure(nodes, figures, way) for way in ("download", "copy"))
            found = measure(nodes, figures)
            seconds = found.deciding + found.building
            chosen = "copies" if found.copies else "downloads"
            print(
                f"{nodes:7}{every.building:13.1f}{one.building:9.1f}{seconds:9.1f}"
                f"{found.deciding:17.1f}  {chosen}; {found.why}",
                flush=True,
            )


if __name__ == "__main__":
    main()
