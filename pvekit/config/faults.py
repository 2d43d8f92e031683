"""One thing wrong in the configuration, said so that it can be mended at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pvekit.errors import UsageError

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Origin:
    """Where a value stands: a file with its line, or the name of a variable or an option.

    ``line`` counts from 1 and is None where there is none to name.
    """

    source: Path | str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else f"{self.source}"


@dataclass(frozen=True)
class Fault:
    """Where the configuration is wrong, what was expected there and what was found."""

    origin: Origin
    place: Place
    expected: str
    found: str
    hint: str = ""

    @property
    def line(self) -> int | None:
        """The line in the file, where there is one."""
        return self.origin.line

    def __str__(self) -> str:
        what = f"{dotted(self.place)}: " if self.place else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.origin}: {what}expected {self.expected}, got {self.found}{hint}"


class ConfigFaults(UsageError):
    """The configuration cannot be used; `faults` are all that is wrong, in the file's order."""

    id = "CONFIG-INVALID"

    def __init__(
        self, faults: tuple[Fault, ...], *, what: str = "The configuration", id: str = ""
    ) -> None:
        count = f"{len(faults)} faults" if len(faults) > 1 else "a fault"
        super().__init__(
            f"{what} has {count}; nothing was sent.",
            details="\n".join(map(str, faults)),
            id=id,
        )
        self.faults = faults


def dotted(place: Place) -> str:
    """Return a place as people write it: ``proxmox_nodes[0].port``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{_word(step)}" for step in place)
    return text.removeprefix(".")


def _word(key: str) -> str:
    return key if key.isprintable() else repr(key)
