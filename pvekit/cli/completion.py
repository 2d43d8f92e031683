"""``pvekit completion``."""

from __future__ import annotations

import click

from pvekit.cli.examples import shown

_INSTALL = shown(
    "Install it, for shells that are opened from then on",
    "pvekit completion bash >~/.local/share/bash-completion/completions/pvekit",
    "pvekit completion zsh >~/.zfunc/_pvekit",
    "pvekit completion fish >~/.config/fish/completions/pvekit.fish",
)


@click.command(epilog=_INSTALL)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), metavar="bash|zsh|fish")
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script by which a shell completes commands, options and names.

    Names are those of VMs, nodes, templates, sizes, roles, snapshots, runs and contexts. The site
    is asked for its own over SSH, for less than a second; they are kept for some seconds in
    ~/.cache/pvekit/names. What does not answer in time is completed from there, or not at all.

    For zsh, ~/.zshrc needs `fpath+=(~/.zfunc)` before `autoload -Uz compinit && compinit`.
    """
    from pvekit.cli.shells import speaker

    click.echo(speaker(shell, ctx.find_root().command).source(), nl=False)
