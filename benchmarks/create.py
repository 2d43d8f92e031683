"""How long `vm create` takes, as a ratio to the least possible time; with --peers, to others' ways.

On a simulated time, so that the processor does not count; the peers run in real time.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from create_bound import Job, bound
from create_virtual import VirtualSite, virtual_site

from pvekit.config.load import load
from pvekit.journal import Store
from pvekit.lab.figures import realistic
from pvekit.lab.guests.signing import IMAGES
from pvekit.lab.site import SiteSpec
from pvekit.operations import creating, templates, vm_wishes
from pvekit.operations.desk import Desk

DISK_GB = 16
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO6Hh+FhEXHLvmcnYMFyS1h4VqTwGcZCHnmVRNHjUQbL bench"
SMALL = ((1, 1), (10, 1), (10, 4), (50, 4))
ALL = tuple((vms, nodes) for nodes in (1, 4, 16) for vms in (1, 10, 50, 200))
BARS = {(1, 1): 1.10, (50, 4): 1.15, (200, 16): 1.25}
REQUEST = vm_wishes.Request(role="worker", size="small")


def configuration(nodes: list[str], directory: Path, disk: int) -> dict[str, object]:
    """Return a configuration with the lab's image; its signing key is put into the directory."""
    (directory / "images.gpg").write_bytes(IMAGES.public_key())
    image = "https://cloud-images.ubuntu.com/jammy/current"
    return {
        "proxmox_nodes": nodes,
        "ssh_user": "root",
        "ssh_private_key_path": str(directory / "key"),
        "vm_template": {
            "name": "ubuntu-2204-cloud-template",
            "id": 9000,
            "image_url": f"{image}/jammy-server-cloudimg-amd64.img",
            "checksum_url": f"{image}/SHA256SUMS",
            "signing_key": str(directory / "images.gpg"),
            "storage_pool": "local-lvm",
            "network_bridge": "vmbr0",
            "base_cpus": 1,
            "base_memory_mb": 2048,
            "base_disk_gb": disk,
        },
        "cloud_init": {"ssh_public_key": KEY},
        "vm_sizes": {"small": {"cpus": 1, "memory_mb": 2048, "disk_gb": disk + 4}},
        "readiness_check": {"timeout_seconds": 600, "ssh_check_interval_seconds": 10},
    }


@contextmanager
def desk_with_template(nodes: int, disk: int) -> Iterator[tuple[Desk, VirtualSite]]:
    """Have a site with a template on each node."""
    spec = SiteSpec(
        nodes=nodes, clustered=True, memory_mb=1 << 20, storage_gb=1 << 14, cpus=256, seed=1
    )
    with virtual_site(spec) as site, tempfile.TemporaryDirectory() as named:
        directory = Path(named)
        path = directory / "config.yaml"
        path.write_text(yaml.safe_dump(configuration(list(site.lab.site.nodes), directory, disk)))
        desk = Desk(load(path), site, Store(directory / "runs"), site.clock)
        found = templates.decided(desk, templates.Request())
        found, journal = templates.begin(desk, templates.Request(), found)
        if templates.carry_out(desk, found, journal)[1].status:
            raise SystemExit("the template could not be built")
        site.forget_connections()
        site.lab.site.log.events.clear()
        yield desk, site


@dataclass(frozen=True)
class Measured:
    """How long making VMs took, in simulated seconds, and the programs that were started for it."""

    job: Job
    seconds: float
    least: float
    programs: Counter[str]

    @property
    def ratio(self) -> float:
        """The time as a ratio to the least possible one."""
        return self.seconds / self.least

    @property
    def changing(self) -> float:
        """The programs per VM that change something."""
        kinds = ("qm clone", "qm set", "qm disk", "qm start")
        return sum(self.programs[kind] for kind in kinds) / self.job.vms


def measure(vms: int, nodes: int, disk: int = DISK_GB) -> Measured:
    """Make so many VMs on so many nodes, with disks of so many GiB."""
    with desk_with_template(nodes, disk) as (desk, site):
        began = site.time.now
        request = replace(REQUEST, count=vms)
        journal = creating.begin(desk, request)
        _, report = creating.carry_out(desk, request, journal)
        if report.status:
            raise SystemExit(f"not all were made: {report.errors[0]}")
        events = list(site.lab.site.log.of("program"))
        programs = Counter(" ".join(map(str, event["argv"][:2])) for event in events)
        job = Job(vms, nodes, disk << 10)
        return Measured(job, site.time.now - began, bound(job, realistic()), programs)


def show(sizes: tuple[tuple[int, int], ...], disk: int) -> None:
    """Print a table."""
    print("  VMs  nodes  seconds   bound  ratio   bar  programs per VM")
    for vms, nodes in sizes:
        found = measure(vms, nodes, disk)
        bar = f"{BARS[vms, nodes]:.2f}" if (vms, nodes) in BARS else ""
        asking = sum(found.programs.values()) / vms - found.changing
        print(
            f"{vms:5}{nodes:7}{found.seconds:9.1f}{found.least:8.1f}{found.ratio:7.2f}{bar:>6}"
            f"  {found.changing:.1f} that change, {asking:.1f} that ask",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="1 to 200 VMs on 1 to 16 nodes")
    parser.add_argument("--size", metavar="VMS/NODES", help="only this size")
    parser.add_argument("--disk", type=int, default=DISK_GB, help="the template's, in GiB")
    parser.add_argument("--peers", action="store_true", help="others' ways, in real time")
    parser.add_argument("--way", action="append", help="of the peers only this one; repeatable")
    parser.add_argument("--scale", type=float, default=1.0, help="of the peers' time (default: 1)")
    given = parser.parse_args()
    sizes = ALL if given.all else SMALL
    if given.size:
        vms, nodes = map(int, given.size.split("/"))
        sizes = ((vms, nodes),)
    if given.peers:
        from create_peers import WAYS, compare

        compare(sizes, given.scale, given.way or list(WAYS))
    else:
        show(sizes, given.disk)


if __name__ == "__main__":
    main()
