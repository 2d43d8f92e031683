"""What a dry run shows: the decisions, then the exact commands, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import click

from pvekit.cli.output import Form, View, emit
from pvekit.plan import Step
from pvekit.run.apply import Preview

PENDING = 10
STEPS = View(
    "PlannedStep", "{subject}/{step}", ("subject", "step", "node", "goal", "commands", "lasting")
)


def show(found: Preview, form: Form) -> None:
    """Print the commands of the pending steps by subject and node; say so if there are none."""
    emit(form, STEPS, data(found), text=lambda: tell(found, click.echo))


def data(found: Preview) -> list[dict[str, object]]:
    """Return the pending steps as data."""
    return [_data(step) for step in found.pending]


def tell(found: Preview, out: Callable[[str], None]) -> None:
    """Tell the commands of the pending steps line by line."""
    if not found.pending:
        out("Nothing to do.")
    for subject, steps in groupby(found.pending, key=lambda step: step.subject):
        out(f"{subject}:")
        for step in steps:
            _show(step, out)


def _show(step: Step, out: Callable[[str], None]) -> None:
    lasting = f"   # cannot be undone: {step.lasting}" if step.lasting else ""
    for line in step.lines:
        out(f"  {step.node}: {line}{lasting}")
    if not step.changes:
        out(f"  {step.node}: wait until {step.goal.says} ({step.verb})")


def _data(step: Step) -> dict[str, object]:
    return {
        "subject": step.subject,
        "step": step.verb,
        "node": step.node,
        "goal": step.goal.says,
        "commands": list(step.lines),
        "lasting": step.lasting,
    }


def status(found: Preview, *, detailed: bool) -> int:
    """Return the exit status of a dry run: 10 if changes are pending and that was asked for."""
    return PENDING if detailed and found.pending else 0
