"""Who acts: the user whose permissions count for the files that are touched now."""

from __future__ import annotations

from contextvars import ContextVar

ROOT = "root"
ACTING: ContextVar[str] = ContextVar("acting", default=ROOT)
"""The user of the process that runs in the present task; the lab itself acts as root."""
PROGRAM: ContextVar[str] = ContextVar("program", default="pvedaemon")
"""The program that runs in the present task, by its bare name."""
