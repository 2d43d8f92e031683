"""What runs did, one JSON line per event; the truth about the site is the site itself."""

from __future__ import annotations

from pvekit.journal.account import Account
from pvekit.journal.journal import Journal
from pvekit.journal.pinned import Pinned
from pvekit.journal.store import Found, Store

__all__ = ["Account", "Found", "Journal", "Pinned", "Store"]
