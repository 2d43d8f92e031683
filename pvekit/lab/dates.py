"""Dates as Perl's programs write them; the nodes' clocks are in UTC."""

from __future__ import annotations

import time


def local_time(seconds: float) -> str:
    """Return ``Fri Nov 20 21:19:04 2026``."""
    return time.strftime("%a %b %e %H:%M:%S %Y", time.gmtime(seconds))


def day(seconds: float) -> str:
    """Return ``2026-11-20``."""
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def stamp(seconds: float) -> str:
    """Return ``2026-11-20 21:19:03``."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def file_stamp(seconds: float) -> str:
    """Return ``2026_11_20-21_19_03``, as the names of backups have it."""
    return time.strftime("%Y_%m_%d-%H_%M_%S", time.gmtime(seconds))
