"""``pvekit explain``."""

from __future__ import annotations

import click

from pvekit.cli.output import emit, format_option
from pvekit.explanations import Explanation


@click.command()
@click.argument("identity", metavar="[ID]", required=False)
@format_option
def explain(identity: str | None, form: str) -> None:
    """Say what an error means, why it usually comes, and what to do; without an ID list all."""
    from dataclasses import asdict

    from pvekit.explanations import explanations
    from pvekit.operations.explaining import explained

    if identity is None:
        found = explanations()
        table = [{"id": each.id, "means": each.title} for each in found]
        emit([asdict(each) for each in found], form, table)
    elif form == "table":
        _tell(explained(identity))
    else:
        emit(asdict(explained(identity)), form, ())


def _tell(each: Explanation) -> None:
    click.echo(f"{each.id}: {each.title}.\n")
    click.echo(click.wrap_text(each.means, width=88))
    headings = (("Usual causes", each.causes), ("Find out", each.look), ("What to do", each.mend))
    for heading, lines in headings:
        if lines:
            click.echo(f"\n{heading}:")
        for line in lines:
            click.echo(click.wrap_text(line, 88, initial_indent="  - ", subsequent_indent="    "))
