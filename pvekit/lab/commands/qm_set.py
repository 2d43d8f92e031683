"""``qm set``: changes are written one by one; a running VM keeps some for its next start."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from pvekit.lab.commands import drives
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.drives import DriveMaker, boot_text
from pvekit.lab.commands.guards import check_digest, check_lock
from pvekit.lab.commands.nets import bridge_of, net_text, tags_text
from pvekit.lab.commands.volumes import Volumes
from pvekit.lab.failure import Failure
from pvekit.lab.options import Refused, table
from pvekit.lab.process import NotSimulated
from pvekit.lab.vmconfig import DRIVE_NAME, UNUSED_NAME, Drive, VmConfig

_NOT_OPTIONS = frozenset({"vmid", "skiplock", "digest", "delete", "revert", "force"})
_AT_ONCE = frozenset(
    {"description", "lock", "name", "onboot", "protection", "startup", "tags", "template"}
)
_HOT = re.compile(r"((scsi|virtio|unused)\d+|net\d+)")


async def set_options(call: Call) -> None:
    """Change options of a VM, delete some, or take pending changes back."""
    if call.values.keys() <= {"vmid", "skiplock", "digest"}:
        raise Failure("no options specified")
    if "hookscript" in call.values or "args" in call.values:
        raise NotSimulated("--hookscript, --args")
    deletions = _names(call.get("delete"))
    wanted = drives.wanted(call.values)
    drives.check(call, wanted)
    _check_deletions(call, deletions)
    call.node.config(call.vmid)
    async with call.node.locking.config(call.vmid, call.process.complain):
        text = call.node.config_text(call.vmid)
        config = VmConfig.parse(text)
        check_digest(call, text)
        check_lock(config, skip=call.on("skiplock"))
        await _tell(call, {key: value for key, value in call.values.items() if key != "digest"})
        change = _Change(call, config)
        for name in _names(call.get("revert")):
            change.revert(name)
        await change.delete(deletions)
        await change.set_drives(wanted)
        change.set_others(call.values.keys() - wanted.keys() - _NOT_OPTIONS)
        if any(drive.file.endswith(":cloudinit") for drive in wanted.values()):
            await call.process.say("generating cloud-init ISO\n")


async def remove_options(call: Call, names: Sequence[str]) -> None:
    """Delete options, as ``qm disk unlink`` does."""
    async with call.node.locking.config(call.vmid, call.process.complain):
        config = call.node.config(call.vmid)
        check_lock(config)
        told = {"delete": ",".join(names)} | ({"force": "1"} if call.on("force") else {})
        await _tell(call, told)
        await _Change(call, config).delete(names)


async def _tell(call: Call, values: Mapping[str, str]) -> None:
    shown = {**values, "cipassword": "<hidden>"} if "cipassword" in values else values
    words = " ".join(f"-{key} {shown[key]}" for key in sorted(shown) if key != "vmid")
    text = f"update VM {call.vmid}: {words}\n"
    # Perl prints characters below 256 as Latin-1 bytes, and all of them as UTF-8 beyond.
    narrow = all(ord(char) < 256 for char in text)
    await call.process.stdout.write(text.encode("latin-1" if narrow else "utf-8", "replace"))


def _names(text: str) -> list[str]:
    return [name for name in re.split(r"[,;\s\0]+", text) if name]


def _check_deletions(call: Call, deletions: Sequence[str]) -> None:
    known = table("qm").commands["set"].names
    for name in deletions:
        if name in call.values:
            raise call.refuse(
                delete=f"you can't use '-{name}' and -delete {name}' at the same time"
            )
        if name not in known and not UNUSED_NAME.fullmatch(name):
            raise call.refuse(delete=f"unknown option '{name}'")


class _Change:
    """One run of changes to a configuration that is locked."""

    def __init__(self, call: Call, config: VmConfig) -> None:
        self._call = call
        self._config = config
        self._running = call.node.guest(call.vmid) is not None
        self._maker = DriveMaker(Volumes(call.node, call.process.say), call.vmid)

    async def delete(self, names: Sequence[str]) -> None:
        for name in names:
            await self._delete(name)

    async def set_drives(self, wanted: Mapping[str, Drive]) -> None:
        for slot, drive in wanted.items():
            await self._set_drive(slot, drive)

    def set_others(self, keys: Iterable[str]) -> None:
        for key in sorted(keys, key=lambda key: (key == "boot", key)):
            self._set(key, self._call.values[key])

    def _save(self) -> None:
        self._call.node.save(self._call.vmid, self._config)

    def revert(self, name: str) -> None:
        self._config.pending.pop(name, None)
        left = [other for other in self._config.pending_deletions() if other != name]
        self._config.pending.pop("delete", None)
        if left:
            self._config.pending["delete"] = ",".join(left)
        self._save()

    # Deleting

    async def _delete(self, name: str) -> None:
        config = self._config
        present = name in config.values or (name == "description" and config.description)
        if not present and name not in config.pending:
            why = f"cannot delete '{name}' - not set in current configuration!\n"
            await self._call.process.complain(why)
            return
        if self._must_wait(name):
            marked = dict.fromkeys([*config.pending_deletions(), name])
            config.pending.pop(name, None)
            config.pending["delete"] = ",".join(marked)
        elif name == "description":
            config.description = ""
        elif UNUSED_NAME.fullmatch(name):
            await self._maker.volumes.free(config.values.pop(name))
        elif DRIVE_NAME.fullmatch(name):
            await self._detach(name)
        else:
            config.values.pop(name, None)
            config.pending.pop(name, None)
        self._save()

    async def _detach(self, slot: str) -> None:
        config = self._config
        if config.values.get("protection") == "1":
            raise Failure(f"can't remove drive '{slot}' - protection mode enabled")
        drive = Drive.parse(config.values.pop(slot))
        await self._let_go(drive, force=self._call.on("force"))
        order = re.split(r"[;,]", config.values.get("boot", "").removeprefix("order="))
        if slot in order:
            config.values["boot"] = boot_text(device for device in order if device != slot)

    async def _let_go(self, drive: Drive, *, force: bool = False) -> None:
        volume = self._call.node.storages.find(drive.file) if drive.has_volume else None
        if volume is None or volume.vmid != self._call.vmid:
            return
        if drive.is_cloudinit or force:
            await self._maker.volumes.free(drive.file)
        else:
            self._config.add_unused(drive.file)

    # Setting

    async def _set_drive(self, slot: str, drive: Drive) -> None:
        config = self._config
        before = config.values.get(slot)
        new = await self._maker.make(slot, drive, config)
        old = Drive.parse(before) if before else None
        if old is not None and old.file != new.file:
            await self._let_go(old)
        for key in [k for k, v in config.values.items() if UNUSED_NAME.fullmatch(k)]:
            if config.values[key] == new.file:
                del config.values[key]
        config.values[slot] = str(new)
        if new.is_cdrom and not new.is_cloudinit:
            self._boot_also(slot)
        self._save()

    def _boot_also(self, slot: str) -> None:
        boot = self._config.values.get("boot", "")
        if boot.startswith("order=") and slot not in re.split(r"[=;]", boot):
            self._config.values["boot"] = f"{boot};{slot}"

    def _set(self, key: str, value: str) -> None:
        config = self._config
        if key == "description":
            config.description = value.removesuffix("\n")
        elif self._must_wait(key):
            config.pending[key] = self._normal(key, value)
        else:
            config.values[key] = self._normal(key, value)
            config.pending.pop(key, None)
        self._save()
        if re.fullmatch(r"net\d+", key) and self._running:
            self._check_bridge(key)

    def _normal(self, key: str, value: str) -> str:
        if key == "tags":
            # An empty value is read back from the file as one blank.
            return tags_text(value) or " "
        if key == "boot":
            self._check_boot(value)
        if re.fullmatch(r"net\d+", key):
            return net_text(self._call.node, self._call.command.names[key], value)
        return value or " "

    def _check_boot(self, value: str) -> None:
        known = {**self._config.effective(), **self._call.values}
        for device in filter(None, re.split(r"[;,]", value.removeprefix("order="))):
            if value.startswith("order=") and device not in known:
                raise Failure(f"invalid bootorder: device '{device}' does not exist'")

    def _check_bridge(self, key: str) -> None:
        bridge = bridge_of(self._config.values[key])
        if bridge and not self._call.node.machine.files.is_dir(f"/sys/class/net/{bridge}/bridge"):
            raise self._hotplug_problem(key)

    def _hotplug_problem(self, key: str) -> Refused:
        script = "/usr/libexec/qemu-server/pve-bridge-hotplug failed with status 512"
        qmp = f"VM {self._call.vmid} qmp command 'netdev_add' failed - network script {script}"
        return self._call.refuse(**{key: f"hotplug problem - {qmp}\n"})

    def _must_wait(self, key: str) -> bool:
        return self._running and key not in _AT_ONCE and not _HOT.fullmatch(key)
