"""Lines at the end of a terminal that are redrawn in place, below what stays."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
TICK = 0.5
"""How often the lines are drawn anew though nothing has happened, in seconds."""
Lines = Callable[[int, int], Sequence[str]]
"""Returns the lines for a terminal of so many columns and rows."""


class Region:
    """The live lines of one terminal, drawn by events and by a clock.

    A frame is one write that overwrites the last one, so that nothing flickers. Safe to be used
    from several threads, and by a signal handler in the middle of a frame.
    """

    def __init__(self, lines: Lines, *, handle: int = 2) -> None:
        self._lines = lines
        self._handle = handle
        self._drawn: list[int] = []  # how wide each line is that stands there now
        self._lock = threading.RLock()
        self._owner = 0
        self._late: list[str] = []
        self._over = threading.Event()
        self.gone = False
        """Whether there is no terminal any more to write to."""
        self._ticker = threading.Thread(target=self._tick, daemon=True, name="pvekit-progress")

    def begin(self) -> None:
        """Draw from now on."""
        self._frame("")
        self._ticker.start()

    def draw(self) -> None:
        """Draw the lines anew."""
        self._frame("")

    def write(self, text: str) -> None:
        """Write lines that stay, above the live ones."""
        if self._owner == threading.get_ident():  # a signal came in the middle of a frame
            self._late.append(text)
        else:
            self._frame(text)

    def close(self) -> None:
        """Remove the live lines and show the cursor again."""
        self._over.set()
        with self._lock:
            self._send(self._up() + "\x1b[J" + SHOW)
            self._drawn = []

    def _tick(self) -> None:
        while not self._over.wait(TICK):
            self._frame("")

    def _frame(self, stays: str) -> None:
        with self._lock:
            if self._over.is_set():
                if stays:
                    self._send(f"{stays}\n")
                return
            self._owner = threading.get_ident()
            try:
                self._draw(stays)
            finally:
                self._owner = 0
            late, self._late = self._late, []
        for text in late:
            self._frame(text)

    def _draw(self, stays: str) -> None:
        columns, rows = self._size()
        lines = [line[: columns - 1] for line in self._lines(columns, rows)][: max(1, rows - 1)]
        told = [*stays.split("\n")] if stays else []
        ends = "\x1b[K\n"
        body = "".join(f"{line}{ends}" for line in (*told, *lines))
        self._send(f"{HIDE}{self._up()}{body}\x1b[J")
        self._drawn = [len(line) for line in lines]

    def _up(self) -> str:
        """Return what moves to the first live line: a line may take several rows by now."""
        columns, rows = self._size()
        height = sum(max(1, -(-width // columns)) for width in self._drawn)
        return f"\x1b[{min(height, rows - 1)}F" if height else "\r"

    def _size(self) -> tuple[int, int]:
        with suppress(OSError):
            size = os.get_terminal_size(self._handle)
            if size.columns and size.lines:
                return size.columns, size.lines
        return 80, 24

    def _send(self, text: str) -> None:
        data = text.encode(errors="replace")
        try:
            while data:
                data = data[os.write(self._handle, data) :]
        except OSError:
            self.gone = True
            self._over.set()
