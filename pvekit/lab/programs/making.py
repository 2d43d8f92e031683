"""Programs that make and remove directories, and remove files."""

from __future__ import annotations

import errno
import posixpath

from pvekit.lab.files import FileSystem
from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.programs.failures import fail, reason
from pvekit.lab.programs.modes import new_mode
from pvekit.lab.programs.options import options
from pvekit.lab.streams import absolute
from pvekit.lab.tree import fault


async def mkdir(process: Process) -> int:
    """Make directories."""
    given = options(process.argv[1:], "p parents v", "m mode")
    if not given.operands:
        return await fail(process, "missing operand")
    files = process.machine.files
    plain = 0o777 & ~process.umask
    mode = new_mode(given.value("m", "mode"), plain, directory=True)
    if mode is None:
        return await fail(process, f"invalid mode '{given.value('m', 'mode')}'")
    parents = given.has("p", "parents")
    status = 0
    for name in given.operands:
        path = absolute(process, name)
        try:
            if parents:
                _make_parents(process, posixpath.dirname(path.rstrip("/")))
            if not (parents and files.is_dir(path)):
                files.mkdir(path, mode=mode)
                files.chown(path, process.user)
        except OSError as error:
            status = await fail(process, f"cannot create directory '{name}': {reason(error)}")
    return status


def _make_parents(process: Process, path: str) -> None:
    files = process.machine.files
    if not path or files.exists(path):
        return
    _make_parents(process, posixpath.dirname(path))
    files.mkdir(path, mode=0o777 & ~process.umask | 0o300)
    files.chown(path, process.user)


async def rmdir(process: Process) -> int:
    """Remove empty directories."""
    given = options(process.argv[1:], "p ignore-fail-on-non-empty")
    if given.has("p"):
        raise NotSimulated("option -p")
    status = 0
    for name in given.operands:
        try:
            process.machine.files.rmdir(absolute(process, name))
        except OSError as error:
            if error.errno != errno.ENOTEMPTY or not given.has("ignore-fail-on-non-empty"):
                status = await fail(process, f"failed to remove '{name}': {reason(error)}")
    return status


async def rm(process: Process) -> int:
    """Remove files and trees."""
    given = options(process.argv[1:], "f force r R recursive d v one-file-system")
    forced = given.has("f", "force")
    if not given.operands and not forced:
        return await fail(process, "missing operand")
    status = 0
    for name in given.operands:
        path = absolute(process, name)
        try:
            remove(process.machine.files, path, name, recursive=given.has("r", "R", "recursive"))
        except OSError as error:
            if not (forced and error.errno in {errno.ENOENT, errno.ENOTDIR}):
                status = await fail(process, f"cannot remove '{name}': {reason(error)}")
    return status


def remove(files: FileSystem, path: str, name: str, *, recursive: bool) -> None:
    """Remove a file, or a directory with all that is in it; ``name`` is how it was given."""
    if files.stat(path, follow=False).kind != "directory":
        files.unlink(path)
        return
    if not recursive:
        raise fault(errno.EISDIR, name)
    for child in files.names(path):
        remove(files, posixpath.join(path, child), name, recursive=True)
    files.rmdir(path)


MAKING: dict[str, Program] = {"mkdir": mkdir, "rm": rm, "rmdir": rmdir}
