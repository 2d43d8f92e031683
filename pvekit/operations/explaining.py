"""``explain``: what an error id means."""

from __future__ import annotations

from pvekit import explanations
from pvekit.config.nearest import did_you_mean
from pvekit.errors import NotFound
from pvekit.explanations import Explanation


def explained(wanted: str) -> Explanation:
    """Return the text of an error id, written in any case; raises :class:`NotFound`."""
    try:
        return explanations.explanation(wanted.upper())
    except KeyError:
        raise NotFound(
            f"There is no error id {wanted!r}.",
            details=did_you_mean(wanted.upper(), explanations.ids()),
            hint="`pvekit explain` lists them all.",
        ) from None
