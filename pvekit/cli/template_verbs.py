"""``pvekit template show|verify|delete|gc``."""

from __future__ import annotations

from dataclasses import asdict, replace

import click

from pvekit.cli import names as known
from pvekit.cli import say
from pvekit.cli.app import App, pass_app
from pvekit.cli.options import dry_run_option, yes_option
from pvekit.cli.output import Form, View, emit, format_option, why

DETAILS = View(
    kind="TemplateDetail",
    name="template/{name}",
    columns=("name", "vmid", "node", "recipe", "made", "current", "linked_clones"),
    wide=("image", "cpus", "memory_mb", "disk_gb", "volumes"),
)
FINDINGS = View(
    kind="TemplateFinding",
    name="template/{name}/{check}",
    columns=("name", "vmid", "node", "check", "state", "told"),
    wide=("mend",),
)
RESULTS = View(
    kind="TemplateResult",
    name="template/{name}",
    columns=("name", "vmid", "node", "state"),
    wide=("error",),
    result=True,
)
DAMAGED = 6
_KINDS = frozenset(("old template", "template", "download", "build"))


@click.command()
@click.argument("names", nargs=-1, metavar="[TEMPLATE]...", shell_complete=known.templates)
@format_option
@pass_app
def show(app: App, names: tuple[str, ...], form: Form) -> None:
    """Show templates: their image and recipe, their disks, and the linked clones that need them."""
    from pvekit.operations.template_verifying import details

    emit(form, DETAILS, [asdict(each) for each in details(app.desk(), names)])


@click.command()
@click.argument("names", nargs=-1, metavar="[TEMPLATE]...", shell_complete=known.templates)
@format_option
@pass_app
def verify(app: App, names: tuple[str, ...], form: Form) -> int:
    """Look whether templates (all by default) are whole, as configured, and of the newest image.

    Changes nothing. Exit status 6 if one is damaged; what is only out of date is a warning. With -q
    only what is not well is printed.
    """
    from pvekit.operations.template_verifying import verified

    found = list(verified(app.desk(), names))
    rows = [
        {"name": vm.name, "vmid": vm.vmid, "node": node, **asdict(each)} for vm, node, each in found
    ]
    if form.quiet and not form.asked:
        rows = [row for row in rows if row["state"] != "ok"]
    emit(form, replace(FINDINGS, result=not rows), rows)
    return DAMAGED if any(each.state == "fail" for _, _, each in found) else 0


@click.command()
@click.argument(
    "names", nargs=-1, required=True, metavar="TEMPLATE...", shell_complete=known.templates
)
@dry_run_option
@yes_option
@format_option
@pass_app
def delete(app: App, names: tuple[str, ...], dry_run: bool, yes: bool, form: Form) -> int:
    """Delete templates that pvekit made, with their disks. VMs that are full clones stay whole.

    Refused where linked clones need a template's disk.
    """
    from pvekit.cli import previewing
    from pvekit.operations import template_deleting
    from pvekit.run.apply import preview

    desk = app.desk()
    doomed = template_deleting.decided(desk, names)
    if dry_run:
        previewing.show(preview(template_deleting.plan(doomed), desk.site), form)
        return 0
    told = ", ".join(f"{each.name} (VM {each.vmid} on {each.node})" for each in doomed)
    app.confirm(f"Delete {told} with all disks?", yes=yes)
    report = template_deleting.carry_out(desk, doomed)
    rows = []
    for each in doomed:
        error = report.outcomes[each.subject].error
        state = "failed" if error else "deleted"
        given = {"name": each.name, "vmid": each.vmid, "node": each.node}
        rows.append({**given, "state": state, **why(error)})
    emit(form, RESULTS, rows, run=report.run)
    for error in report.errors:
        say.fail(error)
    return report.status


@click.command()
@dry_run_option
@yes_option
@format_option
@pass_app
def gc(app: App, dry_run: bool, yes: bool, form: Form) -> int:
    """Remove templates that a newer one has taken the place of, and images nothing needs any more.

    `pvekit gc` does this, too, and removes all else that is left over.
    """
    from pvekit.cli.collecting import collect

    return collect(app, form, dry_run=dry_run, yes=yes, kinds=_KINDS)
