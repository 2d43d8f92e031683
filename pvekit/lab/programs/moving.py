"""Programs that copy, move and link files."""

from __future__ import annotations

import errno
import posixpath
from dataclasses import dataclass

from pvekit.lab.files import FileSystem
from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.programs.failures import fail, reason
from pvekit.lab.programs.inputs import content
from pvekit.lab.programs.making import remove
from pvekit.lab.programs.modes import new_mode
from pvekit.lab.programs.options import Options, options
from pvekit.lab.streams import absolute, descriptor_of


@dataclass(frozen=True)
class _Transfer:
    """What goes where: names as they were given, and absolute paths."""

    name: str
    source: str
    target_name: str
    target: str


async def _transfers(process: Process, given: Options) -> list[_Transfer] | int:
    """Read the operands of cp, mv and ln, or complain and return the status."""
    names = list(given.operands)
    directory = given.value("t", "target-directory")
    if directory is not None:
        names.append(directory)
    if len(names) < 2:
        missing = "missing file operand"
        if names:
            missing = f"missing destination file operand after '{names[0]}'"
        return await fail(process, missing)
    *sources, target = names
    files = process.machine.files
    place = absolute(process, target)
    into = files.is_dir(place) and not given.has("T", "n-dir", "no-target-directory")
    if not into and (len(sources) > 1 or directory is not None):
        return await fail(process, f"target '{target}': {_why_no_directory(files, place)}")
    found = []
    for name in sources:
        last = posixpath.basename(name.rstrip("/"))
        shown = posixpath.join(target, last) if into else target
        found.append(_Transfer(name, absolute(process, name), shown, absolute(process, shown)))
    return found


def _why_no_directory(files: FileSystem, place: str) -> str:
    return "Not a directory" if files.exists(place) else "No such file or directory"


async def mv(process: Process) -> int:
    """Move files."""
    given = options(
        process.argv[1:],
        "f force n no-clobber T no-target-directory v",
        "t target-directory",
    )
    transfers = await _transfers(process, given)
    if isinstance(transfers, int):
        return transfers
    status = 0
    files = process.machine.files
    for item in transfers:
        if given.has("n", "no-clobber") and files.exists(item.target):
            continue
        try:
            files.stat(item.source, follow=False)
        except OSError as error:
            status = await fail(process, f"cannot stat '{item.name}': {reason(error)}")
            continue
        try:
            _move(files, item.source, item.target)
        except OSError as error:
            status = await fail(process, _immovable(item, error))
    return status


def _immovable(item: _Transfer, error: OSError) -> str:
    if error.errno == errno.EISDIR:
        return f"cannot overwrite directory '{item.target_name}' with non-directory"
    return f"cannot move '{item.name}' to '{item.target_name}': {reason(error)}"


def _move(files: FileSystem, source: str, target: str) -> None:
    try:
        files.rename(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(files, source, target, mode=None)
        remove(files, source, source, recursive=True)


async def cp(process: Process) -> int:
    """Copy files and trees."""
    given = options(
        process.argv[1:],
        "p r R recursive a archive f force T no-target-directory v n d",
        "t target-directory preserve reflink sparse",
    )
    transfers = await _transfers(process, given)
    if isinstance(transfers, int):
        return transfers
    status = 0
    files = process.machine.files
    keep = given.has("p", "a", "archive") or given.value("preserve") is not None
    for item in transfers:
        if given.has("n") and files.exists(item.target):
            continue
        if files.is_dir(item.source) and not given.has("r", "R", "recursive", "a", "archive"):
            status = await fail(process, f"-r not specified; omitting directory '{item.name}'")
            continue
        status = max(status, await _copy_one(process, item, keep=keep))
    return status


async def _copy_one(process: Process, item: _Transfer, *, keep: bool) -> int:
    files = process.machine.files
    name, source, target = item.name, item.source, item.target
    if descriptor_of(source) is not None:
        files.write(target, await content(process, source), mode=0o666 & ~process.umask)
        return 0
    if not files.exists(source):
        return await fail(process, f"cannot stat '{name}': No such file or directory")
    if files.exists(target) and files.resolve(source) == files.resolve(target):
        return await fail(process, f"'{name}' and '{item.target_name}' are the same file")
    try:
        _copy(files, source, target, mode=None if keep else ~process.umask)
    except OSError as error:
        why = f"cannot create regular file '{item.target_name}': {reason(error)}"
        return await fail(process, why)
    return 0


def _copy(files: FileSystem, source: str, target: str, *, mode: int | None) -> None:
    """Copy a file or tree; ``mode`` masks permissions, None keeps them and the times."""
    stat = files.stat(source)
    bits = stat.mode if mode is None else stat.mode & mode
    if stat.kind == "directory":
        if not files.is_dir(target):
            files.mkdir(target, mode=bits)
        for child in files.names(source):
            _copy(files, posixpath.join(source, child), posixpath.join(target, child), mode=mode)
    else:
        files.write(target, files.read(source), mode=bits)
    if mode is None:
        files.chmod(target, bits)
        files.touch(target, stat.mtime)


async def ln(process: Process) -> int:
    """Make links."""
    given = options(process.argv[1:], "s symbolic f force n no-dereference T v r")
    if given.has("r"):
        raise NotSimulated("relative links")
    symbolic = given.has("s", "symbolic")
    if not given.operands:
        return await fail(process, "missing file operand")
    *targets, place = given.operands if len(given.operands) > 1 else (*given.operands, ".")
    files = process.machine.files
    path = absolute(process, place)
    into = files.is_dir(path) and not given.has("n", "no-dereference", "T")
    status = 0
    for target in targets:
        link = posixpath.join(path, posixpath.basename(target)) if into else path
        try:
            if given.has("f", "force") and _is_there(files, link):
                files.unlink(link)
            if symbolic:
                files.symlink(target, link)
            else:
                files.link(absolute(process, target), link)
        except OSError as error:
            is_dir = files.is_dir(absolute(process, target)) and not symbolic
            why = f"{target}: hard link not allowed for directory"
            status = await fail(
                process, why if is_dir else _unlinkable(target, place, error, symbolic=symbolic)
            )
    return status


def _unlinkable(target: str, place: str, error: OSError, *, symbolic: bool) -> str:
    if symbolic:
        return f"failed to create symbolic link '{place}': {reason(error)}"
    if error.errno == errno.ENOENT:
        return f"failed to access '{target}': {reason(error)}"
    return f"failed to create hard link '{place}' => '{target}': {reason(error)}"


def _is_there(files: FileSystem, path: str) -> bool:
    try:
        files.stat(path, follow=False)
    except OSError:
        return False
    return True


async def install(process: Process) -> int:
    """Copy files with a mode, or make directories."""
    given = options(process.argv[1:], "d directory D T v p", "m mode o owner g group t")
    mode = new_mode(given.value("m", "mode"), 0o755, directory=given.has("d", "directory"))
    if mode is None:
        return await fail(process, f"invalid mode '{given.value('m', 'mode')}'")
    owner = given.value("o", "owner") or process.user
    if given.has("d", "directory"):
        return await _install_directories(process, given.operands, mode, owner)
    transfers = await _transfers(process, given)
    if isinstance(transfers, int):
        return transfers
    for item in transfers:
        status = await _install(process, item, mode, owner, make=given.has("D"))
        if status:
            return status
    return 0


async def _install_directories(
    process: Process, names: tuple[str, ...], mode: int, owner: str
) -> int:
    files = process.machine.files
    for name in names:
        path = absolute(process, name)
        try:
            files.mkdir(path, parents=True, mode=mode)
        except OSError as error:
            return await fail(process, f"cannot create directory '{name}': {reason(error)}")
        files.chmod(path, mode)
        files.chown(path, owner)
    return 0


async def _install(process: Process, item: _Transfer, mode: int, owner: str, *, make: bool) -> int:
    name, source, target = item.name, item.source, item.target
    files = process.machine.files
    try:
        data = await content(process, name if descriptor_of(name) is not None else source)
    except OSError as error:
        return await fail(process, f"cannot stat '{name}': {reason(error)}")
    try:
        if make:
            files.mkdir(posixpath.dirname(target), parents=True)
        if _is_there(files, target):
            files.unlink(target)
        files.write(target, data, mode=mode)
    except OSError as error:
        why = f"cannot create regular file '{item.target_name}': {reason(error)}"
        return await fail(process, why)
    files.chown(target, owner)
    return 0


MOVING: dict[str, Program] = {"cp": cp, "install": install, "ln": ln, "mv": mv}
