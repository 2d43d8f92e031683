"""Files on a node, as goals."""

from __future__ import annotations

from pvekit.plan import Ask, Check, Verdict, check
from pvekit.pve import ending
from pvekit.pve.scripts import script
from pvekit.shell import Query


def exist(node: str, path: str) -> Check:
    """Check that a file is there."""
    return check(f"{path} is there", there(node, path), Verdict)


def absent(node: str, path: str) -> Check:
    """Check that a file is not there."""
    return check(f"{path} is gone", there(node, path), lambda found: Verdict(not found))


def there(node: str, path: str) -> Ask[bool]:
    """Ask whether a file is there."""
    query = Query(script("files"), lambda out: f"file {path}" in ending.lines(out))
    return Ask(node, query, topics=(path,))
