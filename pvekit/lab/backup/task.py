"""The backup of one VM, with the log that the real program writes of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pvekit.lab import dates
from pvekit.lab.backup import transfer
from pvekit.lab.backup.archive import Archive, Image
from pvekit.lab.backup.contents import Contents
from pvekit.lab.backup.notes import notes_of
from pvekit.lab.commands.cloudinit import generate
from pvekit.lab.failure import Failure
from pvekit.lab.guests.hardware import hardware
from pvekit.lab.ha import config as ha
from pvekit.lab.images import written
from pvekit.lab.machine import collect
from pvekit.lab.vmconfig import VmConfig

if TYPE_CHECKING:
    from pvekit.lab.backup.target import Target
    from pvekit.lab.commands.call import Call
    from pvekit.lab.tasks import Say

_EXTENSIONS = {"zstd": ".zst", "gzip": ".gz", "lzo": ".lzo", "1": ".lzo"}
_MAPS = "#qmdump#map:{}:drive-{}:{}:{}:\n"


@dataclass
class GuestBackup:
    """The backup of one VM to a target; ``options`` are complete."""

    call: Call
    vmid: int
    options: Mapping[str, str]
    target: Target
    say: Say
    _log: list[str] = field(default_factory=list)
    _contents: Contents = field(init=False)
    _stopped: float = 0.0
    _path: str = ""

    def __post_init__(self) -> None:
        self._contents = Contents(self.call.node, self.info)

    @property
    def _images(self) -> list[Image]:
        return self._contents.images

    async def info(self, text: str) -> None:
        """Say a line, in the log of the backup too."""
        stamp = dates.stamp(self.call.node.machine.clock.now())
        self._log.append(f"{stamp} INFO: {text}\n")
        await self.say(f"INFO: {text}\n")

    @property
    def _now(self) -> float:
        return self.call.node.machine.clock.now()

    async def run(self) -> bool:
        """Do it; returns whether that succeeded."""
        started = self._now
        try:
            await self._run()
        except Failure as failure:
            await self._fail(failure)
            return False
        seconds = int(self._now - started)
        took = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        await self.info(f"Finished Backup of VM {self.vmid} ({took})")
        await self.say(f"INFO: Backup finished at {dates.stamp(self._now)}\n")
        self._write_log()
        return True

    async def _fail(self, failure: Failure) -> None:
        why = f"ERROR: Backup of VM {self.vmid} failed - {failure.message}\n"
        self._log.append(f"{dates.stamp(self._now)} {why}")
        await self.say(why)
        await self.say(f"INFO: Failed at {dates.stamp(self._now)}\n")
        if self._path:
            self._write_log()

    def _write_log(self) -> None:
        path = f"{self._path.partition('.vma')[0]}.log"
        self.call.node.machine.files.write(path, "".join(self._log).encode())

    async def _run(self) -> None:
        node = self.call.node
        owner = node.cluster.owner(self.vmid)
        if owner is None or owner != (node.name, "qemu"):
            raise Failure(f"unable to find VM '{self.vmid}'")
        self._check_ha()
        self.target.check_count(self.vmid, self.options)
        stamp = dates.file_stamp(self._now)
        extension = _EXTENSIONS.get(self.options["compress"], "")
        name = f"vzdump-qemu-{self.vmid}-{stamp}.vma{extension}"
        self._path = f"{self.target.directory}/{name}"
        if not node.machine.files.is_dir(self.target.directory):
            node.machine.files.mkdir(self.target.directory, parents=True)
        await self.info(f"Starting Backup of VM {self.vmid} (qemu)")
        await self.say(f"INFO: Backup started at {dates.stamp(self._now)}\n")
        running = node.guest(self.vmid) is not None
        await self.info(f"status = {'running' if running else 'stopped'}")
        await self._locked(running=running)

    def _check_ha(self) -> None:
        sections = ha.load(self.call.node, ha.RESOURCES).ids
        section = sections.get(f"vm:{self.vmid}")
        started = section is not None and ha.wanted_state(section.values) == "started"
        if self.options["mode"] == "stop" and started:
            raise Failure(
                "Cannot execute a backup with stop mode on a HA managed and enabled Service. "
                "Use snapshot mode or disable the Service."
            )

    async def _locked(self, *, running: bool) -> None:
        node = self.call.node
        async with node.locking.config(self.vmid, self.say):
            config = node.config(self.vmid)
            if config.lock:
                raise Failure(f"VM is locked ({config.lock})")
            node.save(self.vmid, _with(config, {**config.values, "lock": "backup"}))
        try:
            await self._prepare(config, running=running)
            await self._transfer(config, running=running)
        finally:
            config = node.config(self.vmid)
            kept = {key: value for key, value in config.values.items() if key != "lock"}
            node.save(self.vmid, _with(config, kept))
        await self._finish(config)

    async def _prepare(self, config: VmConfig, *, running: bool) -> None:
        mode = self.options["mode"] if running else "stop"
        if mode == "snapshot":
            await self._contents.choose(config)
        await self.info(f"backup mode: {mode}")
        if self.options["bwlimit"] != "0":
            await self.info(f"bandwidth limit: {self.options['bwlimit']} KiB/s")
        await self.info(f"ionice priority: {self.options['ionice']}")
        if mode != "snapshot":
            await self._contents.choose(config)
        if running and mode == "stop":
            await self.info("stopping virtual guest")
            self._stopped = self._now
            wait = int(self.options["stopwait"]) * 60
            await self._command(f"qm shutdown {self.vmid} --skiplock --keepActive --timeout {wait}")
        elif mode == "suspend":
            await self.info("suspending guest")
            self._stopped = self._now
            await self._command(f"qm suspend {self.vmid} --skiplock")

    async def _command(self, line: str) -> None:
        with ha.without_asking():
            status, out, err = await collect(self.call.node.machine, line)
        for text in (out + err).decode(errors="replace").splitlines():
            await self.info(text)
        if status:
            raise Failure(f"command '{line}' failed: exit code {status}")

    async def _transfer(self, config: VmConfig, *, running: bool) -> None:
        await self._contents.tell_left_out(config)
        await self.info(f"creating vzdump archive '{self._path}'")
        if config.is_template or not self._images:
            await self._template(config)
        else:
            await self._through_emulator(config, running=running)
        maps = "".join(_MAPS.format(i.slot, i.slot, i.storage, i.format) for i in self._images)
        text = _with(config, _kept(config.values), bare=True).text() + maps
        archive = Archive(text, int(self._now), tuple(self._images))
        self.call.node.machine.files.write(self._path, archive.to_bytes())

    async def _template(self, config: VmConfig) -> None:
        """Copy the disks of a VM that cannot run, without an emulator."""
        if not self._images:
            await self.info("backup contains no disks")
        await self.info("starting template backup")
        base = self._path.partition(".vma")[0]
        out = transfer.compressor(self.options)
        drives = [
            f"drive-{image.slot}={self.call.node.storages.path(drive.file)}"
            for image in self._images
            for slot, drive in config.drives()
            if slot == image.slot
        ]
        words = [f"/usr/bin/vma create -v -c {base}.tmp/qemu-server.conf", out, *drives]
        place = (
            self._path.rpartition(".")[0]
            if self._path.endswith(tuple(_EXTENSIONS.values()))
            else base
        )
        words.insert(2, f"> {place}.dat")
        await self.info(" ".join(words))
        total = sum(image.disk.size_bytes for image in self._images)
        zero = total - sum(min(written(i.disk), i.disk.size_bytes) for i in self._images)
        for percent in range(101 if total else 0):
            done = total * percent // 100
            await self.info(f"progress {percent}% {done}/{total} {zero * percent // 100}")
        limit = int(self.options["bwlimit"]) << 10
        await transfer.wait(self.call.node.machine.clock, total, limit)

    async def _through_emulator(self, config: VmConfig, *, running: bool) -> None:
        node = self.call.node
        on = node.guest(self.vmid) is not None
        if not on:
            await self.info("starting kvm to execute backup task")
            await generate(node, self.vmid, config, self.say)
        elif hardware(config.values).agent:
            await self._freeze()
        await self.info(f"started backup task '{node.new_uuid()}'")
        if running and not on:
            seconds = int(self._now - self._stopped)
            await self.info(f"resuming VM again after {seconds} seconds")
            await self._start_again()
        limit = int(self.options["bwlimit"]) << 10
        await transfer.run(node.machine.clock, self._images, limit, self.info)
        if not running:
            await self.info("stopping kvm after backup task")
        if self.options["mode"] == "suspend" and running:
            await self._resume()

    async def _freeze(self) -> None:
        guest = self.call.node.guest(self.vmid)
        if guest is not None and guest.agent_ready and self.options["mode"] != "suspend":
            await self.info("issuing guest-agent 'fs-freeze' command")
            await self.info("issuing guest-agent 'fs-thaw' command")
        else:
            why = "agent configured but not running?"
            await self.info(f"skipping guest-agent 'fs-freeze', {why}")

    async def _start_again(self) -> None:
        with ha.without_asking():
            await collect(self.call.node.machine, f"qm start {self.vmid} --skiplock")

    async def _resume(self) -> None:
        await self.info("resume vm")
        await self._command(f"qm resume {self.vmid} --skiplock")
        seconds = int(self._now - self._stopped)
        await self.info(f"guest is online again after {seconds or '<1'} seconds")

    async def _finish(self, config: VmConfig) -> None:
        node, files = self.call.node, self.call.node.machine.files
        await self.info(f"archive file size: {_size(files.stat(self._path).size)}")
        template = self.options.get("notes-template", "")
        if template and self.target.storage:
            await self.info("adding notes to backup")
            await self._add_notes(template, config)
        if self.options["protected"] == "1" and self.target.storage:
            await self.info("marking backup as protected")
            files.write(f"{self._path}.protected", b"")
        if self.options["remove"] == "1" and self.target.rules and self.target.storage:
            node.check_quorum()
            await self.target.prune(self.vmid, self.info)

    async def _add_notes(self, template: str, config: VmConfig) -> None:
        known = {
            "cluster": self.call.node.cluster.name,
            "guestname": config.name or f"VM {self.vmid}",
            "node": self.call.node.name,
            "vmid": str(self.vmid),
        }
        try:
            text = notes_of(template, known)
        except Failure as failure:
            await self.say(f"WARN: unable to add notes - {failure.message}\n")
            return
        self.call.node.machine.files.write(f"{self._path}.notes", text.encode())


def _with(config: VmConfig, values: dict[str, str], *, bare: bool = False) -> VmConfig:
    if bare:
        return VmConfig(values, config.description)
    return VmConfig(values, config.description, dict(config.pending), config.sections)


def _kept(values: Mapping[str, str]) -> dict[str, str]:
    gone = re.compile(r"lock|parent|unused\d+")
    return {key: value for key, value in values.items() if not gone.fullmatch(key)}


def _size(size: int) -> str:
    if size < 1 << 20:
        return f"{size >> 10}KB"
    if size < 1 << 30:
        return f"{size >> 20}MB"
    return f"{size / (1 << 30):.2f}GB"
