"""``qm set``: changes are written as pending ones, one by one, and then applied."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from pvekit.lab.commands import drives, hotplug, pending
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.cloudinit import hashed
from pvekit.lab.commands.drivemaking import DriveMaker
from pvekit.lab.commands.guards import check_digest, check_lock, check_protection
from pvekit.lab.commands.inputs import check_keys
from pvekit.lab.commands.nets import clamped_shares, net_text, tags_text
from pvekit.lab.commands.pending import Applier
from pvekit.lab.commands.setchecks import Changes, read_changes
from pvekit.lab.commands.volumes import Volumes
from pvekit.lab.failure import Failure
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import DRIVE_NAME, UNUSED_NAME, Drive, VmConfig

_NOT_TOLD = frozenset({"vmid", "node", "digest", "background_delay", "skip_cloud_init"})


async def set_options(call: Call) -> None:
    """Change options of a VM, delete some, or take pending changes back."""
    await _update(call, call.values, in_background=False)


async def set_in_background(call: Call) -> None:
    """Do the same as a task, which is what the API's POST does."""
    await _update(call, call.values, in_background=True)


async def remove_options(call: Call, names: str) -> None:
    """Delete options, as ``qm disk unlink`` does."""
    values = {key: call.values[key] for key in ("vmid", "force") if key in call.values}
    await _update(call, {**values, "delete": names}, in_background=False)


async def set_values(call: Call, vmid: int, values: Mapping[str, str], say: Say) -> None:
    """Change options of any VM whose configuration lock is held already."""
    changes = await read_changes(call, values)
    config = _checked(call, vmid, changes, values)
    await _Update(call, vmid, changes, config, say, say).run(_told(vmid, values))


async def _update(call: Call, values: Mapping[str, str], *, in_background: bool) -> None:
    check_keys(values.get("sshkeys", ""))
    changes = await read_changes(call, values)
    complain = call.process.complain
    async with call.node.locking.config(call.vmid, complain):
        config = _checked(call, call.vmid, changes, values)
        line = _told(call.vmid, values)
        if not in_background:
            update = _Update(call, call.vmid, changes, config, call.process.say, complain)
            await update.run(line)
            return
        async with call.worker("qmconfig") as say:
            await _Update(call, call.vmid, changes, config, say, say).run(line)


def _checked(call: Call, vmid: int, changes: Changes, values: Mapping[str, str]) -> VmConfig:
    text = call.node.config_text(vmid)
    config = call.node.parsed(text)
    check_digest(values.get("digest", ""), text)
    if "vmstate" in changes.deletions and config.lock == "suspended":
        config.values.pop("lock")
        changes.deletions.append("lock")
    check_lock(config, skip=values.get("skiplock") == "1")
    for name in changes.reverts:
        if (value := pending.current(config, name)) is not None:
            changes.values[name] = value
        elif name in config.pending:
            changes.deletions.append(name)
    _check_balloon(changes.values, config)
    return config


def _check_balloon(values: Mapping[str, str], config: VmConfig) -> None:
    if not {"memory", "balloon"} & values.keys():
        return
    coming = {**config.values, **config.pending, **values}
    memory = VmConfig({k: v for k, v in coming.items() if k == "memory"}).memory_mb
    if int(coming.get("balloon", "0")) > memory:
        raise Failure("balloon value too large (must be smaller than assigned memory)")


def _told(vmid: int, values: Mapping[str, str]) -> str:
    shown = {**values, "cipassword": "<hidden>"} if "cipassword" in values else values
    words = " ".join(f"-{key} {shown[key]}" for key in sorted(shown) if key not in _NOT_TOLD)
    text = f"update VM {vmid}: {words}\n"
    # Perl prints characters below 256 as Latin-1 bytes, and all of them as UTF-8 beyond.
    if all(ord(char) < 256 for char in text):
        return text.encode("latin-1").decode(errors="surrogateescape")
    return text


@dataclass
class _Update:
    """One run of changes to a configuration that is locked."""

    call: Call
    vmid: int
    changes: Changes
    config: VmConfig
    say: Say
    warn: Say
    modified: set[str] = field(default_factory=set)
    order: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        volumes = Volumes(self.call.node, self.say)
        self._applier = Applier(
            self.call.node, self.vmid, self.config, volumes, self.say, self.warn
        )
        self._maker = DriveMaker(volumes, self.vmid, self.call.process)
        self.order = self.config.boot_order() or []

    async def run(self, line: str) -> None:
        """Write all changes as pending ones, and apply what can be applied now."""
        await self.say(line)
        for name in self.changes.deletions:
            await self._delete(name)
        for key in self._keys():
            await self._set(key, self.changes.values[key])
        if pending.clean(self.config):
            self._applier.save()
        if self.config.pending:
            await self._apply()

    def _keys(self) -> Sequence[str]:
        """Return what is set, in the order in which it is done.

        The real order is that of a hash. Here disks are made last slot first, so that nobody
        learns to trust that scsi0 is disk-0.
        """

        def rank(key: str) -> tuple[bool, bool]:
            drive = self.changes.drives.get(key)
            return (drive is None, drive is not None and not drive.file.endswith(":cloudinit"))

        return sorted(sorted(self.changes.values, reverse=True), key=rank)

    async def _apply(self) -> None:
        if self.call.node.guest(self.vmid) is None:
            if errors := await self._applier.apply():
                raise self.call.refuse(**errors)
            return
        if errors := await hotplug.apply_running(self.call, self._applier, self.modified):
            raise self.call.refuse(**errors)

    # Deleting

    async def _delete(self, name: str) -> None:
        config, present = self.config, pending.current(self.config, name)
        value = config.pending.get(name) if present is None else present
        if value is None:
            await self.warn(f"cannot delete '{name}' - not set in current configuration!\n")
            return
        self.modified.add(name)
        was_pending = config.pending.pop(name, None) is not None
        if name in self.order:
            self.order = [device for device in self.order if device != name]
            self._set_order()
        if UNUSED_NAME.fullmatch(name):
            await self._delete_unused(name, value)
        elif DRIVE_NAME.fullmatch(name):
            check_protection(config, f"can't remove drive '{name}'")
            if was_pending:
                await self._applier.register_unused(Drive.parse(value))
            pending.mark_deleted(config, name, force=self.changes.force)
        elif name == "vmstate":
            check_protection(config, f"can't remove vmstate '{value}'")
            await self._applier.deallocate(name, Drive(value))
            config.values.pop(name, None)
        elif name == "tags":
            config.values.pop(name, None)
        else:
            pending.mark_deleted(config, name, force=self.changes.force)
        self._applier.save()

    async def _delete_unused(self, name: str, value: str) -> None:
        drive = Drive.parse(value)
        check_protection(self.config, f"can't remove unused disk '{drive.file}'")
        if await self._applier.deallocate(name, drive):
            self.config.values.pop(name, None)

    def _set_order(self) -> None:
        self.config.pending["boot"] = drives.boot_text(self.order)
        self.modified.add("boot")

    # Setting

    async def _set(self, key: str, value: str) -> None:
        self.modified.add(key)
        if self.config.pending.get(key) == value:
            return
        if key in self.changes.drives:
            await self._set_drive(key, self.changes.drives[key])
        elif DRIVE_NAME.fullmatch(key):  # taken back
            self.config.pending[key] = value
        else:
            self.config.pending[key] = self._normal(key, value)
        pending.unmark_deleted(self.config, key)
        self._applier.save()

    async def _set_drive(self, slot: str, drive: Drive) -> None:
        config = self.config
        if slot in config.pending:
            await self._applier.register_unused(Drive.parse(config.pending[slot]))
        config.pending[slot] = str(await self._maker.make(slot, drive, config))
        on_cd = drive.is_cdrom and not drive.is_cloudinit
        if self.order and on_cd and slot not in self.order:
            self.order.append(slot)
            self._set_order()

    def _normal(self, key: str, value: str) -> str:
        """Return a value as it is written; the program dies if it does not fit the others."""
        node = self.call.node
        forms: Mapping[str, Callable[[str], str]] = {
            "boot": self._boot,
            "cipassword": self._password,
            "cpuunits": clamped_shares,
            "description": lambda text: text.rstrip("\n"),
            "machine": self._machine,
            "tags": lambda text: tags_text(node, text),
            "vmgenid": lambda text: node.new_uuid() if text == "1" else text,
        }
        if re.fullmatch(r"net\d+", key):
            return net_text(node, key, value)
        return forms[key](value) if key in forms else value

    def _machine(self, value: str) -> str:
        drives.check_machine(self.call.node.capacity.pve, {"machine": value})
        return value

    def _password(self, value: str) -> str:
        windows = self.config.values.get("ostype", "").startswith("w")
        return value if windows else hashed(value)

    def _boot(self, value: str) -> str:
        if not value.startswith("order="):
            return value
        devices = [name for name in re.split(r"[;,\s]+", value.removeprefix("order=")) if name]
        known = {**self.config.values, **self.config.pending, **self.changes.values}
        for device in devices:
            if not known.get(device) or device in self.changes.deletions:
                raise Failure(f"invalid bootorder: device '{device}' does not exist'")
        if self.config.values.get("bootdisk"):
            pending.mark_deleted(self.config, "bootdisk", force=False)
        return drives.boot_text(devices)
