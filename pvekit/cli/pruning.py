"""``run prune``: which journals went, and which stay for what reason."""

from __future__ import annotations

import time

from pvekit.cli import say
from pvekit.cli.app import App
from pvekit.cli.durations import age
from pvekit.cli.output import Form, View, emit
from pvekit.operations import runs
from pvekit.operations.runs import Run

PRUNED = View(
    kind="PrunedRun",
    name="run/{run}",
    columns=("run", "command", "state", "pruned"),
    wide=("why",),
    result=True,
    empty="No run that has ended is older than that.",
)


def prune(app: App, older_than: str, form: Form, *, dry_run: bool) -> None:
    """Remove old journals and say so."""
    seconds = age(older_than)
    pruned = runs.prune(app.store, seconds, now=time.time(), dry_run=dry_run)
    rows = [
        _row(run, pruned="would be removed" if dry_run else "removed") for run in pruned.removed
    ]
    rows += [_row(run, pruned="kept", why=why) for run, why in pruned.kept]
    emit(form, PRUNED, rows, dry_run=dry_run)
    for run, why in pruned.kept:
        say.note(f"kept {run.run}: {why}")


def _row(run: Run, *, pruned: str, why: str = "") -> dict[str, object]:
    return {
        "run": run.run,
        "command": run.command,
        "state": run.state,
        "pruned": pruned,
        "why": why,
    }
