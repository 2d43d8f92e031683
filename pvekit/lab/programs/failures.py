"""What programs say when something fails."""

from __future__ import annotations

import os
import posixpath

from pvekit.lab.process import Process


def name_of(process: Process) -> str:
    """Return a program's own name."""
    return posixpath.basename(process.argv[0])


def reason(error: OSError) -> str:
    """Return the C library's words for an error."""
    return os.strerror(error.errno) if error.errno else str(error)


async def fail(process: Process, message: str, status: int = 1) -> int:
    """Complain as ``NAME: message`` and return the status."""
    name = name_of(process)
    hint = f"Try '{name} --help' for more information.\n" if message.startswith("missing ") else ""
    await process.complain(f"{name}: {message}\n{hint}")
    return status
