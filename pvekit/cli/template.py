"""``pvekit template``."""

from __future__ import annotations

from dataclasses import asdict

import click

from pvekit.cli.app import App, pass_app
from pvekit.cli.failing import OnFailure, on_failure_option
from pvekit.cli.output import Form, View, emit, format_option

TEMPLATES = View(
    kind="Template",
    name="template/{name}",
    columns=("name", "vmid", "node", "recipe", "current"),
    wide=("image",),
)


@click.group()
def template() -> None:
    """Build and list templates."""


@template.command()
@click.argument("name", required=False, default="")
@click.option("--node", "nodes", multiple=True, help="Only on this node; may be repeated.")
@click.option("--recipe", default="", help="Another recipe than the template's own.")
@click.option("--rebuild", is_flag=True, help="Build beside a template that is there already.")
@click.option("--dry-run", is_flag=True, help="Show every command and change nothing.")
@click.option("--detailed-exitcode", is_flag=True, help="With --dry-run: 10 if changes are due.")
@click.option("--new", is_flag=True, help="Do not resume an unfinished run of the same request.")
@on_failure_option
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@format_option
@pass_app
def build(
    app: App,
    name: str,
    nodes: tuple[str, ...],
    recipe: str,
    rebuild: bool,
    dry_run: bool,
    detailed_exitcode: bool,
    new: bool,
    on_failure: OnFailure | None,
    yes: bool,
    form: Form,
) -> int:
    """Build the template NAME (default: all configured ones) wherever a copy is missing.

    The image is downloaded and verified on the node. Nothing happens where a template of the same
    recipe and hardware exists.
    """
    from pvekit.cli import building
    from pvekit.operations.templates import Request

    request = Request(name, nodes, recipe, rebuild)
    if dry_run:
        return building.foresee(app, request, form, detailed=detailed_exitcode)
    if rebuild:
        app.confirm("Build again beside the existing templates?", yes=yes)
    return building.build(app, request, form, new=new, on_failure=on_failure)


@template.command(name="list")
@format_option
@pass_app
def list_templates(app: App, form: Form) -> None:
    """List the templates that pvekit made."""
    from pvekit.operations.template_listing import listed

    emit(form, TEMPLATES, [asdict(each) for each in listed(app.desk())])
