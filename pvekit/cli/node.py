"""``pvekit node``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from pvekit.cli import names as known
from pvekit.cli import say
from pvekit.cli.app import App, pass_app
from pvekit.cli.options import yes_option
from pvekit.cli.output import Form, View, emit, emit_one, format_option

if TYPE_CHECKING:
    from pvekit.operations.trusting import Scanned

NODES = View(
    kind="Node",
    name="node/{node}",
    columns=(
        *("node", "status", "pve_version", "cpus", "memory_used_mb", "memory_mb", "vms"),
        "storage_free_gb",
    ),
)
KEYS = View(
    kind="HostKey",
    name="node/{node}",
    columns=("node", "host", "type", "fingerprint", "state"),
    result=True,
)


@click.group()
def node() -> None:
    """Look at the nodes, and trust their SSH host keys."""


@node.command(short_help="List the nodes: status, version, what is used.", name="list")
@format_option
@pass_app
def list_nodes(app: App, form: Form) -> None:
    """List the nodes: how they stand, their Proxmox VE, what is used and what is free."""
    from pvekit.operations import nodes

    emit(form, NODES, [asdict(row) for row in nodes.rows(app.desk())])


@node.command(short_help="Show one node: its way, keys, bridges, storages.")
@click.argument("name", metavar="NODE", shell_complete=known.nodes)
@format_option
@pass_app
def show(app: App, name: str, form: Form) -> None:
    """Show one node: how it is reached, its host keys, bridges, tools, storages and VMs."""
    from pvekit.operations import nodes

    emit_one(form, NODES, nodes.detail(app.desk(), app.machines.connections.endpoint(name)))


@node.command(short_help="Show or install what another user than root needs.")
@click.argument("name", metavar="NODE", shell_complete=known.nodes)
@click.option(
    "--user",
    default="",
    metavar="USER",
    help="Who gets the rule (default: who logs in on the node).",
)
@click.option(
    "--vmids",
    default="100-999999999",
    show_default=True,
    metavar="RANGE",
    help="The VMs that the rule is for: FIRST-LAST.",
)
@click.option("--install", is_flag=True, help="Put the files in place, after a yes.")
@click.option(
    "--as",
    "admin",
    default="root",
    show_default=True,
    metavar="USER",
    help="Who logs in to do that.",
)
@yes_option
@pass_app
def sudoers(
    app: App, name: str, user: str, vmids: str, install: bool, admin: str, yes: bool
) -> None:
    """Show, or install, what a user who is not root needs on a node: a wrapper and a sudo rule.

    The rule allows one program, and that program only what pvekit sends. Say `sudo: wrapper` in the
    configuration then. Run it again after an upgrade of pvekit.
    """
    from pvekit.operations import privileges

    endpoint = app.machines.connections.endpoint(name)
    files = privileges.wanted(app.desk(), user or endpoint.user, vmids)
    for file in files:
        click.echo(f"# {file.path} (root:root, mode {file.mode})\n{file.content}")
    if install:
        app.confirm(f"Put these {len(files)} files on {name}?", yes=yes)
        privileges.install(lambda: app.machines.as_user(name, admin), name, files)


@node.command(short_help="Show the host keys of nodes, and store them after a yes.")
@click.argument("nodes", nargs=-1, metavar="[NODE]...", shell_complete=known.nodes)
@click.option("--yes", "-y", is_flag=True, help="Store without asking.")
@format_option
@pass_app
def trust(app: App, nodes: tuple[str, ...], yes: bool, form: Form) -> None:
    """Show the SHA256 fingerprints of nodes (all configured ones by default) and store the keys.

    Compare them with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` at the node's console. A
    key that is trusted already is never replaced, not with --yes either.
    """
    from pvekit.operations import trusting

    rows: list[dict[str, object]] = []
    tell = say.note if yes else say.present
    for name in nodes or [entry.alias for entry in app.config.nodes]:
        found = trusting.scan(app.machines, name)
        for key in found.new:
            tell(f"{name} {found.endpoint.host} {key.type} {key.fingerprint}")
        if not found.new:
            say.note(f"{name} is trusted already.")
        else:
            app.confirm(f"Trust these keys of {name}?", yes=yes)
            say.note(f"Stored in {trusting.store(found)}.")
        rows += _rows(name, found)
    emit(form, KEYS, rows)


def _rows(node: str, found: Scanned) -> list[dict[str, object]]:
    return [
        {
            "node": node,
            "host": found.endpoint.host,
            "type": key.type,
            "fingerprint": key.fingerprint,
            "state": "stored" if key in found.new else "known",
        }
        for key in found.keys
    ]
