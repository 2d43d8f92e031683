"""The root command and the options that stand before every other."""

from __future__ import annotations

import click

from pvekit import __version__
from pvekit.cli import names as known
from pvekit.cli.invocation import Invocation
from pvekit.cli.lazy import Entry, LazyGroup
from pvekit.cli.telling import telling_options
from pvekit.cli.unattended import unattended_options

_VM = "pvekit.cli.vm"
_TEMPLATE = "pvekit.cli.template"

TABLE = {
    "template": Entry(f"{_TEMPLATE}:template", "Build, check and remove templates."),
    "vm": Entry(f"{_VM}:vm", "Create, list, change and delete VMs, and work in them."),
    "place": Entry("pvekit.cli.place:place", "Say where VMs would go, and why; changes nothing."),
    "apply": Entry("pvekit.cli.applying:apply", "Make the site what a fleet file says."),
    "ask": Entry("pvekit.cli.ask:ask", "Make the VMs that a text asks for."),
    "diff": Entry("pvekit.cli.applying:diff", "Say how far the site is from a fleet file."),
    "run": Entry("pvekit.cli.runs:runs", "Look at runs, finish or undo unfinished ones."),
    "gc": Entry("pvekit.cli.collecting:gc", "Remove what unfinished runs and old templates left."),
    "size": Entry(
        "pvekit.cli.size:size", "Look at the sizes that VMs may have, and at what they use."
    ),
    "node": Entry("pvekit.cli.node:node", "Look at nodes, trust their SSH host keys."),
    "doctor": Entry("pvekit.cli.doctoring:doctor", "Say whether the site is fit for pvekit."),
    "explain": Entry("pvekit.cli.explaining:explain", "Say what an error id means."),
    "config": Entry(
        "pvekit.cli.configuration:config",
        "Make, show and check the configuration; choose the site.",
    ),
    "version": Entry("pvekit.cli.version:version", "Tell what runs here, and on the nodes."),
    "schema": Entry("pvekit.cli.version:schema", "Print the JSON Schema of all documents."),
    "completion": Entry(
        "pvekit.cli.completion:completion", "Print the script for a shell's completion."
    ),
    "raw": Entry("pvekit.cli.raw:raw", "Run any command on a node, over the same connection."),
    "trust": Entry("pvekit.cli.node:trust", "The old word for `node trust`.", hidden=True),
}


@click.group(cls=LazyGroup, table=TABLE, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    "-c",
    "config_path",
    metavar="FILE",
    help="The only file to read; else `pvekit config path` says which are read.",
    shell_complete=known.files,
)
@click.option(
    "--context",
    metavar="NAME",
    default="",
    help="The site to work on; else PVEKIT_CONTEXT names it.",
    shell_complete=known.contexts,
)
@click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="Set a value of the configuration; may be repeated.",
)
@telling_options
@unattended_options
@click.version_option(__version__, prog_name="pvekit")
@click.pass_context
def root(
    ctx: click.Context,
    config_path: str | None,
    context: str,
    settings: tuple[str, ...],
    verbose: int,
    quiet: bool,
    non_interactive: bool,  # noqa: ARG001 - it is asked for where there is something to ask
    lock_wait: str | None,
) -> None:
    """Templates and ready virtual machines on Proxmox VE, over SSH."""
    from dataclasses import replace
    from pathlib import Path

    from pvekit.cli.app import App
    from pvekit.cli.durations import duration
    from pvekit.config.asked import Asked

    invocation = ctx.find_object(Invocation) or Invocation()
    file = Path(config_path).expanduser() if config_path else None
    asked = Asked(file, context, settings)
    if lock_wait is not None:
        invocation = replace(invocation, lock_wait=duration(lock_wait))
    opened = App.open(asked, verbose=verbose, quiet=quiet, invocation=invocation)
    ctx.obj = ctx.with_resource(opened)
