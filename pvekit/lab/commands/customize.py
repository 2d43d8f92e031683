"""virt-customize: it changes an image file's system without booting it."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pvekit.lab.files import remove_below
from pvekit.lab.guests import content, first_boot, packages
from pvekit.lab.guests.cloudinit import CloudInit
from pvekit.lab.guests.disk import Disk, read_image
from pvekit.lab.guests.images import Internet
from pvekit.lab.guests.software import base_programs, equip
from pvekit.lab.guests.system import System
from pvekit.lab.images import image_file, read_image_file
from pvekit.lab.machine import Machine, collect
from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.streams import absolute

_FLAGS = {"-q": "quiet", "--quiet": "quiet", "--no-network": "offline", "--network": "online"}
_VALUED = {
    "-a": "add",
    "--add": "add",
    "--format": "format",
    "-m": "memory",
    "--memsize": "memory",
    "--smp": "cpus",
}
_OPERATIONS = frozenset(
    [
        *("--install", "--update", "--run-command", "--run", "--upload", "--copy-in", "--write"),
        *("--append-line", "--truncate", "--delete", "--mkdir", "--hostname", "--chmod"),
        *("--touch", "--selinux-relabel"),
    ]
)
_WITHOUT_VALUE = frozenset({"--update", "--selinux-relabel"})


class _Failed(Exception):
    """An operation failed; the image is left as it was."""


@dataclass(frozen=True)
class _Order:
    image: str
    settings: Mapping[str, str]
    operations: tuple[tuple[str, str], ...]


def programs(internet: Internet) -> Mapping[str, Program]:
    """Return ``virt-customize`` for a node."""
    return {"virt-customize": partial(_virt_customize, internet)}


async def _virt_customize(internet: Internet, process: Process) -> int:
    order = _parse(process.argv[1:])
    if not order.image:
        await process.complain("virt-customize: error: you must give either -a or -d options\n")
        return 1
    path = absolute(process, order.image)
    disk = _disk(process, path)
    if disk is None:
        await process.complain(
            "virt-customize: error: no operating systems were found in the guest image\n"
        )
        return 1
    say = process.say if "quiet" not in order.settings else _discard
    await say("[   0.0] Examining the guest ...\n")
    await process.machine.clock.sleep(process.machine.clock.figures.appliance_boot)
    system = _mounted(internet, process, disk, online="offline" not in order.settings)
    await say("[  12.0] Setting a random seed\n")
    first_boot.set_machine_id(system)  # as virt-customize does where there is none
    try:
        for name, value in order.operations:
            await say(f"[  12.0] {name[2:]}: {value}\n")
            await _operate(system, process, name, value)
    except _Failed as failure:
        await process.complain(f"virt-customize: error: {failure}\n")
        return 1
    await say("[  12.0] Finishing off\n")
    content.save(system.files, disk)
    image = read_image_file(process.machine.files.read(path), path)
    process.machine.files.write(path, image_file(replace(image, disk=disk)))
    return 0


def _disk(process: Process, path: str) -> Disk | None:
    disk = read_image(process.machine.files.read(path))
    return None if disk is None or disk.os == "blank" else disk


def _parse(words: Sequence[str]) -> _Order:
    settings: dict[str, str] = {}
    operations: list[tuple[str, str]] = []
    rest = iter(words)
    for word in rest:
        option, mark, value = word.partition("=")
        if option in _FLAGS:
            settings[_FLAGS[option]] = ""
        elif option in _VALUED:
            settings[_VALUED[option]] = value if mark else next(rest, "")
        elif option in _WITHOUT_VALUE:
            operations.append((option, ""))
        elif option in _OPERATIONS:
            operations.append((option, value if mark else next(rest, "")))
        else:
            raise NotSimulated(f"option {option}")
    return _Order(settings.get("add", ""), settings, tuple(operations))


def _mounted(internet: Internet, process: Process, disk: Disk, *, online: bool) -> System:
    machine = Machine("localhost", process.machine.clock, process.machine.log, base_programs())
    content.load(disk, machine.files)
    machine.files.root.total = disk.root_bytes
    system = System(machine, internet)
    system.online = online
    equip(system, CloudInit(system))
    return system


async def _operate(system: System, process: Process, name: str, value: str) -> None:
    if name == "--install":
        names = shlex.join(value.split(","))
        await _run(system, packages.UPDATE[system.family])
        await _run(system, f"{packages.INSTALL[system.family]} {names}")
    elif name == "--update":
        await _run(system, packages.UPDATE[system.family])
        await _run(system, packages.UPGRADE[system.family])
    elif name == "--run-command":
        await _run(system, value)
    elif name == "--run":
        script = process.machine.files.read(absolute(process, value))
        await _run(system, "sh -s", script)
    elif name in {"--upload", "--copy-in"}:
        for path, data in _copies(process, name, value):
            system.files.write(path, data)
    else:
        _change_file(system, name, value)


async def _run(system: System, line: str, script: bytes = b"") -> None:
    status, _, err = await collect(system.machine, line, script)
    if status:
        text = err.decode(errors="replace").strip()
        raise _Failed(f"{line}: command exited with an error\n{text}")


def _copies(process: Process, name: str, value: str) -> Iterator[tuple[str, bytes]]:
    source, _, target = value.rpartition(":")
    path = absolute(process, source)
    if name == "--copy-in":
        target = posixpath.join(target, posixpath.basename(path))
    yield target, process.machine.files.read(path)


def _change_file(system: System, name: str, value: str) -> None:
    first, _, second = value.partition(":")
    files = system.files
    if name == "--write":
        system.files.write(first, second.encode())
    elif name == "--append-line":
        files.write(first, f"{second}\n".encode(), append=True)
    elif name == "--chmod":
        files.chmod(second, int(first, 8))
    elif name == "--mkdir":
        files.mkdir(value, parents=True)
    elif name == "--touch":
        files.touch(value)
    elif name == "--hostname":
        system.write("/etc/hostname", f"{value}\n")
    else:
        _empty_or_delete(system, name, value)


def _empty_or_delete(system: System, name: str, value: str) -> None:
    if name == "--truncate":
        if not system.files.exists(value):
            raise _Failed(f"truncate: {value}: No such file or directory")
        system.files.write(value, b"")
    elif name == "--delete":
        for path in system.files.glob(value):
            _delete(system, path)


def _delete(system: System, path: str) -> None:
    if system.files.stat(path, follow=False).kind == "directory":
        remove_below(system.files, path)
        system.files.rmdir(path)
    else:
        system.files.unlink(path)


async def _discard(text: str) -> None:
    """Say nothing."""
