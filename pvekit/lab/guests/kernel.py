"""Guest programs around the kernel and the disk: modules, sysctl, swap, truncate, host name."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from pvekit.lab.guests.system import System
from pvekit.lab.guests.words import grammar, split
from pvekit.lab.process import NotSimulated, Process

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


async def modprobe(system: System, process: Process) -> int:
    """Run ``modprobe``."""
    words = split(process.argv[1:], grammar("-a=all -q=quiet --all=all --quiet=quiet"))
    if not system.booted:
        await process.complain("modprobe: FATAL: Module not found in directory /lib/modules\n")
        return 1
    system.modules |= set(words.operands if words.has("all") else words.operands[:1])
    return 0


async def lsmod(system: System, process: Process) -> int:
    """Run ``lsmod``."""
    await process.say("Module                  Size  Used by\n")
    await process.say("".join(f"{name:<20} 32768  0\n" for name in sorted(system.modules)))
    return 0


async def swapoff(system: System, process: Process) -> int:  # noqa: ARG001
    """Run ``swapoff -a``: cloud images have no swap, so there is nothing to turn off."""
    if not split(process.argv[1:], grammar("-a=all --all=all")).has("all"):
        raise NotSimulated("anything but -a")
    return 0


async def swapon(system: System, process: Process) -> int:  # noqa: ARG001
    """Run ``swapon --show``."""
    words = split(process.argv[1:], grammar("--show=show -s=show --noheadings=bare"))
    if not words.has("show"):
        raise NotSimulated("anything but --show")
    return 0


async def sysctl(system: System, process: Process) -> int:
    """Run ``sysctl --system``, ``-p FILE``, ``-w KEY=VALUE`` or ``-n KEY``."""
    options = grammar("--system=system -p=load --load=load -w=write -n=values -q=quiet")
    words = split(process.argv[1:], options)
    if words.has("system") or words.has("load"):
        paths = words.operands if words.has("load") else tuple(_sysctl_files(system))
        settings = [pair for path in paths for pair in _settings(system.text(path))]
    else:
        settings = [(key, value) for key, _, value in (w.partition("=") for w in words.operands)]
    status = 0
    for key, value in settings:
        status |= await _setting(system, process, key, value, bare=words.has("values"))
    return status


def _sysctl_files(system: System) -> Iterator[str]:
    yield from system.files.glob("/etc/sysctl.d/*.conf")
    yield "/etc/sysctl.conf"


def _settings(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        key, mark, value = line.partition("=")
        if mark and key.strip()[:1] not in "#;":
            yield key.strip(), value.strip()


async def _setting(system: System, process: Process, key: str, value: str, *, bare: bool) -> int:
    texts = process.machine.proc.texts
    place = f"sys/{key.replace('.', '/')}"
    needs_bridge = key.startswith("net.bridge.") and "br_netfilter" not in system.modules
    if needs_bridge or (not value and place not in texts):
        reason = f"cannot stat /proc/{place}: No such file or directory"
        await process.complain(f"sysctl: {reason}\n")
        return 1
    if value:
        texts[place] = lambda: f"{value}\n"
    shown = texts[place]().strip()
    await process.say(f"{shown}\n" if bare else f"{key} = {shown}\n")
    return 0


async def truncate(system: System, process: Process) -> int:
    """Run ``truncate -s SIZE FILE...`` for absolute sizes."""
    options = grammar("-s=size= --size=size= -c=existing --no-create=existing")
    words = split(process.argv[1:], options)
    match = re.fullmatch(r"(\d+)([KMG]?)", words.last("size"))
    if match is None:
        raise NotSimulated(f"size '{words.last('size')}'")
    size = int(match[1]) * _UNITS[match[2]]
    for word in words.operands:
        path = posixpath.join(process.cwd, word)
        if system.files.exists(path) or not words.has("existing"):
            data = system.files.read(path) if system.files.exists(path) else b""
            system.files.write(path, data[:size].ljust(size, b"\0"))
    return 0


async def hostnamectl(system: System, process: Process) -> int:
    """Run ``hostnamectl [set-hostname|hostname [NAME]]``."""
    verb, *names = process.argv[1:] or ("hostname",)
    if verb not in {"set-hostname", "hostname"}:
        raise NotSimulated(f"'{verb}'")
    if not names:
        await process.say(f"{system.machine.hostname}\n")
        return 0
    system.machine.hostname = names[0]
    system.write("/etc/hostname", f"{names[0]}\n")
    return 0


async def do_nothing(system: System, process: Process) -> int:  # noqa: ARG001
    """Run a program whose effect the lab has no use for, such as ``sync``."""
    return 0
