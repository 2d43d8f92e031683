"""Everything that is sent would be accepted by the real programs of PVE 8.4 and 9.2."""

from __future__ import annotations

import shlex

import pytest
from live import CREATE, Live, live_site
from pve_tables import PROGRAMS, SHARED, VERSIONS, Tables

from pvekit.lab.site import SiteSpec

pytestmark = pytest.mark.skipif(
    not SHARED.exists(), reason="the option tables of the real programs are not here"
)

STATIC = (
    *("--network", "static", "--ip", "10.0.0.20/24", "--gateway", "10.0.0.1"),
    *("--dns", "10.0.0.53", "--dns", "10.0.0.54"),
)
SIX = ("--network", "static", "--ip", "2001:db8::20/64", "--gateway", "2001:db8::1")
WORDY = ("--vlan", "20", "--tag", "blue.1", "--tag", "a_b", "--cpus", "3", "--memory", "3G")


def brief_run(live: Live) -> None:
    """What every site has: a template, VMs with either network, a VM deleted."""
    live.must("template", "build")
    live.must(*CREATE)
    live.must(*CREATE, *STATIC, *WORDY, "--disk", "33", "--count", "2")
    live.must("vm", "delete", "k8s-worker-1", "--yes")


def other_verbs(live: Live) -> None:
    live.must("vm", "create", "--role", "master", *SIX, "--linked", "--no-wait", "--name", "six")
    live.must("vm", "stop", "six", "--force")
    live.must("vm", "stop", "k8s-worker-2")
    live.must("vm", "start", "k8s-worker-2")
    live.must("vm", "delete", "k8s-worker-2", "six", "--yes")


def trusting_run(live: Live) -> None:
    """A VM whose host key is taken as it comes: its agent is asked for its addresses alone."""
    live.must(*CREATE, "--name", "trusted", "--guest-host-key", "accept-new")


def custom_run(live: Live) -> None:
    """VMs to whose generated cloud-init data somebody has added a file."""
    snippet = "/var/lib/vz/snippets/more.yaml"
    for row in live.must("template", "list", "-o", "json").rows:
        live.on(row["node"], f"mkdir -p {snippet.rpartition('/')[0]}")
        live.on(row["node"], f"echo '#cloud-config' >{snippet}")
        live.on(row["node"], f"qm set {row['vmid']} --cicustom vendor=local:snippets/more.yaml")
    live.must("vm", "create", "--role", "custom", "--no-wait")


def broken_run(live: Live) -> None:
    """A run that is broken off and taken back."""
    live.order("link-cut", "qm set", count=-1)
    assert live.pvekit("vm", "create", "--role", "broken").status == 7
    live.clear()
    live.settle()
    run = live.must("run", "list", "-o", "json").rows[0]["run"]
    live.must("run", "rollback", run, "--yes")


SITES = {
    "boot": (SiteSpec(nodes=2, clustered=True), {}),
    "virt-customize": (SiteSpec(nodes=2, clustered=False, virt_customize=True), {}),
    "shared": (SiteSpec(nodes=2, clustered=True, storage="rbd"), {"vlan": 30}),
    "uefi": (
        SiteSpec(nodes=1, clustered=False, storage="dir"),
        {"bios": "ovmf", "disk_format": "qcow2", "cpu": "host", "user": "sysadmin"},
    ),
}


CLOUD_INIT = {"searchdomain": "example.org", "nameservers": ["10.0.0.2"], "upgrade": True}
VERBS = {
    *("qm create", "qm clone", "qm set", "qm template", "qm start", "qm shutdown", "qm stop"),
    *("qm destroy", "qm disk resize", "qm cloudinit dump", "qm guest exec", "qm agent"),
}


def test_the_real_programs_accept_all_that_is_sent(tmp_path):
    sent: set[tuple[str, ...]] = set()
    for name, (spec, template) in SITES.items():
        with live_site(tmp_path / name, spec) as plain:
            live = plain.configured("whole", vm_template=template, cloud_init=CLOUD_INIT)
            brief_run(live)
            if name == "boot":
                other_verbs(live)
                trusting_run(live)
                custom_run(live)
                broken_run(live)
            sent |= {tuple(event["argv"]) for event in live.programs()}
    sent = {words for words in sent if words[0] in PROGRAMS}
    lines = [shlex.join(words) for words in sent]
    assert {verb for verb in VERBS if any(line.startswith(f"{verb} ") for line in lines)} == VERBS
    for version in VERSIONS:
        tables = Tables(version)
        faults = {shlex.join(words): found for words in sent if (found := tables.faults(words))}
        assert not faults, (version, faults)


WRONG = {
    "qm clone 9000 101 --tags a": "unknown option tags",
    "qm clone 9000 99": "newid: 99 is less than 100",
    "qm clone 9000": "newid is missing",
    "qm clone 9000 101 102": "one argument too many: 102",
    "qm clone 9000 101 --name a_b": "name: 'a_b' is no dns-name",
    "qm clone 9000 101 --full maybe": "full: 'maybe' is no boolean",
    "qm set 100 --net0 virtio,bridge=vmbr0,tag=4095": "net0: .tag: 4095 is more than 4094",
    "qm set 100 --net1 bridge=vmbr0": "net1: .model is missing",
    "qm set 100 --net0 virtio,speed=9": "net0: no property 'speed'",
    "qm set 100 --ipconfig0 ip=10.0.0.5": "ipconfig0: .ip: '10.0.0.5' is no pve-ipv4-config",
    "qm set 100 --ipconfig0 gw=10.0.0.1": "ipconfig0: .gw requires ip",
    "qm set 100 --bios efi": "bios: 'efi' is none of ['seabios', 'ovmf']",
    "qm set 100 --memory 8": "memory: .current: 8 is less than 16",
    "qm set 100 --cores": "option cores without a value",
    "qm disk resize 100 scsi0 20GB": r"size: '20GB' does not match \+?\d+(\.\d+)?[KMGT]?",
    "qm start 100 -f": "not a long option: -f",
    "qm resize 100 scsi99 20G": "disk: 'scsi99' is none of",
    "qm fly 100": "no such command: qm fly 100",
    "pvesh get": "api_path is missing",
    "pvesm list": "storage is missing",
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("line", WRONG)
def test_wrong_words_are_refused(line, version):
    faults = Tables(version).faults(line.split())
    assert any(fault.startswith(WRONG[line]) for fault in faults), faults


@pytest.mark.parametrize(
    "line",
    [
        "qm resize 100 scsi0 20G",
        "qm set 100 --net0 virtio=BC:24:11:00:00:01,bridge=vmbr0 --sshkeys /dev/stdin",
        "qm guest exec 100 --timeout 10 -- cloud-init status --long",
        "pvesh get /cluster/resources --output-format json",
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_right_words_are_accepted(line, version):
    assert Tables(version).faults(line.split()) == []
