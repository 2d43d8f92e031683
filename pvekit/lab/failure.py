"""How a program of Proxmox VE dies: with a message on stderr and an unreliable exit status."""

from __future__ import annotations


class Failure(Exception):
    """The program dies with this message; real ones end with a left-over errno, or 255."""

    def __init__(self, message: str, status: int = 255) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


def no_config(node: str, vmid: int) -> Failure:
    """Return the failure of a VM that is not on this node."""
    return Failure(f"Configuration file 'nodes/{node}/qemu-server/{vmid}.conf' does not exist", 2)
