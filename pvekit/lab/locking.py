"""The locks that Proxmox VE's programs take, with their waiting times and messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pvekit.lab.failure import Failure
from pvekit.lab.faults import Faults
from pvekit.lab.locks import Handle
from pvekit.lab.machine import Machine
from pvekit.lab.storage import Definition
from pvekit.lab.tasks import Say

CONFIG_LOCKS = "/var/lock/qemu-server"
STORAGE_LOCKS = "/var/lock/pve-manager"


class Locking:
    """Takes locks on one machine; an ordered ``lock-held`` makes the waiting end in vain."""

    def __init__(self, machine: Machine, faults: Faults, shared: Machine) -> None:
        self._machine = machine
        self._faults = faults
        self._shared = shared

    @asynccontextmanager
    async def config(
        self, vmid: int, say: Say, *, seconds: float = 10, shared: bool = False
    ) -> AsyncIterator[None]:
        """Hold a VM's configuration lock during the body; the program dies after ``seconds``."""
        path = f"{CONFIG_LOCKS}/lock-{vmid}.conf"
        self._machine.files.write(path, b"", append=True)
        held = self._faults.take("lock-held", f"config {vmid}") is not None
        handle = None if held else self._machine.locks.try_acquire(path, shared=shared)
        if handle is None:
            handle = await self._wait(path, say, held=held, seconds=seconds, shared=shared)
        try:
            yield
        finally:
            handle.release()

    async def _wait(
        self, path: str, say: Say, *, held: bool, seconds: float, shared: bool
    ) -> Handle:
        await say("trying to acquire lock...\n")
        handle = None
        if held:
            await self._machine.clock.sleep(seconds)
        else:
            handle = await self._machine.locks.acquire(path, shared=shared, timeout=seconds)
        if handle is None:
            raise Failure(f"can't lock file '{path}' - got timeout")
        await say(" OK\n")
        return handle

    @asynccontextmanager
    async def storage(self, definition: Definition, say: Say) -> AsyncIterator[None]:
        """Hold a storage's lock during the body; that of a shared one counts for all nodes."""
        path = f"{STORAGE_LOCKS}/pve-storage-{definition.id}"
        machine = self._shared if definition.shared else self._machine
        if self._faults.take("lock-held", f"storage {definition.id}") is not None:
            await machine.clock.sleep(10)
            handle = None
        else:
            handle = await machine.locks.acquire(path, timeout=10)
        if handle is None and definition.shared:
            raise Failure(f"cfs-lock 'storage-{definition.id}' error: got lock request timeout")
        if handle is None:
            await say("trying to acquire lock...\n")
            raise Failure(f"can't lock file '{path}' - got timeout")
        try:
            yield
        finally:
            handle.release()
