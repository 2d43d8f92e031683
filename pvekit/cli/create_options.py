"""The options of ``vm create`` that say what is to be created."""

from __future__ import annotations

import click

from pvekit.cli import names as known
from pvekit.cli.options import (
    bridge_option,
    count_option,
    cpus_option,
    guest_host_key_option,
    memory_option,
    options,
    storage_option,
    template_option,
    timeout_option,
)

SIZE = (
    click.option(
        "--size",
        default="",
        metavar="SIZE",
        help="A size of the configuration, or auto.",
        shell_complete=known.sizes,
    ),
    click.option("--workload", default="", metavar="TEXT", help="What it is to do, for auto."),
    cpus_option,
    memory_option,
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
    count_option,
    click.option(
        "--node",
        metavar="NODE",
        help="This node, if it can take the VM.",
        shell_complete=known.nodes,
    ),
    *PLACEMENT,
    template_option,
    storage_option,
    bridge_option,
    click.option("--vlan", type=click.IntRange(1, 4094), metavar="TAG", help="A VLAN's tag."),
    click.option(
        "--tag", "tags", multiple=True, metavar="TAG", help="A further tag; may be repeated."
    ),
    click.option("--full/--linked", default=None, help="A full clone (default) or a linked one."),
    click.option("--wait/--no-wait", default=True, help="Wait until it is ready (default)."),
    timeout_option,
    guest_host_key_option,
)


create_options = options(_OPTIONS)
"""Adds the options of ``vm create``."""
