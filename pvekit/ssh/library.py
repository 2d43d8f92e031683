"""paramiko, without the library that it imports for ``Match exec`` in ``~/.ssh/config``.

That one, invoke, takes a quarter of the time that a short command of pvekit takes in all. Every
module here has paramiko from this one.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module

_LEFT_OUT = "invoke"
_EXEC = re.compile(r"^\s*match\b.*\bexec\b", re.IGNORECASE | re.MULTILINE)

if "paramiko" in sys.modules or _LEFT_OUT in sys.modules:
    import paramiko
else:
    sys.modules[_LEFT_OUT] = None  # type: ignore[assignment]  # to import it is an error now
    try:
        import paramiko
    finally:
        del sys.modules[_LEFT_OUT]

__all__ = ["paramiko", "parsed"]


def parsed(text: str) -> paramiko.SSHConfig:
    """Return an SSH config as paramiko reads it; raises what paramiko does."""
    if _EXEC.search(text):
        vars(import_module("paramiko.config"))[_LEFT_OUT] = import_module(_LEFT_OUT)
    return paramiko.SSHConfig.from_text(text)
