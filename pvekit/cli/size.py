"""``pvekit size``."""

from __future__ import annotations

import click

from pvekit.cli import names as known
from pvekit.cli.app import App, pass_app
from pvekit.cli.lazy import Entry, LazyGroup
from pvekit.cli.output import Form, View, emit, emit_one, format_option

SIZES = View(
    kind="Size", name="size/{name}", columns=("name", "cpus", "memory_mb", "disk_gb", "roles")
)


TABLE = {
    "list": Entry("pvekit.cli.size:list_sizes", "List the sizes, and the roles that get each."),
    "show": Entry("pvekit.cli.size:show", "Show one size."),
    "sample": Entry("pvekit.cli.size_sampling:sample", "Note down what VMs use; for cron."),
    "review": Entry(
        "pvekit.cli.size_review:review", "Say whether VMs have the sizes that they need."
    ),
}


@click.group(cls=LazyGroup, table=TABLE)
def size() -> None:
    """Look at the sizes that VMs may have, and at what VMs need and use."""


@size.command(name="list")
@format_option
@pass_app
def list_sizes(app: App, form: Form) -> None:
    """List the sizes, and the roles that get them from `--size auto`."""
    from pvekit.operations.size_listing import rows

    emit(form, SIZES, rows(app.config))


@size.command()
@click.argument("name", metavar="SIZE", shell_complete=known.sizes)
@format_option
@pass_app
def show(app: App, name: str, form: Form) -> None:
    """Show one size."""
    from pvekit.operations.size_listing import one

    emit_one(form, SIZES, one(app.config, name))
