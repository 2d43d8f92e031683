"""The small fixed set of shell scripts, each sent over stdin to ``sh -s -- ARGS``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from pvekit.shell import Command


@cache
def text(name: str) -> str:
    """Return the text of a script by its name without ``.sh``."""
    return files(__name__).joinpath(f"{name}.sh").read_text(encoding="utf-8")


def names() -> list[str]:
    """Return the names of all scripts."""
    found = (path.name for path in files(__name__).iterdir())
    return sorted(name.removesuffix(".sh") for name in found if name.endswith(".sh"))


def script(name: str, *args: str | int, timeout: float = 60.0) -> Command:
    """Return the command that runs a script with these arguments; the deadline is in seconds."""
    return Command(("sh", "-s", "--", *args), stdin=text(name), timeout=timeout)


def joined(names: tuple[str, ...], *args: str | int, timeout: float = 60.0) -> Command:
    """Return the command that runs scripts one after the other in one shell, in one round trip."""
    stdin = "\n".join(map(text, names))
    return Command(("sh", "-s", "--", *args), stdin=stdin, timeout=timeout)
