"""The packages that a node has installed, in the file in which Debian keeps them."""

from __future__ import annotations

import re
from collections.abc import Mapping

FILE = "/var/lib/dpkg/status"
_VERSIONS: Mapping[str, Mapping[str, str]] = {
    "8.4": {
        "ceph-fuse": "17.2.8-pve2",
        "corosync": "3.1.9-pve1",
        "glusterfs-client": "10.3-5",
        "ifupdown2": "3.2.0-1+pmx11",
        "libknet1": "1.30-pve2",
        "libpve-storage-perl": "8.3.8",
        "proxmox-ve": "8.4.0",
        "pve-manager": "8.4.21",
        "qemu-server": "8.4.10",
    },
    "9.2": {"ifupdown2": "3.3.0-1+pmx12"},
}


def stock(release: str) -> str:
    """Return the file's text on a node that was just installed."""
    entries = _VERSIONS[release].items()
    return "".join(
        f"Package: {name}\nStatus: install ok installed\nVersion: {version}\n\n"
        for name, version in entries
    )


def versions(text: str) -> dict[str, str]:
    """Return the version of each package in a file's text."""
    found = re.findall(r"(?m)^Package: (\S+)\n(?:.+\n)*?Version: (\S+)", text)
    return dict(found)
