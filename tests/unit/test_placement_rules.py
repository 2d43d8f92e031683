"""Laws of the rules of placement, and the balance of Proxmox VE's own scheduler."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sites import site
from test_placement import need_for

from pvekit.errors import NoCapacity, NotFound
from pvekit.placement import Group, Rules, place
from pvekit.placement.rules import Need
from pvekit.placement.scores import balance

GB = 1_000_000_000
NAMES = ["pve1", "pve2", "pve3", "pve4"]

guests = st.lists(
    st.fixed_dictionaries({"memory": st.integers(128, 8192), "cores": st.integers(1, 4)}),
    max_size=4,
)
nodes = st.fixed_dictionaries(
    {"guests": guests},
    optional={
        "memory": st.sampled_from([8192, 16384, 65536]),
        "cpus": st.sampled_from([2, 8, 16]),
        "online": st.sampled_from([True, True, False]),
        "maintenance": st.sampled_from([False, False, True]),
    },
)
sites = st.builds(site, st.dictionaries(st.sampled_from(NAMES), nodes, min_size=1))
sizes = st.fixed_dictionaries({"cpus": st.integers(1, 4), "memory_mb": st.integers(256, 8192)})
rules = st.builds(
    Rules,
    policy=st.sampled_from(["count", "memory", "balanced", "pack"]),
    cpu_ratio=st.sampled_from([None, 1.0, 4.0]),
    max_vms=st.sampled_from([None, 3, 6]),
    loss=st.sampled_from(["ignore", "warn", "refuse"]),
    domains=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["rack1", "rack2"])),
)
groups = st.lists(
    st.builds(
        Group,
        st.sampled_from(["master", "db"]),
        st.sampled_from(["apart", "spread", "together"]),
        st.booleans(),
        st.frozensets(st.tuples(st.just("bench"), st.integers(100, 106)), max_size=2),
    ),
    max_size=2,
    unique_by=lambda group: group.name,
).map(tuple)


def placed(needs, inventory, by):
    """The aliases of the chosen nodes, or nothing where there are none."""
    try:
        return [choice.node.alias for choice in place(needs, inventory, by).choices]
    except NoCapacity:
        assume(False)


def needs_of(inventory, wishes, of_groups=()):
    made = [need_for(inventory, name=f"vm-{at}", **wish) for at, wish in enumerate(wishes)]
    return [replace(need, groups=tuple(of_groups)) for need in made]


@given(sites, st.lists(sizes, min_size=1, max_size=5), rules, groups)
def test_no_limit_is_ever_passed(inventory, wishes, by, of_groups):
    needs = needs_of(inventory, wishes, of_groups)
    chosen = placed(needs, inventory, by)
    for node in inventory.nodes:
        here = [need for need, alias in zip(needs, chosen, strict=True) if alias == node.alias]
        if not here:
            continue
        assert not node.maintenance
        given_mb = inventory.memory_given_mb(node) + sum(need.size.memory_mb for need in here)
        assert given_mb <= by.limit_mb(node.memory_mb)
        given_cpus = sum(vm.cpus for vm in inventory.guests_on(node) if not vm.is_template) + sum(
            need.size.cpus for need in here
        )
        assert by.cpu_ratio is None or given_cpus <= node.cpus * by.cpu_ratio
        assert by.max_vms is None or inventory.vm_count(node) + len(here) <= by.max_vms


@given(sites, st.lists(sizes, min_size=1, max_size=5), rules, groups)
def test_the_order_of_the_nodes_makes_no_difference(inventory, wishes, by, of_groups):
    needs = needs_of(inventory, wishes, of_groups)
    chosen = placed(needs, inventory, by)
    turned = replace(inventory, nodes=inventory.nodes[::-1], vms=inventory.vms[::-1])
    assert placed(needs, turned, by) == chosen


@given(sites, st.lists(sizes, min_size=1, max_size=6), rules, groups)
def test_hard_rules_are_never_broken(inventory, wishes, by, of_groups):
    needs = needs_of(inventory, wishes, of_groups)
    chosen = placed(needs, inventory, by)
    by_alias = {node.alias: node for node in inventory.nodes}
    domains = [by.domain_of(by_alias[alias]) for alias in chosen]
    for group in of_groups:
        if not group.hard:
            continue
        before = [by_alias[vm.node] for member in group.members if (vm := inventory.vm(*member))]
        counts = Counter(by.domain_of(node) for node in before)
        counts.update(domains)
        if group.rule == "apart":
            assert all(counts[domain] == 1 for domain in domains)
        if group.rule == "together":
            there = {node.alias for node in before} or {chosen[0]}
            assert set(chosen) <= there
        if group.rule == "spread":
            open_to = {
                by.domain_of(node) for node in inventory.nodes if node.online and node.writable
            }
            last = counts[domains[-1]]
            assert last - min(counts[domain] for domain in open_to) <= 1


@given(sites, sizes, rules, st.data())
def test_a_tighter_rule_admits_no_further_node(inventory, wish, by, data):
    """Larger, or with less to give: whatever is accepted then was accepted before."""
    tighter = data.draw(
        st.sampled_from(
            [
                lambda n, r: (replace(n, avoid=frozenset({"pve1"}) & names), r),
                lambda n, r: (replace(n, pin=frozenset({"pve2"}) & names), r),
                lambda n, r: (n, replace(r, memory_ratio=r.memory_ratio / 2)),
                lambda n, r: (n, replace(r, max_vms=min(2, r.max_vms or 2))),
                lambda n, r: (n, replace(r, cpu_ratio=min(0.5, r.cpu_ratio or 1))),
                lambda n, r: (n, replace(r, loss="refuse")),
                lambda n, r: (larger(n), r),
                lambda n, r: (replace(n, groups=(Group("x", "apart", True, members),)), r),
            ]
        )
    )
    names = frozenset(node.alias for node in inventory.nodes)
    members = frozenset(("bench", vm.vmid) for vm in inventory.vms[:2])
    need = need_for(inventory, **wish)
    more_need, more_rules = tighter(need, by)
    assert accepted(more_need, inventory, more_rules) <= accepted(need, inventory, by)


def larger(need):
    size = need.size
    return replace(need, size=replace(size, memory_mb=size.memory_mb * 2, cpus=size.cpus * 2))


def accepted(need: Need, inventory, by):
    try:
        (choice,) = place([need], inventory, by).choices
    except NoCapacity:
        return set()
    return {reason.node for reason in choice.reasons if reason.accepted}


@given(sites, st.lists(sizes, min_size=1, max_size=4), rules)
def test_what_is_refused_for_a_loss_keeps_every_loss_borne(inventory, wishes, by):
    needs = needs_of(inventory, wishes)
    refusing = replace(by, loss="refuse")
    placed(needs, inventory, refusing)
    again = place(needs, inventory, refusing).choices
    picked = iter(
        [replace(n, pin=frozenset({c.node.alias})) for n, c in zip(needs, again, strict=True)]
    )
    assert place(list(picked), inventory, replace(by, loss="warn")).warnings == ()


@pytest.mark.parametrize("key", ["pin", "avoid"])
def test_a_pin_that_is_no_node(key):
    inventory = site({"pve1": {}})
    need = need_for(inventory, **{key: ["pve9"]})
    with pytest.raises(NotFound, match=r"'pve9'.*pve1"):
        place([need], inventory, Rules())


class Balanced:
    """Nodes that guests are started on as Proxmox VE's scheduler does with static loads."""

    def __init__(self, **there):
        self.there = {
            name: [0.0, float(cpus), 0.0, float(memory)] for name, (cpus, memory) in there.items()
        }

    def add(self, node, cpus, memory):
        self.there[node][0] += cpus
        self.there[node][2] += memory

    def order(self, cpus, memory):
        scores = balance({name: tuple(load) for name, load in self.there.items()}, cpus, memory)
        return "".join(sorted(scores, key=lambda name: (-scores[name], name)))


def test_two_nodes_of_which_one_is_twice_the_other():
    nodes = Balanced(A=(10, 100 * GB), B=(20, 200 * GB))
    for at in range(15):
        order = nodes.order(4, 20 * GB)
        assert order == ("AB" if at % 3 == 2 else "BA"), at
        nodes.add(order[0], 4, 20 * GB)


def test_guests_that_go_away_and_move():
    nodes = Balanced(A=(10, 100 * GB), B=(20, 200 * GB), C=(30, 300 * GB))
    for name in "AABBC":
        nodes.add(name, 4, 20 * GB)
    assert nodes.order(4, 20 * GB) == "CBA"
    nodes.add("B", -8, -40 * GB)
    nodes.add("C", -4, -20 * GB)
    nodes.add("C", 4, 20 * GB)
    assert nodes.order(4, 20 * GB) == "BCA"
    del nodes.there["B"]
    assert nodes.order(4, 20 * GB) == "CA"


def test_more_given_than_there_is():
    small, less = (4, 4_102_062_080), (4, 4_102_053_888)
    nodes = Balanced(A=small, B=small, C=less, D=less)
    for name in "AAABA":
        nodes.add(name, 1, 536_870_912)
    assert nodes.order(1, 536_870_912) == "CDBA"


@pytest.mark.parametrize("loaded", [False, True])
def test_cpus_decide_where_memory_hardly_differs(loaded):
    nodes = Balanced(A=(8, 10 * GB), B=(4, 9 * GB), C=(4, 8 * GB))
    for name, cpus in (("A", 4), ("B", 2), ("C", 2)) if loaded else ():
        nodes.add(name, cpus, GB)
    for at in range(20):
        order = nodes.order(3, 16_000_000)
        assert order == ("ABC", "ABC", "BCA", "CAB")[at % 4], at
        nodes.add(order[0], 3, 16_000_000)
