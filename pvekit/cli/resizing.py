"""``vm resize``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pvekit.cli import say
from pvekit.cli.app import App, pass_app
from pvekit.cli.choosing import choosing
from pvekit.cli.durations import duration
from pvekit.cli.examples import examples
from pvekit.cli.options import change_options, cpus_option, memory_option, restart_options

if TYPE_CHECKING:
    from pvekit.cli.changing import Manner
    from pvekit.operations.orders import AnyWork
    from pvekit.operations.selecting import Selection


@click.command(
    epilog=examples(
        "pvekit vm resize web-1 --cpus 4 --memory 8G",
        "pvekit vm resize web-1 --disk +10G",
        "pvekit vm resize --role worker --memory 16G --allow-restart --parallel 1",
    )
)
@choosing
@cpus_option
@memory_option
@click.option(
    "--disk", default="", metavar="40G|+10G", help="The boot disk's size, or by how much more."
)
@click.option(
    "--disk-name", "disks", multiple=True, metavar="SLOT=SIZE", help="Another disk: scsi1=+10G."
)
@restart_options
@change_options(asks=True)
@pass_app
def resize(
    app: App,
    chosen: Selection,
    cpus: int | None,
    memory: str,
    disk: str,
    disks: tuple[str, ...],
    allow_restart: bool,
    wait: bool,
    timeout: str,
    shutdown_timeout: int,
    manner: Manner,
) -> int:
    """Give VMs other CPUs, memory or bigger disks. A disk never shrinks.

    What a running VM cannot take live needs --allow-restart. A guest grows its file system at its
    next boot.
    """
    from pvekit.cli.changing import change
    from pvekit.errors import UsageError
    from pvekit.operations.resizing import Resize, growth
    from pvekit.sizing.size import parse_memory

    grown = ([growth("", disk)] if disk else []) + [growth(*_named(each)) for each in disks]
    if cpus is None and not memory and not grown:
        raise UsageError("Say what is to change: --cpus, --memory, --disk or --disk-name.")
    order = Resize(
        cpus=cpus,
        memory_mb=parse_memory(memory) if memory else None,
        disks=tuple(grown),
        allow_restart=allow_restart,
        wait=wait,
        seconds=shutdown_timeout,
        ready=duration(timeout),
    )
    return change(app, chosen, order, manner, _question)


def _named(text: str) -> tuple[str, str]:
    from pvekit.errors import UsageError

    slot, equals, size = text.partition("=")
    if not (slot and equals and size):
        raise UsageError(f"--disk-name takes SLOT=SIZE, such as scsi1=40G, not {text!r}.")
    return slot, size


def _question(works: Sequence[AnyWork]) -> str:
    """Ask where a restart is needed or a disk grows, which is for good; tell it all."""
    for work in works:
        restart = " (restart)" if work.aim.restart else ""
        told = ", ".join(work.aim.told) or "as asked for already"
        say.present(f"{work.vm.name}: VM {work.vm.vmid} on {work.vm.node}: {told}{restart}")
        for slot in work.aim.slots:
            say.present(f"  {slot}: its guest grows the file system at its next boot")
    restarts = [work.vm.name for work in works if work.aim.restart]
    grows = [work.vm.name for work in works if work.aim.slots]
    asked = [f"restart {', '.join(restarts)}"] if restarts else []
    asked += [f"grow disks of {', '.join(grows)} for good"] if grows else []
    text = " and ".join(asked)
    return f"{text[:1].upper()}{text[1:]}?" if text else ""
