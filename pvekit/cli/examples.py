"""Command lines that are shown below the help of a command."""

from __future__ import annotations


def examples(*lines: str) -> str:
    """Return command lines as the end of a help text, each in a line of its own."""
    return shown("Examples", *lines)


def shown(heading: str, *lines: str) -> str:
    """Return command lines under a heading."""
    return "\n".join(["\b", f"{heading}:", *(f"  {line}" for line in lines)])
