from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sites import GIB, site

from pvekit.errors import NoCapacity, NotFound
from pvekit.placement import Group, Need, Rules, choose, place, place_all
from pvekit.placement.loads import template_for
from pvekit.sizing import Size

CASES = Path(__file__).parents[1] / "cases/placement"


def cases():
    for path in sorted(CASES.glob("*.yaml")):
        for title, case in yaml.safe_load(path.read_text()).items():
            yield pytest.param(case, id=f"{path.stem}: {title}")


def need_for(inventory, name="k8s-worker-1", **wanted):
    wanted = {"cpus": 1, "memory_mb": 2048, "disk_gb": 20, "room_gb": None} | wanted
    return Need(
        name=name,
        size=Size(wanted["cpus"], wanted["memory_mb"], wanted["disk_gb"]),
        storage=wanted.get("storage") or inventory.storages[0].id,
        bridge="vmbr0",
        templates=tuple(vm for vm in inventory.vms if vm.name == "base"),
        disk_gb=wanted["room_gb"],
        groups=tuple(group(**each) for each in wanted.get("groups", ())),
        pin=frozenset(wanted.get("pin", ())),
        avoid=frozenset(wanted.get("avoid", ())),
    )


def group(rule, hard=False, name="master", members=()):
    return Group(name, rule, hard, frozenset(("bench", vmid) for vmid in members))


@pytest.mark.parametrize("case", list(cases()))
def test_case(case):
    inventory = site(case["nodes"], case.get("storage"), case.get("quorate", True))
    needs = [need_for(inventory, **case.get("need", {}))] * case.get("count", 1)
    needs = [need_for(inventory, **need) for need in case.get("needs", ())] or needs
    rules = Rules(**case.get("rules", {}))
    if "refused" in case:
        with pytest.raises(NoCapacity) as refusal:
            place_all(needs, inventory, rules, case.get("only"))
        for text in case["refused"]:
            assert text in str(refusal.value)
        return
    found = place(needs, inventory, rules, case.get("only"))
    choices = found.choices
    assert [choice.node.alias for choice in choices] == case["chosen"]
    assert list(found.warnings) == case.get("warnings", [])
    reasons = {reason.node: reason for reason in choices[0].reasons}
    for node, text in case.get("because", {}).items():
        assert text in reasons[node].because
        assert not reasons[node].accepted
    if "template_on" in case:
        assert choices[0].template.node == case["template_on"]


def test_there_are_enough_cases():
    assert len(list(cases())) >= 20


def test_every_node_has_a_reason_with_its_figures():
    inventory = site({"pve1": {"vms": 2, "free": 5000}, "pve2": {"online": False}})
    choice = choose(need_for(inventory), inventory, Rules())
    assert [(reason.node, reason.accepted, reason.vms) for reason in choice.reasons] == [
        ("pve1", True, 2),
        ("pve2", False, 0),
    ]
    assert choice.reasons[0].because == "2 VMs, 5000 MiB free"


def test_a_refusal_says_what_was_wanted():
    inventory = site({"pve1": {"online": False}})
    with pytest.raises(NoCapacity, match=r"k8s-worker-1 \(1 vCPU, 2048 MiB, 20 GiB\)"):
        choose(need_for(inventory), inventory, Rules())


def test_a_node_that_does_not_exist():
    inventory = site({"pve1": {}})
    with pytest.raises(NotFound, match=r"'pve9'.*pve1"):
        choose(need_for(inventory), inventory, Rules(), only="pve9")


nodes = st.fixed_dictionaries(
    {},
    optional={
        "vms": st.integers(0, 6),
        "memory": st.sampled_from([4096, 8192, 16384, None]),
        "free": st.integers(0, 16384),
        "cpus": st.sampled_from([1, 2, 8, None]),
        "online": st.booleans(),
        "writable": st.sampled_from([True, True, False]),
        "configured": st.sampled_from([True, True, False]),
        "has_template": st.booleans(),
        "bridges": st.sampled_from([["vmbr0"], ["vmbr1"], []]),
        "disk_free": st.sampled_from([None, 10, 60, 500]),
        "claims": st.lists(st.integers(0, 4096), max_size=3),
    },
)
sites = st.builds(
    site,
    st.dictionaries(st.sampled_from(["pve1", "pve2", "pve3", "pve4"]), nodes),
    st.fixed_dictionaries({"type": st.sampled_from(["rbd", "lvmthin"])}),
)
wanted = st.fixed_dictionaries(
    {
        "cpus": st.integers(1, 8),
        "memory_mb": st.integers(256, 8192),
        "disk_gb": st.integers(1, 80),
    }
)
rules_of_all_kinds = st.builds(
    Rules, st.sampled_from([0.5, 1.0, 2.0]), st.none() | st.integers(0, 4096)
)


@given(sites, st.lists(wanted, max_size=8), rules_of_all_kinds)
def test_no_filter_is_ever_violated(inventory, wishes, rules):
    needs = [need_for(inventory, **wish) for wish in wishes]
    try:
        choices = place_all(needs, inventory, rules)
    except NoCapacity:
        return
    placed = list(zip(needs, choices, strict=True))
    for node in inventory.nodes:
        here = [need for need, choice in placed if choice.node == node]
        if not here:
            continue
        storage = inventory.storages[0]
        assert node.online
        assert node.writable
        assert node.configured
        assert all(template_for(node, need, inventory) for need in here)
        assert "vmbr0" in node.bridges
        assert max(need.size.cpus for need in here) <= (node.cpus or 8)
        given_mb = inventory.memory_given_mb(node) + sum(need.size.memory_mb for need in here)
        assert given_mb <= node.memory_mb * rules.memory_ratio - rules.reserve_mb(node.memory_mb)
        sharing, states = (
            (needs, storage.states.values())
            if storage.shared
            else (here, [storage.states[node.name]])
        )
        disks = sum(need.size.disk_gb for need in sharing) * GIB
        assert disks <= max(state.free for state in states)


@given(sites, st.lists(wanted, min_size=1, max_size=5))
def test_a_pass_is_deterministic_and_extends_itself(inventory, wishes):
    needs = [need_for(inventory, **wish) for wish in wishes]
    try:
        choices = place_all(needs, inventory, Rules())
    except NoCapacity:
        return
    assert place_all(needs, inventory, Rules()) == choices
    assert place_all(needs[:-1], inventory, Rules()) == choices[:-1]


@given(sites, wanted)
def test_the_choice_is_the_first_of_the_accepted(inventory, wish):
    try:
        choice = choose(need_for(inventory, **wish), inventory, Rules())
    except NoCapacity:
        return
    accepted = [reason for reason in choice.reasons if reason.accepted]
    best = min(accepted, key=lambda reason: (reason.vms, -reason.memory_free_mb, reason.node))
    assert best.node == choice.node.alias
