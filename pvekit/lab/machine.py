"""A simulated computer: files, programs, processes, and a shell to run a line on it."""

from __future__ import annotations

import asyncio
import posixpath
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypedDict, Unpack

from pvekit.lab import layout
from pvekit.lab.clock import Clock
from pvekit.lab.credentials import ACTING, PROGRAM
from pvekit.lab.descriptors import descriptors_of
from pvekit.lab.files import FileSystem, remove_below
from pvekit.lab.layout import PATH
from pvekit.lab.locks import Locks
from pvekit.lab.log import Log
from pvekit.lab.process import NotSimulated, Process, Program, Reader, Writer
from pvekit.lab.processes import LiveProcess, ProcessTable
from pvekit.lab.procfs import ProcTree
from pvekit.lab.streams import BytesReader, BytesWriter, Descriptors, Stream

NOT_SIMULATED = 99


class Changes(TypedDict, total=False):
    """What a program may change for the process it runs in its place."""

    stdin: Reader
    stdout: Writer
    stderr: Writer
    env: dict[str, str]
    cwd: str
    user: str
    umask: int
    descriptors: Descriptors


class Machine:
    """A simulated computer. ``programs`` maps bare names; callers may add to it at any time.

    ``runtime_directories`` under ``/run`` are made anew at each boot.
    """

    def __init__(
        self, hostname: str, clock: Clock, log: Log, programs: Mapping[str, Program]
    ) -> None:
        self.hostname = hostname
        self.clock = clock
        self.log = log
        self.programs: dict[str, Program] = dict(programs)
        self.runtime_directories = list(layout.RUNTIME_DIRECTORIES)
        self.kernel = "6.8.12-1-pve"
        self.cpus = 16
        self._up = True
        self.power_watchers: list[Callable[[], None]] = []
        self.boot_id = str(uuid.uuid4())
        self.booted = clock.now()
        self.files = FileSystem(clock.now)
        self.locks = Locks(clock, self.files.resolve)
        self.processes = ProcessTable(self.uptime)
        self.proc = ProcTree(self.processes, clock.now)
        self._prepare()

    def _prepare(self) -> None:
        layout.lay_out(self.files)
        self._make_runtime_directories()
        self.files.write("/etc/hostname", f"{self.hostname}\n".encode())
        self.files.write("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
        self.files.mount("/proc", self.proc)
        self.proc.texts |= {
            "sys/kernel/random/boot_id": lambda: f"{self.boot_id}\n",
            "sys/kernel/hostname": lambda: f"{self.hostname}\n",
            "uptime": lambda: f"{self.uptime():.2f} {self.uptime():.2f}\n",
        }

    def _make_runtime_directories(self) -> None:
        for path in self.runtime_directories:
            self.files.mkdir(path, parents=True)

    @property
    def up(self) -> bool:
        """Whether it has power."""
        return self._up

    @up.setter
    def up(self, value: bool) -> None:
        self._up = value
        for watcher in self.power_watchers:
            watcher()

    def uptime(self) -> float:
        """Return seconds since boot."""
        return self.clock.now() - self.booted

    def account(self, user: str) -> tuple[int, int, str] | None:
        """Return (uid, gid, home directory) of a user in ``/etc/passwd``, or None."""
        for line in self.files.read("/etc/passwd").decode().splitlines():
            name, _, uid, gid, _, home, *_ = [*line.split(":"), *[""] * 6]
            if name == user:
                return int(uid), int(gid), home
        return None

    def shell(self, user: str) -> str:
        """Return the path of a user's login shell."""
        for line in self.files.read("/etc/passwd").decode().splitlines():
            name, *_, shell = line.split(":")
            if name == user and shell:
                return shell
        return "/bin/sh"

    def home(self, user: str) -> str:
        """Return a user's home directory."""
        account = self.account(user)
        return account[2] if account else f"/home/{user}"

    def locate(self, name: str, path: str = PATH, cwd: str = "/") -> str | None:
        """Return where a program is found, or None."""
        if "/" in name:
            place = posixpath.join(cwd, name)
            return place if self._is_program(place) else None
        for directory in path.split(":"):
            place = posixpath.join(cwd, directory, name)
            if self._built_in(place) is not None:
                return layout.home_of(name)
            if self._is_executable(place):
                return place
        return None

    def _is_program(self, place: str) -> bool:
        return self._built_in(place) is not None or self._is_executable(place)

    def _is_executable(self, place: str) -> bool:
        return self.files.is_file(place) and bool(self.files.stat(place).mode & 0o111)

    def _built_in(self, place: str) -> Program | None:
        directory, name = posixpath.split(place)
        return self.programs.get(name) if directory in layout.PROGRAM_DIRECTORIES else None

    async def call(self, process: Process) -> int:
        """Run a program within the present task, as ``exec`` does; returns its status."""
        name = process.argv[0]
        acting = ACTING.set(process.user)
        program = PROGRAM.set(posixpath.basename(name))
        try:
            return await self._call(process)
        except NotSimulated as refusal:
            await process.complain(f"lab: not simulated: {name}: {refusal}\n")
            return NOT_SIMULATED
        except BrokenPipeError:
            return 141
        except OSError as error:
            path = f"{error.filename}: " if error.filename else ""
            await process.complain(f"{posixpath.basename(name)}: {path}{error.strerror}\n")
            return 1
        finally:
            ACTING.reset(acting)
            PROGRAM.reset(program)

    async def _call(self, process: Process) -> int:
        name = process.argv[0]
        place = self.locate(name, process.env.get("PATH", PATH), process.cwd)
        if place is None:
            return await self._not_found(process)
        program = self._built_in(place)
        if program is not None:
            return await program(process)
        return await self._script(process, place)

    async def _script(self, process: Process, place: str) -> int:
        first = self.files.read(place).partition(b"\n")[0].decode(errors="replace")
        words = first[2:].split() if first.startswith("#!") else ["/bin/sh"]
        interpreter = self._built_in(words[0])
        if interpreter is None:
            raise NotSimulated(f"a script for {words[0]}")
        return await interpreter(replace(process, argv=(*words, place, *process.argv[1:])))

    async def _not_found(self, process: Process) -> int:
        name = process.argv[0]
        path = posixpath.join(process.cwd, name)
        if "/" in name and self.files.exists(path):
            await process.complain(f"sh: 1: {name}: {'Permission denied'}\n")
            return 126
        await process.complain(f"sh: 1: {name}: not found\n")
        return 127

    def start(self, process: Process, *, group: int = 0) -> LiveProcess:
        """Start a program in the background; it holds its own share of the open files.

        ``process.pid`` is the parent's; the new process gets its own. ``group`` 0 is a new group.
        """
        live = self.processes.add(process.argv, parent=process.pid, group=group, user=process.user)
        parent = self.processes.get(process.pid)
        if parent is not None:
            live.ignored = parent.ignored
        held = {number: stream.share() for number, stream in descriptors_of(process).items()}
        child = replace(
            process,
            pid=live.pid,
            descriptors=held,
            stdin=held[0],
            stdout=held[1],
            stderr=held[2],
        )
        live.task = asyncio.get_running_loop().create_task(self._live(live, child))
        live.task.add_done_callback(lambda _: self._bury(live, held))
        return live

    async def _live(self, live: LiveProcess, process: Process) -> int:
        try:
            return await self.call(process)
        except asyncio.CancelledError:
            return 128 + (live.signal or 15)

    def _bury(self, live: LiveProcess, held: Descriptors) -> None:
        self.processes.discard(live)
        for stream in held.values():
            stream.close()

    async def spawn(self, parent: Process, argv: Sequence[str], **changes: Unpack[Changes]) -> int:
        """Run a program by argv as a child of ``parent`` and return its status."""
        child = replace(parent, argv=tuple(argv), **changes)
        leader = self.processes.get(parent.pid)
        return await self.start(child, group=leader.group if leader else 0).wait()

    async def execute(
        self,
        line: str,
        stdin: Reader,
        stdout: Writer,
        stderr: Writer,
        *,
        user: str = "root",
        env: Mapping[str, str] | None = None,
    ) -> int:
        """Run ``$SHELL -c line`` as sshd does and return its status.

        Like sshd, it waits until nobody holds the output streams any more: a background process
        that did not redirect its output keeps the session open.
        """
        home = self.home(user)
        released = asyncio.Event(), asyncio.Event()
        streams = {
            0: Stream(reader=stdin),
            1: Stream(writer=stdout, release=released[0].set),
            2: Stream(writer=stderr, release=released[1].set),
        }
        process = Process(
            machine=self,
            argv=(posixpath.basename(self.shell(user)), "-c", line),
            stdin=streams[0],
            stdout=streams[1],
            stderr=streams[2],
            env=self.environment(user) | dict(env or {}),
            cwd=home if self.files.is_dir(home) else "/",
            user=user,
            pid=1,
            descriptors=streams,
        )
        status = await self.start(process).wait()
        for stream in streams.values():
            stream.close()
        for event in released:
            await event.wait()
        return status

    def environment(self, user: str) -> dict[str, str]:
        """Return the variables that sshd sets for a user."""
        home = self.home(user)
        shell = self.shell(user)
        return {"HOME": home, "USER": user, "LOGNAME": user, "SHELL": shell, "PATH": PATH}

    def reboot(self) -> None:
        """End all processes and locks at once, empty ``/run`` and ``/tmp``, take a new boot id."""
        self.processes.kill_all()
        self.locks.clear()
        for path in ("/run", "/tmp"):  # noqa: S108
            remove_below(self.files, path)
        self._make_runtime_directories()
        self.boot_id = str(uuid.uuid4())
        self.booted = self.clock.now()


async def collect(
    machine: Machine,
    line: str,
    stdin: bytes = b"",
    *,
    user: str = "root",
    env: Mapping[str, str] | None = None,
) -> tuple[int, bytes, bytes]:
    """Run a line with the given input and return (status, stdout, stderr)."""
    out, err = BytesWriter(), BytesWriter()
    status = await machine.execute(line, BytesReader(stdin), out, err, user=user, env=env)
    return status, out.data, err.data
