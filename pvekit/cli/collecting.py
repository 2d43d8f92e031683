"""``pvekit gc``."""

from __future__ import annotations

from dataclasses import replace

import click

from pvekit.cli import ending, say
from pvekit.cli.app import App, pass_app
from pvekit.cli.options import dry_run_option, yes_option
from pvekit.cli.output import Form, View, emit, format_option
from pvekit.cli.progress import Progress
from pvekit.operations import collecting
from pvekit.operations.carrying import Report
from pvekit.operations.collecting import Sight

LEFTOVERS = View(
    kind="Leftover",
    name="{subject}",
    columns=("what", "node", "size_bytes", "state"),
    wide=("type", "why_ours", "why_unused", "error"),
)


@click.command()
@dry_run_option
@yes_option
@click.option("--gone", multiple=True, metavar="HOST", help="A machine where no pvekit runs now.")
@format_option
@pass_app
def gc(app: App, dry_run: bool, yes: bool, gone: tuple[str, ...], form: Form) -> int:
    """Remove what is pvekit's and unfinished or unused, on all nodes.

    What a run at work has made is never touched, nor anything that is not provably pvekit's.
    """
    return collect(app, form, dry_run=dry_run, yes=yes, gone=frozenset(gone))


def collect(
    app: App,
    form: Form,
    *,
    dry_run: bool,
    yes: bool,
    gone: frozenset[str] = frozenset(),
    kinds: frozenset[str] | None = None,
) -> int:
    """Look for leftovers, of these kinds or all, and remove them after a question."""
    progress = Progress()
    desk = app.desk(progress)
    with collecting.looked(desk, gone) as whole:
        sight = whole if kinds is None else whole.only(kinds)
        count = len(sight.found.leftovers)
        _tell(sight, quiet=not form.is_text or (form.quiet and yes and not dry_run))
        report = None
        if count and not dry_run:
            app.confirm(f"Remove {count} thing{'s' * (count > 1)}?", yes=yes)
            report = collecting.remove(desk, sight)
            progress.close()
        _ended(sight, report, form, result=not dry_run)
        if report is not None and report.status:
            ending.tell_rest(app.invocation.words)
        return sight.status(report)


def _tell(sight: Sight, *, quiet: bool) -> None:
    for each in sight.found.leftovers if not quiet else ():
        size = f", {each.size_bytes / (1 << 30):.1f} GiB" if each.size_bytes >= 1 << 26 else ""
        click.echo(f"{each.what} on {each.node}{size}")
        click.echo(f"  ours: {each.ours}\n  unused: {each.unused}")
        for step in each.steps:
            for line in step.lines:
                click.echo(f"  {step.node}: {line}")
    for alone in sight.found.left_alone if not quiet else ():
        say.note(f"left alone: {alone.what} on {alone.node}: {alone.why}")
        say.note(f"  look at it there: {alone.look}")
    for where, why in sight.unseen.items():
        say.warn(f"not looked at: {where}: {why}", always=True)


def _ended(sight: Sight, report: Report | None, form: Form, *, result: bool) -> None:
    found = sight.found
    emit(
        form,
        replace(LEFTOVERS, result=result),
        [collecting.result(each, report) for each in found.leftovers],
        text=lambda: _sum(sight, report),
        run=report.run if report else None,
        left_alone=[
            {"what": each.what, "node": each.node, "why": each.why, "look": each.look}
            for each in found.left_alone
        ],
        not_looked_at=[{"where": where, "why": why} for where, why in sight.unseen.items()],
    )
    for error in report.errors if report else ():
        say.fail(error)


def _sum(sight: Sight, report: Report | None) -> None:
    leftovers = sight.found.leftovers
    if not leftovers:
        click.echo("Nothing is left over.")
    elif report is not None:
        removed = [each for each in leftovers if report.outcomes[each.subject].error is None]
        click.echo(f"Removed {len(removed)} of {len(leftovers)}.")
