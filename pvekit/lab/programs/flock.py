"""``flock``: programs that run under a lock."""

from __future__ import annotations

from dataclasses import dataclass

from pvekit.lab.process import Process, Program
from pvekit.lab.programs.basic import duration
from pvekit.lab.programs.failures import fail
from pvekit.lab.programs.options import Options, options
from pvekit.lab.programs.runners import missing
from pvekit.lab.streams import BytesReader, FileWriter, Stream, absolute


@dataclass(frozen=True)
class _Lock:
    """How a lock is asked for: ``wait`` in seconds (None: for ever), status when it is held."""

    shared: bool
    wait: float | None
    conflict: int

    @classmethod
    def read(cls, given: Options) -> _Lock:
        text = given.value("w", "wait", "timeout")
        wait = duration(text) if text is not None else None
        return cls(
            given.has("s", "shared"),
            0.0 if given.has("n", "nonblock", "nb") else wait,
            given.number("E", "conflict-exit-code", default=1),
        )

    async def take(self, process: Process, stream: Stream) -> int:
        """Put the lock on an open file; the status is 0 or that of a conflict."""
        locks = process.machine.locks
        stream.lock = await locks.acquire(stream.path, shared=self.shared, timeout=self.wait)
        return self.conflict if stream.lock is None else 0


async def flock(process: Process) -> int:
    """Run a program under a lock, or lock a descriptor of the shell that runs this."""
    given = options(
        process.argv[1:],
        "n nonblock nb x e exclusive s shared u unlock o close F no-fork",
        "w wait timeout E conflict-exit-code c",
        permute=False,
    )
    lock = _Lock.read(given)
    if not given.operands:
        return await fail(process, "not enough arguments", 64)
    target, *words = given.operands
    if target.isdigit() and not words:
        return await _lock_descriptor(process, int(target), lock, unlock=given.has("u", "unlock"))
    if words[:1] == ["-c"] and len(words) == 2:
        words = ["sh", *words]
    if not words:
        return await fail(process, f"bad file descriptor: '{target}'", 64)
    stream = await _open_for_lock(process, target)
    if stream is None:
        return 66
    try:
        return await lock.take(process, stream) or await _run_locked(process, words, stream)
    finally:
        stream.close()


async def _run_locked(process: Process, words: list[str], stream: Stream) -> int:
    if await missing(process, words[0], "failed to execute {name}"):
        return 69
    # The program inherits the locked file: the lock lasts until its last holder has gone.
    number = max([2, *process.descriptors]) + 1
    held = {**process.descriptors, number: stream}
    return await process.machine.spawn(process, words, descriptors=held)


async def _open_for_lock(process: Process, target: str) -> Stream | None:
    files = process.machine.files
    path = absolute(process, target)
    try:
        if files.is_dir(path):
            return Stream(reader=BytesReader(), path=path)
        add = files.open(path, append=True, mode=0o666 & ~process.umask)
    except OSError as error:
        await fail(process, f"cannot open lock file {target}: {error.strerror}")
        return None
    return Stream(writer=FileWriter(add), path=path)


async def _lock_descriptor(process: Process, number: int, lock: _Lock, *, unlock: bool) -> int:
    stream = process.descriptors.get(number)
    if stream is None or not stream.path:
        return await fail(process, f"{number}: Bad file descriptor", 65)
    if stream.lock is not None:
        stream.lock.release()
    return 0 if unlock else await lock.take(process, stream)


FLOCK: dict[str, Program] = {"flock": flock}
