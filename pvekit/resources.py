"""Where pvekit's own data folders lie: beside the code in a wheel, above it in a checkout."""

from __future__ import annotations

from pathlib import Path

import pvekit


def folder(name: str) -> Path:
    """Return the data folder of this name (``sizes``, ``cloudinit``).

    Raises :class:`FileNotFoundError` if the installation is incomplete.
    """
    package = Path(pvekit.__file__).parent
    for candidate in (package / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"pvekit's data folder {name!r} is missing beside {package}")
