"""The configuration that makes pvekit work on a lab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from pvekit.lab.home import Home

_IMAGES = "https://cloud-images.ubuntu.com/jammy/current"

_SIZES = {
    "small": {"cpus": 1, "memory_mb": 2048, "disk_gb": 20},
    "medium": {"cpus": 2, "memory_mb": 4096, "disk_gb": 40},
    "large": {"cpus": 4, "memory_mb": 8192, "disk_gb": 80},
}
# where the VMs' disks go, by what the site has
_POOLS = {"rbd": "ceph", "nfs": "nas", "zfspool": "local-zfs", "lvm": "local-lvm", "cephfs": "ceph"}


def config_text(
    home: Home, addresses: Mapping[str, tuple[str, int]], storage: str, public_key: str
) -> str:
    """Return pvekit's configuration (YAML) for the nodes at these addresses."""
    content: dict[str, Any] = {
        "proxmox_nodes": [
            {"name": node, "host": host, "port": port} for node, (host, port) in addresses.items()
        ],
        "ssh_user": "root",
        "ssh_private_key_path": str(home.private_key),
        "ssh_known_hosts_path": str(home.known_hosts),
        "vm_template": {
            "name": "ubuntu-2204-cloud-template",
            "id": 9000,
            "image_url": f"{_IMAGES}/jammy-server-cloudimg-amd64.img",
            "checksum_url": f"{_IMAGES}/SHA256SUMS",
            "signing_key": str(home.signing_key),
            "storage_pool": _POOLS.get(storage, "local-lvm"),
            "network_bridge": "vmbr0",
            "base_cpus": 1,
            "base_memory_mb": 2048,
            "base_disk_gb": 16,
        },
        "cloud_init": {"ssh_public_key": public_key},
        "vm_sizes": _SIZES,
        # `via: node`: the guests' 10.x addresses may be somebody else's on the real network.
        "readiness_check": {
            "timeout_seconds": 60,
            "ssh_check_interval_seconds": 1,
            "via": "node",
        },
    }
    return "# Written by pvekit-lab at every start.\n" + yaml.safe_dump(
        content, sort_keys=False, width=1000
    )
