"""What was learnt, and from whom: nobody is scored by what was learnt from himself."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from sizing_traces import Unit

from pvekit.sizing.learnt import Kind, Model, models, trees_of

FOLDS = 5
TRAINED_FILE = Path(__file__).with_name("sizing_trained.json")
TREES_FILE = Path(__file__).with_name("sizing_trees.json.gz")


def fold_of(name: str) -> int:
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % FOLDS


def name_of(model: Model) -> str:
    return f"{model.kind}-{model.resource}-{model.days}"


class Trained:
    """The models that come with pvekit, and the tuned VPA, as any one unit may be scored by."""

    @cached_property
    def _data(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(TRAINED_FILE.read_text(encoding="utf-8"))
        return data

    @cached_property
    def _trees(self) -> dict[str, Any]:
        trees: dict[str, Any] = json.loads(gzip.decompress(TREES_FILE.read_bytes()))
        return trees

    @cached_property
    def _owners(self) -> dict[tuple[Kind, str], int]:
        return {
            (kind, name): at
            for kind, names in self._data["owners"].items()
            for at, name in enumerate(names)
        }

    def learnt(self, unit: Unit) -> list[Model]:
        """Return the models for a unit: without its own windows, the others' trees and prices."""
        owner = self._owners.get((unit.kind, unit.name))
        if owner is None:
            return list(models())
        fold = fold_of(unit.name)
        return [
            replace(
                model.without(owner) if model.kind == unit.kind else model,
                prices=self._data["models"][name_of(model)]["prices"][fold],
                trees=trees_of(grown[fold]) if (grown := self._trees.get(name_of(model))) else None,
            )
            for model in models()
        ]

    def vpa(self, unit: Unit, model: Model) -> tuple[int, float]:
        """Return the tuned VPA's percentile (its index) and margin."""
        own = (unit.kind, unit.name) in self._owners
        at, margin = self._data["models"][name_of(model)]["vpa"][
            fold_of(unit.name) if own else FOLDS
        ]
        return at, margin
