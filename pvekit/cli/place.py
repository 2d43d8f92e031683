"""``pvekit place``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pvekit.cli import names as known
from pvekit.cli import say
from pvekit.cli.app import App, pass_app
from pvekit.cli.create_options import PLACEMENT, SIZE
from pvekit.cli.options import (
    bridge_option,
    count_option,
    explain_option,
    options,
    storage_option,
    template_option,
)
from pvekit.cli.output import Form, View, emit, format_option

if TYPE_CHECKING:
    from pvekit.operations.placing import Answer

PLACES = View(
    kind="Place",
    name="node/{node}",
    columns=("name", "size", "node"),
    wide=("cpus", "memory_mb", "disk_gb", "source", "template"),
)
_REASONS = ("name", "node", "verdict", "because")


@click.command()
@click.option(
    "--role",
    default="worker",
    show_default=True,
    metavar="ROLE",
    help="What they would be for.",
    shell_complete=known.roles,
)
@options(SIZE)
@count_option
@click.option(
    "--node",
    metavar="NODE",
    help="Whether this node can take them.",
    shell_complete=known.nodes,
)
@options(PLACEMENT)
@template_option
@storage_option
@bridge_option
@explain_option
@format_option
@pass_app
def place(app: App, /, form: Form, explain: bool, **asked: object) -> None:
    """Say which nodes VMs would go to, and why; changes nothing.

    `vm create` with the same options would choose the same nodes. Nothing is reserved.
    """
    from pvekit.cli import creating
    from pvekit.operations import placing

    wished = creating.completed(app, creating.wished(asked))
    answer = placing.ask(app.desk(), wished)
    text = (lambda: _explain(answer, form)) if explain else None
    emit(
        form,
        PLACES,
        answer.places,
        text=text,
        policy=answer.policy,
        warnings=list(answer.warnings),
    )
    if explain:
        creating.tell_sizes(answer.places, explain=True)
    for warning in answer.warnings:
        say.warn(warning)


def _explain(answer: Answer, form: Form) -> None:
    from pvekit.cli import rendering

    rows = [_why(place, reason) for place in answer.places for reason in place["reasons"]]
    click.echo(rendering.table(rows, _REASONS, headers=form.headers))


def _why(place: dict[str, Any], reason: dict[str, Any]) -> dict[str, Any]:
    verdict = "chosen" if reason["chosen"] else "possible" if reason["accepted"] else "no"
    return {**reason, "name": place["name"], "verdict": verdict}
