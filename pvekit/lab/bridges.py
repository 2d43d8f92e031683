"""The bridges of a node's kernel, as /sys shows them."""

from __future__ import annotations

from pvekit.lab.files import FileSystem

NET = "/sys/class/net"


def put(files: FileSystem, name: str, *, vlan_aware: bool = False) -> None:
    """Show a bridge, and whether it filters by VLAN."""
    files.mkdir(f"{NET}/{name}/bridge", parents=True)
    files.write(f"{NET}/{name}/bridge/vlan_filtering", f"{int(vlan_aware)}\n".encode())


def drop(files: FileSystem, name: str) -> None:
    """Take a bridge away."""
    if files.exists(f"{NET}/{name}/bridge/vlan_filtering"):
        files.unlink(f"{NET}/{name}/bridge/vlan_filtering")
    files.rmdir(f"{NET}/{name}/bridge")
    files.rmdir(f"{NET}/{name}")
