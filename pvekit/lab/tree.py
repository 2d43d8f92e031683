"""What any tree of files must offer to be mounted.

Everything that fails raises :class:`OSError` with the errno that Linux would give.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Literal, Protocol

Kind = Literal["file", "directory", "link", "device"]


@dataclass(frozen=True)
class Stat:
    """What is known of a file: its size in bytes, permission bits, and time since the epoch.

    ``links`` is how many names it has, ``inode`` tells it from the other files of its tree.
    """

    kind: Kind
    size: int
    mode: int
    mtime: float
    owner: str = "root"
    group: str = "root"
    links: int = 1
    inode: int = field(default=0, compare=False)
    blocks: int = -1  # of 512 bytes; -1: as many as the size takes


@dataclass(frozen=True)
class Usage:
    """A file system's device, size and use in bytes, as ``df`` shows them."""

    device: str
    total: int
    used: int


def fault(number: int, path: str) -> OSError:
    """Return the error that Linux gives for a path."""
    return OSError(number, os.strerror(number), path)


class Tree(Protocol):
    """What can be mounted; paths are relative to the mount, without a leading slash."""

    def first_link(self, path: str, *, last: bool) -> tuple[str, str, str] | None:
        """Return (place, target, rest) of the first link on a path; ``last`` includes its end."""
        ...

    def stat(self, path: str) -> Stat:
        """Describe a file or directory."""
        ...

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        ...

    def names(self, path: str) -> list[str]:
        """Return a directory's entries, sorted."""
        ...

    def write(
        self,
        path: str,
        data: bytes,
        *,
        append: bool = False,
        exclusive: bool = False,
        mode: int | None = None,
    ) -> None:
        """Create or change a file; ``exclusive`` refuses an existing one."""
        ...

    def mkdir(self, path: str, mode: int = 0o755) -> None:
        """Create a directory."""
        ...

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        ...

    def unlink(self, path: str) -> None:
        """Remove a file."""
        ...

    def rename(self, source: str, target: str) -> None:
        """Move within the tree; replaces a file that is in the way."""
        ...

    def chmod(self, path: str, mode: int) -> None:
        """Set the permission bits."""
        ...

    def touch(self, path: str, when: float) -> None:
        """Set the time of an existing file or directory."""
        ...
