"""How long things take: the figures of a realistic site, and files that change them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any


class ProfileError(Exception):
    """A profile file has a mistake; the message tells it in one line."""


@dataclass(frozen=True)
class Figures:
    """Durations in simulated seconds; the speeds (``SPEEDS``) in MiB per second, sizes in MiB.

    What each of them means stands in the file ``figures.toml`` beside this package's data.
    """

    program_start: float
    pvesm_start: float
    pveum_start: float
    status_interval: float
    node_boot: float
    node_connection: float
    no_route: float
    ha_pass: float
    ha_fence: float
    copy_one: float
    copy_all: float
    new_volume: float
    volume_migration: float
    node_link: float
    backup: float
    vm_start: float
    firmware_and_kernel: float
    guest_network: float
    guest_shutdown: float
    package_lists: float
    package_install: float
    image_size: float
    download_one: float
    download_all: float
    small_download: float
    appliance_boot: float
    live_migration: float
    suspend_to_disk: float

    def start_of(self, program: str) -> float:
        """Return how long a program of Proxmox VE takes to start."""
        known = {
            "pvesm": self.pvesm_start,
            "pveum": self.pveum_start,
            "ha-manager": self.pveum_start,
        }
        return known.get(program, self.program_start)


SPEEDS = (
    *("copy_one", "copy_all", "volume_migration", "node_link", "backup"),
    *("download_one", "download_all"),
    *("live_migration", "suspend_to_disk"),
)
"""The names of those that are MiB per second."""
NAMES = tuple(field.name for field in fields(Figures))
"""The names of all figures."""


@cache
def realistic() -> Figures:
    """Return the figures of the realistic profile."""
    text = resources.files("pvekit.lab.data").joinpath("figures.toml").read_text()
    return Figures(**tomllib.loads(text))


@dataclass(frozen=True)
class Profile:
    """How much of the figures' time really passes, and the figures."""

    scale: float
    figures: Figures


def read(path: Path) -> Profile:
    """Return the profile of a file: ``scale`` (default 1) and changed figures.

    Raises :class:`ProfileError`.
    """
    try:
        data = tomllib.loads(path.read_text())
    except OSError as error:
        raise ProfileError(f"cannot read the profile {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path}: {error}") from error
    for name, value in data.items():
        _check(path, name, value)
    return _profile(data)


def _check(path: Path, name: str, value: object) -> None:
    if name not in {"scale", *NAMES}:
        raise ProfileError(f"{path}: unknown figure {name!r}: scale, {', '.join(NAMES)}")
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= float(value) < 1e9:  # type: ignore[arg-type]
        raise ProfileError(f"{path}: {name}: expected a number from 0 on, not {value!r}")
    if name in SPEEDS and not value:
        raise ProfileError(f"{path}: {name}: a speed of 0 never ends")


def _profile(data: Mapping[str, Any]) -> Profile:
    changed = {name: float(value) for name, value in data.items() if name != "scale"}
    return Profile(float(data.get("scale", 1.0)), replace(realistic(), **changed))
