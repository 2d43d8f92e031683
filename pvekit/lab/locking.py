"""The locks that Proxmox VE's programs take, with their waiting times and messages."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pvekit.lab.failure import Failure
from pvekit.lab.faults import Faults
from pvekit.lab.locks import Handle, elapse
from pvekit.lab.machine import Machine
from pvekit.lab.storage import Definition
from pvekit.lab.tasks import Say

CONFIG_LOCKS = "/var/lock/qemu-server"
STORAGE_LOCKS = "/var/lock/pve-manager"
CLUSTER_LOCKS = "/etc/pve/priv/lock"
_PATIENCE = 10  # seconds


class Locking:
    """Takes locks on one machine; an ordered ``lock-held`` makes the waiting end in vain."""

    def __init__(self, machine: Machine, faults: Faults, shared: Machine) -> None:
        self._machine = machine
        self._faults = faults
        self._shared = shared

    @asynccontextmanager
    async def config(
        self, vmid: int, say: Say, *, seconds: float = _PATIENCE, shared: bool = False
    ) -> AsyncIterator[None]:
        """Hold a VM's configuration lock during the body; the program dies after ``seconds``."""
        path = f"{CONFIG_LOCKS}/lock-{vmid}.conf"
        held = self._faults.take("lock-held", f"config {vmid}") is not None
        handle = await self._file(path, say, held=held, seconds=seconds, shared=shared)
        try:
            yield
        finally:
            handle.release()

    @asynccontextmanager
    async def migration(self, vmid: int, say: Say) -> AsyncIterator[None]:
        """Hold the lock that keeps replication and migration of a VM apart."""
        path = f"{STORAGE_LOCKS}/pve-migrate-{vmid}"
        handle = await self._file(path, say, held=False, seconds=_PATIENCE, shared=False)
        try:
            yield
        finally:
            handle.release()

    async def _file(
        self, path: str, say: Say, *, held: bool, seconds: float, shared: bool
    ) -> Handle:
        self._machine.files.write(path, b"", append=True)
        handle = None if held else self._machine.locks.try_acquire(path, shared=shared)
        if handle is not None:
            return handle
        await say("trying to acquire lock...\n")
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
        held = self._faults.take("lock-held", f"storage {definition.id}") is not None
        if definition.shared:
            place = await self._cluster(f"storage-{definition.id}", say, held=held)
            try:
                yield
            finally:
                self._give_back(place)
            return
        path = f"{STORAGE_LOCKS}/pve-storage-{definition.id}"
        handle = await self._file(path, say, held=held, seconds=_PATIENCE, shared=False)
        try:
            yield
        finally:
            handle.release()

    async def _cluster(self, name: str, say: Say, *, held: bool) -> str:
        """Make the lock's directory on the cluster file system, and return its path."""
        place, why = f"{CLUSTER_LOCKS}/{name}", f"cfs-lock '{name}' error:"
        for look in range(_PATIENCE):
            if not held and self._made(place, why):
                return place
            if look + 1 < _PATIENCE:
                await say(f"trying to acquire cfs lock '{name}' ...\n")
            for _ in range(10):
                await elapse(self._machine.clock, 0.1)
        raise Failure(f"{why} got lock request timeout")

    def _made(self, place: str, why: str) -> bool:
        files = self._machine.files
        try:
            files.mkdir(place.rpartition("/")[0], parents=True)
            files.mkdir(place)
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise Failure(f"{why} no quorum!") from error
            self._ask_for(place)
            return False
        return True

    def _ask_for(self, place: str) -> None:
        try:
            self._machine.files.touch(place, 0)
        except OSError:
            return  # it went in between, or there is no quorum: the next look tells

    def _give_back(self, place: str) -> None:
        try:
            self._machine.files.rmdir(place)
        except OSError:
            return  # without quorum, or once it expired, nobody can or need give it back
