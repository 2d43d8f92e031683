"""The rules of placement that the configuration and a command line make."""

from __future__ import annotations

from typing import Literal, get_args

from pvekit.config.model import Config
from pvekit.errors import NotFound, UsageError
from pvekit.inventory.model import Inventory
from pvekit.inventory.unread import check_seen, unread
from pvekit.placement import Group, Rules
from pvekit.placement.rules import Policy, of_role

Firmness = Literal["none", "soft", "hard"]

KEPT_APART = "master"
"""The role whose VMs keep apart where the configuration says nothing: they need a majority."""


def rules(config: Config, policy: str = "") -> Rules:
    """Return the configured rules, with another policy if one is given."""
    configured = config.placement
    known = {word: word for word in get_args(Policy)}
    return Rules(
        memory_ratio=configured.memory_ratio,
        memory_reserve_mb=configured.memory_reserve_mb,
        policy=known.get(policy, configured.policy),
        cpu_ratio=configured.cpu_ratio,
        max_vms=configured.max_vms,
        loss=configured.n_plus_one,
        domains={n.alias: n.failure_domain for n in config.nodes if n.failure_domain},
    )


def groups(
    config: Config, inventory: Inventory, role: str, anti_affinity: str, spread: str, near: str
) -> tuple[Group, ...]:
    """Return the groups that a VM of a role belongs to; raises :class:`NotFound` for ``near``."""
    title, members = f"role {role}", of_role(inventory, role)
    found = [] if not near else [_near(inventory, near)]
    apart = firmness(config, role, anti_affinity)
    if apart != "none":
        found.append(Group(title, "apart", apart == "hard", members))
    if spread in ("soft", "hard"):
        found.append(Group(title, "spread", spread == "hard", members))
    return tuple(found)


def firmness(config: Config, role: str, asked: str = "") -> Firmness:
    """Return how firmly VMs of a role keep apart: as asked for, as configured, or by default."""
    known: dict[str, Firmness] = {word: word for word in get_args(Firmness)}
    if asked:
        return known[asked]
    return config.role(role).anti_affinity or ("soft" if role == KEPT_APART else "none")


def _near(inventory: Inventory, name: str) -> Group:
    found = inventory.find(name)
    if not found:
        check_seen(inventory, f"a guest {name!r} to be near to", unread(inventory))
        raise NotFound(f"There is no guest {name!r} to be near to.", id="VM-NOT-FOUND")
    if len(found) > 1:
        raise UsageError(
            f"{name!r} is the name of {len(found)} guests.",
            details="\n".join(f"VM {vm.vmid} on {vm.node}" for vm in found),
            hint="Say which by its vmid.",
            id="VM-AMBIGUOUS",
        )
    members = frozenset(vm.key for vm in found)
    return Group(found[0].name or name, "together", hard=True, members=members)
