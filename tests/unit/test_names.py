from dataclasses import replace
from ipaddress import ip_interface
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sites import guest, site, with_vms

from pvekit.errors import Conflict, NoCapacity, UsageError
from pvekit.inventory.model import Domain
from pvekit.placement import names
from pvekit.pve.claims import Claim

EMPTY = site({"pve1": {"has_template": False}})
OTHER = replace(EMPTY, domains=(*EMPTY.domains, Domain("host:mini", False, True, (), (300, 302))))


def named(*used):
    return with_vms(EMPTY, *(guest(100 + n, name=name) for n, name in enumerate(used)))


def claiming(*claims, inventory=EMPTY):
    return replace(inventory, claims=claims)


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ([], "k8s-worker-1"),
        (["k8s-worker-1", "k8s-worker-2"], "k8s-worker-3"),
        (["k8s-worker-9"], "k8s-worker-10"),
        (["K8S-Worker-4"], "k8s-worker-5"),
        (["k8s-worker-007"], "k8s-worker-8"),
        (["k8s-master-5", "k8s-worker-x", "my-k8s-worker-7", "k8s-worker-3-old"], "k8s-worker-1"),
    ],
)
def test_numbers_go_on_after_the_highest(used, expected):
    assert names.next_names(named(*used), "k8s", "worker") == (expected,)


def test_names_of_claims_templates_and_containers_count():
    inventory = with_vms(
        claiming(Claim("bench", "name", "k8s-worker-3")),
        guest(100, name="k8s-worker-1", template=1),
        guest(101, kind="lxc", hostname="k8s-worker-4", domain="host:mini"),
    )
    assert names.next_names(inventory, "k8s", "worker", 2) == ("k8s-worker-5", "k8s-worker-6")


@pytest.mark.parametrize("role", ["Wörker", "wor\u212aer", "a_b", "a b", "x" * 60])
def test_a_name_must_be_one_that_pve_takes(role):
    with pytest.raises(UsageError):
        names.next_names(EMPTY, "k8s", role)


@pytest.mark.parametrize("name", ["web", "web-1.example.com", "1a", "A"])
def test_names_that_pve_takes(name):
    names.check_name(name)


@pytest.mark.parametrize("name", ["", "web_1", "-web", "web-", "web..com", "a\n", "x" * 64])
def test_names_that_pve_refuses(name):
    with pytest.raises(UsageError):
        names.check_name(name)


@pytest.mark.parametrize("role", ["", "-a", "a-", "A", "a;b", "a b", "wörker", "a" * 64])
def test_what_is_no_role(role):
    with pytest.raises(UsageError):
        names.check_labels(role, ())


@pytest.mark.parametrize("tag", ["", "-a", "A", "a;b", "a b", "a,b", "ü", "a" * 61])
def test_what_is_no_tag(tag):
    with pytest.raises(UsageError):
        names.check_labels("worker", ("k8s", tag))


def test_vmids_are_free_on_the_whole_site():
    inventory = with_vms(
        claiming(Claim("bench", "vmid", "103", vmid=103), inventory=OTHER),
        guest(100),
        guest(101, domain="host:mini", node="pve"),
    )
    found = names.next_vmids(inventory, "bench", 3, avoid=(104,))
    assert found == (102, 105, 106)


def test_vmids_honour_the_range_of_their_domain():
    assert names.next_vmids(OTHER, "host:mini", 2) == (300, 301)
    with pytest.raises(NoCapacity, match="3 free vmids from 300 to 301"):
        names.next_vmids(OTHER, "host:mini", 3)


def test_a_template_looks_from_its_configured_id_on():
    inventory = with_vms(OTHER, guest(9000))
    assert names.next_vmids(inventory, "host:mini", first=9000, avoid=(9001,)) == (9002,)
    assert names.next_vmids(OTHER, "bench", first=9998, count=2) == (9998, 10000)


def test_an_unknown_domain():
    with pytest.raises(UsageError):
        names.next_vmids(EMPTY, "nosuch")


@given(st.sets(st.integers(100, 130)), st.sets(st.integers(100, 130)), st.integers(1, 20))
def test_vmids_are_unique_and_nobody_elses(used, avoid, count):
    inventory = with_vms(EMPTY, *(guest(vmid) for vmid in used))
    found = names.next_vmids(inventory, "bench", count, avoid=avoid)
    assert len(set(found)) == count
    assert not set(found) & (used | avoid)


def addressed(*addresses):
    used = (guest(100 + n, name=f"n{n}", ipconfig0=f"ip={a}") for n, a in enumerate(addresses))
    return with_vms(EMPTY, *used)


def found_addresses(inventory, start, count=1, gateway=None, *, exact=True):
    found = names.consecutive_addresses(inventory, start, gateway, count, exact=exact)
    return [str(address) for address in found]


def test_a_free_address_is_taken_as_it_is():
    assert found_addresses(addressed("10.0.0.21/24"), "10.0.0.20/24") == ["10.0.0.20/24"]


def test_several_pass_over_those_in_use_and_the_gateway():
    inventory = with_vms(
        addressed("10.0.0.21/24", "dhcp"), guest(150, kind="lxc", net0="name=eth0,ip=10.0.0.22/16")
    )
    inventory = claiming(Claim("bench", "ip", "10.0.0.24"), inventory=inventory)
    found = found_addresses(inventory, "10.0.0.20/24", 3, gateway="10.0.0.23", exact=False)
    assert found == ["10.0.0.20/24", "10.0.0.25/24", "10.0.0.26/24"]


def test_also_one_passes_over_those_in_use_where_it_is_one_of_several():
    inventory = addressed("10.0.0.20/24")
    assert found_addresses(inventory, "10.0.0.20/24", exact=False) == ["10.0.0.21/24"]


def test_an_address_in_use_names_who_has_it():
    with pytest.raises(Conflict, match=r"10\.0\.0\.20 is in use: n0 \(100 on pve1\)"):
        found_addresses(addressed("10.0.0.20/24"), "10.0.0.20/24")
    with pytest.raises(Conflict, match="a claim of web"):
        found_addresses(claiming(Claim("bench", "ip", "10.0.0.20", name="web")), "10.0.0.20/24")


def test_an_address_is_the_same_however_it_is_written():
    inventory = with_vms(EMPTY, guest(100, name="six", ipconfig0="ip6=2001:DB8:0:0::7/64"))
    with pytest.raises(Conflict, match="six"):
        found_addresses(inventory, "2001:db8::7/64")


@pytest.mark.parametrize(
    ("start", "gateway"),
    [
        ("10.0.0.20", None),
        ("10.0.0.0/24", None),
        ("10.0.0.255/24", None),
        ("10.0.0.20/24", "10.0.1.1"),
        ("10.0.0.20/24", "gw"),
        ("10.0.0.20/24", "10.0.0.20"),
        ("10.0.0.20/24", "2001:db8::1"),
        ("10.0.0.20/33", None),
        ("dhcp", None),
        ("2001:db8::/64", None),
    ],
)
def test_what_is_no_hosts_address(start, gateway):
    with pytest.raises(UsageError):
        found_addresses(EMPTY, start, gateway=gateway)


def test_the_end_of_a_network():
    assert found_addresses(EMPTY, "10.0.0.253/24", 2) == ["10.0.0.253/24", "10.0.0.254/24"]
    with pytest.raises(NoCapacity, match=r"10\.0\.0\.0/24 has not 3"):
        found_addresses(EMPTY, "10.0.0.253/24", 3)


def test_a_point_to_point_network_has_two_hosts():
    found = found_addresses(EMPTY, "10.0.0.0/31", gateway="10.0.0.1")
    assert found == ["10.0.0.0/31"]


@given(st.sets(st.integers(0, 255)), st.integers(1, 254), st.integers(24, 30), st.integers(1, 10))
def test_addresses_are_unique_free_and_in_the_network(used, first, length, count):
    inventory = addressed(*(f"10.0.0.{n}/24" for n in sorted(used)))
    start = f"10.0.0.{first}/{length}"
    try:
        found = names.consecutive_addresses(inventory, start, None, count)
    except (UsageError, Conflict, NoCapacity):
        return
    network = ip_interface(start).network
    assert len(set(found)) == count
    assert all(address.ip in list(network.hosts()) for address in found)
    assert not {int(str(address.ip).rpartition(".")[2]) for address in found} & used


def test_a_mac_is_derived_and_never_a_used_one():
    first = names.mac("7f3a", "web-1", ())
    assert first == names.mac("7f3a", "web-1", ())
    assert first.startswith("BC:24:11:")
    assert len(first) == 17
    assert names.mac("7f3a", "web-1", {first}) not in ("", first)
    assert names.mac("7f3a", "web-2", ()) != first


def test_the_macs_of_the_site():
    inventory = with_vms(
        EMPTY,
        guest(100, net0="virtio=bc:24:11:00:00:01,bridge=vmbr0"),
        guest(101, kind="lxc", net1="name=eth0,hwaddr=BC:24:11:00:00:02,ip=dhcp"),
    )
    assert names.used_macs(inventory) == {"BC:24:11:00:00:01", "BC:24:11:00:00:02"}


def test_who_takes_vmids_one_by_one_gets_what_who_takes_many_gets():
    inventory = claiming(Claim("bench", "vmid", "101", vmid=101), inventory=named("a", "b"))
    one_by_one = names.free_vmids(inventory, "bench", (104,))
    many = names.next_vmids(inventory, "bench", 50, avoid=(104,))
    assert tuple(islice(one_by_one, 50)) == many
