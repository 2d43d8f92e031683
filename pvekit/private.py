"""Paths that nobody else can write to: what others could change must not say what is done.

Every refusal is one error that names the path, its mode and the command that mends it. A group that
nobody is in but we is no other.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pvekit.errors import UsageError


class Exposed(UsageError):
    """Others could have changed what pvekit is about to rely on, or could read a secret."""

    id = "PATH-EXPOSED"


_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def check_unwritable(handle: int, path: Path, what: str) -> None:
    """Refuse an open file that others may write, or that lies where others may replace it.

    What is no regular file, such as a pipe, lies nowhere.
    """
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        return
    if _others_write(found, handle):
        raise _writable(path, found, what)
    for directory in dict.fromkeys((path.absolute().parent, path.resolve().parent)):
        above = directory.stat()
        if _others_write(above, directory) and not _sticky(above, found):
            raise _writable(directory, above, f"{what}'s directory")


def check_owner(path: Path, what: str) -> None:
    """Refuse a file that was come upon, and that neither we nor root have written."""
    owner = path.stat().st_uid
    if owner not in (0, os.geteuid()):
        raise Exposed(
            f"{what} {path} belongs to another user (uid {owner}).",
            hint=f"If you trust it, name it: --config {shlex.quote(str(path))}",
        )


def check_secret(handle: int, path: Path, what: str) -> None:
    """Refuse an open file with a secret that is not ours, or that others may read."""
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        return
    if found.st_uid not in (0, os.geteuid()):
        raise Exposed(f"{what} {path} belongs to another user (uid {found.st_uid}).")
    if found.st_mode & _OTHERS:
        raise Exposed(
            f"{what} {path} can be read by others: its mode is {_mode(found)}.",
            hint=f"Run: chmod 600 {shlex.quote(str(path))}",
        )


def directory(path: Path, what: str) -> None:
    """Make a directory that is ours alone, and those above it that are missing.

    Raises OSError where that cannot be, UsageError where others could have meddled with it.
    """
    if not os.path.lexists(path):
        make(path)
    handle = _opened(path, what)
    try:
        _check_directory(handle, path, what)
        if os.fstat(handle).st_mode & _OTHERS:
            os.fchmod(handle, 0o700)
    finally:
        os.close(handle)


def check_directory(path: Path, what: str) -> None:
    """Refuse a directory that is a link, another's, or that others may write; none is fine."""
    if os.path.lexists(path):
        handle = _opened(path, what)
        try:
            _check_directory(handle, path, what)
        finally:
            os.close(handle)


def check_kept(path: Path, what: str) -> None:
    """Refuse a file of the state directory, or a directory on the way, that others could change.

    What is not there yet is fine; a symbolic link is not, for somebody may have put it there.
    """
    for each in (path.parent.parent, path.parent):
        check_directory(each, what)
    if not os.path.lexists(path):
        return
    if path.is_symlink():
        raise _link(path, what)
    handle = unlinked(str(path), os.O_RDONLY)
    try:
        check_file(handle, path, what)
    finally:
        os.close(handle)


def check_file(handle: int, path: Path, what: str) -> None:
    """Refuse an open file of ours that others may write or that is another's; hide it if not."""
    found = os.fstat(handle)
    if found.st_uid != os.geteuid() or not stat.S_ISREG(found.st_mode):
        raise Exposed(f"{what} {path} is not a file of ours (uid {found.st_uid}).")
    if _others_write(found, handle):
        raise _writable(path, found, what, "600")
    if found.st_mode & _OTHERS:
        os.fchmod(handle, 0o600)


def unlinked(path: str, flags: int) -> int:
    """Open a file that must not be a symbolic link: the ``opener`` of ``open``."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def read(path: Path, what: str, most: int) -> str:
    """Return a file of ours, of a longer one its first ``most`` characters.

    Raises OSError where it cannot be read, UsageError where others could have written it. Bytes
    that are no UTF-8 are replaced.
    """
    handle = unlinked(str(path), os.O_RDONLY)
    with os.fdopen(handle, encoding="utf-8", errors="replace") as file:
        check_file(file.fileno(), path, what)
        return file.read(most)


@contextmanager
def locked(lock: Path, what: str) -> Iterator[None]:
    """Let one process at a time in; the lock ends with its process.

    Its directory and the one above are made, and raise what :func:`directory` does.
    """
    for each in (lock.parent.parent, lock.parent):
        directory(each, what)
    handle = unlinked(str(lock), os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write(path: Path, text: str) -> None:
    """Put a file of mode 0600 in the place of what may be there; raises OSError."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    try:
        with open(new, "x", encoding="utf-8", opener=unlinked) as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def make(path: Path) -> None:
    """Make a directory and those above it that are missing, ours alone; raises OSError."""
    missing = [each for each in (path, *path.parents) if not os.path.lexists(each)]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


def _opened(path: Path, what: str) -> int:
    if path.is_symlink():
        raise _link(path, what)
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _link(path: Path, what: str) -> Exposed:
    return Exposed(
        f"{what} {path} is a symbolic link: somebody may have put it there.",
        hint=f"Look where it leads, then: rm {shlex.quote(str(path))}",
    )


def _check_directory(handle: int, path: Path, what: str) -> None:
    found = os.fstat(handle)
    if found.st_uid != os.geteuid():
        raise Exposed(
            f"{what} {path} belongs to another user (uid {found.st_uid}).",
            hint="HOME and XDG_STATE_HOME say where it lies: is this the user's own?",
        )
    if _others_write(found, handle):
        raise _writable(path, found, what, "700")
    above = path.absolute().parent.stat()
    if above.st_mode & stat.S_IWOTH and not _sticky(above, found):
        raise _writable(path.absolute().parent, above, f"{what}'s directory")


def _others_write(found: os.stat_result, where: int | Path) -> bool:
    if found.st_mode & stat.S_IWGRP and not found.st_mode & stat.S_IWOTH:
        from pvekit.user_groups import only_its_owner

        return not only_its_owner(found, where)
    return bool(found.st_mode & stat.S_IWOTH)


def _sticky(directory: os.stat_result, inner: os.stat_result) -> bool:
    """Whether others may write in a directory, yet cannot replace this entry of it."""
    return bool(directory.st_mode & stat.S_ISVTX) and inner.st_uid in (0, os.geteuid())


def _writable(path: Path, found: os.stat_result, what: str, mode: str = "go-w") -> Exposed:
    return Exposed(
        f"{what} {path} can be written by others, its mode is {_mode(found)}.",
        hint=f"Run: chmod {mode} {shlex.quote(str(path))}",
    )


def _mode(found: os.stat_result) -> str:
    return f"{stat.S_IMODE(found.st_mode):04o}"
