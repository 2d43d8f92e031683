"""Make the recommender's trained data from a folder of traces: pvekit/sizing/learnt.json.

What the benchmark needs besides, so that no series is scored by what was learnt from itself, goes
to benchmarks/sizing_trained.json. Deterministic: the same traces give the same files.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sizing_anchors import VPA_MARGINS, VPA_PERCENTILES, tuned, vpa_bases
from sizing_traces import Case, Scorer, cases, load
from sizing_trained import FOLDS, TRAINED_FILE, fold_of, name_of

import pvekit.sizing
from pvekit.sizing.learnt import NEED_UNIT, Kind, Model
from pvekit.sizing.shape import Resource

PRICES = tuple(0.5 * 1.12**step for step in range(66))
MODELS_FILE = Path(pvekit.sizing.__file__).with_name("learnt.json")


@dataclass(frozen=True)
class Spec:
    """What is fixed of a model; ``budgets`` are the bad days, in percent, that a risk may have."""

    kind: Kind
    resource: Resource
    days: int
    stride: float
    features: tuple[str, ...]
    neighbours: int
    smoothing: float
    gamma: float
    budgets: dict[str, float]


_MEMORY = ("hour-13", "p25", "day-median", "day-2", "p95", "level")
_CPU = ("last-3-days", "days-near-peak", "day-4", "day-median", "max", "level")
SPECS = (
    Spec("vm", "memory", 14, 1, _MEMORY, 120, 0.02, 0.25, {"normal": 1.8, "cost": 2.0}),
    Spec("vm", "memory", 7, 2, _MEMORY, 120, 0.02, 0.25, {"normal": 2.2, "cost": 2.5}),
    Spec(
        "vm", "memory", 1, 4, ("hour-13", "hour-2", "p25", "p95", "last-hour", "level"),
        120, 0.03, 0.5, {"normal": 5.0, "cost": 6.0},
    ),
    Spec("vm", "cpu", 7, 1, _CPU, 80, 0.03, 0.25, {"normal": 2.0, "cost": 3.0}),
    Spec(
        "vm", "cpu", 1, 4, ("max", "hour-2", "hour-7", "p50", "last-hour", "level"),
        80, 0.03, 0.5, {"normal": 3.0, "cost": 5.0},
    ),
    Spec(
        "workload", "memory", 1, 0.5, ("machines", "p50", "hour-7", "last-hour"),
        120, 0.004, 0.25, {"normal": 1.3, "cost": 3.0},
    ),
    Spec(
        "workload", "cpu", 1, 0.5, ("hour-7", "machines", "hour-2", "p50", "max", "level"),
        80, 0.008, 0.5, {"normal": 1.5, "cost": 2.5},
    ),
)  # fmt: skip


def train(spec: Spec, found: Sequence[Case], names: Sequence[str]) -> tuple[Model, list[Any]]:
    """Return a model, and for each fold the prices that the other folds' units call for."""
    model = _untrained(spec, found, names)
    windows = [case.window(model.typical) for case in found]
    others = {owner: model.without(owner) for owner in set(model.owners)}
    chances = [
        others[owner].chances(window) for window, owner in zip(windows, model.owners, strict=True)
    ]
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
    return replace(model, prices=prices[FOLDS]), prices[:FOLDS]


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
    features = [window.features(spec.features) for window in windows]
    columns = list(zip(*features, strict=True))
    needs = tuple(
        tuple(sorted(round(window.relative(need) / NEED_UNIT) for need in case.needs))
        for window, case in zip(windows, found, strict=True)
    )
    model = Model(
        kind=spec.kind,
        resource=spec.resource,
        days=spec.days,
        features=spec.features,
        mean=tuple(round(statistics.fmean(column), 6) for column in columns),
        deviation=tuple(round(statistics.pstdev(column) + 1e-6, 6) for column in columns),
        neighbours=spec.neighbours,
        smoothing=spec.smoothing,
        gamma=spec.gamma,
        typical=float(f"{typical:.6g}"),
        prices={},
        windows=(),
        needs=needs,
        owners=tuple(names.index(case.unit.name) for case in found),
    )
    return replace(model, windows=tuple(model.point(window) for window in windows))


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


def _train_one(job: tuple[Path, Spec]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    folder, spec = job
    units = load(folder, spec.kind)
    names = [unit.name for unit in units]
    found = cases(units, spec.resource, spec.days, spec.stride)
    model, prices = train(spec, found, names)
    extra: dict[str, Any] = {"prices": prices}
    if name_of(model) in SCORED:
        extra["vpa"] = tune_vpa(found, SCORED[name_of(model)])
    return name_of(model), vars_of(model), extra


def vars_of(model: Model) -> dict[str, Any]:
    return {name: getattr(model, name) for name in Model.__dataclass_fields__}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=Path, required=True, help="a folder of *.parquet")
    folder = parser.parse_args().traces
    with ProcessPoolExecutor(2) as pool:
        done = list(pool.map(_train_one, [(folder, spec) for spec in SPECS]))
    owners = {kind: [unit.name for unit in load(folder, kind)] for kind in ("vm", "workload")}
    models = ",\n".join(json.dumps(model, separators=(",", ":")) for _, model, _ in done)
    MODELS_FILE.write_text(f"[{models}]\n", encoding="utf-8")
    trained = {"owners": owners, "models": {name: extra for name, _, extra in done}}
    TRAINED_FILE.write_text(json.dumps(trained, separators=(",", ":")) + "\n", encoding="utf-8")
    for name, model, extra in done:
        print(name, len(model["owners"]), "windows", model["prices"], extra)


if __name__ == "__main__":
    main()
