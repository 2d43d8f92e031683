"""The notes of a backup, made from a template."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pvekit.lab.failure import Failure


def notes_of(template: str, known: Mapping[str, str]) -> str:
    """Return the notes; the template may have variables and escapes that make no sense."""
    text = template.replace("\\\\", "\0").replace("\\n", "\n")
    if wrong := re.search(r"\\(.)", text):
        raise Failure(f"unexpected escape character '{wrong[1]}'")
    text = re.sub(r"\{\{(\w+)\}\}", lambda found: known.get(found[1], found[0]), text)
    if unknown := re.search(r"\{\{(\S+)\}\}", text):
        raise Failure(f"unexpected variable name '{unknown[1]}'")
    return text.replace("\0", "\\")
