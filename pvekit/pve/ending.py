"""The last line of an answer that must be whole: what is missing in it would count as gone."""

from __future__ import annotations

from pvekit.errors import UnreadableAnswer

END = "end"


def lines(out: str) -> list[str]:
    """Return the lines before the last one; raises :class:`UnreadableAnswer` if it is not there.

    Behind it there may be what a shell or a program says to everybody.
    """
    return whole(out.split("\n"))


def whole(found: list[str]) -> list[str]:
    """Return those of an answer's lines that stand before its last one; raises as :func:`lines`."""
    if END not in found[:-1]:  # what no line end follows may be cut
        raise UnreadableAnswer(
            "The answer of the node is not whole.",
            details="\n".join(found[-20:])[-200:],
            hint="Is pve-cluster running there? Without it nothing is known of any VM.",
        )
    return found[: found.index(END)]
