"""dnf, yum and rpm in a guest of the Red Hat family."""

from __future__ import annotations

from pvekit.lab.guests import catalogue, packagedb, packages
from pvekit.lab.guests.system import System
from pvekit.lab.guests.words import grammar, split
from pvekit.lab.process import NotSimulated, Process

CACHE = "/var/cache/dnf"
_DNF = grammar("-y=yes --assumeyes=yes -q=quiet --quiet=quiet --setopt=option= --nogpgcheck=nogpg")


async def dnf(system: System, process: Process) -> int:
    """Run ``dnf`` or ``yum``."""
    words = split(process.argv[1:], _DNF)
    verb, *names = words.operands or ("",)
    if verb == "clean":
        for path in system.files.glob(f"{CACHE}/*"):
            system.files.unlink(path)
        return 0
    if verb == "remove":
        for name in set(names) & set(packagedb.read(system)):
            packages.remove(system, name)
        return 0
    if verb not in {"install", "makecache", "update", "upgrade"}:
        raise NotSimulated(f"'{verb}'")
    if not system.online:
        await process.complain("Error: Failed to download metadata for repo 'baseos'\n")
        return 1
    system.write(f"{CACHE}/baseos.solv", "solv\n")
    return await _install(system, process, names) if verb == "install" else 0


async def _install(system: System, process: Process, names: list[str]) -> int:
    unknown = [name for name in names if name not in catalogue.PACKAGES]
    if unknown:
        await process.complain(f"Error: Unable to find a match: {' '.join(unknown)}\n")
        return 1
    present = packagedb.read(system)
    for name in packages.with_dependencies(names):
        if name in present:
            await process.say(f"Package {name} is already installed.\n")
            continue
        await process.machine.clock.sleep(process.machine.clock.figures.package_install)
        packages.install(system, name, catalogue.PACKAGES[name].version)
        await process.say(f"Installing : {name}\n")
    await process.say("Complete!\n")
    return 0


async def rpm(system: System, process: Process) -> int:
    """Run ``rpm -q NAME...``."""
    words = split(process.argv[1:], grammar("-q=query"))
    if not words.has("query"):
        raise NotSimulated("anything but -q")
    installed = packagedb.read(system)
    for name in words.operands:
        one = installed.get(name)
        text = f"{name}-{one.version}.x86_64" if one else f"package {name} is not installed"
        await process.say(f"{text}\n")
    return 0 if all(name in installed for name in words.operands) else 1
