"""The published shape of all JSON documents, one JSON Schema for each version."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

VERSION = "v1"


def text(version: str = VERSION) -> str:
    """Return the JSON Schema of a version as its file has it."""
    return files(__name__).joinpath(f"{version}.json").read_text(encoding="utf-8")


def schema(version: str = VERSION) -> dict[str, Any]:
    """Return the JSON Schema of a version."""
    found: dict[str, Any] = json.loads(text(version))
    return found
