"""The small fixed set of shell scripts, each sent over stdin to ``sh -s -- ARGS``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from pvekit.shell import Command

_FIRST = {
    **dict.fromkeys(("act", "forget", "jobs", "local", "sweep"), "alive"),
    **dict.fromkeys(("copy-rate", "fetch"), "member"),
    **dict.fromkeys(("signs", "use"), "each"),
}
"""What is sent before a script: the part that it shares with others."""


@cache
def text(name: str) -> str:
    """Return the text of a script by its name without ``.sh``, with what it shares with others."""
    own = files(__name__).joinpath(f"{name}.sh").read_text(encoding="utf-8")
    return text(_FIRST[name]) + own if name in _FIRST else own


def names() -> list[str]:
    """Return the names of all scripts; what is only a part of them is none."""
    found = (path.name for path in files(__name__).iterdir())
    scripts = {name.removesuffix(".sh") for name in found if name.endswith(".sh")}
    return sorted(scripts - set(_FIRST.values()))


def script(name: str, *args: str | int, timeout: float = 60.0) -> Command:
    """Return the command that runs a script with these arguments; the deadline is in seconds."""
    return Command(("sh", "-s", "--", *args), stdin=text(name), timeout=timeout)


def joined(names: tuple[str, ...], *args: str | int, timeout: float = 60.0) -> Command:
    """Return the command that runs scripts one after the other in one shell, in one round trip."""
    stdin = "\n".join(map(text, names))
    return Command(("sh", "-s", "--", *args), stdin=stdin, timeout=timeout)
