"""Whether a template is still what was built. Pure: what was read goes in, findings come out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pvekit.inventory.model import Vm
from pvekit.templates.decide import Wish
from pvekit.templates.sums import Checksum

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: how it stands, and what to do about it."""

    check: str
    state: State
    told: str
    mend: str = ""


def findings(
    vm: Vm,
    wish: Wish | None,
    published: Checksum | str | None,
    stored: Mapping[str, Collection[str]],
) -> Iterator[Finding]:
    """Yield how a template stands.

    ``wish`` is the configured template of its name, ``published`` the checksum of its image now, or
    why it is not known, ``stored`` the disk images that were seen, by storage.
    """
    yield from _disks(vm, stored)
    yield _cloud_init(vm)
    yield _lock(vm)
    yield _wanted(vm, wish)
    if published is not None:
        yield _image(vm, published)


def _disks(vm: Vm, stored: Mapping[str, Collection[str]]) -> Iterator[Finding]:
    disks = [volume for volume in vm.volumes.values() if volume.media != "cdrom"]
    if not disks:
        yield Finding("disks", "fail", "it has no disk", "pvekit template build --rebuild")
    for disk in disks:
        seen = stored.get(disk.storage)
        if seen is None:
            yield Finding("disks", "warn", f"{disk.volid}: its storage could not be listed")
        elif disk.volid not in seen:
            mend = "pvekit template build --rebuild"
            yield Finding("disks", "fail", f"{disk.volid} is not on its storage", mend)
        else:
            yield Finding("disks", "ok", f"{disk.volid} is there")


def _cloud_init(vm: Vm) -> Finding:
    if any(volume.is_cloud_init for volume in vm.volumes.values()):
        return Finding("cloud-init", "ok", "it has a cloud-init drive")
    told = "it has no cloud-init drive: its clones could not be configured"
    return Finding("cloud-init", "fail", told, "pvekit template build --rebuild")


def _lock(vm: Vm) -> Finding:
    if vm.lock:
        return Finding("lock", "warn", f"it is locked ({vm.lock})", "wait for the end of that")
    return Finding("lock", "ok", "nothing holds it")


def _wanted(vm: Vm, wish: Wish | None) -> Finding:
    if wish is None or vm.mark is None:
        return Finding("configuration", "warn", "the configuration has no template of this name")
    if vm.mark.digest != wish.digest:
        told = "recipe or hardware in the configuration have changed since it was built"
        return Finding("configuration", "warn", told, "pvekit template build")
    return Finding("configuration", "ok", "recipe and hardware are as configured")


def _image(vm: Vm, published: Checksum | str) -> Finding:
    if isinstance(published, str):
        return Finding("image", "warn", f"what is published now is not known: {published}")
    made = vm.mark.image if vm.mark else ""
    if made == published.mark:
        return Finding("image", "ok", f"it was made of the image that is published ({made})")
    told = f"it was made of image {made}, published is {published.mark}"
    return Finding("image", "warn", told, "pvekit template build --if-newer")
