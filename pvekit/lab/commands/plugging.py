"""Plugging devices into a running VM and out of it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pvekit.lab.commands import cichanges
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.cloudinit import generate
from pvekit.lab.commands.nets import bridge_of
from pvekit.lab.commands.pending import Applier, unmark_deleted
from pvekit.lab.failure import Failure
from pvekit.lab.guests.hardware import properties
from pvekit.lab.lists import split_list
from pvekit.lab.vmconfig import DRIVE_NAME, Drive, VmConfig

_DEFAULT = "network,disk,usb"
_MODERN = frozenset({"l26", "win8", "win10", "win11"})
_THROTTLES = re.compile(r"(mbps|iops|bps)(_.*)?|size|backup|replicate|shared|snapshot")
_AGENT_AT_ONCE = frozenset({"fstrim_cloned_disks", "freeze-fs-on-backup"})
_WIRING = frozenset({"bridge", "tag", "trunks", "firewall", "rate", "link_down"})
_ALWAYS = frozenset({"cpuunits", "cpulimit"})
_WORDS = """
description hookscript lock migrate_downtime migrate_speed name onboot protection shares startup
tags vmstatestorage cicustom cipassword citype ciuser ciupgrade nameserver searchdomain sshkeys
"""
_AT_ONCE = frozenset(_WORDS.split())


class Later(Exception):
    """A change waits for the next start."""


def is_at_once(option: str) -> bool:
    """Return whether an option has no effect on a running VM, so that it need not wait."""
    return option in _AT_ONCE or re.fullmatch(r"ipconfig\d+", option) is not None


def features(config: VmConfig) -> frozenset[str]:
    """Return what can be plugged into a VM while it runs."""
    text = config.values.get("hotplug", "1")
    if text in {"0", ""}:
        return frozenset()
    return frozenset(split_list(_DEFAULT if text == "1" else text))


class Plugging:
    """One run of changes to a running VM; those that must wait raise :class:`Later`."""

    def __init__(self, call: Call, applier: Applier) -> None:
        self._call = call
        self._applier = applier
        self._config = applier.config
        self._guest = call.node.guests[applier.vmid]
        self.features = features(applier.config)

    # Out

    async def unplug(self, option: str, *, force: bool) -> None:
        """Delete an option now, if that can be."""
        if DRIVE_NAME.fullmatch(option):
            await self._unplug_drive(option, force=force)
        else:
            self._need(self._can_go(option))
        config = self._config
        unmark_deleted(config, option)
        cichanges.note(config, option, config.values.pop(option, None), None)
        if option == "description":
            config.description = ""
        self._guest.rewire(config.values)

    def _can_go(self, option: str) -> bool:
        kind = option.rstrip("0123456789")
        if kind in {"net", "usb"} and kind != option:
            return self._feature_of(kind)
        if option == "hotplug":
            return "memory" not in self.features
        if option == "balloon":
            return self._config.values.get("balloon") != "0"
        needed = {"tablet": "usb", "vcpus": "cpu", "memory": "memory"}.get(option)
        fast = option in _ALWAYS or is_at_once(option)
        return fast or (needed is not None and needed in self.features)

    def _feature_of(self, kind: str) -> bool:
        if kind == "net":
            return "network" in self.features
        return "usb" in self.features and self._config.values.get("ostype", "") in _MODERN

    async def _unplug_drive(self, slot: str, *, force: bool) -> None:
        self._need("disk" in self.features and slot.startswith(("scsi", "virtio")))
        self._guest.devices.detach(slot)
        if slot in self._config.values:
            await self._applier.detach(slot, force=force)

    # In

    async def plug(self, option: str) -> None:
        """Take over an option's pending value now, if that can be."""
        config, value = self._config, self._config.pending[option]
        if DRIVE_NAME.fullmatch(option):
            await self._plug_drive(option, Drive.parse(value))
        elif re.fullmatch(r"net\d+", option):
            self._plug_card(option, value)
        else:
            self._need(self._can_change(option, value))
        cichanges.note(config, option, config.values.get(option), value)
        self._applier.take(option)
        self._guest.rewire(config.values)

    def _can_change(self, option: str, value: str) -> bool:
        values = self._config.values
        if re.fullmatch(r"usb\d+", option):
            return self._feature_of("usb")
        if option == "hotplug":
            return "memory" not in value and "memory" not in self.features
        if option == "balloon":
            return (values.get("balloon", "1") == "0") == (value == "0")
        if option == "agent":
            return self._agent_stays(value)
        needed = {"tablet": "usb", "vcpus": "cpu", "memory": "memory"}.get(option)
        return option in _ALWAYS or (needed is not None and needed in self.features)

    def _agent_stays(self, value: str) -> bool:
        if "agent" not in self._config.values:
            return False
        old, new = (_kept(text) for text in (self._config.values["agent"], value))
        return old == new

    def _plug_card(self, option: str, value: str) -> None:
        old = _card(self._config.values.get(option, ""))
        new = _card(value)
        rewired = bool(old) and _fixed(old) == _fixed(new) and "bridge" in old and "bridge" in new
        self._need(rewired or "network" in self.features)
        bridge = bridge_of(value)
        if not bridge or self._call.node.machine.files.is_dir(f"/sys/class/net/{bridge}/bridge"):
            return
        if rewired:
            raise Failure(f"bridge '{bridge}' does not exist")
        script = "/usr/libexec/qemu-server/pve-bridge-hotplug failed with status 512"
        command = f"VM {self._applier.vmid} qmp command 'netdev_add' failed"
        raise Failure(f"{command} - network script {script}")

    async def _plug_drive(self, slot: str, drive: Drive) -> None:
        self._need(slot not in {"efidisk0", "tpmstate0"})
        if drive.is_cloudinit:
            say, vmid = self._applier.say, self._applier.vmid
            iso = await generate(self._call.node, vmid, self._merged(), say)
            cichanges.settle(self._config)
            if iso is not None and slot in self._config.values:
                self._guest.devices.change_cd(slot, iso)
        if slot in self._config.values:
            old = Drive.parse(self._config.values[slot])
            if await self._change_drive(slot, old, drive):
                return
        self._need("disk" in self.features and slot.startswith(("scsi", "virtio")))
        self._call.node.plug(self._applier.vmid, slot, drive)

    def _merged(self) -> VmConfig:
        return VmConfig(self._config.effective(), self._config.description)

    async def _change_drive(self, slot: str, old: Drive, new: Drive) -> bool:
        """Change a drive in its slot; False if another is to be plugged in."""
        if old.is_cdrom != new.is_cdrom:
            raise Failure("unable to change media type")
        if old.is_cdrom:
            if old.file != new.file and not new.is_cloudinit:
                self._call.node.plug(self._applier.vmid, slot, new)
            if old.is_cloudinit and new.file == "none":
                await self._applier.register_unused(old)
            return True
        if old.file == new.file:
            self._need(_untouched(old.properties) == _untouched(new.properties))
            return True
        self._need("disk" in self.features and slot.startswith(("scsi", "virtio")))
        self._guest.devices.detach(slot)
        await self._applier.register_unused(old)
        return False

    @staticmethod
    def _need(condition: bool) -> None:  # noqa: FBT001 - it reads as a sentence
        if not condition:
            raise Later


def _kept(agent: str) -> dict[str, str]:
    parts = properties(agent, "enabled")
    return {key: value for key, value in parts.items() if key not in _AGENT_AT_ONCE}


def _card(text: str) -> dict[str, str]:
    return properties(text, "model") if text else {}


def _fixed(card: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in card.items() if key not in _WIRING}


def _untouched(given: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in given.items() if not _THROTTLES.fullmatch(key)}
