"""The memory of a running VM, saved on a volume: where that lies and what is noted of it."""

from __future__ import annotations

from pvekit.lab.commands.call import Call
from pvekit.lab.commands.volumes import Volumes, Wish
from pvekit.lab.guests.disk import Disk
from pvekit.lab.qemu import machine_of
from pvekit.lab.vmconfig import VmConfig

_DRIVER_STATE_MB = 500
# What the emulator makes of the types that are built on another one.
_CPUS = {"": "kvm64", "x86-64-v2-AES": "qemu64"}
_FLAGS = "enforce,+kvm_pv_eoi,+kvm_pv_unhalt,+lahf_lm,+sep"


async def allocate(
    call: Call, volumes: Volumes, config: VmConfig, name: str, storage: str = ""
) -> dict[str, str]:
    """Make the volume, and return the options that tell of it and of the machine that ran.

    It takes the memory twice, for what changes while it is saved.
    """
    size = (config.memory_mb * 2 + _DRIVER_STATE_MB) << 20
    wish = Wish(storage or _storage(call, config), call.vmid, "raw", f"vm-{call.vmid}-state-{name}")
    volid = await volumes.allocate(wish, size, Disk(size))
    model = config.values.get("cpu", "").partition(",")[0].removeprefix("cputype=")
    return {
        "vmstate": volid,
        "runningmachine": machine_of(call.node.capacity.pve, config.values),
        "runningcpu": f"{_CPUS.get(model, model)},{_FLAGS}",
    }


def _storage(call: Call, config: VmConfig) -> str:
    """Return the configured storage, or a shared one of the VM, or its own, files before others."""
    if chosen := config.values.get("vmstatestorage"):
        return chosen
    used = {d.file.partition(":")[0] for _, d in config.drives() if d.has_volume and not d.is_cdrom}
    best: dict[bool, str] = {}
    for storage in map(call.node.storages.get, sorted(used)):
        if storage.shared not in best or storage.path:
            best[storage.shared] = storage.id
    return best.get(True) or best.get(False) or "local"
