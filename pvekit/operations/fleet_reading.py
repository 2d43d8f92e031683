"""A fleet file, read against the configuration."""

from __future__ import annotations

from pathlib import Path

from pvekit.config.model import Config
from pvekit.errors import UsageError
from pvekit.fleet.model import Fleet
from pvekit.fleet.read import MOST_BYTES, Known, read

STDIN = "standard input"


def content(path: Path) -> bytes:
    """Return a file's bytes; raises :class:`UsageError` if it cannot be read."""
    try:
        with path.open("rb") as file:
            found = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"Cannot read the fleet file {path}: {error.strerror}.", id="FLEET-INVALID"
        ) from None
    if len(found) > MOST_BYTES:
        raise UsageError(f"The fleet file {path} has more than 1 MB.", id="FLEET-INVALID")
    return found


def fleet(config: Config, data: bytes, source: Path) -> Fleet:
    """Return the fleet of a file; raises :class:`ConfigFaults` with every fault and its line."""
    return read(data, source, Known(config.sizes, [node.alias for node in config.nodes]))
