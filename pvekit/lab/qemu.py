"""The emulator of each release of Proxmox VE, and the machines that it offers."""

from __future__ import annotations

from collections.abc import Mapping

QEMU = {"8.4": "10.0.13", "9.2": "11.0.0"}
"""The emulator's version by release."""


def machine_series(release: str) -> str:
    """Return the newest version of the emulator's machine types, such as ``10.0``."""
    return QEMU[release].rpartition(".")[0]


def machine_of(release: str, values: Mapping[str, str]) -> str:
    """Return the full type of the machine that a VM with this configuration runs on."""
    kind = values.get("machine", "").partition(",")[0].removeprefix("type=")
    chipset = "q35" if "q35" in kind else "i440fx"
    return f"pc-{chipset}-{machine_series(release)}+pve0"
