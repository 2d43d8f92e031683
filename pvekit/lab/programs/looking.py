"""Programs that show and set what is known of files."""

from __future__ import annotations

import posixpath
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

from pvekit.lab.files import FileSystem, Stat
from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.programs.failures import fail, reason
from pvekit.lab.programs.modes import new_mode, shown
from pvekit.lab.programs.options import options
from pvekit.lab.streams import absolute

_KINDS = {
    "directory": "directory",
    "link": "symbolic link",
    "device": "character special file",
}


async def touch(process: Process) -> int:
    """Make files or set their times."""
    given = options(process.argv[1:], "c a m no-create", "d date r t")
    when = given.value("d", "date")
    if given.value("r", "t") or (when and not re.fullmatch(r"@-?\d+(\.\d+)?", when)):
        raise NotSimulated(f"times other than -d @N: {when}")
    files = process.machine.files
    status = 0
    for name in given.operands:
        path = absolute(process, name)
        if given.has("c", "no-create") and not files.exists(path):
            continue
        try:
            if not files.exists(path):
                files.write(path, b"", mode=0o666 & ~process.umask)
                files.chown(path, process.user)
            files.touch(path, float(when[1:]) if when else None)
        except OSError as error:
            status = await fail(process, f"cannot touch '{name}': {reason(error)}")
    return status


def _below(files: FileSystem, path: str) -> Iterator[str]:
    yield path
    if files.stat(path, follow=False).kind == "directory":
        for name in files.names(path):
            yield from _below(files, posixpath.join(path, name))


async def chmod(process: Process) -> int:
    """Set permission bits."""
    words = ["--", *process.argv[1:]] if process.argv[1:2] == ("-x",) else process.argv[1:]
    given = options(words, "R recursive f v c")
    if len(given.operands) < 2:
        return await fail(process, "missing operand")
    text, *names = given.operands
    files = process.machine.files
    status = 0
    for name in names:
        path = absolute(process, name)
        if not files.exists(path):
            status = await fail(process, f"cannot access '{name}': No such file or directory")
            continue
        for place in _below(files, path) if given.has("R", "recursive") else (path,):
            stat = files.stat(place)
            mode = new_mode(text, stat.mode, directory=stat.kind == "directory")
            if mode is None:
                return await fail(process, f"invalid mode: '{text}'")
            try:
                files.chmod(place, mode)
            except OSError as error:
                why = f"changing permissions of '{name}': {reason(error)}"
                status = await fail(process, why)
    return status


async def chown(process: Process) -> int:
    """Set the owner and group (``chown``), or the group alone (``chgrp``)."""
    given = options(process.argv[1:], "R recursive f v c h", least=2)
    owner, *names = given.operands
    user, _, group = owner.replace(".", ":", 1).partition(":")
    if process.argv[0].endswith("chgrp"):
        user, group = "", owner
    elif owner.endswith(":"):
        group = user
    files = process.machine.files
    status = 0
    if user and not user.isdigit() and process.machine.account(user) is None:
        return await fail(process, f"invalid user: '{owner}'")
    for name in names:
        path = absolute(process, name)
        if not files.exists(path):
            status = await fail(process, f"cannot access '{name}': No such file or directory")
        elif process.user != "root":
            why = f"changing ownership of '{name}': Operation not permitted"
            status = await fail(process, why)
        else:
            for place in _below(files, path) if given.has("R", "recursive") else (path,):
                files.chown(place, user, group)
    return status


async def stat(process: Process) -> int:
    """Show facts about files in a given format."""
    given = options(process.argv[1:], "L f", "c format printf")
    form = given.value("c", "format", "printf")
    if form is None or given.has("f"):
        raise NotSimulated("without -c FORMAT")
    status = 0
    for name in given.operands:
        try:
            facts = process.machine.files.stat(absolute(process, name), follow=given.has("L"))
        except OSError as error:
            status = await fail(process, f"cannot statx '{name}': {reason(error)}")
            continue
        text = _formatted(process, form, name, facts)
        await process.say(text if given.value("printf") else f"{text}\n")
    return status


def _formatted(process: Process, form: str, name: str, facts: Stat) -> str:
    account = process.machine.account(facts.owner) or (0, 0, "")
    kind = _KINDS.get(facts.kind, "regular file" if facts.size else "regular empty file")
    values = {
        "s": str(facts.size),
        "a": f"{facts.mode:o}",
        "A": shown(facts.mode, facts.kind),
        "Y": str(int(facts.mtime)),
        "X": str(int(facts.mtime)),
        "Z": str(int(facts.mtime)),
        "F": kind,
        "n": name,
        "N": f"'{name}'",
        "U": facts.owner,
        "G": facts.group,
        "u": str(account[0]),
        "g": str((process.machine.account(facts.group) or account)[1]),
        "y": _moment(facts.mtime),
        "x": _moment(facts.mtime),
        "z": _moment(facts.mtime),
        "h": str(facts.links),
        "i": str(facts.inode),
        "b": str(-(-facts.size // 512)),
        "B": "512",
        "%": "%",
    }

    def one(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise NotSimulated(f"format %{match[1]}")
        return values[match[1]]

    return re.sub(r"%(.)", one, form)


def _moment(seconds: float) -> str:
    fraction = int(seconds % 1 * 1e9)
    return datetime.fromtimestamp(seconds, UTC).strftime(f"%Y-%m-%d %H:%M:%S.{fraction:09d} +0000")


async def readlink(process: Process) -> int:
    """Show where a link points (``readlink``), or a path without links (``realpath``)."""
    given = options(process.argv[1:], "f e m n s q")
    files = process.machine.files
    resolves = process.argv[0].endswith("realpath") or given.has("f", "e", "m")
    for name in given.operands:
        path = absolute(process, name)
        if resolves:
            real = files.resolve(path)
            there = files.exists(real) or (
                not given.has("e") and files.is_dir(posixpath.dirname(real))
            )
            if not there and not given.has("m"):
                return 1
            await process.say(f"{real}\n")
            continue
        try:
            await process.say(f"{files.readlink(path)}\n")
        except OSError:
            return 1
    return 0


async def mktemp(process: Process) -> int:
    """Make a file or directory with a name of its own."""
    given = options(process.argv[1:], "d directory u q t", "p tmpdir suffix")
    template = given.operands[0] if given.operands else "tmp.XXXXXXXXXX"
    match = re.search(r"X{3,}(?=[^X]*$)", template)
    if match is None:
        return await fail(process, f"too few X's in template '{template}'")
    name = template[: match.start()] + secrets.token_hex(16)[: len(match[0])]
    name += template[match.end() :] + (given.value("suffix") or "")
    base = given.value("p", "tmpdir")
    if base is None and (not given.operands or given.has("t")):
        base = process.env.get("TMPDIR", "/tmp")  # noqa: S108
    path = posixpath.join(base, name) if base else name
    files = process.machine.files
    try:
        if given.has("d", "directory"):
            files.mkdir(absolute(process, path), mode=0o700)
        elif not given.has("u"):
            files.write(absolute(process, path), b"", exclusive=True, mode=0o600)
    except OSError as error:
        kind = "directory" if given.has("d", "directory") else "file"
        shown_path = posixpath.join(base or "", template)
        return await fail(
            process, f"failed to create {kind} via template '{shown_path}': {reason(error)}"
        )
    await process.say(f"{path}\n")
    return 0


async def truncate(process: Process) -> int:
    """Cut files to a size, or fill them up with NUL bytes."""
    given = options(process.argv[1:], "c", "s size")
    size = given.value("s", "size")
    if size is None or not size.isdigit():
        raise NotSimulated(f"size {size}")
    files = process.machine.files
    for name in given.operands:
        path = absolute(process, name)
        if given.has("c") and not files.exists(path):
            continue
        data = files.read(path) if files.exists(path) else b""
        try:
            files.write(path, data[: int(size)].ljust(int(size), b"\0"))
        except OSError as error:
            return await fail(process, f"cannot open '{name}' for writing: {reason(error)}")
    return 0


LOOKING: dict[str, Program] = {
    "chgrp": chown,
    "chmod": chmod,
    "chown": chown,
    "mktemp": mktemp,
    "readlink": readlink,
    "realpath": readlink,
    "stat": stat,
    "touch": touch,
    "truncate": truncate,
}
