"""One line of the audit log, and the hash that joins it to the line before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NOTHING = "0" * 64
"""What the first line of all follows."""


@dataclass(frozen=True)
class Link:
    """Where a chain stands: the number of its last line, and that line's hash."""

    number: int = 0
    digest: str = NOTHING


def line(facts: Mapping[str, Any], before: Link) -> tuple[bytes, Link]:
    """Return the line that follows, and where the chain stands then."""
    number = before.number + 1
    content = {"number": number, "prev": before.digest, **facts}
    here = Link(number, digest(content))
    return (_text({**content, "hash": here.digest}) + "\n").encode(), here


def digest(content: Mapping[str, Any]) -> str:
    """Return the hash of a line's content."""
    kept = {key: value for key, value in content.items() if key != "hash"}
    return hashlib.sha256(_text(kept).encode()).hexdigest()


def read(text: bytes) -> dict[str, Any] | None:
    """Return the content of a line, or None for one that is torn or none of ours."""
    try:
        content = json.loads(text)
    except ValueError:
        return None
    if not isinstance(content, dict) or not isinstance(content.get("number"), int):
        return None
    return content if isinstance(content.get("prev"), str) and "hash" in content else None


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))
