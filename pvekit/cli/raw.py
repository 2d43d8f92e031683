"""``pvekit raw``: any command on a node, for what pvekit has no word for."""

from __future__ import annotations

import sys

import click

from pvekit.cli import names as known
from pvekit.cli.app import App, pass_app


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("node", metavar="NODE", shell_complete=known.nodes)
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
@click.option("--stdin", "-i", is_flag=True, help="Pass what this command reads on to it.")
@click.option(
    "--timeout", default=60.0, show_default=True, metavar="SECONDS", help="How long it may take."
)
@pass_app
def raw(app: App, node: str, words: tuple[str, ...], stdin: bool, timeout: float) -> int:
    """Run a command on NODE, over the same connection and as the same user as all others.

    Nothing is checked: it is the way past pvekit's care for VMs that are not its own. The words are
    quoted, no shell reads them: `pvekit raw pve1 qm list`. The exit status is the command's.
    """
    from pvekit.shell import Command

    told = sys.stdin.read() if stdin else ""
    result = app.machines.shell(node).run(Command(words, told, timeout=timeout))
    click.echo(result.out, nl=False)
    sys.stderr.write(result.err)
    return result.exit_status
