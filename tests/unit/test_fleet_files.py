"""Fleet files: what is wrong in one is named with its line; what they say does not depend on order."""

from __future__ import annotations

import json
from ipaddress import ip_interface
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from sites import guest, site, with_vms

from pvekit.config import schema
from pvekit.config.faults import ConfigFaults
from pvekit.errors import NoCapacity
from pvekit.fleet import addresses
from pvekit.fleet.compare import Wanted
from pvekit.fleet.model import Group, Network, parse_range
from pvekit.fleet.read import Known, read
from pvekit.sizing.size import Size
from pvekit.vms.wishes import Wishes

KNOWN = Known(["small", "medium", "large"], ["pve1", "pve2"])
HEAD = "apiVersion: pvekit/v1\nkind: Fleet\nname: shop\n"


def fleet(text):
    return read(text.encode(), Path("fleet.yaml"), KNOWN)


FAULTS = {
    "groups: {web: {cout: 3}}": "fleet.yaml:4: groups.web.cout: expected a known key, got 'cout' (did you mean 'count'?)",
    "groups: {web: {size: smal}}": "did you mean 'small'?",
    "groups: {web: {count: 1, names: [a]}}": "expected count or names, got both",
    "groups:\n  a: {names: [x]}\n  b: {names: [X]}": "fleet.yaml:6: groups.b.names[0]: expected another name for each VM, got 'X' as on line 5",
    "groups:\n  a: {count: 1}\n  b: {names: [shop-a-1]}": "another name for each VM",
    "groups: {a: {placement: {near: a}}}": "expected another group",
    "groups: {a: {placement: {pin: [pve9]}}}": "one of the nodes pve1, pve2",
    "groups: {a: {network: {ip: 10.0.0.5-10.0.0.2/24}}}": "expected addresses such as",
    "groups: {a: {network: {ip: 10.0.0.300/24}}}": "expected addresses such as",
    "groups: {a: {network: {ip: 10.0.0.5/24, gateway: 10.1.0.1}}}": "an address in 10.0.0.0/24",
    "groups: {a: {network: {gateway: 10.1.0.1}}}": "a gateway with DHCP",
    "groups: {a: {network: {dns: ['1.2']}}}": "expected an IP address",
    "groups: {a: {network: static}}": "dhcp, or a mapping",
    "groups: {a: {full: no, storage: x}}": "it stays on its template's",
    "groups: {a: {memory_mb: 4G}}": "a whole number of MiB",
    "groups: {a: {tags: [A B]}}": "a tag",
    "groups: {A: {}}": "a word of at most 30 lower-case letters",
    "group: {}": "did you mean 'groups'?",
}


@pytest.mark.parametrize("text", FAULTS)
def test_a_fault_is_named_with_its_line(text):
    with pytest.raises(ConfigFaults) as refusal:
        fleet(HEAD + text)
    assert FAULTS[text] in str(refusal.value)
    assert "The fleet file has" in refusal.value.brief
    assert all(fault.line for fault in refusal.value.faults)


@pytest.mark.parametrize("text", ["", "kind: Fleet", "[]", "a: &x 1\nb: *x", "\tx: 1"])
def test_what_is_no_fleet_file_is_refused(text):
    with pytest.raises(ConfigFaults):
        fleet(text)


def test_the_schema_is_valid_and_describes_every_key():
    found = schema.load("pvekit.fleet")
    Draft202012Validator.check_schema(found)
    parts = [found, *found["$defs"].values()]
    for part in parts:
        if "object" in part.get("type", ""):
            assert part["additionalProperties"] is False
        for key, sub in part.get("properties", {}).items():
            assert sub["description"].endswith("."), key


def test_names_and_defaults():
    found = fleet(HEAD + "groups: {web: {count: 2}, db: {names: [pg], role: database}}")
    assert [(g.name, g.names, g.role, g.start) for g in found.groups] == [
        ("db", ("pg",), "database", True),
        ("web", ("shop-web-1", "shop-web-2"), "web", True),
    ]


@given(st.permutations(["web", "db", "cache"]), st.permutations(["count", "tags", "size"]))
def test_the_order_of_groups_and_keys_makes_no_difference(groups, keys):
    values = {"count": 2, "tags": ["a"], "size": "small"}
    data = {"apiVersion": "pvekit/v1", "kind": "Fleet", "name": "shop"}
    turned = {**data, "groups": {name: {key: values[key] for key in keys} for name in groups}}
    straight = {**data, "groups": dict.fromkeys(("cache", "db", "web"), values)}
    assert fleet(json.dumps(turned)) == fleet(json.dumps(straight))


def wanted(name, span):
    group = Group("web", (name,), "web", network=Network(parse_range(span), "10.0.0.1"))
    return Wanted(group, Wishes("web", Size(1, 512, 8), "base", "u", (), name=name))


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c", "d"]), st.integers(1, 12) | st.none(), min_size=1
    ),
    st.sets(st.integers(1, 12)),
)
def test_addresses_are_kept_unique_free_and_in_the_range(there, others):
    span = "10.0.0.1-10.0.0.12/24"
    mine = {
        name: guest(100 + at, name=name, ipconfig0=f"ip=10.0.0.{last}/24")
        for at, (name, last) in enumerate(there.items())
        if last is not None
    }
    strangers = [guest(200 + last, ipconfig0=f"ip=10.0.0.{last}/24") for last in sorted(others)]
    inventory = with_vms(site({"pve1": {}}), *mine.values(), *strangers)
    try:
        found = addresses.decide([wanted(name, span) for name in there], mine, inventory)
    except NoCapacity:
        return
    assert len(set(found.values())) == len(there)
    assert all(ip_interface(text) in parse_range(span) for text in found.values())
    kept = {str(vm.addresses_configured[0]) for vm in mine.values()}
    for name, text in found.items():
        if name in mine:
            own = str(mine[name].addresses_configured[0])
            assert text == own or own in {found[each] for each in found if each < name}
        else:
            assert text not in kept | {f"10.0.0.{last}/24" for last in others}
            assert text != "10.0.0.1/24"
