"""What values the real programs accept, and how they tell the refused ones."""

from __future__ import annotations

from pvekit.lab.schema.verify import (
    CHECKS,
    Invalid,
    check,
    check_all,
    properties,
    refused,
)

__all__ = ["CHECKS", "Invalid", "check", "check_all", "properties", "refused"]
