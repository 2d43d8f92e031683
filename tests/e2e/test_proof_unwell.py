"""What goes wrong on the site is told by its name and leaves nothing that it should not."""

from __future__ import annotations

import re

import pytest
from live import CREATE, STANDALONE, live_site, templated_site

from pvekit.lab.site import SiteSpec

SHORT = (*CREATE, "--timeout", "3s")


@pytest.fixture
def bare(tmp_path):
    with live_site(tmp_path, STANDALONE) as site:
        yield site


@pytest.fixture
def live(bare):
    bare.must("template", "build")
    return bare


@pytest.mark.parametrize(("fault", "stage"), [("guest-silent", "agent"), ("guest-no-ssh", "tcp")])
def test_a_guest_that_does_not_get_ready_is_kept_and_gone_on_with(live, fault, stage):
    live.order(fault, "100", count=-1)
    late = live.pvekit(*SHORT)
    assert late.status == 9, late
    assert f"k8s-worker-1/{stage}" in late.err
    assert ".." not in late.err
    assert "The same command" in late.err
    assert live.must("vm", "list", "-o", "json").rows[0]["status"] == "running"
    live.clear()
    done = live.must(*SHORT, "-o", "json")
    assert done.err.startswith("resuming run ")
    assert [(vm["vmid"], vm["state"]) for vm in done.vms] == [(100, "ready")]
    assert [row["vmid"] for row in live.must("vm", "list", "-o", "json").rows] == [100]


def test_a_wrong_image_is_removed_and_both_sums_are_shown(bare):
    bare.order("download-corrupt", ".img", count=-1)
    answer = bare.pvekit("template", "build")
    assert answer.status == 1, answer
    assert len(set(re.findall(r"\b[0-9a-f]{64}\b", answer.err))) == 2, answer.err
    assert bare.on("pve1", "find /var/lib/vz/pvekit -type f") == ""
    assert bare.on("pve1", "ls /etc/pve/qemu-server") == ""
    bare.clear()
    bare.must("template", "build")


STRANGERS = {
    "without a mark": "qm create 150 --name theirs --memory 512 --scsi0 local-lvm:1",
    "with the mark of another": (
        "qm create 150 --name theirs --memory 512 --scsi0 local-lvm:1 "
        "--description 'pvekit:v1 kind=vm vmid=100 name=k8s-worker-1 role=worker run=0 need=x'"
    ),
}


@pytest.mark.parametrize("how", STRANGERS)
@pytest.mark.parametrize("verb", [("delete", "--yes"), ("stop",), ("start",)], ids=lambda v: v[0])
def test_a_strangers_vm_is_refused_and_stays(bare, how, verb):
    bare.on("pve1", STRANGERS[how])
    before = bare.cluster_files()
    bare.forget()
    answer = bare.pvekit("vm", verb[0], "theirs", *verb[1:])
    assert answer.status == 6, answer
    assert "VM 150 (theirs)" in answer.err
    assert "mark" in answer.err or "pvekit:v1" in answer.err
    assert (bare.changes(), bare.cluster_files()) == ([], before)


def test_a_wish_for_a_strangers_name_or_vmid_is_refused(live):
    live.on("pve1", STRANGERS["without a mark"])
    live.forget()
    for wish in (("--name", "theirs"), ("--vmid", "150")):
        answer = live.pvekit(*CREATE, *wish)
        assert answer.status == 6, answer
        assert "not ours" in answer.err
    assert live.changes() == []


def test_deleting_what_is_not_there_is_told(bare):
    assert bare.pvekit("vm", "delete", "nobody", "--yes").status == 5


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ({"storage_pool": "no-such", "network_bridge": "vmbr9"}, ["no-such", "vmbr9"]),
        ({"storage_pool": "local", "network_bridge": "vmbr9"}, ["images", "vmbr9"]),
        ({"base_disk_gb": 9000, "disk_format": "raw", "storage_pool": "local"}, ["GiB", "images"]),
        ({"customize": "virt-customize", "network_bridge": "vmbr9"}, ["apt-get install", "vmbr9"]),
    ],
    ids=["missing", "wrong content", "too small", "no tool"],
)
def test_all_that_a_template_lacks_is_told_before_anything_is_downloaded(bare, template, told):
    changed = bare.configured("changed", vm_template=template)
    before = bare.cluster_files()
    for more in ((), ("--dry-run",)):
        answer = changed.pvekit("template", "build", *more)
        assert answer.status == 8, answer
        assert all(word in answer.err for word in told), answer.err
    assert (bare.changes(), bare.cluster_files()) == ([], before)
    assert bare.on("pve1", "ls /var/lib/vz/pvekit 2>/dev/null || true") == ""


def test_a_full_storage_takes_no_template(tmp_path):
    with live_site(tmp_path, SiteSpec(nodes=2, storage_gb=2)) as live:
        bad = live.configured("bad", vm_template={"network_bridge": "vmbr9"})
        answer = bad.pvekit("template", "build")
        assert answer.status == 8, answer
        for node in ("pve1", "pve2"):
            assert f"{node}: storage local-lvm has " in answer.err
            assert f"{node}: there is no bridge vmbr9" in answer.err
        assert live.changes() == []


def test_a_storage_that_fills_up_meanwhile_fails_the_creation_and_leaves_nothing(live):
    before = live.picture()
    live.order("storage-full", "local-lvm")
    answer = live.pvekit(*CREATE)
    assert answer.status == 8, answer
    assert "local-lvm" in answer.err or "space" in answer.err
    live.must("run", "rollback", live.must("run", "list", "-o", "json").rows[0]["run"], "--yes")
    assert live.picture() == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--storage", "no-such"), "no-such"),
        (("--bridge", "vmbr9"), "vmbr9"),
        (("--memory", "900G"), "placement.memory"),
        (("--disk", "900"), "local-lvm"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_fits_nowhere_is_refused_with_the_reason(live, words, told):
    live.forget()
    answer = live.pvekit(*CREATE, *words)
    assert answer.status == 8, answer
    assert told in answer.err
    assert live.changes() == []


def test_a_disk_smaller_than_the_templates_is_refused(live):
    live.forget()
    answer = live.pvekit(*CREATE, "--disk", "8")
    assert answer.status == 2, answer
    assert live.changes() == []


def test_without_quorum_nothing_is_changed(tmp_path):
    with templated_site(tmp_path, SiteSpec(nodes=2)) as live:
        live.order("quorum-lost", count=-1)
        live.forget()
        answer = live.pvekit(*CREATE)
        assert answer.status in (7, 8), answer
        assert live.changes() == []
        live.clear()
        live.must(*CREATE)
