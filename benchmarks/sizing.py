"""How good the recommended sizes are: walks forward through traces, size by history, then look.

Series whose own part of the training data is left out (by name) are scored by what the others
taught; all that is fitted besides (prices, the tuned VPA) comes from the other folds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from sizing_anchors import ANCHORS, VPA_MARGINS, VPA_PERCENTILES, tuned, vpa_bases
from sizing_launches import Launches, launches
from sizing_loop import Loop, closed_loop
from sizing_traces import Case, Score, Scorer, Unit, cases, load
from sizing_trained import Trained

from pvekit.sizing.demand import Risk
from pvekit.sizing.learnt import Kind, Model
from pvekit.sizing.shape import Resource


@dataclass(frozen=True)
class Question:
    """What is scored: of which machines, from how many days, at which origins, and the target."""

    title: str
    kind: Kind
    resource: Resource
    days: int
    stride: float
    max_slack: float
    max_bad: float


QUESTIONS = (
    Question("Kubernetes memory per workload, 1 day", "workload", "memory", 1, 1, 19, 1.5),
    Question("Kubernetes CPU per workload, 1 day", "workload", "cpu", 1, 1, 43, 1.5),
    Question("VM memory, 14 days", "vm", "memory", 14, 7, 48, 2),
    Question("VM CPU, 7 days", "vm", "cpu", 7, 3, 36, 1.5),
)
RISKS: tuple[Risk, ...] = ("normal", "cost", "safe")


@dataclass(frozen=True)
class Answer:
    """The scores of all recommenders for one question."""

    question: Question
    scores: dict[str, Score]


def _answer(folder: Path, question: Question) -> Answer | None:
    return answer(load(folder, question.kind), question)


def answer(units: Sequence[Unit], question: Question) -> Answer | None:
    """Score all recommenders, or return None where there are no such traces."""
    found = cases(units, question.resource, question.days, question.stride)
    if not found:
        return None
    trained = Trained()
    learnt = {unit.name: _model(trained, unit, question) for unit in units}
    scorer = Scorer(found)
    sizes = {name: [of(case) for case in found] for name, of in ANCHORS.items()}
    bases = [vpa_bases(case) for case in found]
    chosen = [trained.vpa(case.unit, learnt[case.unit.name]) for case in found]
    sizes["VPA, tuned"] = [
        base[at] * (1 + margin) for base, (at, margin) in zip(bases, chosen, strict=True)
    ]
    ours = [_ours(learnt[case.unit.name], case) for case in found]
    for at, risk in enumerate(RISKS):
        sizes[f"pvekit, {risk}"] = [one[at] for one in ours]
    scores = {name: scorer.score(given) for name, given in sizes.items()}
    for risk in ("normal", "cost"):
        scores[f"VPA at {risk}'s bad days"] = _vpa_at(scorer, bases, scores[f"pvekit, {risk}"].bad)
    return Answer(question, scores)


def _model(trained: Trained, unit: Unit, question: Question) -> Model:
    wanted = (question.kind, question.resource, question.days)
    learnt = trained.learnt(unit)
    return next(one for one in learnt if (one.kind, one.resource, one.days) == wanted)


def _ours(model: Model, case: Case) -> list[float]:
    window = case.window(model.typical)
    chances = model.chances(window)
    return [
        model.cheapest(window, chances, model.price(risk), floored=model.floored(risk))
        for risk in RISKS
    ]


def _vpa_at(scorer: Scorer, bases: Sequence[Sequence[float]], bad: float) -> Score:
    """Return a VPA's least slack with as few bad days, chosen in hindsight on what is scored."""
    everything = range(len(bases))
    best = None
    for at in range(len(VPA_PERCENTILES)):
        for margin in VPA_MARGINS:
            given = tuned(bases, at, margin)
            slack, its_bad = scorer.slack_and_bad(given, everything)
            if its_bad <= bad + 1e-9 and (best is None or slack < best[0]):
                best = slack, given
    return scorer.score(best[1] if best else tuned(bases, -1, VPA_MARGINS[-1]))


@dataclass(frozen=True)
class Report:
    """All that the benchmark found out."""

    answers: tuple[Answer, ...]
    launches: tuple[Launches, ...]
    loop: Loop | None


def _launches(folder: Path) -> tuple[Launches, ...]:
    return launches(load(folder, "workload"), load(folder, "vm"))


def report(folder: Path, *, loop: bool) -> Report:
    """Score the traces of a folder."""
    with ProcessPoolExecutor(2) as pool:
        answers = [pool.submit(_answer, folder, question) for question in QUESTIONS[::-1]]
        starts = pool.submit(_launches, folder)
        walked = closed_loop(load(folder, "vm"), pool) if loop else None
        known = tuple(one for future in answers[::-1] if (one := future.result()))
        return Report(known, starts.result(), walked)


HEADER = f"{'':26}{'slack %':>9}{'bad %':>8}{'above %':>9}{'top bad %':>11}{'x oracle':>10}"


def show(found: Report) -> None:
    for one in found.answers:
        question = one.question
        print(f"\n{question.title} -> the next day ({one.scores['oracle'].cases} cases)\n{HEADER}")
        for name, score in one.scores.items():
            print(
                f"{name:26}{score.slack:9.1f}{score.bad:8.2f}{score.violation:9.3f}"
                f"{score.top:11.1f}{score.allocation:10.2f}"
            )
        print(f"target: slack <= {question.max_slack} % at <= {question.max_bad} % bad days")
    for start in found.launches:
        print(f"\n{start.title} ({start.second.cases} launches): slack % / bad %")
        for name, score in (
            (start.first_name, start.first),
            ("second launch, one predecessor", start.second),
        ):
            print(f"{name:44}{score.slack:9.1f}{score.bad:8.2f}")
    if found.loop:
        _show_loop(found.loop)


def _show_loop(loop: Loop) -> None:
    print(f"\nclosed loop, sizes reviewed each day: {loop.vms} VMs, {loop.days} days")
    print(f"memory: slack {loop.memory_slack:.1f} %, bad days {loop.memory_bad:.2f} %")
    print(f"CPU: slack {loop.cpu_slack:.1f} %, bad days {loop.cpu_bad:.2f} %")
    print(
        f"resizes per VM and week: {loop.resizes:.2f}"
        f" (memory {loop.memory_resizes:.2f}, CPU {loop.cpu_resizes:.2f}); target: <= 1.5"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=Path, required=True, help="a folder of *.parquet")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--no-loop", action="store_true", help="leave out the closed loop")
    options = parser.parse_args()
    found = report(options.traces, loop=not options.no_loop)
    if not found.answers:
        parser.error(f"{options.traces} has neither vm*.parquet nor k8s*.parquet")
    if options.json:
        print(json.dumps(asdict(found), indent=2))
    else:
        show(found)


if __name__ == "__main__":
    main()
