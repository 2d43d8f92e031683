"""Make the recommender's trained data from a folder of traces: pvekit/sizing/learnt.json.

What the benchmark needs besides, so that no series is scored by what was learnt from itself, goes
to benchmarks/sizing_trained.json and benchmarks/sizing_trees.json.gz. Deterministic: the same
traces give the same files.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sizing_anchors import VPA_MARGINS, VPA_PERCENTILES, tuned, vpa_bases
from sizing_traces import Case, Scorer, cases, load
from sizing_trained import FOLDS, TRAINED_FILE, TREES_FILE, fold_of, name_of
from sizing_trees import grow

import pvekit.sizing
from pvekit.sizing.features import features_of
from pvekit.sizing.learnt import Kind, Model
from pvekit.sizing.neighbours import NEED_UNIT, Neighbours
from pvekit.sizing.shape import Resource, Window
from pvekit.sizing.trees import Trees, points

PRICES = tuple(0.4 * 1.1**step for step in range(90))
MODELS_FILE = Path(pvekit.sizing.__file__).with_name("learnt.json")
GAMMA = 0.25


@dataclass(frozen=True)
class Near:
    """What is fixed of the neighbours: how to compare, how many, how smooth a need is."""

    features: tuple[str, ...]
    nearest: int
    smoothing: float


@dataclass(frozen=True)
class Spec:
    """What is fixed of a model; ``budgets`` are the bad days, in percent, that a risk may have.

    ``asked`` are the features that trees ask for; there are no trees without.
    """

    kind: Kind
    resource: Resource
    days: int
    stride: float
    near: Near | None
    asked: tuple[str, ...]
    budgets: dict[str, float]


_MEMORY = ("hour-13", "p25", "day-median", "day-2", "p95", "level")
_CPU = ("last-3-days", "days-near-peak", "day-4", "day-median", "max", "level")
_VM_DAY_MEMORY = ("hour-13", "hour-2", "p25", "p95", "last-hour", "level")
_VM_DAY_CPU = ("max", "hour-2", "hour-7", "p50", "last-hour", "level")
_VM = (
    *("level", "p50", "p95", "p99", "max", "hour-2", "hour-7", "hour-13", "hour-24"),
    *("hour-jump", "hour-change", "last-hour", "last-hour-peak", "last-6-hours"),
    *("hour-least-of-6", "since-peak", "day-2", "day-4", "day-median", "day-least"),
    *("day-spread", "day-change", "last-3-days", "days-near-peak"),
    *("yesterday", "2-days-ago", "7-days-ago"),
)
_WORKLOAD = (
    *("machines", "level", "p5", "p50", "p95", "p99", "max", "hour-2", "hour-4", "hour-7"),
    *("hour-13", "hour-median", "hour-change", "last-hour-peak", "last-6-hours"),
    *("hour-least-of-6", "jump", "noise", "half-change", "machine-2", "machine-median"),
    *("machine-least", "machines-near-peak", "machine-p50", "machine-p50-spread"),
    *("machine-least-now", "growth", "growth-most"),
)
SPECS = (
    Spec(
        "vm", "memory", 14, 1, Near(_MEMORY, 120, 0.02), (*_VM, "14-days-ago"),
        {"normal": 1.5, "cost": 2.2},
    ),
    Spec("vm", "memory", 7, 2, Near(_MEMORY, 120, 0.02), (), {"normal": 2.0, "cost": 2.5}),
    Spec("vm", "memory", 1, 4, Near(_VM_DAY_MEMORY, 120, 0.03), (), {"normal": 5.0, "cost": 6.0}),
    Spec("vm", "cpu", 7, 1, Near(_CPU, 80, 0.03), _VM, {"normal": 1.6, "cost": 2.2}),
    Spec("vm", "cpu", 1, 4, Near(_VM_DAY_CPU, 80, 0.03), (), {"normal": 3.0, "cost": 5.0}),
    Spec("workload", "memory", 1, 0.5, None, _WORKLOAD, {"normal": 0.95, "cost": 1.9}),
    Spec("workload", "cpu", 1, 0.25, None, _WORKLOAD, {"normal": 1.0, "cost": 1.4}),
)  # fmt: skip


@dataclass(frozen=True)
class Trained:
    """A model, and what scores the units of each fold: trees and prices of the other folds."""

    model: Model
    trees: tuple[Trees, ...]
    prices: tuple[dict[str, float], ...]


def train(spec: Spec, found: Sequence[Case], names: Sequence[str]) -> Trained:
    """Return a model, and for each fold what the other folds' units taught."""
    model = _untrained(spec, found, names)
    windows = [case.window(model.typical) for case in found]
    folds = [fold_of(case.unit.name) for case in found]
    trees = _grown(spec, found, windows, folds) if spec.asked else ()
    chances = _chances(model, trees, found, windows, names)
    prices = _prices(spec, model, found, windows, chances)
    whole = replace(model, prices=prices[FOLDS], trees=trees[FOLDS] if trees else None)
    return Trained(whole, trees[:FOLDS], tuple(prices[:FOLDS]))


def _grown(
    spec: Spec, found: Sequence[Case], windows: Sequence[Window], folds: Sequence[int]
) -> tuple[Trees, ...]:
    """Return trees grown without each of the folds, and the trees grown from all."""
    asked = [points(window, spec.asked) for window in windows]
    needs = [_needs(window, case) for window, case in zip(windows, found, strict=True)]
    parts = [[at for at, other in enumerate(folds) if other != fold] for fold in range(FOLDS + 1)]
    return tuple(
        grow(spec.asked, [asked[at] for at in part], [needs[at] for at in part]) for part in parts
    )


def _needs(window: Window, case: Case) -> list[float]:
    return sorted(window.relative(need) for need in case.needs)


def _chances(
    model: Model,
    trees: Sequence[Trees],
    found: Sequence[Case],
    windows: Sequence[Window],
    names: Sequence[str],
) -> list[list[float]]:
    """Return each window's chances by what was learnt without its unit."""
    others: dict[str, Model] = {}
    for case in found:
        name = case.unit.name
        if name not in others:
            grown = trees[fold_of(name)] if trees else None
            others[name] = replace(model.without(names.index(name)), trees=grown)
    return [
        others[case.unit.name].chances(window) for case, window in zip(found, windows, strict=True)
    ]


def _prices(
    spec: Spec,
    model: Model,
    found: Sequence[Case],
    windows: Sequence[Window],
    chances: Sequence[Sequence[float]],
) -> list[dict[str, float]]:
    """Return for each fold the prices that the other folds' units call for, then those of all."""
    scorer = Scorer(found)
    prices: list[dict[str, float]] = [{} for _ in range(FOLDS + 1)]
    for risk, budget in spec.budgets.items():
        floored = model.floored(risk)  # type: ignore[arg-type]
        tried = [
            [
                model.cheapest(window, chance, price, floored=floored)
                for window, chance in zip(windows, chances, strict=True)
            ]
            for price in PRICES
        ]
        for fold in range(FOLDS + 1):
            rest = [at for at, case in enumerate(found) if fold_of(case.unit.name) != fold]
            prices[fold][risk] = _best_price(scorer, tried, rest, budget)
    for both in prices:  # else less risk could mean a smaller size
        both["cost"] = min(both.values())
    return prices


def _best_price(
    scorer: Scorer, tried: Sequence[Sequence[float]], rest: Sequence[int], budget: float
) -> float:
    """Return the price with the least slack whose bad days are within the budget."""
    scores = [scorer.slack_and_bad(sizes, rest) for sizes in tried]
    fitting = [
        (slack, price) for (slack, bad), price in zip(scores, PRICES, strict=True) if bad <= budget
    ]
    return round(min(fitting)[1] if fitting else PRICES[-1], 3)


def _untrained(spec: Spec, found: Sequence[Case], names: Sequence[str]) -> Model:
    typical = statistics.median(case.anchor for case in found)
    windows = [case.window(typical) for case in found]
    return Model(
        kind=spec.kind,
        resource=spec.resource,
        days=spec.days,
        gamma=GAMMA,
        typical=float(f"{typical:.6g}"),
        prices={},
        neighbours=_neighbours(spec.near, found, windows, names) if spec.near else None,
        trees=None,
    )


def _neighbours(
    near: Near, found: Sequence[Case], windows: Sequence[Window], names: Sequence[str]
) -> Neighbours:
    columns = list(zip(*(features_of(window, near.features) for window in windows), strict=True))
    empty = Neighbours(
        features=near.features,
        mean=tuple(round(statistics.fmean(column), 6) for column in columns),
        deviation=tuple(round(statistics.pstdev(column) + 1e-6, 6) for column in columns),
        nearest=near.nearest,
        smoothing=near.smoothing,
        windows=(),
        needs=tuple(
            tuple(round(need / NEED_UNIT) for need in _needs(window, case))
            for window, case in zip(windows, found, strict=True)
        ),
        owners=tuple(names.index(case.unit.name) for case in found),
    )
    return replace(empty, windows=tuple(empty.point(window) for window in windows))


def tune_vpa(found: Sequence[Case], budget: float) -> list[tuple[int, float]]:
    """Return the best percentile (its index) and margin of a VPA: for each fold, then for all."""
    bases = [vpa_bases(case) for case in found]
    scorer = Scorer(found)
    choices = [(at, margin) for at in range(len(VPA_PERCENTILES)) for margin in VPA_MARGINS]
    tried = [tuned(bases, *choice) for choice in choices]
    best = []
    for fold in range(FOLDS + 1):
        rest = [at for at, case in enumerate(found) if fold_of(case.unit.name) != fold]
        scores = [scorer.slack_and_bad(sizes, rest) for sizes in tried]
        fitting = [
            (slack, choice)
            for (slack, bad), choice in zip(scores, choices, strict=True)
            if bad <= budget
        ]
        best.append(min(fitting)[1] if fitting else choices[-1])
    return best


SCORED = {"vm-memory-14": 2.0, "vm-cpu-7": 1.5, "workload-memory-1": 1.5, "workload-cpu-1": 1.5}
"""The models that the benchmark scores, and the bad days, in percent, that a tuned VPA may have."""


def _train_one(job: tuple[Path, Spec]) -> tuple[str, Trained, dict[str, Any]]:
    folder, spec = job
    units = load(folder, spec.kind)
    names = [unit.name for unit in units]
    found = cases(units, spec.resource, spec.days, spec.stride)
    trained = train(spec, found, names)
    extra: dict[str, Any] = {"prices": trained.prices}
    name = name_of(trained.model)
    if name in SCORED:
        extra["vpa"] = tune_vpa(found, SCORED[name])
    return name, trained, extra


def _compact(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=Path, required=True, help="a folder of *.parquet")
    folder = parser.parse_args().traces
    with ProcessPoolExecutor(2) as pool:
        done = list(pool.map(_train_one, [(folder, spec) for spec in SPECS]))
    owners = {kind: [unit.name for unit in load(folder, kind)] for kind in ("vm", "workload")}
    models = ",\n".join(_compact(asdict(trained.model)) for _, trained, _ in done)
    MODELS_FILE.write_text(f"[{models}]\n", encoding="utf-8")
    known = {"owners": owners, "models": {name: extra for name, _, extra in done}}
    TRAINED_FILE.write_text(_compact(known) + "\n", encoding="utf-8")
    grown = {
        name: [asdict(trees) for trees in trained.trees]
        for name, trained, _ in done
        if trained.trees
    }
    TREES_FILE.write_bytes(gzip.compress(_compact(grown).encode(), mtime=0))
    for name, trained, extra in done:
        print(name, trained.model.prices, extra)


if __name__ == "__main__":
    main()
