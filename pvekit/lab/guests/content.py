"""A disk's content as a machine's files: loaded at power-on, saved back whenever it may change."""

from __future__ import annotations

from collections.abc import Iterator

from pvekit.lab.files import FileSystem
from pvekit.lab.guests.disk import Disk

_VOLATILE = frozenset({"/dev", "/proc", "/run", "/sys", "/var/lock", "/var/run"})


def load(disk: Disk, files: FileSystem) -> None:
    """Put a disk's content into a machine's files."""
    for path in sorted(disk.directories):
        files.mkdir(path, parents=True)
    for path, data in disk.files.items():
        files.mkdir(path.rpartition("/")[0] or "/", parents=True)
        files.write(path, data)
    for path, target in disk.links.items():
        files.mkdir(path.rpartition("/")[0] or "/", parents=True)
        if not files.exists(path):
            files.symlink(target, path)
    for path, mode in disk.modes.items():
        files.chmod(path, mode)
    for path, owner in disk.owners.items():
        files.chown(path, owner)


def save(files: FileSystem, disk: Disk) -> None:
    """Make a disk's content what the machine's files are now, but for what lives in memory."""
    disk.files.clear()
    disk.links.clear()
    disk.modes.clear()
    disk.owners.clear()
    disk.directories.clear()
    for path in _paths(files, "/"):
        _save_one(files, path, disk)


def _paths(files: FileSystem, directory: str) -> Iterator[str]:
    for name in files.names(directory):
        path = f"{directory.rstrip('/')}/{name}"
        if path in _VOLATILE:
            continue
        yield path
        if files.stat(path, follow=False).kind == "directory":
            yield from _paths(files, path)


def _save_one(files: FileSystem, path: str, disk: Disk) -> None:
    stat = files.stat(path, follow=False)
    if stat.kind == "link":
        disk.links[path] = files.readlink(path)
        return
    if stat.kind == "file":
        disk.files[path] = files.read(path)
    elif stat.kind == "directory":
        disk.directories.add(path)
    if stat.mode != (0o755 if stat.kind == "directory" else 0o644):
        disk.modes[path] = stat.mode
    if stat.owner != "root":
        disk.owners[path] = stat.owner
