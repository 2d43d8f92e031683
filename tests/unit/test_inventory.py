"""The reading script is run by the real shell over a tree that looks like a node's."""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvekit.errors import Transient, UsageError
from pvekit.inventory import reading
from pvekit.inventory.model import StorageState
from pvekit.inventory.read import assemble, site_query
from pvekit.pve.claims import Claim
from pvekit.pve.mark import Mark
from pvekit.shell import Unreachable

MEMBERS = """\
{
"nodename": "%s",
"version": 5,
"cluster": { "name": "bench", "version": 2, "nodes": 2, "quorate": 1 },
"nodelist": {
  "pve1": { "id": 1, "online": 1, "ip": "10.99.0.1"},
  "pve2": { "id": 2, "online": 1, "ip": "10.99.0.2"}
  }
}
"""

VMLIST = """\
{
"version": 264,
"ids": {
"9001": { "node": "pve1", "type": "qemu", "version": 21 },
"101": { "node": "pve1", "type": "qemu", "version": 2 },
"102": { "node": "pve2", "type": "qemu", "version": 2 },
"103": { "node": "pve2", "type": "qemu", "version": 9 },
"200": { "node": "pve1", "type": "lxc", "version": 2 }}

}
"""

STORAGE_CFG = """\
dir: local
\tpath /var/lib/vz
\tcontent rootdir,images,snippets,import,backup,iso,vztmpl

lvmthin: local-lvm
\tthinpool data
\tvgname pve
\tcontent rootdir,images
\tnodes pve1

# somebody's note
rbd: ceph
\tpool rbd
\tdisable

nfs: nas
\tserver 10.0.0.9
\tcontent backup
"""

RRD_8 = """\
pve2.3-vm/101:0:web-1:running:1:1795212143:2:0.01:2147483648:900:0:0:0:0:0:0
pve2-node/pve1:1000::1795212143:0.5:16:0.1:0.0:68719476736:17179869184:0:0:100:50:1:1
pve2-node/pve2:1000::1795212143:0.5:8:0.1:U:U:U:0:0:100:50:1:1
pve2-storage/pve1/local:1795212143:107374182400:7374182400
pve2-storage/pve1/local-lvm:1795212143:536870912000:0
"""
RRD_9 = (
    RRD_8.replace("pve2.3-vm", "pve-vm-9.0")
    .replace("pve2-node", "pve-node-9.0")
    .replace("pve2-storage", "pve-storage-9.0")
)

MARKED = f"#{Mark('vm', 101, 'web-1', role='web').to_line().replace(':', '%3A')}\n"

FILES = {
    "/etc/pve/.members": MEMBERS % "pve1",
    "/etc/pve/.vmlist": VMLIST,
    "/etc/pve/.rrd": RRD_8 + "\0",
    "/etc/pve/storage.cfg": STORAGE_CFG,
    "/etc/pve/datacenter.cfg": "keyboard: de\nnext-id: lower=200,upper=300\n",
    "/etc/pve/local/lrm_status": "{}",
    "/etc/pve/nodes/pve1/qemu-server/101.conf": MARKED
    + "cores: 2\nipconfig0: ip=10.0.0.5/24,gw=10.0.0.1\nmemory: 2048\nname: web-1\n"
    + "net0: virtio=bc:24:11:00:00:01,bridge=vmbr0\nsockets: 2\ntags: pvekit;web\n",
    "/etc/pve/nodes/pve1/qemu-server/9001.conf": "name: base\ntemplate: 1\n",
    "/etc/pve/nodes/pve1/lxc/200.conf": "hostname: dns\nnet0: name=eth0,ip=10.0.0.7/24\n",
    "/etc/pve/nodes/pve2/qemu-server/102.conf": "# qmclone temporary file\nlock: clone\n",
    "/etc/pve/nodes/pve2/qemu-server/103.conf": "",
    "/etc/pve/priv/pvekit/vmid-104": Claim(
        "bench", "vmid", "104", vmid=104, node="pve1", memory_mb=4096
    ).to_line(),
    "/etc/pve/priv/pvekit/vmid-102": Claim(
        "bench", "vmid", "102", vmid=102, node="pve2", memory_mb=1000
    ).to_line(),
    "/etc/pve/priv/pvekit/name-web-2": "",
    "/etc/network/interfaces": "iface lo inet loopback\niface vmbr1 inet manual\n\tovs_type OVSBridge\n",
    "/proc/sys/kernel/random/boot_id": "a7f6cb88\n",
    "/run/qemu-server/101.pid": "4711\n",
    "/proc/4711/cmdline": "/usr/bin/kvm\0-id\000101\0-name\0web-1,debug=on\0-smbios\0x\0",
    "/run/qemu-server/9001.pid": "4712\n",
    "/proc/4712/cmdline": "/usr/bin/vim\0-id\000101\0",
    "/run/qemu-server/102.pid": "99999\n",
    "/sys/class/net/vmbr0/bridge/x": "",
    "/var/lib/vz/x": "",
}


def run_script(root: Path, image_dir="/var/lib/vz/pvekit/images") -> str:
    query = site_query(f"{root}{image_dir}")
    text = query.command.input().decode()
    for folder in ("/etc/", "/run/", "/proc/", "/sys/"):
        text = text.replace(f" {folder}", f" {root}{folder}").replace(
            f'"{folder}', f'"{root}{folder}'
        )
    result = subprocess.run(
        [str(word) for word in query.command.words],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env=os.environ | {"LC_ALL": "C.UTF-8"},
    )
    return result.stdout.replace(str(root), "")


def read(root: Path, files: dict[str, str]) -> reading.NodeReading:
    for path, text in files.items():
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (root / "etc/pve/local").mkdir(exist_ok=True)
    return reading.parse(run_script(root))


@pytest.fixture
def bench(tmp_path):
    return read(tmp_path, FILES)


@pytest.fixture
def inventory(bench):
    return assemble({"one": bench})


def test_the_script_is_quiet_and_ends_on_a_bare_machine(tmp_path):
    with pytest.raises(Transient, match="/etc/pve"):
        reading.parse(run_script(tmp_path, ""))


@pytest.mark.parametrize("image_dir", ["", "relative", "/", "/no/such/place"])
def test_the_free_space_is_that_of_the_nearest_folder(image_dir):
    query = site_query(image_dir)
    result = subprocess.run(
        [str(word) for word in query.command.words],
        input=query.command.input(),
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert b"fact image_dir_free_bytes Avail " in result.stdout


def test_nodes(inventory):
    one = inventory.node("one")
    assert one == inventory.node("pve1")
    assert (one.name, one.domain, one.online, one.writable) == ("pve1", "bench", True, True)
    assert (one.cpus, one.memory_mb, one.memory_free_mb) == (16, 65536, 49152)
    assert one.bridges == {"vmbr0", "vmbr1"}
    assert one.boot_id == "a7f6cb88"
    assert one.image_dir_free_bytes > 0
    other = inventory.node("pve2")
    assert (other.configured, other.online, other.cpus, other.memory_mb) == (False, True, 8, None)


def test_pve_9_names_its_figures_otherwise(tmp_path, inventory):
    nine = assemble({"one": read(tmp_path, FILES | {"/etc/pve/.rrd": RRD_9})})
    assert (nine.nodes, nine.storages) == (
        tuple(
            replace(node, image_dir_free_bytes=other.image_dir_free_bytes)
            for node, other in zip(inventory.nodes, nine.nodes, strict=True)
        ),
        inventory.storages,
    )


def test_without_quorum_nothing_is_writable(tmp_path):
    (tmp_path / "etc/pve/local").mkdir(parents=True)
    (tmp_path / "etc/pve/local").chmod(0o555)
    members = MEMBERS.replace('"quorate": 1', '"quorate": 0') % "pve1"
    found = assemble({"one": read(tmp_path, {"/etc/pve/.members": members})})
    assert not found.node("one").writable
    assert not found.domain("bench").quorate
    assert "no quorum" in found.problems[0]


def test_storages(inventory):
    local = inventory.storage("bench", "local")
    assert local.states == {"pve1": StorageState(107374182400, 7374182400)}
    assert local.states["pve1"].free == 100_000_000_000
    lvm = inventory.storage("bench", "local-lvm")
    assert (lvm.type, lvm.content, lvm.shared) == ("lvmthin", {"rootdir", "images"}, False)
    assert (lvm.is_on("pve1"), lvm.is_on("pve2")) == (True, False)
    ceph = inventory.storage("bench", "ceph")
    assert (ceph.shared, ceph.disabled, ceph.content, ceph.states) == (True, True, {"images"}, {})
    assert inventory.storage("bench", "nas").content == {"backup"}
    assert inventory.storage("bench", "nosuch") is None


def test_a_node_without_storage_cfg_still_has_local(tmp_path):
    found = assemble({"one": read(tmp_path, {"/etc/pve/.members": MEMBERS % "pve1"})})
    assert "images" in found.storage("bench", "local").content


def test_guests(inventory):
    assert [(vm.vmid, vm.node, vm.kind, vm.name, vm.running) for vm in inventory.vms] == [
        (101, "pve1", "qemu", "web-1", True),
        (102, "pve2", "qemu", "", None),
        (103, "pve2", "qemu", "", None),
        (200, "pve1", "lxc", "dns", None),
        (9001, "pve1", "qemu", "base", False),
    ]
    (web,) = inventory.find("web-1")
    assert inventory.find(101) == (web,)
    assert (web.cpus, web.memory_mb, web.tags, web.ours) == (4, 2048, ("pvekit", "web"), True)
    assert [str(address) for address in web.addresses_configured] == ["10.0.0.5/24"]
    assert web.macs == {"net0": "BC:24:11:00:00:01"}
    assert [str(a) for a in inventory.vm("bench", 200).addresses_configured] == ["10.0.0.7/24"]
    assert inventory.vm("bench", 102).config.is_stub
    assert inventory.templates() == ()  # the only template bears no mark


def test_a_stale_pid_file_is_no_running_guest(bench):
    assert set(bench.files) >= {"/run/qemu-server/9001.pid", "/run/qemu-server/102.pid"}
    running = [vm.vmid for vm in assemble({"one": bench}).vms if vm.running]
    assert running == [101]


def test_claims_count_until_the_guest_shows(inventory):
    one, other = inventory.node("one"), inventory.node("pve2")
    assert {claim.value for claim in inventory.claims} == {"104", "102", "web-2"}
    assert [claim.vmid for claim in inventory.pending_claims()] == [104]
    assert (inventory.vm_count(one), inventory.vm_count(other)) == (2, 2)
    assert inventory.memory_given_mb(one) == 2048 + 512 + 4096
    assert inventory.memory_given_mb(other) == 1000 + 512  # the stub's claim, the empty file
    assert inventory.memory_pending_mb(one) == 4096


def test_the_next_id_range(inventory):
    assert inventory.domain("bench").vmid_range == (200, 300)


def test_one_host_under_two_names_is_refused(bench):
    with pytest.raises(UsageError, match=r"one and uno are the same host \(pve1\)"):
        assemble({"one": bench, "uno": bench})


def second(bench, **changes):
    files = bench.files | {"/proc/sys/kernel/random/boot_id": "b"}
    return replace(bench, **({"node": "pve2", "files": files} | changes))


def test_two_pve_clusters_of_one_name_are_refused(bench):
    with pytest.raises(UsageError, match="cannot tell them apart"):
        assemble({"one": bench, "two": second(bench, node="pve1")})


def test_a_pve_cluster_is_read_once(bench):
    found = assemble({"one": bench, "two": second(bench)})
    assert len(found.domains) == 1
    assert [(node.alias, node.name) for node in found.nodes] == [("one", "pve1"), ("two", "pve2")]
    assert len(found.vms) == 5


def test_the_quorate_view_wins(bench):
    lonely = second(bench, quorate=False, guests={}, members=bench.members[1:])
    found = assemble({"two": lonely, "one": bench})
    assert (len(found.vms), found.domains[0].quorate) == (5, True)


def test_a_node_that_left_its_pve_cluster_is_not_used(bench):
    found = assemble({"one": bench, "old": second(bench, node="pve9", quorate=False)})
    assert not found.node("old").online
    assert "does not know this node" in found.problems[0]


def test_a_member_that_was_not_reached_keeps_its_place(bench):
    found = assemble({"one": bench, "pve2": Unreachable("no route to host")})
    node = found.node("pve2")
    assert (node.domain, node.configured, node.online) == ("bench", True, False)
    assert found.problems == ("pve2: no route to host",)
    assert inventory_names(found) == ["one", "pve2"]


def test_a_stranger_that_was_not_reached_has_no_domain(bench):
    found = assemble({"one": bench, "far": Unreachable("no route to host")})
    assert found.node("far").domain == ""
    assert inventory_names(found) == ["one", "pve2", "far"]


def inventory_names(found):
    return [node.alias for node in found.nodes]


def test_two_standalone_hosts_may_both_be_called_pve(tmp_path):
    members = json.dumps({"nodename": "pve", "version": 0})
    answers = {
        alias: read(
            tmp_path / alias,
            {
                "/etc/pve/.members": members,
                "/etc/pve/nodes/pve/qemu-server/100.conf": f"name: on-{alias}\n",
                "/proc/sys/kernel/random/boot_id": alias,
            },
        )
        for alias in ("mini", "mac")
    }
    found = assemble(answers)
    assert {(d.key, d.clustered, d.quorate) for d in found.domains} == {
        ("host:mini", False, True),
        ("host:mac", False, True),
    }
    assert found.node("pve") is None
    assert [vm.name for vm in found.find(100)] == ["on-mac", "on-mini"]
    assert [found.node_of(vm).alias for vm in found.find(100)] == ["mac", "mini"]


def test_an_answer_that_was_cut_is_none(tmp_path):
    assert read(tmp_path, FILES).guests
    lines = run_script(tmp_path).splitlines(keepends=True)
    for length in range(len(lines)):
        with pytest.raises(Transient):
            reading.parse("".join(lines[:length]))


def test_no_answer_at_all():
    found = assemble({"one": Unreachable("no route to host")})
    assert (found.domains, found.vms, len(found.nodes)) == ((), (), 1)


@given(st.text())
def test_no_output_makes_the_reader_crash(text):
    try:
        reading.parse(text)
    except Transient:
        return


@given(st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\n")))
def test_no_note_in_a_config_looks_like_another_file(note):
    path = "/etc/pve/nodes/pve1/qemu-server/101.conf"
    output = f"/etc/pve/.members:{json.dumps({'nodename': 'pve1'})}\n{path}:#{note}\nend\n"
    found = reading.parse(output)
    assert found.files[path] == f"#{note}\n"
    assert found.facts == {}
