"""``pvekit doctor`` finds what is wrong on a site, names the mend, and changes nothing."""

from __future__ import annotations

import pytest
from labsite import KEY
from live import CREATE, live_site, templated_site

from pvekit.lab.site import SiteSpec

IMAGE = "jammy-server-cloudimg-amd64.img"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with live_site(tmp_path_factory.mktemp("doctor"), SiteSpec(nodes=3)) as live:
        yield live


@pytest.fixture
def live(site):
    yield site
    site.clear()


def examined(live, *words):
    """The exit status, and what is not well: place, check and level of each such finding."""
    answer = live.pvekit("doctor", *words, "-o", "json")
    findings = answer.rows
    bad = {(f["where"], f["check"]): f for f in findings if f["level"] != "ok"}
    for finding in bad.values():
        assert finding["says"]
        assert finding["mend"], finding
    return answer.status, bad


def test_a_well_site_is_well_in_a_command_per_node_and_one_more_and_nothing_changes(live):
    files, picture = live.cluster_files(), live.picture()
    live.forget()
    assert examined(live) == (0, {})
    assert live.changes() == []
    assert len(live.lines()) == 3 + 1, "one of them tells what all share"
    assert (live.cluster_files(), live.picture()) == (files, picture)


def test_people_get_a_line_for_each_finding_and_alike_nodes_share_it(live):
    told = live.must("doctor").out.splitlines()
    assert any(line.startswith("ok    pve1, pve2, pve3  version") for line in told)
    assert told[-1].endswith(" ok, 0 warnings, 0 failures")
    assert live.must("-q", "doctor").out.splitlines() == told[-1:]


def test_one_node_can_be_asked_for_and_an_unknown_one_is_refused(live):
    live.forget()
    assert examined(live, "--node", "pve2") == (0, {})
    assert len(live.lines()) == 1
    answer = live.pvekit("doctor", "--node", "pve9")
    assert (answer.status, answer.out) == (5, "")
    assert "It names pve1, pve2, pve3." in answer.err


def test_a_node_that_is_down_is_named_and_the_others_are_looked_at(live):
    live.order("node-down", "pve2", how="refused", count=-1)
    status, bad = examined(live)
    assert status == 7
    assert bad["pve2", "ssh"]["id"] == "SSH-UNREACHABLE"
    assert bad["lab", "quorum"]["level"] == "warn"
    assert set(bad) == {("pve2", "ssh"), ("lab", "quorum")}


@pytest.mark.parametrize(
    ("fault", "check", "identity", "mend"),
    [
        ("auth-refused", "ssh", "SSH-LOGIN-REFUSED", "ssh-copy-id"),
        ("host-key", "host-key", "SSH-HOST-KEY-CHANGED", "pvekit node trust pve3"),
    ],
)
def test_who_is_not_let_in_is_told_why(live, fault, check, identity, mend):
    live.order(fault, "pve3", count=-1)
    status, bad = examined(live)
    assert status == 1
    assert set(bad) == {("pve3", check)}
    assert bad["pve3", check]["id"] == identity
    assert mend in bad["pve3", check]["mend"]


def test_a_lost_quorum_is_a_failure_that_may_pass(live):
    live.order("quorum-lost", "pve1,pve2,pve3", count=-1)
    status, bad = examined(live)
    assert status == 7
    assert bad["lab", "quorum"]["id"] == "PVE-QUORUM-LOST"


@pytest.mark.parametrize(
    ("seconds", "level", "side"),
    [(300, "fail", "ahead"), (-300, "fail", "behind"), (20, "warn", "ahead")],
)
def test_a_wrong_clock_is_told_with_its_side(live, seconds, level, side):
    live.order("clock-skew", "pve1", seconds=seconds, count=-1)
    status, bad = examined(live)
    found = bad["pve1", "clock"]
    assert set(bad) == {("pve1", "clock")}
    assert (found["level"], status) == (level, level == "fail")
    assert side in found["says"]


def test_where_all_nodes_say_the_same_it_is_our_clock(live):
    live.order("clock-skew", "pve1,pve2,pve3", seconds=300, count=-1)
    _, bad = examined(live)
    assert set(bad) == {("here", "clock")}
    assert "behind all nodes" in bad["here", "clock"]["says"]


def test_a_url_that_the_nodes_do_not_reach_is_told_by_each(live):
    live.order("download-error", IMAGE, count=-1)
    status, bad = examined(live)
    assert status == 7
    assert set(bad) == {(f"pve{n}", "download") for n in (1, 2, 3)}
    assert "500" in bad["pve1", "download"]["says"]


def changed(live, **template):
    return live.configured(
        "-".join(map(str, template.values())).replace("/", "-"), vm_template=template
    )


@pytest.mark.parametrize(
    ("template", "check", "level", "says"),
    [
        ({"storage_pool": "no-such"}, "storage", "fail", "there is no storage no-such"),
        ({"storage_pool": "local"}, "storage", "fail", "does not hold disk images"),
        ({"network_bridge": "vmbr9"}, "bridge", "fail", "there is no bridge vmbr9"),
        ({"vlan": 5}, "bridge", "warn", "not VLAN-aware"),
        ({"customize": "virt-customize"}, "tools", "fail", "virt-customize is not there"),
        ({"base_disk_gb": 400}, "storage", "warn", "up to 800 GiB"),
        (
            {"checksum_url": "https://cloud-images.ubuntu.com/noble/current/SHA256SUMS"},
            "download",
            "fail",
            f"does not list '{IMAGE}'",
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_the_configuration_names_and_the_nodes_lack(live, template, check, level, says):
    status, bad = examined(changed(live, **template))
    assert {where for where, _ in bad} == {"pve1", "pve2", "pve3"}
    assert {found["level"] for found in bad.values()} == {level}
    assert bad["pve1", check]["level"] == level
    assert says in bad["pve1", check]["says"]
    assert (status == 0) is (level == "warn")


def test_a_storage_that_is_down_disabled_or_full_is_told(tmp_path):
    with live_site(
        tmp_path, SiteSpec(nodes=1, clustered=False, storage="nfs", storage_gb=20)
    ) as live:
        nas = changed(live, storage_pool="nas", base_disk_gb=16)
        status, bad = examined(nas)
        assert (status, set(bad)) == (1, {("pve1", "storage")})
        assert "20 GiB free" in bad["pve1", "storage"]["says"]
        live.order("storage-down", "nas", count=-1)
        status, bad = examined(nas)
        assert (status, bad["pve1", "storage"]["id"]) == (7, "STORAGE-DOWN")
        status, bad = examined(changed(live, storage_pool="local-lvm", base_disk_gb=8))
        assert (status, bad["pve1", "storage"]["level"]) == (0, "warn")
        live.clear()
        live.on("pve1", "pvesm set nas --disable 1")
        status, bad = examined(nas)
        assert status == 1
        assert "--disable 0" in bad["pve1", "storage"]["mend"]


def test_a_placeholder_for_a_key_and_a_key_of_somebody_else_are_told(live):
    broken = live.configured("broken", cloud_init={"ssh_public_key": "ssh-ed25519 AAAA x"})
    status, bad = examined(broken)
    assert (status, bad["here", "public-key"]["level"]) == (1, "fail")
    foreign = live.configured("foreign", cloud_init={"ssh_public_key": KEY})
    status, bad = examined(foreign)
    assert (status, bad["here", "public-key"]["level"]) == (0, "warn")


def test_running_vms_unfinished_runs_and_dead_claims_are_told(tmp_path):
    with templated_site(tmp_path, SiteSpec(nodes=1, clustered=False)) as live:
        live.must(*CREATE)
        findings = live.must("doctor", "-o", "json").rows
        (guests,) = [f for f in findings if f["check"] == "guests"]
        assert (guests["level"], guests["where"]) == ("ok", "pve1")
        live.order("clone-fails", "", count=-1)
        failed = live.pvekit(*CREATE)
        assert failed.status != 0
        status, bad = examined(live)
        assert status == 0
        run = live.must("run", "list", "-o", "json").rows
        assert run[0]["run"] in bad["here", "runs"]["says"]
        live.clear()
        live.order("guest-silent", "100", count=-1)
        live.on("pve1", "qm stop 100 && qm start 100")
        _, bad = examined(live)
        assert bad["pve1", "guests"]["level"] == "warn"
