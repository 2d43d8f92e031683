"""Times as Proxmox VE's programs write them; a node's clock shows UTC."""

from __future__ import annotations

import time


def local_time(seconds: float) -> str:
    """Return a time as Perl's ``localtime`` writes it: ``Fri Nov 20 20:30:13 2026``."""
    return time.asctime(time.gmtime(seconds))
