"""What a dry run shows: the decisions, then the exact commands, and nothing else."""

from __future__ import annotations

import click

from pvekit.run.apply import Preview

PENDING = 10


def show(found: Preview) -> None:
    """Print the commands of the pending steps by subject and node; say so if there are none."""
    if not found.pending:
        click.echo("Nothing to do.")
        return
    subject = ""
    for step in found.pending:
        if step.subject != subject:
            subject = step.subject
            click.echo(f"{subject}:")
        lasting = f"   # cannot be undone: {step.lasting}" if step.lasting else ""
        for change in step.changes:
            for line in str(change).splitlines():
                click.echo(f"  {step.node}: {line}{lasting}")
        if not step.changes:
            click.echo(f"  {step.node}: wait until {step.goal.says} ({step.verb})")


def status(found: Preview, *, detailed: bool) -> int:
    """Return the exit status of a dry run: 10 if changes are pending and that was asked for."""
    return PENDING if detailed and found.pending else 0
