"""What of a URL is a secret: whoever knows it may fetch what others may not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pvekit import masking

if TYPE_CHECKING:
    from pvekit.config.document import Value

_USER = re.compile(r"[a-z]+://([^/@\s]+)@", re.IGNORECASE)
_QUERY = re.compile(r"[a-z]+://[^?#\s]*\?([^#\s]+)", re.IGNORECASE)


def hide(value: Value) -> None:
    """Have the user and the query of every URL masked from now on, wherever it is told or noted.

    A signed URL carries its token in the query; a user with a password is refused, and told then.
    """
    if isinstance(value, dict):
        for inner in value.values():
            hide(inner)
    elif isinstance(value, list):
        for inner in value:
            hide(inner)
    elif isinstance(value, str):
        for pattern in (_USER, _QUERY):
            if found := pattern.match(value):
                masking.register(found[1])
