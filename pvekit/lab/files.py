"""A simulated machine's files: a tree in memory with other trees mounted into it.

Everything that fails raises :class:`OSError` with the errno that Linux would give.
"""

from __future__ import annotations

import errno
import posixpath
from collections.abc import Callable
from itertools import groupby
from typing import Any

from pvekit.lab import patterns
from pvekit.lab.credentials import ACTING, ROOT
from pvekit.lab.memorytree import MemoryTree
from pvekit.lab.tree import Kind, Stat, Tree, Usage, fault

__all__ = ["FileSystem", "Kind", "MemoryTree", "Stat", "Tree", "Usage", "fault"]


class FileSystem:
    """One machine's files; every path is absolute. Symbolic links live in the root tree only."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.root = MemoryTree(now)
        self._mounts: dict[str, Tree] = {}
        self.usages: dict[str, Callable[[], Usage]] = {"/": self._root_usage}

    def _root_usage(self) -> Usage:
        return Usage("/dev/mapper/pve-root", self.root.total, self.root.used)

    def usage(self, path: str) -> tuple[str, Usage]:
        """Return the mount point that holds a path, and its figures."""
        real = self.resolve(path)
        places = [at for at in self.usages if at == "/" or f"{real}/".startswith(f"{at}/")]
        place = max(places, key=len)
        return place, self.usages[place]()

    def mount(self, path: str, tree: Tree) -> None:
        """Show a tree at a path."""
        self.mkdir(path, parents=True)
        self._mounts[path] = tree

    def resolve(self, path: str, *, follow: bool = True) -> str:
        """Return the path without links; ``follow`` resolves the last name too."""
        return self._locate(path, follow=follow)[0]

    def _locate(self, path: str, *, follow: bool) -> tuple[str, str]:
        """Return the path without links, and the mount that holds it ("" for the root tree)."""
        path = posixpath.normpath("/" + path.lstrip("/"))
        for _ in range(40):
            place = self._mount_of(path)
            tree = self._mounts[place] if place else self.root
            link = tree.first_link(path[len(place) :].lstrip("/"), last=follow)
            if link is None:
                return path, place
            base, target, rest = link
            path = posixpath.normpath(posixpath.join("/", place, base, target, rest))
        raise fault(errno.ELOOP, path)

    def _mount_of(self, path: str) -> str:
        found = ""
        for place in self._mounts:
            if path.startswith(place) and path[len(place) : len(place) + 1] in ("", "/"):
                found = place if len(place) > len(found) else found
        return found

    def _find(self, path: str, *, follow: bool = True, need: str = "") -> tuple[Tree, str]:
        """Return where a path is.

        ``need`` is what the acting user must be allowed: to ``r``ead or ``w``rite what is there,
        to change the ``d``irectory that it is in, or to be the ``o``wner.
        """
        if not path:
            raise fault(errno.ENOENT, path)
        real, place = self._locate(path, follow=follow)
        if ACTING.get() != ROOT:
            self._permit(real, need, ACTING.get())
        if path.endswith("/") and real != "/":
            self._refuse_file(real, path)
        if place:
            return self._mounts[place], real[len(place) :].lstrip("/")
        return self.root, real[1:]

    def _at(self, real: str) -> Stat:
        place = self._mount_of(real)
        tree = self._mounts[place] if place else self.root
        return tree.stat(real[len(place) :].lstrip("/"))

    def _permit(self, real: str, need: str, user: str) -> None:
        """Refuse what a user may not do; what is not there is for the others to tell."""
        parts = real.strip("/").split("/")
        places = ["/" + "/".join(parts[:count]) for count in range(len(parts))]
        try:
            if not all(_allows(self._at(place), user, 1) for place in places):
                raise fault(errno.EACCES, real)
            self._permit_last(real, places[-1], need, user)
        except FileNotFoundError:
            if need in {"w", "d"} and not _allows(self._at(places[-1]), user, 2):
                raise fault(errno.EACCES, real) from None

    def _permit_last(self, real: str, parent: str, need: str, user: str) -> None:
        if need == "d":
            above = self._at(parent)
            sticky = above.mode & 0o1000 and user != above.owner
            if not _allows(above, user, 2):
                raise fault(errno.EACCES, real)
            if sticky and self._at(real).owner != user:
                raise fault(errno.EPERM, real)
        elif need == "o" and self._at(real).owner != user:
            raise fault(errno.EPERM, real)
        elif need in {"r", "w"} and not _allows(self._at(real), user, 4 if need == "r" else 2):
            raise fault(errno.EACCES, real)

    def _refuse_file(self, real: str, path: str) -> None:
        if self.exists(real) and not self.is_dir(real):
            raise fault(errno.ENOTDIR, path)

    def stat(self, path: str, *, follow: bool = True) -> Stat:
        """Describe what is at a path."""
        tree, rest = self._find(path, follow=follow)
        return tree.stat(rest)

    def _kind(self, path: str) -> str:
        try:
            return self.stat(path).kind
        except OSError:
            return ""

    def exists(self, path: str) -> bool:
        """Tell whether anything is there."""
        return bool(self._kind(path))

    def is_file(self, path: str) -> bool:
        """Tell whether an ordinary file is there."""
        return self._kind(path) == "file"

    def is_dir(self, path: str) -> bool:
        """Tell whether a directory is there."""
        return self._kind(path) == "directory"

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        tree, rest = self._find(path, need="r")
        return tree.read(rest)

    def names(self, path: str) -> list[str]:
        """Return a directory's entries, sorted."""
        tree, rest = self._find(path, need="r")
        return tree.names(rest)

    def write(
        self,
        path: str,
        data: bytes,
        *,
        append: bool = False,
        exclusive: bool = False,
        mode: int | None = None,
    ) -> None:
        """Create or change a file; an existing one keeps its mode; its directory must exist."""
        tree, rest = self._find(path, follow=not exclusive, need="w")
        tree.write(rest, data, append=append, exclusive=exclusive, mode=mode)

    def open(
        self, path: str, *, append: bool = False, exclusive: bool = False, mode: int | None = None
    ) -> Callable[[bytes], None]:
        """Create or empty a file and return what appends to it."""
        tree, rest = self._find(path, follow=not exclusive, need="w")
        if isinstance(tree, MemoryTree):
            return tree.open(rest, append=append, exclusive=exclusive, mode=mode)
        tree.write(rest, b"", append=append, exclusive=exclusive, mode=mode)
        return lambda data: tree.write(rest, data, append=True)

    def mkdir(self, path: str, *, parents: bool = False, mode: int = 0o755) -> None:
        """Create a directory; with ``parents`` the missing ones above too, or none if it exists."""
        tree, rest = self._find(path, need="" if parents else "d")
        if not parents:
            tree.mkdir(rest, mode)
        elif not self.is_dir(path):
            self.mkdir(posixpath.dirname(posixpath.normpath(path)), parents=True)
            tree.mkdir(rest, mode)

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        tree, rest = self._find(path, follow=False, need="d")
        tree.rmdir(rest)

    def unlink(self, path: str) -> None:
        """Remove a file or link."""
        tree, rest = self._find(path, follow=False, need="d")
        tree.unlink(rest)

    def rename(self, source: str, target: str) -> None:
        """Move within one tree; raises EXDEV across mounts."""
        tree, old = self._find(source, follow=False, need="d")
        other, new = self._find(target, follow=False, need="d")
        if tree is not other:
            raise fault(errno.EXDEV, target)
        tree.rename(old, new)

    def chmod(self, path: str, mode: int) -> None:
        """Set the permission bits."""
        tree, rest = self._find(path, need="o")
        tree.chmod(rest, mode)

    def chown(self, path: str, owner: str = "", group: str = "") -> None:
        """Set the owner or group; ignored where a mounted tree has only one."""
        tree, rest = self._find(path)
        if isinstance(tree, MemoryTree):
            tree.chown(rest, owner, group)

    def link(self, source: str, target: str) -> None:
        """Give a file one more name; raises EXDEV across mounts."""
        tree, old = self._find(source, follow=False)
        other, new = self._find(target, follow=False, need="d")
        if tree is not other:
            raise fault(errno.EXDEV, target)
        if not isinstance(tree, MemoryTree):
            raise fault(errno.EPERM, target)
        tree.link(old, new)

    def touch(self, path: str, when: float | None = None) -> None:
        """Create a file if there is none, and set its time (default: now)."""
        tree, rest = self._find(path, need="w" if when is None else "o")
        if not self.exists(path):
            tree.write(rest, b"", append=True)
        tree.touch(rest, self.now() if when is None else when)

    def symlink(self, target: str, path: str) -> None:
        """Create a symbolic link; mounted trees refuse it."""
        tree, rest = self._find(path, follow=False, need="d")
        if not isinstance(tree, MemoryTree):
            raise fault(errno.EPERM, path)
        tree.symlink(target, rest)

    def readlink(self, path: str) -> str:
        """Return a link's target."""
        tree, rest = self._find(path, follow=False)
        if tree.stat(rest).kind != "link":
            raise fault(errno.EINVAL, path)
        return tree.read(rest).decode()

    def glob(self, pattern: str) -> list[str]:
        """Return the sorted paths that match an absolute pattern."""
        found = ["/"]
        for plain, parts in groupby(pattern.strip("/").split("/"), _is_plain):
            # Names without a pattern are looked up at once.
            for part in ["/".join(parts)] if plain else parts:
                found = [path for base in found for path in self._matches(base, part)]
        if pattern.endswith("/"):
            return [f"{path}/" for path in found if self.is_dir(path)]
        return found

    def _matches(self, base: str, part: str) -> list[str]:
        if not patterns.has_pattern(part):
            path = posixpath.join(base, patterns.unescape(part))
            return [path] if self.exists(path) else []
        if not self.is_dir(base):
            return []
        matches = patterns.compiled(part).fullmatch
        hidden = part.startswith((".", "\\."))
        return [
            posixpath.join(base, name)
            for name in self.names(base)
            if (hidden or not name.startswith(".")) and matches(name)
        ]

    def to_data(self) -> dict[str, Any]:
        """Return the root tree as data for JSON; mounts are not part of it."""
        return self.root.to_data()

    def from_data(self, data: dict[str, Any]) -> None:
        """Replace the root tree's content by what :meth:`to_data` gave."""
        self.root.load(data)


def _is_plain(part: str) -> bool:
    return part != ".." and not patterns.has_pattern(part)


def _allows(stat: Stat, user: str, bit: int) -> bool:
    """Tell whether the permission bits allow a user (1: search, 2: write, 4: read)."""
    shift = 6 if stat.owner == user else 3 if stat.group == user else 0
    return stat.kind == "link" or bool(stat.mode >> shift & bit)


def remove_below(files: FileSystem, path: str) -> None:
    """Remove everything below a directory."""
    for name in files.names(path):
        place = posixpath.join(path, name)
        if files.stat(place, follow=False).kind == "directory":
            remove_below(files, place)
            files.rmdir(place)
        else:
            files.unlink(place)
