"""``pvekit explain``."""

from __future__ import annotations

import click

from pvekit.cli import names as known
from pvekit.cli.output import Form, View, emit, emit_one, format_option
from pvekit.explanations import Explanation

EXPLANATIONS = View(kind="Explanation", name="error/{id}", columns=("id", "title"), wide=("means",))


@click.command()
@click.argument("identity", metavar="[ID]", required=False, shell_complete=known.error_ids)
@format_option
def explain(identity: str | None, form: Form) -> None:
    """Say what an error means, why it usually comes, and what to do; without an ID list all."""
    from dataclasses import asdict

    from pvekit.explanations import explanations
    from pvekit.operations.explaining import explained

    if identity is None:
        emit(form, EXPLANATIONS, [asdict(each) for each in explanations()])
    else:
        found = explained(identity)
        emit_one(form, EXPLANATIONS, asdict(found), text=lambda: _tell(found))


def _tell(each: Explanation) -> None:
    click.echo(f"{each.id}: {each.title}.\n")
    click.echo(click.wrap_text(each.means, width=88))
    headings = (("Usual causes", each.causes), ("Find out", each.look), ("What to do", each.mend))
    for heading, lines in headings:
        if lines:
            click.echo(f"\n{heading}:")
        for line in lines:
            click.echo(click.wrap_text(line, 88, initial_indent="  - ", subsequent_indent="    "))
