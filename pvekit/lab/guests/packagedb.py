"""The list of installed packages, kept in the form of dpkg's status file on every system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pvekit.lab.guests.system import System

_PATHS = {"debian": "/var/lib/dpkg/status", "redhat": "/var/lib/rpm/status"}


@dataclass(frozen=True)
class Installed:
    """One installed package; ``hold`` keeps it as it is."""

    name: str
    version: str
    hold: bool = False


def path(family: str) -> str:
    """Return where a family of systems keeps the list."""
    return _PATHS[family]


def to_text(packages: Iterable[Installed]) -> str:
    """Return the file for a list of packages."""
    return "".join(
        f"Package: {one.name}\nStatus: {'hold' if one.hold else 'install'} ok installed\n"
        f"Version: {one.version}\n\n"
        for one in packages
    )


def read(system: System) -> dict[str, Installed]:
    """Return the installed packages by name."""
    paragraphs = system.text(path(system.family)).split("\n\n")
    fields = (
        dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line)
        for paragraph in paragraphs
    )
    return {
        one["Package"]: Installed(
            one["Package"], one["Version"], hold=one["Status"].startswith("hold")
        )
        for one in fields
        if "Package" in one
    }


def write(system: System, packages: Mapping[str, Installed]) -> None:
    """Replace the list."""
    system.write(path(system.family), to_text(packages[name] for name in sorted(packages)))
