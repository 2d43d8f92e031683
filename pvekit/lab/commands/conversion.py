"""A disk copied by ``qemu-img convert``: the command as it is run, and what ends it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from pvekit.lab.commands.volumes import Source, Volumes, Wish
from pvekit.lab.failure import Failure
from pvekit.lab.features import has_feature
from pvekit.lab.process import Process
from pvekit.lab.storage import image_name
from pvekit.lab.workers import INTERRUPTED, helper, was_killed


@dataclass(frozen=True)
class Conversion:
    """One copy within a task; ``snapname`` is the snapshot that is read, or nothing."""

    volumes: Volumes
    process: Process
    snapname: str = ""

    async def run(self, source: Source, wish: Wish, limit: int = 0) -> str:
        """Make the new volume and return its id; ``limit`` is in bytes per second."""
        words = self._words(source, wish, limit)
        with helper(self.process, words):
            try:
                return await self.volumes.copy(source, wish, limit)
            except asyncio.CancelledError:
                if was_killed(self.process):
                    raise
                why = f"command '{' '.join(words)}' failed: {INTERRUPTED}"
                raise Failure(f"copy failed: {why}") from None

    def _words(self, source: Source, wish: Wish, limit: int) -> tuple[str, ...]:
        storages = self.volumes.node.storages
        definition = storages.get(wish.storage)
        image_format = (wish.format or "raw") if definition.path else "raw"
        name = wish.name or storages.free_name(definition.id, wish.vmid)
        volid = f"{wish.storage}:{image_name(definition, wish.vmid, name, image_format)}"
        zero = "zeroinit:" if has_feature(storages, "sparseinit", volid) else ""
        rate = ("-r", f"{limit >> 10}K") if limit else ()
        snapshot = ("-l", f"snapshot.name={self.snapname}") if source.format == "qcow2" else ()
        read = ("-f", source.format, *(snapshot if self.snapname else ()))
        write = ("-O", image_format, source.path, f"{zero}{storages.path(volid)}")
        return ("/usr/bin/qemu-img", "convert", "-p", "-n", *rate, *read, *write)
