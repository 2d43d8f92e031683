"""Bridges and VLANs of the nodes, and the way to the guests."""

from __future__ import annotations

from collections.abc import Iterator

from pvekit.doctor.model import Finding, GuestWay, Network, View
from pvekit.doctor.reading import Answer
from pvekit.inventory.model import NodeState


def bridges(view: View) -> Iterator[Finding]:
    """Check that each configured bridge is on every node."""
    for alias, answer in view.answered.items():
        node = view.inventory.node(alias)
        if node is not None and node.online:
            for network in view.wanted.networks:
                yield _bridge(view, alias, node, answer, network)


def _bridge(view: View, alias: str, node: NodeState, answer: Answer, network: Network) -> Finding:
    name, vlan = network.bridge, network.vlan
    if name not in node.bridges:
        elsewhere = [each.alias for each in view.inventory.nodes if name in each.bridges]
        there = ", ".join(sorted(node.bridges)) or "none"
        says = f"there is no bridge {name} (there: {there})"
        mend = f"on {alias}: pvesh create /nodes/{node.name}/network --type bridge --iface {name}"
        return Finding("bridge", alias, "warn" if elsewhere else "fail", says, mend)
    if vlan is None:
        return Finding("bridge", alias, "ok", f"{name} is there")
    if answer.vlan_aware.get(name, True):  # Open vSwitch is not told of: it takes any tag
        return Finding("bridge", alias, "ok", f"{name} is there and takes VLAN tag {vlan}")
    return Finding(
        "bridge",
        alias,
        "warn",
        f"{name} is not VLAN-aware: for tag {vlan} Proxmox VE makes a bridge {name}v{vlan} of its "
        "own, which needs a physical port",
        f"on {alias}: `bridge-vlan-aware yes` for {name} in /etc/network/interfaces; ifreload -a",
    )


def guests(view: View) -> Iterator[Finding]:
    """Say whether VMs are reached, and if directly or through their node."""
    for each in view.guests:
        if each.way:
            how = "directly" if each.way == "direct" else "only through the node, as a jump host"
            says = f"{each.vm} is reached {how}"
            yield Finding("guests", each.node, "ok", says)
        else:
            yield Finding(
                "guests",
                each.node,
                "warn",
                f"{each.vm} runs, but is not reached: {each.why.rstrip('.')}",
                _mend(each),
                each.id,
            )


def _mend(guest: GuestWay) -> str:
    if guest.id == "GUEST-UNREACHABLE":
        return f"pvekit vm ssh {guest.vm}; readiness_check.via says which way is taken"
    return f"pvekit vm console-log {guest.vm} says what it does"
