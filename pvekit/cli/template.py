"""``pvekit template``."""

from __future__ import annotations

from dataclasses import asdict

import click

from pvekit.cli import names as known
from pvekit.cli.app import App, pass_app
from pvekit.cli.examples import examples
from pvekit.cli.failing import OnFailure, on_failure_option
from pvekit.cli.lazy import Entry, LazyGroup
from pvekit.cli.options import detailed_option, dry_run_option, new_option, yes_option
from pvekit.cli.output import Form, View, emit, format_option

TEMPLATES = View(
    kind="Template",
    name="template/{name}",
    columns=("name", "vmid", "node", "recipe", "current"),
    wide=("image",),
    empty="There is no template of ours: `pvekit template build` makes what is configured.",
)


_HERE = "pvekit.cli.template"
_VERBS = "pvekit.cli.template_verbs"

TABLE = {
    "build": Entry(f"{_HERE}:build", "Build what is missing of the configured templates."),
    "list": Entry(f"{_HERE}:list_templates", "List the templates that pvekit made."),
    "show": Entry(f"{_VERBS}:show", "Show templates: what they were made of, who needs them."),
    "verify": Entry(f"{_VERBS}:verify", "Look whether templates are whole and up to date."),
    "delete": Entry(f"{_VERBS}:delete", "Delete templates with their disks."),
    "gc": Entry(f"{_VERBS}:gc", "Remove old templates, and images that nothing needs."),
}


@click.group(cls=LazyGroup, table=TABLE)
def template() -> None:
    """Build, check and remove templates.

    A template is named by its name, which means all its copies, by its vmid, or by NODE/NAME or
    NODE/VMID.
    """


@click.command(
    epilog=examples(
        "pvekit template build --dry-run",
        "pvekit template build",
        "pvekit template build --if-newer --yes",
    )
)
@click.argument(
    "name",
    required=False,
    default="",
    metavar="[TEMPLATE]",
    shell_complete=known.configured_templates,
)
@click.option(
    "--node",
    "nodes",
    multiple=True,
    metavar="NODE",
    help="Only on this node; may be repeated.",
    shell_complete=known.nodes,
)
@click.option(
    "--recipe", default="", metavar="RECIPE", help="Another recipe than the template's own."
)
@click.option("--rebuild", is_flag=True, help="Build beside a template that is there already.")
@click.option(
    "--if-newer", is_flag=True, help="Also where the image that is published has changed."
)
@dry_run_option
@detailed_option
@new_option
@on_failure_option
@yes_option
@format_option
@pass_app
def build(
    app: App,
    name: str,
    nodes: tuple[str, ...],
    recipe: str,
    rebuild: bool,
    if_newer: bool,
    dry_run: bool,
    detailed_exitcode: bool,
    new: bool,
    on_failure: OnFailure | None,
    yes: bool,
    form: Form,
) -> int:
    """Build TEMPLATE (default: all configured ones) wherever a copy is missing.

    The image is downloaded to the node, or copied from another one where that is measured to be
    faster, and verified there. Nothing happens where a template of the same
    recipe and hardware exists; with --if-newer only if it was made of the image whose checksum is
    published now. The older copy stays until `pvekit template gc`.
    """
    from pvekit.cli import building
    from pvekit.operations.template_deciding import Request

    request = Request(name, nodes, recipe, rebuild, if_newer)
    if dry_run:
        return building.foresee(app, request, form, detailed=detailed_exitcode)
    if rebuild:
        app.confirm("Build again beside the existing templates?", yes=yes)
    return building.build(app, request, form, new=new, on_failure=on_failure)


@click.command(name="list")
@format_option
@pass_app
def list_templates(app: App, form: Form) -> None:
    """List the templates that pvekit made."""
    from pvekit.operations.template_listing import listed

    emit(form, TEMPLATES, [asdict(each) for each in listed(app.desk())])
