"""Changes of a configuration that wait in its section for pending ones, and how they are applied.

Every change goes there first. Those of a VM that is off are applied at once, all together.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pvekit.lab import snapshots
from pvekit.lab.commands import cichanges, cloudinit
from pvekit.lab.commands.volumes import Volumes
from pvekit.lab.failure import Failure
from pvekit.lab.node import Node
from pvekit.lab.tasks import Say
from pvekit.lab.vmconfig import DRIVE_NAME, UNUSED_NAME, Drive, VmConfig

Warn = Callable[[str], Awaitable[None]]


def current(config: VmConfig, key: str) -> str | None:
    """Return an option's present value, or None."""
    if key == "description":
        return config.description or None
    return config.values.get(key)


def mark_deleted(config: VmConfig, key: str, *, force: bool) -> None:
    """Note that an option goes, with its volume if forced."""
    config.mark_deletions({**config.pending_deletions(), key: force})


def unmark_deleted(config: VmConfig, key: str) -> None:
    """Note that an option does not go after all."""
    config.mark_deletions({k: v for k, v in config.pending_deletions().items() if k != key})


def clean(config: VmConfig) -> bool:
    """Forget pending changes that change nothing; returns whether there were any."""
    before = dict(config.pending)
    for key, value in before.items():
        if key != "delete" and current(config, key) == value:
            del config.pending[key]
    marked = config.pending_deletions().items()
    config.mark_deletions({k: v for k, v in marked if current(config, k) is not None})
    return config.pending != before


@dataclass(frozen=True)
class Applier:
    """Works on one VM's configuration; ``warn`` is where warnings go."""

    node: Node
    vmid: int
    config: VmConfig
    volumes: Volumes
    say: Say
    warn: Warn

    def save(self) -> None:
        """Write the configuration."""
        self.node.save(self.vmid, self.config)

    def owns(self, volid: str) -> bool:
        """Return whether a volume carries the VM's id."""
        volume = self.node.storages.find(volid)
        return volume is not None and volume.vmid == self.vmid

    async def register_unused(self, drive: Drive) -> None:
        """Let a drive go: its volume becomes unused, a cloud-init drive is removed."""
        if drive.is_cloudinit:
            try:
                await self.volumes.free(drive.file)
            except Failure as failure:
                await self.warn(f"{failure.message}\n")
            cichanges.settle(self.config)
        elif not drive.is_cdrom and self.owns(drive.file):
            self.config.add_unused(drive.file)

    async def deallocate(self, key: str, drive: Drive) -> bool:
        """Remove a drive's volume for good; returns whether the option can go."""
        if drive.is_cdrom and not drive.is_cloudinit:
            return False
        if self.owns(drive.file):
            if self._in_use(key, drive.file):
                why = "volume is still in use (snapshot?)"
                raise Failure(f"unable to delete '{drive.file}' - {why}")
            await self.volumes.free(drive.file)
        return True

    def _in_use(self, key: str, volid: str) -> bool:
        others = {k: v for k, v in self.config.values.items() if k != key}
        named = VmConfig(others).volumes()
        return any(v == volid for _, v in named) or bool(snapshots.users(self.config, volid))

    async def detach(self, slot: str, *, force: bool) -> None:
        """Take a drive's volume from its slot, or remove it if forced."""
        drive = Drive.parse(self.config.values[slot])
        if force:
            await self.deallocate(slot, drive)
        else:
            await self.register_unused(drive)

    # Applying to a VM that is off

    async def apply(self) -> dict[str, str]:
        """Apply everything; returns what could not be applied, and why, by option."""
        errors: dict[str, str] = {}
        await self._apply_deletions(errors)
        clean(self.config)
        generate = await self._apply_values(errors)
        self.save()
        if generate:
            await cloudinit.generate(self.node, self.vmid, self.config, self.say)
            if cichanges.settle(self.config):
                self.save()
        return errors

    async def _apply_deletions(self, errors: dict[str, str]) -> None:
        for key, force in sorted(self.config.pending_deletions().items()):
            try:
                if DRIVE_NAME.fullmatch(key) and key in self.config.values:
                    await self.detach(key, force=force)
            except Failure as failure:
                await self._fail(key, failure, errors)
                continue
            unmark_deleted(self.config, key)
            self.drop(key)

    def drop(self, key: str) -> None:
        """Remove an option."""
        if key == "description":
            self.config.description = ""
        self.config.values.pop(key, None)

    async def _apply_values(self, errors: dict[str, str]) -> bool:
        """Put the pending values in place; returns whether a cloud-init drive is among them."""
        generate = False
        for key, value in list(self.config.pending.items()):
            if key == "delete":
                continue
            try:
                if DRIVE_NAME.fullmatch(key) and key in self.config.values:
                    await self.register_unused(Drive.parse(self.config.values[key]))
            except Failure as failure:
                await self._fail(key, failure, errors)
                continue
            generate |= bool(DRIVE_NAME.fullmatch(key)) and Drive.parse(value).is_cloudinit
            self.take(key)
        return generate

    def take(self, key: str) -> None:
        """Make a pending value the present one."""
        value = self.config.pending.pop(key)
        if key == "description":
            self.config.description = value
            return
        self.config.values[key] = value
        if DRIVE_NAME.fullmatch(key):
            self._forget_unused(Drive.parse(value).file)

    def _forget_unused(self, volid: str) -> None:
        values = self.config.values
        for key in [k for k, v in values.items() if UNUSED_NAME.fullmatch(k) and v == volid]:
            del values[key]

    async def _fail(self, key: str, failure: Failure, errors: dict[str, str]) -> None:
        errors[key] = f"unable to apply pending change {key} : {failure.message}\n"
        await self.warn(errors[key])
