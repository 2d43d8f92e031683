"""Samples as a line of blocks, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
PLAIN = "_.-:=+*#"
WIDTH = 24


def blocks_for(encoding: str | None) -> str:
    """Return the blocks that an encoding has, lowest first; None is one that is not known."""
    try:
        BLOCKS.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return PLAIN
    return BLOCKS


def sparkline(
    values: Sequence[float | None], top: float, blocks: str = BLOCKS, width: int = WIDTH
) -> str:
    """Return samples as at most ``width`` blocks, each the highest of its part of the time.

    ``top`` is what the highest block stands for; what is missing is a blank.
    """
    count = min(width, len(values))
    parts = (
        values[at * len(values) // count : (at + 1) * len(values) // count] for at in range(count)
    )
    return "".join(_block(part, top, blocks) for part in parts)


def _block(part: Sequence[float | None], top: float, blocks: str) -> str:
    known = [value for value in part if value is not None]
    if not known or top <= 0:
        return " "
    return blocks[min(len(blocks) - 1, max(0, int(max(known) / top * len(blocks))))]
