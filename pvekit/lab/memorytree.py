"""The ordinary tree: files, directories, links and devices in memory."""

from __future__ import annotations

import base64
import errno
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pvekit.lab.credentials import ACTING
from pvekit.lab.images import file_size
from pvekit.lab.tree import Kind, Stat, fault


@dataclass
class _Node:
    kind: Kind
    mode: int
    mtime: float
    owner: str = field(default_factory=ACTING.get)
    data: bytes = b""  # a link's target too
    group: str = ""  # empty: the owner's own
    links: int = 1
    added: list[bytes] = field(default_factory=list)
    children: dict[str, _Node] = field(default_factory=dict)
    inode: int = field(default_factory=itertools.count(2).__next__)

    def content(self) -> bytes:
        # Joined late, so that a long output written in pieces costs linear time.
        if self.added:
            self.data = b"".join((self.data, *self.added))
            self.added.clear()
        return self.data

    def size(self) -> int:
        return len(self.data) + sum(map(len, self.added))


class MemoryTree:
    """A tree in memory. ``total`` is its capacity in bytes; beyond it, writing raises ENOSPC."""

    def __init__(self, now: Callable[[], float], total: int = 94 << 30) -> None:
        self._now = now
        self._root = _Node("directory", 0o755, now())
        self.total = total
        self.used = 0

    def _node(self, path: str) -> _Node:
        node = self._root
        for name in path.split("/") if path else ():
            if node.kind != "directory":
                raise fault(errno.ENOTDIR, path)
            if name not in node.children:
                raise fault(errno.ENOENT, path)
            node = node.children[name]
        return node

    def _directory(self, path: str) -> _Node:
        node = self._node(path)
        if node.kind != "directory":
            raise fault(errno.ENOTDIR, path)
        return node

    def _parent(self, path: str) -> tuple[_Node, str]:
        head, _, name = path.rpartition("/")
        return self._directory(head), name

    def first_link(self, path: str, *, last: bool) -> tuple[str, str, str] | None:
        """Return (place, target, rest) of the first link on a path; ``last`` includes its end."""
        node = self._root
        names = path.split("/") if path else []
        for at, name in enumerate(names):
            child = node.children.get(name)
            if child is None:
                return None
            if child.kind == "link" and (last or at < len(names) - 1):
                return "/".join(names[:at]), child.data.decode(), "/".join(names[at + 1 :])
            node = child
        return None

    def stat(self, path: str) -> Stat:
        """Describe a file, directory, link or device."""
        node = self._node(path)
        links = node.links
        size = node.size() or (4096 if node.kind == "directory" else 0)
        if node.kind == "directory":
            links += 1 + sum(child.kind == "directory" for child in node.children.values())
        group = node.group or node.owner
        size = file_size(node.content()) if node.kind == "file" else node.size()
        return Stat(node.kind, size, node.mode, node.mtime, node.owner, group, links, node.inode)

    def read(self, path: str) -> bytes:
        """Return a file's content, or a link's target."""
        node = self._node(path)
        if node.kind == "directory":
            raise fault(errno.EISDIR, path)
        return node.content()

    def names(self, path: str) -> list[str]:
        """Return a directory's entries, sorted."""
        return sorted(self._directory(path).children)

    def write(
        self,
        path: str,
        data: bytes,
        *,
        append: bool = False,
        exclusive: bool = False,
        mode: int | None = None,
    ) -> None:
        """Create or change a file; an existing one keeps its mode."""
        self.open(path, append=append, exclusive=exclusive, mode=mode)(data)

    def open(
        self, path: str, *, append: bool = False, exclusive: bool = False, mode: int | None = None
    ) -> Callable[[bytes], None]:
        """Create or empty a file and return what appends to it, even after it was renamed."""
        parent, name = self._parent(path)
        node = parent.children.get(name)
        if node is None:
            node = _Node("file", 0o644 if mode is None else mode, self._now())
            parent.children[name] = node
            parent.mtime = node.mtime
        elif exclusive and node.kind != "device":
            raise fault(errno.EEXIST, path)
        elif node.kind == "directory":
            raise fault(errno.EISDIR, path)
        elif not append:
            self._empty(node)

        def add(data: bytes) -> None:
            self._append(node, data, path)

        return add

    def _empty(self, node: _Node) -> None:
        self.used -= node.size()
        node.data = b""
        node.added.clear()
        node.mtime = self._now()

    def _append(self, node: _Node, data: bytes, path: str) -> None:
        if node.kind == "device":
            return
        if self.used + len(data) > self.total:
            raise fault(errno.ENOSPC, path)
        self.used += len(data)
        node.added.append(data)
        node.mtime = self._now()

    def _add(self, path: str, node: _Node) -> None:
        parent, name = self._parent(path)
        if not name or name in parent.children:
            raise fault(errno.EEXIST, path)
        parent.children[name] = node
        parent.mtime = self._now()

    def mkdir(self, path: str, mode: int = 0o755) -> None:
        """Create a directory."""
        self._add(path, _Node("directory", mode, self._now()))

    def symlink(self, target: str, path: str) -> None:
        """Create a symbolic link."""
        self._add(path, _Node("link", 0o777, self._now(), data=target.encode()))

    def mknod(self, path: str) -> None:
        """Create a device that gives nothing and takes everything."""
        self._add(path, _Node("device", 0o666, self._now()))

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        if self._directory(path).children:
            raise fault(errno.ENOTEMPTY, path)
        if not path:
            raise fault(errno.EBUSY, path)
        parent, name = self._parent(path)
        del parent.children[name]
        parent.mtime = self._now()

    def unlink(self, path: str) -> None:
        """Remove a file."""
        node = self._node(path)
        if node.kind == "directory":
            raise fault(errno.EISDIR, path)
        parent, name = self._parent(path)
        self._drop(node)
        del parent.children[name]
        parent.mtime = self._now()

    def _drop(self, node: _Node) -> None:
        node.links -= 1
        if not node.links:
            self.used -= node.size()

    def link(self, source: str, target: str) -> None:
        """Give a file one more name."""
        node = self._node(source)
        if node.kind == "directory":
            raise fault(errno.EPERM, source)
        self._add(target, node)
        node.links += 1

    def rename(self, source: str, target: str) -> None:
        """Move a file or directory; what is in the way must be of the same sort (and empty)."""
        node = self._node(source)
        if not source:
            raise fault(errno.EBUSY, source)
        if f"{target}/".startswith(f"{source}/") and source != target:
            raise fault(errno.EINVAL, target)
        parent, name = self._parent(target)
        old = parent.children.get(name)
        if old is node:
            return
        if old is not None:
            self._make_way(node, old, target)
        old_parent, old_name = self._parent(source)
        del old_parent.children[old_name]
        parent.children[name] = node
        old_parent.mtime = parent.mtime = self._now()

    def _make_way(self, node: _Node, old: _Node, path: str) -> None:
        if old.kind == "directory" and node.kind != "directory":
            raise fault(errno.EISDIR, path)
        if old.kind != "directory" and node.kind == "directory":
            raise fault(errno.ENOTDIR, path)
        if old.children:
            raise fault(errno.ENOTEMPTY, path)
        self._drop(old)

    def chmod(self, path: str, mode: int) -> None:
        """Set the permission bits."""
        self._node(path).mode = mode

    def chown(self, path: str, owner: str = "", group: str = "") -> None:
        """Set the owner, the group, or both."""
        node = self._node(path)
        node.owner = owner or node.owner
        node.group = group or node.group

    def touch(self, path: str, when: float) -> None:
        """Set the time of an existing file or directory."""
        self._node(path).mtime = when

    def to_data(self) -> dict[str, Any]:
        """Return everything as data for JSON: path -> facts, content in base64."""
        return dict(_entries(self._root, "", {}))

    def load(self, data: dict[str, Any]) -> None:
        """Replace everything by what :meth:`to_data` gave."""
        self._root.children.clear()
        self.used = 0
        for path, facts in data.items():
            node = self._node(facts["same"]) if "same" in facts else self._made(facts)
            if "same" in facts:
                node.links += 1
            if path:
                parent, name = self._parent(path)
                parent.children[name] = node

    def _made(self, facts: dict[str, Any]) -> _Node:
        content = base64.b64decode(facts.get("data", ""))
        self.used += len(content)
        node = _Node(facts["kind"], facts["mode"], facts["mtime"], facts["owner"], content)
        node.group = facts.get("group", "")
        return node


def _entries(node: _Node, path: str, seen: dict[int, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    if node.links > 1 and node.inode in seen:
        yield path, {"same": seen[node.inode]}
        return
    seen[node.inode] = path
    facts: dict[str, Any] = {
        "kind": node.kind,
        "mode": node.mode,
        "mtime": node.mtime,
        "owner": node.owner,
    }
    if node.group:
        facts["group"] = node.group
    if content := node.content():
        facts["data"] = base64.b64encode(content).decode()
    yield path, facts
    for name, child in node.children.items():
        yield from _entries(child, f"{path}/{name}" if path else name, seen)
