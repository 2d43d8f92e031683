"""``/proc``: live processes, the boot id, and whatever texts a machine adds."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping

from pvekit.lab.processes import LiveProcess
from pvekit.lab.tree import Stat, fault

TICKS = 100  # clock ticks per second, as `getconf CLK_TCK` tells


class ProcTree:
    """A read-only tree computed when it is read; ``texts`` maps further paths to their makers."""

    def __init__(self, processes: Mapping[int, LiveProcess], now: Callable[[], float]) -> None:
        self._processes = processes
        self._now = now
        self.texts: dict[str, Callable[[], str]] = {}

    def _content(self, path: str) -> str | None:
        if path in self.texts:
            return self.texts[path]()
        head, _, name = path.partition("/")
        process = self._processes.get(int(head)) if head.isdigit() else None
        return None if process is None else _describe(process, name)

    def _children(self, path: str) -> Iterator[str]:
        start = f"{path}/" if path else ""
        for text in self.texts:
            if text.startswith(start):
                yield text[len(start) :].partition("/")[0]
        if not path:
            yield from map(str, self._processes)
        elif path.isdigit() and int(path) in self._processes:
            yield from _FILES

    def first_link(self, path: str, *, last: bool) -> tuple[str, str, str] | None:  # noqa: ARG002
        """Return None: links of processes are not simulated."""
        return None

    def stat(self, path: str) -> Stat:
        """Describe a file or directory; sizes are 0, as in the real one."""
        if self._content(path) is not None:
            return Stat("file", 0, 0o444, self._now())
        if not path or any(self._children(path)):
            return Stat("directory", 0, 0o555, self._now())
        raise fault(errno.ENOENT, path)

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        content = self._content(path)
        if content is None:
            raise fault(errno.EISDIR if self.names(path) else errno.ENOENT, path)
        return content.encode()

    def names(self, path: str) -> list[str]:
        """Return a directory's entries, sorted."""
        if self._content(path) is not None:
            raise fault(errno.ENOTDIR, path)
        names = sorted(set(self._children(path)))
        if path and not names:
            raise fault(errno.ENOENT, path)
        return names

    def write(
        self,
        path: str,
        data: bytes,  # noqa: ARG002
        *,
        append: bool = False,  # noqa: ARG002
        exclusive: bool = False,  # noqa: ARG002
        mode: int | None = None,  # noqa: ARG002
    ) -> None:
        """Refuse."""
        raise fault(errno.EACCES if self._content(path) is not None else errno.ENOENT, path)

    def mkdir(self, path: str, mode: int = 0o755) -> None:  # noqa: ARG002
        """Refuse."""
        raise fault(errno.ENOENT, path)

    def rmdir(self, path: str) -> None:
        """Refuse."""
        raise fault(errno.EPERM, path)

    def unlink(self, path: str) -> None:
        """Refuse."""
        raise fault(errno.EPERM, path)

    def rename(self, source: str, target: str) -> None:  # noqa: ARG002
        """Refuse."""
        raise fault(errno.EPERM, source)

    def chmod(self, path: str, mode: int) -> None:  # noqa: ARG002
        """Refuse."""
        raise fault(errno.EPERM, path)

    def touch(self, path: str, when: float) -> None:  # noqa: ARG002
        """Refuse."""
        raise fault(errno.EPERM, path)


def _describe(process: LiveProcess, name: str) -> str | None:
    maker = _FILES.get(name)
    return None if maker is None else maker(process)


def _stat(process: LiveProcess) -> str:
    """Return the line of proc(5).

    Field 14 are the ticks that it has used a processor, field 22 those from the boot to its start.
    """
    before = f"{process.pid} ({_comm(process)}) S {process.parent} {process.group} {process.group}"
    used, started = int(process.cpu_seconds() * TICKS), int(process.started * TICKS)
    return f"{before}{' 0' * 7} {used}{' 0' * 7} {started}{' 0' * 30}\n"


def _comm(process: LiveProcess) -> str:
    return process.argv[0].rpartition("/")[2][:15] if process.argv else "kthread"


def _cmdline(process: LiveProcess) -> str:
    return "".join(f"{word}\0" for word in process.argv)


_FILES: dict[str, Callable[[LiveProcess], str]] = {
    "cmdline": _cmdline,
    "comm": lambda process: f"{_comm(process)}\n",
    "stat": _stat,
    "status": lambda process: (
        f"Name:\t{_comm(process)}\nState:\tS (sleeping)\nPid:\t{process.pid}\n"
        f"PPid:\t{process.parent}\n"
    ),
}
