"""``pvekit vm``."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import click

from pvekit.cli import names as known
from pvekit.cli import say
from pvekit.cli.app import App, pass_app
from pvekit.cli.choosing import choosing
from pvekit.cli.create_options import create_options
from pvekit.cli.examples import examples
from pvekit.cli.failing import OnFailure, on_failure_option
from pvekit.cli.lazy import Entry, LazyGroup
from pvekit.cli.options import (
    change_options,
    detailed_option,
    dry_run_option,
    explain_option,
    guest_host_key_option,
    new_option,
)
from pvekit.cli.output import Form, View, emit, emit_one, format_option

if TYPE_CHECKING:
    from pvekit.cli.changing import Manner
    from pvekit.operations.selecting import Selection

VMS = View(
    kind="Vm",
    name="vm/{name}",
    columns=("name", "vmid", "node", "status", "cpus", "memory_mb", "disk_gb", "role", "ours"),
    wide=("tags",),
)


_HERE = "pvekit.cli.vm"

TABLE = {
    "create": Entry(f"{_HERE}:create", "Create VMs of a role and wait until they are ready."),
    "list": Entry(f"{_HERE}:list_vms", "List VMs: pvekit's own, or all of the site."),
    "show": Entry(f"{_HERE}:show", "Show one VM: its configuration and where it came from."),
    "start": Entry(f"{_HERE}:start", "Start VMs."),
    "stop": Entry(f"{_HERE}:stop", "Stop VMs, gracefully."),
    "export": Entry("pvekit.cli.exporting:export", "Write a fleet file of VMs that are there."),
    "reboot": Entry("pvekit.cli.rebooting:reboot", "Shut VMs down and start them again."),
    "wait": Entry("pvekit.cli.waiting:wait", "Wait until VMs are ready, run, are off or gone."),
    "resize": Entry("pvekit.cli.resizing:resize", "Give VMs other CPUs, memory, bigger disks."),
    "exec": Entry("pvekit.cli.executing:execute", "Run a command inside VMs."),
    "console-log": Entry(
        "pvekit.cli.consoles:console_log", "Show what a VM has logged, or says on its console."
    ),
    "migrate": Entry("pvekit.cli.migrating:migrate", "Move a VM to another node."),
    "snapshot": Entry("pvekit.cli.snapshots:snapshot", "Take snapshots of VMs, go back to one."),
    "delete": Entry(f"{_HERE}:delete", "Delete VMs with their disks."),
    "ssh": Entry(f"{_HERE}:ssh", "Log in to a VM with OpenSSH, through its node."),
}


@click.group(cls=LazyGroup, table=TABLE)
def vm() -> None:
    """Create, list, change and delete VMs, and work in them.

    A VM is named by its name or vmid; where that could mean several, by NODE/NAME or NODE/VMID.
    """


@vm.command(
    epilog=examples(
        "pvekit vm create --role worker --size auto --dry-run",
        "pvekit vm create --role worker --count 3 --size medium",
        "pvekit vm create --role db --name db-1 --cpus 4 --memory 8G --node pve1",
        "pvekit vm create --role web --network static --ip 10.0.0.20/24",
    )
)
@create_options
@format_option
@dry_run_option
@detailed_option
@explain_option
@new_option
@on_failure_option
@click.option("--yes", "-y", is_flag=True, help="Do not ask (asked is for more than 20 VMs).")
@pass_app
def create(
    app: App,
    /,
    form: Form,
    dry_run: bool,
    detailed_exitcode: bool,
    explain: bool,
    new: bool,
    on_failure: OnFailure | None,
    yes: bool,
    **asked: object,
) -> int:
    """Create VMs of a role and wait until they are ready: agent, address, SSH, cloud-init.

    The same command again goes on with a run that was broken off; after a finished run it makes
    further VMs.
    """
    from pvekit.cli import creating

    request = creating.request(asked)
    if not yes:
        request = creating.completed(app, request)
    if dry_run:
        return creating.foresee(
            app, request, form=form, explain=explain, detailed=detailed_exitcode
        )
    if request.count > 20:
        app.confirm(f"Create {request.count} VMs?", yes=yes)
    return creating.create(app, request, form=form, explain=explain, new=new, on_failure=on_failure)


@vm.command(
    name="list",
    epilog=examples(
        "pvekit vm list", "pvekit vm list --role worker -o json", "pvekit vm list --all -o wide"
    ),
)
@click.option(
    "--role", default="", metavar="ROLE", help="Only VMs of this role.", shell_complete=known.roles
)
@click.option("--all", "every", is_flag=True, help="Also VMs that are not pvekit's.")
@format_option
@pass_app
def list_vms(app: App, role: str, every: bool, form: Form) -> None:
    """List VMs: pvekit's own, or all of the site.

    Where a node does not answer, the VMs of the others are listed, and that is said.
    """
    from pvekit.inventory.unread import unread
    from pvekit.operations.listing import rows

    inventory = app.desk().inventory()
    silent = unread(inventory)
    found = [asdict(row) for row in rows(inventory, role=role, every=every)]
    view = replace(VMS, empty=_empty(role, every=every, whole=not silent))
    emit(form, view, found, silent_nodes=list(silent))
    for node in silent:
        say.warn(f"the VMs of {node} are not listed: it does not answer", always=True)


def _empty(role: str, *, every: bool, whole: bool) -> str:
    whose = "VM" if every else "VM of ours"
    where = "" if whole else " on the nodes that answer"
    more = "" if every else "; `--all` lists those of others, too"
    return f"There is no {whose}{f' with the role {role}' if role else ''}{where}{more}."


@vm.command()
@click.argument("name", metavar="VM", shell_complete=known.all_vms)
@format_option
@pass_app
def show(app: App, name: str, form: Form) -> None:
    """Show one VM, by its name or vmid: its configuration and where it came from."""
    from pvekit.operations.listing import detail

    emit_one(form, VMS, detail(app.desk().inventory(), name))


@vm.command()
@choosing
@change_options()
@pass_app
def start(app: App, chosen: Selection, manner: Manner) -> int:
    """Start VMs that pvekit made."""
    from pvekit.cli.changing import change
    from pvekit.operations.changing import Order

    return change(app, chosen, Order("start"), manner)


@vm.command()
@choosing
@click.option(
    "--timeout",
    default=120,
    show_default=True,
    metavar="SECONDS",
    help="How long a shutdown may take.",
)
@click.option("--force", is_flag=True, help="Cut the power instead of asking the guest.")
@change_options()
@pass_app
def stop(app: App, chosen: Selection, timeout: int, force: bool, manner: Manner) -> int:
    """Stop VMs that pvekit made, gracefully."""
    from pvekit.cli.changing import change
    from pvekit.operations.changing import Order

    return change(app, chosen, Order("stop", timeout, force), manner)


@vm.command(
    epilog=examples(
        "pvekit vm delete web-1 --dry-run",
        "pvekit vm delete web-1 web-2",
        "pvekit vm delete -l role=worker,node=pve1 --yes",
    )
)
@choosing
@click.option(
    "--timeout",
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long before the power is cut.",
)
@change_options(asks=True)
@pass_app
def delete(app: App, chosen: Selection, timeout: int, manner: Manner) -> int:
    """Delete VMs that pvekit made, with their disks. Any other VM is refused."""
    from pvekit.cli import deleting

    return deleting.delete(app, chosen, timeout, manner)


@vm.command(epilog=examples("pvekit vm ssh web-1", "pvekit vm ssh pve1/web-1 --user admin uptime"))
@click.argument("name", metavar="VM", shell_complete=known.all_vms)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[COMMAND]...")
@click.option(
    "--user", "-l", default="", metavar="USER", help="The user (default: the VM's cloud-init user)."
)
@guest_host_key_option
@pass_app
def ssh(app: App, name: str, command: tuple[str, ...], user: str, guest_host_key: str) -> None:
    """Log in to a VM with OpenSSH, through its node, its host key read through the node."""
    from pvekit.cli import entering

    entering.enter(app, name, command, user, accept_new=guest_host_key == "accept-new")
