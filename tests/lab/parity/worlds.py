"""What the site was like when a recording began, as far as the recording shows it."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

from pvekit.lab.figures import realistic
from pvekit.lab.guests import packagedb
from pvekit.lab.guests.catalogue import PACKAGES
from pvekit.lab.guests.disk import Disk, image_bytes, read_image
from pvekit.lab.process import Process
from pvekit.lab.site import Site, SiteSpec
from tests.lab.parity.recordings import Entry
from tests.lab.parity.virtual import VirtualClock

_DIR = (
    "dir: local\n\tpath /var/lib/vz\n"
    "\tcontent rootdir,images,snippets,import,backup,iso,vztmpl\n\n"
    "dir: local-lvm\n\tpath /var/lib/local-lvm\n\tcontent images,rootdir\n\n"
)
_THIN = (
    "lvmthin: lvmthin\n\tthinpool data\n\tvgname pve\n\tcontent rootdir,images\n\tnodes pve1\n\n"
)
STORAGES = {"lvmthin": _THIN}

# The machine had Debian's packages, and those of Proxmox VE only unpacked.
_PACKAGES = "".join(
    f"Package: {name}\nVersion: {version}\n\n"
    for name, version in (
        ("corosync", "3.1.7-1+deb12u2"),
        ("ifupdown2", "3.0.0-1.1"),
        ("libknet1", "1.25-1"),
    )
)
_ROUND = 15.0  # seconds until the status daemon has told its figures once more
_UNKNOWN = re.compile(r"status\W+unknown|│ unknown |(?m:^qemu/.* unknown )")
# What the notes of a recording say that went on beside it, with what they leave out.
RUNNING = re.compile(r'while "(.+)" runs')
HANGING_UP = re.compile(r"after the ssh client .* was killed")
LEFT_OUT = {"qm clone 9000 9020 --full 1 --bwlimit 4000": " --name slow"}


def build() -> Site:
    """Return a site like the recorded one, with the files that the recordings use."""
    spec = SiteSpec(
        storage="dir",
        seed=1,
        cpus=2,
        memory_mb=24105,
        cluster_name="bench",
        network="10.99.0",
    )
    # The machine was under load, and its guests were emulated without KVM.
    figures = replace(realistic(), program_start=4.0, firmware_and_kernel=60.0)
    site = Site(spec, clock=VirtualClock(figures=figures))
    site.clusters[0].tree.write("storage.cfg", _DIR.encode())
    for node in site.nodes.values():
        node.machine.programs["python3"] = _python
        files = node.machine.files
        files.mkdir("/var/lib/vz/import", parents=True)
        files.mkdir("/mnt/guest", parents=True)
        files.write("/etc/network/interfaces", b"auto lo\niface lo inet loopback\n")
        files.rmdir("/sys/class/net/eno1")  # that machine was a container
        files.write("/var/lib/dpkg/status", _PACKAGES.encode())
        files.write("/etc/resolv.conf", b"nameserver 10.255.255.53\n")
    files = site.nodes["pve1"].machine.files
    size = 32 << 20
    files.write("/root/small.raw", bytes(size))
    files.write("/var/lib/vz/template/iso/test.iso", bytes(size))
    files.write("/var/lib/vz/import/small.qcow2", image_bytes(Disk(64 << 20)).ljust(196616))
    _write_keys(site)
    _write_guest(site)
    return site


async def _python(process: Process) -> int:
    """Run a line of the machine's real Python, as the recorded clients did on the node."""
    stdin = await process.stdin.read()
    done = subprocess.run([sys.executable, *process.argv[1:]], input=stdin, capture_output=True)
    await process.stdout.write(done.stdout)
    await process.stderr.write(done.stderr)
    return done.returncode


def _write_keys(site: Site) -> None:
    files = site.nodes["pve1"].machine.files
    keys = [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFMwZPJ13NvvKZ3Nm6COzu0bYiEx0sGTqPRJtvtfxfuk "
        "a key+comment@host",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 second",
    ]
    files.write("/root/k1.pub", f"{keys[0]}\n".encode())
    files.write("/root/k2.pub", f"{keys[1]}\n".encode())
    files.write("/root/keys.pub", "".join(f"{key}\n" for key in keys).encode())
    files.write("/root/bad.pub", b"not-a-key\n")
    files.write("/root/empty.pub", b"")


def _write_guest(site: Site) -> None:
    """Put the image of the recorded guest where the recorder had it: Debian with an agent."""
    url = "https://cloud.debian.org/images/cloud/bookworm/latest/debian-12-genericcloud-amd64.qcow2"
    disk = read_image(site.world.internet.fetch(url))
    assert disk is not None
    disk.size_bytes = disk.root_bytes = 2 << 30
    agent = PACKAGES["qemu-guest-agent"]
    for path, text in agent.files("qemu-guest-agent", enterprise=False):
        disk.files[path] = text.encode()
        disk.modes |= {path: 0o755} if path in agent.binaries else {}
    disk.files["/var/lib/dpkg/status"] += packagedb.to_text(
        [packagedb.Installed("qemu-guest-agent", agent.version)]
    ).encode()
    image = image_bytes(disk)
    site.nodes["pve1"].machine.files.write("/mnt/guest/debian-cloud-agent-chroot.qcow2", image)


def add_storages(site: Site, entries: Sequence[Entry]) -> None:
    """Define the storages that a recorded answer shows for the first time: somebody added them."""
    for name, section in STORAGES.items():
        shown = any(
            re.search(rf'(?m)^{name} +{name} |"storage":"{name}"', e.stdout) for e in entries
        )
        text = site.clusters[0].tree.read("storage.cfg").decode()
        if shown and f": {name}\n" not in text:
            site.clusters[0].tree.write("storage.cfg", (text + section).encode())


async def stop_status(site: Site, entries: Sequence[Entry]) -> None:
    """Stop the status daemon while the recorded answers show that it did not run."""
    ran = not site.faults.clear("status-stopped")
    if any(_unknown(entry) for entry in entries):
        site.faults.order("status-stopped")
    elif not ran:
        await asyncio.sleep(_ROUND)


def _unknown(entry: Entry) -> bool:
    figures = entry.program == "pvesh" and _UNKNOWN.search(entry.stdout)
    return bool(figures) or ("rrddata" in entry.cmd and not entry.succeeded)
