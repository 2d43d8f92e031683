"""Sites of other shapes: shared storage, standalone nodes, other storages and ways to customise."""

from __future__ import annotations

import pytest
from live import CREATE, live_site

from pvekit.lab.site import SiteSpec


def clones(live) -> list[list[str]]:
    return [argv for argv in live.changes() if argv[:2] == ["qm", "clone"]]


def test_on_shared_storage_one_template_serves_all_nodes(tmp_path):
    with live_site(tmp_path, SiteSpec(nodes=3, clustered=True, storage="rbd")) as live:
        live.must("template", "build")
        templates = live.must("template", "list", "-o", "json").rows
        assert len(templates) == 1
        assert "Nothing to do." in live.must("template", "build").err
        live.forget()
        vms = live.must(*CREATE, "--count", "3", "-o", "json").vms
        assert [vm["state"] for vm in vms] == ["ready"] * 3
        assert {vm["node"] for vm in vms} == {"pve1", "pve2", "pve3"}
        home = templates[0]["node"]
        targets = [argv[argv.index("--target") + 1] for argv in clones(live) if "--target" in argv]
        assert sorted(targets) == sorted({"pve1", "pve2", "pve3"} - {home})
        running = {row["vmid"]: row["node"] for row in live.must("vm", "list", "-o", "json").rows}
        assert running == {vm["vmid"]: vm["node"] for vm in vms}
        live.must("vm", "delete", *(vm["name"] for vm in vms), "--yes")
        assert live.must("vm", "list", "-o", "json").rows == []


def test_on_standalone_nodes_names_and_vmids_are_unique_over_the_site(tmp_path):
    with live_site(tmp_path, SiteSpec(nodes=2, clustered=False)) as live:
        live.must("template", "build")
        vmids = [row["vmid"] for row in live.must("template", "list", "-o", "json").rows]
        assert len(set(vmids)) == 2
        live.on("pve2", "qm create 100 --name k8s-worker-4 --memory 512")
        vms = live.must(*CREATE, "--count", "3", "-o", "json").vms
        assert {vm["name"] for vm in vms} == {f"k8s-worker-{n}" for n in (5, 6, 7)}
        assert {vm["vmid"] for vm in vms} == {101, 102, 103}
        assert {vm["node"] for vm in vms} == {"pve1", "pve2"}
        taken = live.pvekit(*CREATE, "--node", "pve1", "--vmid", "100")
        assert taken.status == 6, taken
        answers = live.in_parallel(*[(*CREATE, "-o", "json")] * 2)
        more = [vm for answer in answers for vm in answer.vms]
        assert len({vm["name"] for vm in vms + more}) == 5
        assert len({vm["vmid"] for vm in vms + more}) == 5
        for node in ("pve1", "pve2"):
            assert live.on(node, "ls /etc/pve/priv/pvekit") == ""


@pytest.mark.parametrize(
    "spec",
    [
        SiteSpec(nodes=1, clustered=False, storage="dir"),
        SiteSpec(nodes=1, clustered=False, storage="dir", virt_customize=True),
        SiteSpec(nodes=1, clustered=False, virt_customize=True),
        SiteSpec(nodes=1, clustered=False, pve="9.2"),
    ],
    ids=["dir", "dir, virt-customize", "lvmthin, virt-customize", "PVE 9.2"],
)
def test_a_vm_is_made_on_other_sites_too(tmp_path, spec):
    with live_site(tmp_path, spec) as live:
        live.must("template", "build")
        vms = live.must(*CREATE, "--linked", "--disk", "30", "-o", "json").vms
        assert [vm["state"] for vm in vms] == ["ready"]


@pytest.mark.parametrize(
    "template",
    [
        {"bios": "ovmf", "machine": "q35", "vlan": 20},
        {"scsihw": "virtio-scsi-pci", "cpu": "host", "user": "sysadmin"},
        {
            "image_url": "https://cloud.debian.org/images/cloud/bookworm/latest/"
            "debian-12-genericcloud-amd64.qcow2",
            "checksum_url": "https://cloud.debian.org/images/cloud/bookworm/latest/SHA512SUMS",
            "signature": "if-present",
        },
        {"build_network": {"ip": "10.0.100.200/24", "gateway": "10.0.100.1", "dns": ["10.0.0.53"]}},
    ],
    ids=["uefi", "user", "debian", "static build network"],
)
def test_a_vm_is_made_of_other_templates_too(tmp_path, template):
    with live_site(tmp_path, SiteSpec(nodes=1, clustered=False)) as live:
        changed = live.configured("changed", vm_template=template)
        changed.must("template", "build")
        vms = changed.must(*CREATE, "-o", "json").vms
        assert [vm["state"] for vm in vms] == ["ready"]
        assert "Nothing to do." in changed.must("template", "build").err


def test_several_templates_get_vmids_of_their_own_on_each_node(tmp_path):
    with live_site(tmp_path, SiteSpec(nodes=3, clustered=True)) as live:
        second = {"kubernetes": {"name": "k8s-template", "recipe": "kubernetes"}}
        both = live.configured("two", templates=second)
        built = both.must("template", "build")
        assert "failed" not in built.err, built
        rows = live.must("template", "list", "-o", "json").rows
        assert sorted(row["vmid"] for row in rows) == list(range(9000, 9006))
        assert {row["vmid"] for row in rows if row["node"] == "pve1"} == {9000, 9001}
        assert len({(row["node"], row["name"]) for row in rows}) == 6
