"""The sizing benchmark on small made-up traces, and its definitions on ones done by hand."""

from __future__ import annotations

import importlib
import json
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
DAY = 288


@pytest.fixture
def bench(monkeypatch):
    """Return what imports a module of the benchmark."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def wave(days: int, low: float, high: float, phase: int = 0) -> tuple[float, ...]:
    """Return samples that swing once a day."""
    middle, half = (low + high) / 2, (high - low) / 2
    return tuple(
        round(middle + half * math.sin((at + phase) / DAY * 2 * math.pi), 4)
        for at in range(days * DAY)
    )


def vms(traces, days: int = 16, name: str = "made-up"):
    return [
        traces.Unit(
            f"{name}-{at}",
            "vm",
            (wave(days, 0.1, 0.4 * at, at),),
            (wave(days, 300 * at, 500 * at, at),),
            saturated=False,
            cores=4,
            provisioned_mb=8192,
        )
        for at in range(1, 4)
    ]


def workloads(traces):
    return [
        traces.Unit(
            f"made-up-{at}",
            "workload",
            tuple(wave(4, 0.1, 0.3 * at, replica) for replica in range(3)),
            tuple(wave(4, 100 * at, 120 * at, replica) for replica in range(3)),
            saturated=False,
        )
        for at in range(1, 4)
    ]


def test_slack_and_bad_days_are_as_defined(bench):
    traces = bench("sizing_traces")
    samples = tuple(100.0 for _ in range(DAY)) + (150.0,) * 2 + (100.0,) * (DAY - 2)
    unit = traces.Unit("one", "vm", (samples,), (samples,), saturated=False)
    memory = traces.Scorer(traces.cases([unit], "memory", 1, 1))
    cpu = traces.Scorer(traces.cases([unit], "cpu", 1, 1))
    assert memory.score([200.0]).slack == pytest.approx(50)
    assert (memory.score([149.0]).bad, memory.score([150.0]).bad) == (100, 0)
    assert (cpu.score([99.0]).bad, cpu.score([100.0]).bad) == (100, 0)
    assert memory.score([149.0]).violation == pytest.approx(100 * 2 / DAY)
    assert memory.score([300.0]).allocation == pytest.approx(2)


def test_one_size_is_for_all_replicas(bench):
    traces = bench("sizing_traces")
    small, large = (100.0,) * 2 * DAY, (300.0,) * 2 * DAY
    unit = traces.Unit("two", "workload", (small, large), (small, large), saturated=False)
    scorer = traces.Scorer(traces.cases([unit], "memory", 1, 1))
    assert scorer.score([300.0]).slack == pytest.approx(100 / 3)
    assert scorer.score([200.0]).bad == 50


def test_the_day_after_is_not_known_before(bench):
    traces = bench("sizing_traces")
    samples = (1.0,) * DAY + (9.0,) * DAY
    unit = traces.Unit("one", "vm", (samples,), (samples,), saturated=False)
    (case,) = traces.cases([unit], "memory", 1, 1)
    assert set(case.machines[0]) == {1.0}
    assert set(case.after[0]) == {9.0}


def test_holes_and_saturated_machines_are_left_out(bench):
    traces = bench("sizing_traces")
    holes = (None,) * 100 + (1.0,) * (2 * DAY - 100)
    unit = traces.Unit("holes", "vm", (holes,), (holes,), saturated=True)
    assert traces.cases([unit], "memory", 1, 1) == []
    assert traces.cases([unit], "cpu", 1, 1) == []


def test_all_recommenders_are_scored_and_the_oracle_has_no_bad_day(bench):
    sizing, traces = bench("sizing"), bench("sizing_traces")
    for question in sizing.QUESTIONS:
        units = (vms if question.kind == "vm" else workloads)(traces)
        scores = sizing.answer(units, question).scores
        assert {"VPA", "VPA, tuned", "krr simple", "p95", "p99", "pvekit, normal"} <= set(scores)
        assert scores["oracle"].bad == 0
        assert scores["oracle"].allocation == pytest.approx(1)
        assert scores["pvekit, safe"].slack >= scores["pvekit, cost"].slack
        assert scores["p95"].bad >= scores["peak +15 %"].bad


def test_nobody_is_scored_by_what_was_learnt_from_himself(bench):
    trained, traces = bench("sizing_trained").Trained(), bench("sizing_traces")
    data = json.loads((BENCHMARKS / "sizing_trained.json").read_text())
    name = data["owners"]["vm"][3]
    known = vms(traces)[0]
    stranger = trained.learnt(known)
    own = trained.learnt(type(known)(name, "vm", known.cpu, known.memory, saturated=False))
    for whole, rest in zip(stranger, own, strict=True):
        if whole.kind == "vm":
            assert 3 in whole.neighbours.owners
            assert 3 not in rest.neighbours.owners
            assert (whole.trees is None) is (rest.trees is None)
            assert whole.trees is None or whole.trees != rest.trees


def test_training_again_teaches_the_same(bench):
    pytest.importorskip("lightgbm")
    training, traces = bench("sizing_train"), bench("sizing_traces")
    spec = next(spec for spec in training.SPECS if spec.kind == "workload")
    units = [
        traces.Unit(f"{unit.name}-{at}", unit.kind, unit.cpu, unit.memory, saturated=False)
        for at in range(10)
        for unit in workloads(traces)
    ]
    found = traces.cases(units, spec.resource, spec.days, spec.stride)
    names = [unit.name for unit in units]
    first, again = (training.train(spec, found, names) for _ in range(2))
    assert first == again
    assert any(not isinstance(tree, int) for tree in first.model.trees.trees)
    assert first.model.prices["cost"] <= first.model.prices["normal"]
    assert len(first.trees) == len(first.prices) == 5


def test_the_closed_loop_shrinks_what_its_owner_made_too_large(bench):
    loop = bench("sizing_loop").closed_loop
    with ThreadPoolExecutor(1) as pool:
        found = loop(vms(bench("sizing_traces"), 10)[:2], pool)
    assert found.vms == 2
    assert found.days == 3
    assert found.memory_bad == 0
    assert found.memory_slack < 75
    assert 0 < found.resizes <= 7


def test_a_second_launch_knows_more_than_a_first_one(bench):
    traces = bench("sizing_traces")
    found = bench("sizing_launches").launches(workloads(traces), vms(traces))
    assert len(found) == 4
    for one in found:
        assert one.second.bad <= one.first.bad
        assert one.second.slack < one.first.slack or one.title.startswith("Kubernetes")


def test_from_files_to_a_table(tmp_path):
    """Files as they come: any part's name, -1 for what is missing."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    for stem, days in (("vm_holdout", 16), ("k8s_part2", 4)):
        rows = [
            {
                "id": f"{stem}-{at}",
                "cpu_e4": [-1, *(round(v * 1e4) for v in wave(days, 0.1, 0.5 * at)[1:])],
                "mem_dmib": [round(v * 10) for v in wave(days, 300, 500 * at)],
            }
            for at in range(1, 4)
        ]
        parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / f"{stem}.parquet")
        meta = ["id,set,cores,mem_prov_mib,saturated,label"]
        meta += [f"{row['id']},x,4,8192,0,same" for row in rows]
        (tmp_path / f"{stem}_meta.csv").write_text("\n".join(meta) + "\n")
    words = [sys.executable, BENCHMARKS / "sizing.py", "--traces", tmp_path, "--json"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["answers"]) == 4
    assert found["loop"]["vms"] == 3
