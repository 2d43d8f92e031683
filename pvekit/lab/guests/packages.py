"""Installing and removing packages in a guest: what is common to its package managers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pvekit.lab.guests import catalogue, packagedb, services
from pvekit.lab.guests.packagedb import Installed
from pvekit.lab.guests.system import System

UPDATE = {"debian": "apt-get update", "redhat": "dnf -y makecache"}
UPGRADE = {"debian": "apt-get -y dist-upgrade", "redhat": "dnf -y upgrade"}
INSTALL = {"debian": "apt-get -y install", "redhat": "dnf -y install"}


def with_dependencies(names: Iterable[str]) -> list[str]:
    """Return packages and what they depend on, each once."""
    found: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in found:
            found[name] = None
            for other in catalogue.PACKAGES[name].depends:
                visit(other)

    for name in names:
        visit(name)
    return list(found)


def install(system: System, name: str, version: str) -> None:
    """Put a package's files in place, and enable and start its services as Debian does."""
    package = catalogue.PACKAGES[name]
    for path, text in package.files(name, enterprise=system.family == "redhat"):
        system.write(path, text, mode=0o755 if path in package.binaries else 0o644)
    for unit in package.units:
        if unit.enabled and unit.wanted_by and not services.is_masked(system, unit.name):
            list(services.enable(system, unit.name))
            if system.booted:
                services.start(system, unit.name)
    installed = packagedb.read(system)
    packagedb.write(system, installed | {name: Installed(name, version)})
    system.on_packages()


def remove(system: System, name: str) -> None:
    """Remove a package with its files and services."""
    package = catalogue.PACKAGES[name]
    for unit in package.units:
        list(services.disable(system, unit.name))
        system.active.discard(unit.name)
    for path, _ in package.files(name, enterprise=False):
        if system.files.exists(path):
            system.files.unlink(path)
    installed = packagedb.read(system)
    installed.pop(name, None)
    packagedb.write(system, installed)
    system.on_packages()


def programs_of(system: System) -> Iterator[str]:
    """Return the names of all programs that packages have put there."""
    for name in packagedb.read(system):
        package = catalogue.PACKAGES.get(name)
        yield from package.programs if package else ()
