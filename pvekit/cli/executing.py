"""``vm exec``."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from pvekit.cli import say
from pvekit.cli.app import App, pass_app
from pvekit.cli.choosing import choosing
from pvekit.cli.durations import duration
from pvekit.cli.options import change_options
from pvekit.cli.output import View, emit, why

if TYPE_CHECKING:
    from pvekit.cli.changing import Manner
    from pvekit.operations.executing import Done, Via
    from pvekit.operations.selecting import Selection

EXECUTED = View(
    kind="VmExecution",
    name="vm/{name}",
    columns=("name", "vmid", "node", "status", "out", "err"),
    wide=("error",),
)
_WORDS = "pvekit.command"


class WithCommand(click.Command):
    """A command that hands on what stands after the first ``--``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the words after ``--`` aside, and parse the others."""
        if "--" in args:
            place = args.index("--")
            ctx.meta[_WORDS] = tuple(args[place + 1 :])
            args = args[:place]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Name the command, too."""
        pieces = [*self.collect_usage_pieces(ctx), "--", "COMMAND..."]
        formatter.write_usage(ctx.command_path, " ".join(pieces))


@click.command(name="exec", cls=WithCommand)
@choosing
@click.option(
    "--via",
    type=click.Choice(["agent", "ssh"]),
    default="agent",
    show_default=True,
    help="Through the guest agent, or over SSH.",
)
@click.option(
    "--user",
    default="",
    metavar="USER",
    help="The user over SSH (default: the VM's cloud-init user).",
)
@click.option("--stdin", "-i", is_flag=True, help="Pass on what is read on stdin.")
@click.option("--timeout", default="10m", show_default=True, metavar="DUR", help="How long.")
@change_options()
@click.pass_context
@pass_app
def execute(
    app: App,
    ctx: click.Context,
    chosen: Selection,
    via: Via,
    user: str,
    stdin: bool,
    timeout: str,
    manner: Manner,
) -> int:
    """Run a command inside VMs: as root by the guest agent, or over SSH.

    For one VM the command's exit status is pvekit's; of several, 0 if all went well, 4 if some did.
    """
    from pvekit.cli import previewing
    from pvekit.operations import changing, executing

    words = ctx.meta.get(_WORDS, ())
    seconds = max(1, int(duration(timeout)))
    work = executing.Work(words, _input() if stdin else None, seconds, via, user)
    desk = replace(app.desk(), parallel=manner.parallel)
    targets = changing.targets(desk, chosen) if words else []
    if manner.dry_run:
        previewing.show(executing.foresee(targets, work), manner.form)
        return 0
    done = executing.execute(desk, targets, work)
    emit(manner.form, EXECUTED, [_row(each) for each in done], text=lambda: _tell(done))
    for each in done:
        if each.error is not None:
            say.fail(each.error)
        elif each.executed is not None and each.executed.cut:
            say.warn(f"{each.vm.name}: the agent has cut off what was printed")
    return _status(done)


def _input() -> str:
    from pvekit.errors import UsageError

    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise UsageError("What is passed on from stdin must be UTF-8 text.") from None


def _tell(done: list[Done]) -> None:
    """Print what was printed, each on the stream that it was printed on."""
    for each in done:
        if each.executed is None:
            continue
        for text, put in ((each.executed.out, _print), (each.executed.err, say.pass_on)):
            if len(done) == 1:
                put(text)
                continue
            for line in text.splitlines():
                put(f"{each.vm.name}: {line}\n")


def _print(text: str) -> None:
    click.echo(text, nl=False)


def _status(done: list[Done]) -> int:
    statuses = [each.status for each in done]
    if len(done) == 1:
        return statuses[0]
    return 0 if not any(statuses) else 1 if all(statuses) else 4


def _row(done: Done) -> dict[str, object]:
    executed = done.executed
    return {
        "name": done.vm.name,
        "vmid": done.vm.vmid,
        "node": done.vm.node,
        "status": executed.status if executed else None,
        "out": executed.out if executed else "",
        "err": executed.err if executed else "",
        **why(done.error),
    }
