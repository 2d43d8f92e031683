"""One member's view of the cluster file system: what is mounted at ``/etc/pve``."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Mapping

from pvekit.lab.memorytree import MemoryTree
from pvekit.lab.pmxcfs import GUEST, LOCK, TYPES, ClusterFileSystem
from pvekit.lab.tree import Stat, fault

MAX_FILE = 1 << 20  # bytes
_GROUP = "www-data"
_PRIVATE = re.compile(r"(nodes/[^/]+/)?priv(/|$)")
_LOCAL = ("local", "lxc", "openvz", "qemu-server")


class MemberTree:
    """One member's view of the cluster file system, to be mounted at ``/etc/pve``."""

    def __init__(self, shared: ClusterFileSystem, node: str) -> None:
        self._shared = shared
        self._node = node
        self._computed: Mapping[str, Callable[[], str]] = {
            ".clusterlog": shared.log.text,
            ".debug": lambda: "0\n",
            ".members": lambda: shared.membership.text(node),
            ".rrd": shared.figures,
            ".version": shared.versions_text,
            ".vmlist": shared.vmlist_text,
        }

    @property
    def _tree(self) -> MemoryTree:
        return self._shared.tree

    def first_link(self, path: str, *, last: bool) -> tuple[str, str, str] | None:
        """Return (place, target, rest) of the first link on a path; ``last`` includes its end."""
        first, slash, rest = path.partition("/")
        if first not in _LOCAL or not (slash or last):
            return None
        return "", self._target(first), rest

    def _target(self, link: str) -> str:
        return f"nodes/{self._node}" + ("" if link == "local" else f"/{link}")

    def _real(self, path: str) -> str:
        found = self.first_link(path, last=True)
        return path if found is None else f"{found[1]}/{found[2]}".rstrip("/")

    def _shown_mode(self, bits: int) -> int:
        return bits if self._shared.quorate(self._node) else bits & 0o555

    def stat(self, path: str) -> Stat:
        """Describe a file, directory or link; the mode has no write bit without quorum."""
        if path in self._computed:
            size = len(self.read(path))
            return Stat("file", size, 0o440, self._shared.now(), group=_GROUP)
        if path in _LOCAL:
            size = len(self._target(path))
            return Stat("link", size, self._shown_mode(0o755), self._shared.now(), group=_GROUP)
        self._shared.materialize(path)
        stat = self._tree.stat(path)
        private = _PRIVATE.match(path) is not None
        file, directory = (0o600, 0o700) if private else (0o640, 0o755)
        mode = self._shown_mode(directory if stat.kind == "directory" else file)
        links, size = (2, 0) if stat.kind == "directory" else (1, stat.size)
        blocks = -(-size // 4096)
        return Stat(stat.kind, size, mode, stat.mtime, "root", _GROUP, links, stat.inode, blocks)

    def read(self, path: str) -> bytes:
        """Return a file's content, or a link's target."""
        if path in self._computed:
            return self._computed[path]().encode()
        if path in _LOCAL:
            return self._target(path).encode()
        self._shared.materialize(path)
        return self._tree.read(self._real(path))

    def names(self, path: str) -> list[str]:
        """Return a directory's entries, sorted."""
        names = self._tree.names(self._real(path))
        return names if path else sorted([*names, *_LOCAL, *self._computed])

    def _writable(self, path: str) -> str:
        if path in self._computed or path in _LOCAL or not self._shared.quorate(self._node):
            raise fault(errno.EACCES, path)
        self._shared.materialize(path)
        return self._real(path)

    def _claim(self, path: str, *, leaving: str = "") -> None:
        """Refuse a second configuration of a vmid anywhere in the cluster."""
        found = GUEST.fullmatch(path)
        if found is None:
            return
        left = GUEST.fullmatch(leaving)
        owner = self._shared.owner(int(found[3]))
        moves = left is not None and left[3] == found[3]
        if owner and owner != (found[1], TYPES[found[2]]) and not moves:
            raise fault(errno.EEXIST, path)

    def _length(self, path: str) -> int:
        try:
            return self._tree.stat(path).size
        except FileNotFoundError:
            return 0

    def write(
        self,
        path: str,
        data: bytes,
        *,
        append: bool = False,
        exclusive: bool = False,
        mode: int | None = None,  # noqa: ARG002 - the real one decides modes itself
    ) -> None:
        """Create or change a file; ``exclusive`` is atomic over the whole PVE cluster."""
        real = self._writable(path)
        if len(data) + (self._length(real) if append else 0) > MAX_FILE:
            raise fault(errno.EFBIG, path)
        self._claim(real)
        self._tree.write(real, data, append=append, exclusive=exclusive)
        self._shared.changed(real)

    def mkdir(self, path: str, mode: int = 0o755) -> None:
        """Create a directory, which is as atomic as exclusive creation."""
        real = self._writable(path)
        self._tree.mkdir(real, mode)
        if LOCK.fullmatch(real):
            self._shared.note_lock(real, self._node)

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        self._tree.rmdir(self._writable(path))

    def unlink(self, path: str) -> None:
        """Remove a file."""
        real = self._writable(path)
        self._tree.unlink(real)
        self._shared.changed(real)

    def rename(self, source: str, target: str) -> None:
        """Move a file; raises EEXIST if the target's vmid has a configuration elsewhere."""
        old, new = self._writable(source), self._writable(target)
        self._claim(new, leaving=old)
        self._tree.rename(old, new)
        self._shared.changed(old)
        self._shared.changed(new)

    def chmod(self, path: str, mode: int) -> None:
        """Refuse every mode but those that the file system shows itself for files."""
        real = self._writable(path)
        self._tree.stat(real)
        if mode not in ({0o600} if _PRIVATE.match(real) else {0o600, 0o640}):
            raise fault(errno.EPERM, path)

    def touch(self, path: str, when: float) -> None:
        """Set a time; time 0 on a lock's directory asks for the lock, later ones renew it."""
        real = self._writable(path)
        if LOCK.fullmatch(real) is None:
            self._tree.touch(real, when)
        elif when == 0:
            self._shared.release_lock(real)
        else:
            self._shared.renew_lock(real, self._node, when)
