"""The options of ``vm create`` that say what is to be created."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from pvekit.cli import names as known

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

SIZE = (
    click.option(
        "--size",
        default="",
        metavar="SIZE",
        help="A size of the configuration, or auto.",
        shell_complete=known.sizes,
    ),
    click.option("--workload", default="", metavar="TEXT", help="What it is to do, for auto."),
    click.option("--cpus", type=click.IntRange(1, 512), metavar="N", help="Virtual CPUs."),
    click.option("--memory", default="", metavar="MIB|4G", help="Memory in MiB, or with a unit."),
    click.option("--disk", default="", metavar="GIB|40G", help="Disk in GiB, or with a unit."),
)
PLACEMENT = (
    click.option(
        "--policy",
        type=click.Choice(["count", "memory", "balanced", "pack"]),
        help="Which node gets a VM (default: as configured, else count).",
    ),
    click.option(
        "--anti-affinity",
        type=click.Choice(["none", "soft", "hard"]),
        help="Whether VMs of the role keep apart (default: as configured).",
    ),
    click.option(
        "--spread",
        type=click.Choice(["soft", "hard"]),
        help="Even over the failure domains, if possible or always.",
    ),
    click.option(
        "--near",
        default="",
        metavar="VM",
        help="On the node where this VM is.",
        shell_complete=known.all_vms,
    ),
    click.option(
        "--avoid",
        multiple=True,
        metavar="NODE",
        help="Not on this node; may be repeated.",
        shell_complete=known.nodes,
    ),
)
_OPTIONS = (
    click.option(
        "--role",
        required=True,
        metavar="ROLE",
        help="What it is for: master, worker, any DNS label.",
        shell_complete=known.roles,
    ),
    *SIZE,
    click.option(
        "--network",
        type=click.Choice(["dhcp", "static"]),
        default="dhcp",
        show_default=True,
        help="How it gets its address; static needs --ip.",
    ),
    click.option("--ip", default="", metavar="CIDR", help="The (first) static address."),
    click.option("--gateway", default="", metavar="IP", help="The gateway of a static address."),
    click.option("--dns", multiple=True, metavar="IP", help="A name server; may be repeated."),
    click.option(
        "--vmid",
        type=click.IntRange(100, 999_999_999),
        metavar="VMID",
        help="This id instead of the next free one.",
    ),
    click.option(
        "--name", default="", metavar="NAME", help="This name instead of PREFIX-ROLE-NUMBER."
    ),
    click.option(
        "--count",
        type=click.IntRange(1, 1000),
        default=1,
        show_default=True,
        metavar="N",
        help="How many VMs.",
    ),
    click.option(
        "--node",
        metavar="NODE",
        help="This node, if it can take the VM.",
        shell_complete=known.nodes,
    ),
    *PLACEMENT,
    click.option(
        "--template",
        default="",
        metavar="NAME",
        help="Another template than the role's.",
        shell_complete=known.configured_templates,
    ),
    click.option(
        "--storage", default="", metavar="NAME", help="Another storage than the template's."
    ),
    click.option(
        "--bridge", default="", metavar="NAME", help="Another bridge than the template's."
    ),
    click.option("--vlan", type=click.IntRange(1, 4094), metavar="TAG", help="A VLAN's tag."),
    click.option(
        "--tag", "tags", multiple=True, metavar="TAG", help="A further tag; may be repeated."
    ),
    click.option("--full/--linked", default=None, help="A full clone (default) or a linked one."),
    click.option("--wait/--no-wait", default=True, help="Wait until it is ready (default)."),
    click.option("--timeout", default="", metavar="DUR", help="How long to wait: 300, 90s, 5m."),
    click.option(
        "--guest-host-key",
        type=click.Choice(["pinned", "accept-new"]),
        default="pinned",
        show_default=True,
        help="Read the guest's key through its agent, or accept it as it comes.",
    ),
)


def options(several: Sequence[Decorator]) -> Decorator:
    """Return what adds options to a command."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(several):
            command = option(command)
        return command

    return decorate


create_options = options(_OPTIONS)
"""Adds the options of ``vm create``."""
