"""Software-defined networks and a node's own interfaces: written, pending, applied."""

import asyncio
import json
from typing import Any

import pytest

from pvekit.lab.machine import collect
from pvekit.lab.site import Site, SiteSpec


class Lab:
    """A site on whose first node lines are run."""

    def __init__(self) -> None:
        self.site = Site(SiteSpec(storage="dir", seed=1))

    def sh(self, line: str, node: str = "pve1") -> tuple[int, str, str]:
        """Run one line."""
        status, out, err = asyncio.run(collect(self.site.nodes[node].machine, line))
        return status, out.decode(), err.decode()

    def get(self, path: str) -> Any:
        """Return what the API answers."""
        status, out, err = self.sh(f"pvesh get {path} --output-format json")
        assert status == 0, err
        return json.loads(out)

    def can_start(self, bridge: str, node: str = "pve1") -> bool:
        """Return whether a VM with a card on a bridge starts."""
        self.sh(f"qm create 100 --memory 64 --net0 virtio,bridge={bridge}", node)
        status = self.sh("qm start 100", node)[0]
        self.sh("qm stop 100", node)
        self.sh("qm destroy 100", node)
        return status == 0


ZONE = "pvesh create /cluster/sdn/zones --zone lab1 --type simple --nodes pve1"
VNET = "pvesh create /cluster/sdn/vnets --vnet apps --zone lab1"


def test_a_vnet_can_be_used_once_it_is_applied_and_only_on_its_nodes() -> None:
    lab = Lab()
    assert lab.sh(ZONE)[0] == lab.sh(VNET)[0] == 0
    assert lab.get("/cluster/sdn/vnets --pending 1")[0]["state"] == "new"
    assert not lab.can_start("apps")
    assert lab.sh("pvesh set /cluster/sdn")[0] == 0
    assert "state" not in lab.get("/cluster/sdn/vnets --pending 1")[0]
    assert lab.get("/nodes/pve1/sdn/zones") == [{"status": "available", "zone": "lab1"}]
    assert lab.can_start("apps")
    assert not lab.can_start("apps", "pve2")


def test_what_changed_since_it_was_applied_is_pending() -> None:
    lab = Lab()
    for line in (ZONE, VNET, "pvesh set /cluster/sdn"):
        lab.sh(line)
    lab.sh("pvesh set /cluster/sdn/vnets/apps --alias x")
    assert lab.get("/cluster/sdn/vnets --pending 1")[0]["pending"] == {"alias": "x"}
    lab.sh("pvesh delete /cluster/sdn/vnets/apps")
    assert lab.get("/cluster/sdn/vnets --pending 1")[0]["state"] == "deleted"
    assert [vnet["vnet"] for vnet in lab.get("/cluster/sdn/vnets --running 1")] == ["apps"]
    assert lab.get("/cluster/sdn/vnets") == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("zones --zone toolongname --type simple", "can't be more length than 8 characters"),
        ("zones --zone z1 --type vlan", "missing value for required option 'bridge'"),
        ("zones --zone z1 --type simple --bridge vmbr0", "unexpected property 'bridge'"),
        ("zones --zone lab1 --type simple", "sdn zone object ID 'lab1' already defined"),
        ("vnets --vnet v1 --zone lab1 --tag 3", "tag: vlan tag is not allowed on simple zone"),
        ("vnets --vnet v1 --zone none", "cannot lookup undefined type!"),
        (
            "vnets/apps/subnets --type subnet --subnet 10.0.0.0/24 --gateway 10.0.1.1",
            "gateway: 10.0.1.1 is not in subnet 10.0.0.0/24",
        ),
        (
            "vnets/apps/subnets --type subnet --subnet 10.0.0.0/24 "
            "--dhcp-range start-address=10.0.0.9,end-address=10.0.0.3",
            "start-address 10.0.0.9 must be smaller than end-address 10.0.0.3",
        ),
    ],
)
def test_what_is_refused(line: str, why: str) -> None:
    lab = Lab()
    lab.sh(ZONE)
    lab.sh(VNET)
    before = lab.get("/cluster/sdn/zones"), lab.get("/cluster/sdn/vnets")
    status, _, err = lab.sh(f"pvesh create /cluster/sdn/{line}")
    assert status != 0
    assert why in err
    assert (lab.get("/cluster/sdn/zones"), lab.get("/cluster/sdn/vnets")) == before


def test_a_bridge_exists_from_the_reload_on() -> None:
    lab = Lab()
    made = "pvesh create /nodes/pve1/network --iface vmbr5 --type bridge --autostart 1"
    assert lab.sh(made)[0] == 0
    assert "vmbr5" not in lab.sh("cat /etc/network/interfaces")[1]
    assert not lab.can_start("vmbr5")
    assert lab.sh("pvesh set /nodes/pve1/network")[0] == 0
    assert lab.can_start("vmbr5")
    assert lab.sh("pvesh delete /nodes/pve1/network/vmbr5")[0] == 0
    assert lab.can_start("vmbr5")
    assert lab.sh("pvesh set /nodes/pve1/network")[0] == 0
    assert not lab.can_start("vmbr5")


def test_a_reverted_change_leaves_the_interfaces_as_they_were() -> None:
    lab = Lab()
    before = lab.get("/nodes/pve1/network")
    lab.sh("pvesh create /nodes/pve1/network --iface vmbr5 --type bridge --cidr 10.1.1.1/24")
    assert {entry["iface"] for entry in lab.get("/nodes/pve1/network")} == {
        "eno1",
        "vmbr0",
        "vmbr5",
    }
    lab.sh("pvesh delete /nodes/pve1/network")
    assert lab.get("/nodes/pve1/network") == before


def test_writing_and_reading_the_interfaces_changes_nothing() -> None:
    lab = Lab()
    before = {entry["iface"]: entry for entry in lab.get("/nodes/pve1/network")}
    lab.sh("pvesh create /nodes/pve1/network --iface vmbr5 --type bridge --bridge_vlan_aware 1")
    lab.sh("pvesh create /nodes/pve1/network --iface vmbr5.7 --type vlan --cidr6 fd00::1/64")
    lab.sh("pvesh set /nodes/pve1/network")
    after = {entry["iface"]: entry for entry in lab.get("/nodes/pve1/network")}
    assert {name: after[name] for name in before} == before
    assert after["vmbr5"]["bridge_vlan_aware"] == 1
    assert after["vmbr5.7"]["address6"] == "fd00::1"


def test_interfaces_that_make_no_sense_are_refused() -> None:
    lab = Lab()
    for words, why in (
        ("vmbr0 --type bridge", "interface already exists"),
        ("vmbr5 --type bridge --bridge_ports eno9", "unable to find bridge port 'eno9'"),
        ("vmbr5 --type bridge --bridge_ports eno1", "port 'eno1' is already used on interface"),
        ("vmbr9.5000 --type vlan", "vlan-id 5000 should be <= 4094"),
        ("vmbr5 --type bridge --cidr 10.0.0.1/8 --gateway 10.0.0.2", "already exists on interface"),
    ):
        status, _, err = lab.sh(f"pvesh create /nodes/pve1/network --iface {words}")
        assert status != 0
        assert why in err
