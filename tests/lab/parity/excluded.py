"""What is not compared, and why: artefacts of where the recordings were made."""

from __future__ import annotations

import re

from tests.lab.parity.recordings import Entry

# (pattern of `Entry.about`, why)
RULES: tuple[tuple[str, str], ...] = (
    (r"06-full-flow:0\b", "real disk contents: the image of the recorded guest"),
    (r"\bps ax\b", "the process list of the recording machine"),
    (r"\bha-manager\b", "was not installed there: only the shell answered"),
    (r"\$ su ", "another user's shell on the recording machine"),
)


def reason(entry: Entry) -> str:
    """Return why a command is not compared, or nothing."""
    if not entry.program:
        return "runs no program of Proxmox VE"
    return next((why for pattern, why in RULES if re.search(pattern, entry.about)), "")
