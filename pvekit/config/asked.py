"""What a command line says of where the configuration is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Asked:
    """What a command line names: a file, a context, values."""

    file: Path | None = None
    context: str = ""
    settings: tuple[str, ...] = ()
