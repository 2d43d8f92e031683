"""The cluster file system: its locks, lists, modes, and what it holds from the start."""

import asyncio
import json
import random
import re

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from pvekit.lab.clock import Clock
from pvekit.lab.machine import collect
from pvekit.lab.site import Site, SiteSpec
from pvekit.lab.vmlist import HashOrder, VmList

LOCK = "/etc/pve/priv/lock/x"


class Stopped(Clock):
    """A clock that is set by hand."""

    at = 1_700_000_000.0

    def now(self):
        return Stopped.at


@pytest.fixture
def site():
    Stopped.at = 1_700_000_000.0
    return Site(SiteSpec(nodes=3, cluster_name="bench", network="10.99.0"), clock=Stopped())


def told(site, line, node="pve1"):
    status, out, err = asyncio.run(collect(site.nodes[node].machine, line))
    return status, out.decode(), err.decode()


def files(site, node="pve1"):
    return site.nodes[node].machine.files


def test_a_lock_goes_to_who_asks_after_120_seconds_without_renewal(site):
    files(site).mkdir(LOCK)
    Stopped.at += 119
    files(site, "pve2").touch(LOCK, 0)
    with pytest.raises(FileExistsError):
        files(site, "pve2").mkdir(LOCK)
    Stopped.at += 2
    with pytest.raises(FileExistsError):  # nobody asked: it stays
        files(site, "pve2").mkdir(LOCK)
    files(site, "pve2").touch(LOCK, 0)
    files(site, "pve2").mkdir(LOCK)


def test_only_the_maker_renews_a_lock(site):
    files(site).mkdir(LOCK)
    Stopped.at += 100
    files(site).touch(LOCK)
    with pytest.raises(PermissionError):
        files(site, "pve2").touch(LOCK)
    with pytest.raises(PermissionError):
        files(site).touch(LOCK, Stopped.at - 50)
    Stopped.at += 100
    files(site, "pve2").touch(LOCK, 0)
    assert files(site).is_dir(LOCK)


def test_a_lock_with_something_inside_never_expires(site):
    files(site).mkdir(LOCK)
    files(site).write(f"{LOCK}/owner", b"me")
    Stopped.at += 500
    files(site, "pve2").touch(LOCK, 0)
    assert files(site).is_dir(LOCK)


def test_the_same_by_programs(site):
    assert told(site, f"mkdir {LOCK}") == (0, "", "")
    status, _, err = told(site, f"mkdir {LOCK}", "pve2")
    assert (status, err) == (1, f"mkdir: cannot create directory '{LOCK}': File exists\n")
    Stopped.at += 130
    assert told(site, f"touch -d @0 {LOCK}; mkdir {LOCK}", "pve2") == (0, "", "")


def test_members_and_names_are_as_the_site_was_built(site):
    members = json.loads(files(site, "pve2").read("/etc/pve/.members"))
    assert members["nodename"] == "pve2"
    assert members["cluster"]["name"] == "bench"
    assert members["nodelist"]["pve3"] == {"id": 3, "online": 1, "ip": "10.99.0.3"}
    assert told(site, "hostname -f")[1] == "pve1.bench.lan\n"


def test_the_files_of_a_new_cluster(site):
    _, out, _ = told(site, "ls /etc/pve /etc/pve/nodes/pve1")
    assert out == (
        "/etc/pve:\nauthkey.pub\ncorosync.conf\ndatacenter.cfg\nfirewall\nha\nlocal\nlxc\n"
        "mapping\nnodes\nopenvz\npriv\npve-root-ca.pem\npve-www.key\nqemu-server\n"
        "replication.cfg\nsdn\nstorage.cfg\nuser.cfg\nvirtual-guest\nvzdump.cron\n\n"
        "/etc/pve/nodes/pve1:\nlxc\nopenvz\npriv\npve-ssl.key\npve-ssl.pem\nqemu-server\n"
        "ssh_known_hosts\n"
    )
    assert not told(Site(SiteSpec(nodes=1, clustered=False)), "ls /etc/pve/*.conf")[1]


def test_certificates_are_real(site):
    node = x509.load_pem_x509_certificate(files(site).read("/etc/pve/nodes/pve2/pve-ssl.pem"))
    root = x509.load_pem_x509_certificate(files(site, "pve3").read("/etc/pve/pve-root-ca.pem"))
    node.verify_directly_issued_by(root)
    names = node.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "pve2.bench.lan" in names.get_values_for_type(x509.DNSName)


def test_how_it_looks_in_a_long_listing(site):
    rows = told(site, "ls -l /etc/pve | grep -E ' (local|priv|storage.cfg|qemu-server)'")[1]
    shown = [re.sub(r" +\d+ \w{3} [ \d]\d .{5} ", " ", row) for row in rows.splitlines()]
    assert shown == [
        "lrwxr-xr-x 1 root www-data local -> nodes/pve1",
        "drwx------ 2 root www-data priv",
        "lrwxr-xr-x 1 root www-data qemu-server -> nodes/pve1/qemu-server",
        "-rw-r----- 1 root www-data storage.cfg",
    ]


def test_other_users_see_little(site):
    line = "cat /etc/pve/storage.cfg /etc/pve/priv/authkey.key; touch /etc/pve/x"
    status, out, err = told(site, f"su nobody -s /bin/sh -c '{line}'")
    assert (status, out) == (1, "")
    assert err.count("Permission denied") == 3


def test_versions_count_changes(site):
    def version(name):
        text = files(site, "pve2").read("/etc/pve/.version").decode()
        return json.loads(text.replace(',\n"kvstore": {\n}', ""))[name]

    before = version("storage.cfg"), version("vmlist")
    files(site).write("/etc/pve/storage.cfg", b"dir: local\n\tpath /var/lib/vz\n", append=True)
    files(site).write("/etc/pve/qemu-server/100.conf", b"name: a\n")
    assert (version("storage.cfg"), version("vmlist")) == (before[0] + 1, before[1] + 1)


def test_the_order_of_the_recorded_list():
    order = HashOrder()
    others = [vmid for vmid in range(200, 300) if vmid * 11 % 13 > 8][:4]
    for vmid in (100, 101, 102, 103, 9000, *others):
        order.add(vmid)
    for vmid in others:
        order.discard(vmid)
    assert list(order) == [103, 102, 9000, 101, 100]


@given(st.lists(st.integers(100, 140), max_size=120))
def test_the_list_holds_what_was_put_and_not_removed(numbers):
    vms, kept = VmList(), {}
    chance = random.Random(1)
    for vmid in numbers:
        if vmid in kept and chance.random() < 0.6:
            vms.remove(vmid)
            del kept[vmid]
        else:
            kept[vmid] = chance.choice(("pve1", "pve2"))
            vms.put(vmid, kept[vmid], "qemu")
    ids = json.loads(vms.text())["ids"]
    assert {int(vmid): entry["node"] for vmid, entry in ids.items()} == kept
    assert {v: o[0] for v, o in vms.owners().items()} == kept
    for node in ("pve1", "pve2"):
        assert vms.vmids(node) == sorted(v for v, owner in kept.items() if owner == node)


def test_figures_are_as_old_as_a_round_of_the_status_daemon():
    site = Site(SiteSpec(nodes=1, clustered=False, profile="realistic"), clock=Stopped(1.0))
    Stopped.at = 1_700_000_000.0
    first = files(site).read("/etc/pve/.rrd")
    Stopped.at += 6
    assert files(site).read("/etc/pve/.rrd") == first
    Stopped.at += 5
    assert files(site).read("/etc/pve/.rrd") != first


def test_tasks_are_told_to_all_members(site):
    told(site, "qm create 100 --name a; qm start 100; qm start 100")
    text = told(site, "cat /etc/pve/.clusterlog", "pve2")[1]
    found = json.loads(text)["data"]
    words = [" ".join(entry["msg"].split()[:2]) for entry in reversed(found)]
    assert words == ["starting task", "end task"] * (len(found) // 2)
    assert {(entry["node"], entry["tag"]) for entry in found} == {("pve1", "qm")}
    failed = [entry["msg"].endswith(" VM 100 already running") for entry in found]
    assert failed == [entry["pri"] == 3 for entry in found] == [True] + [False] * (len(found) - 1)
    again = Site.from_data(site.to_data(), clock=Stopped())
    assert files(again).read("/etc/pve/.clusterlog").decode() == text


def test_locks_survive_in_json(site):
    files(site).mkdir(LOCK)
    again = Site.from_data(json.loads(json.dumps(site.to_data())), clock=Stopped())
    with pytest.raises(PermissionError):
        files(again, "pve2").touch(LOCK)
    files(again).touch(LOCK)
