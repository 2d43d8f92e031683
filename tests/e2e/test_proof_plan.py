"""The configuration of the plan, with only hosts and keys changed, creates VMs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from labsite import PLAN
from live import CREATE, Live, live_site

from pvekit.lab.site import SiteSpec

HOSTS = ("pve-pc-mini.icosahedron.org", "pve-mac-mini.icosahedron.org")
KEY_PATH = "~/.ssh/pve.key"
PUBLIC_KEY = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ..."


@pytest.fixture
def live(tmp_path):
    with live_site(tmp_path, SiteSpec(nodes=2, clustered=False)) as site:
        (site.home / ".ssh").mkdir()
        known = (site.config.parent / "known_hosts").read_text()
        (site.home / ".ssh" / "known_hosts").write_text(known)
        yield site


def with_plan(live: Live, hosts: dict[str, str]) -> Live:
    """The plan's file with these words replaced, and the keys."""
    directory = live.config.parent
    words = {
        **hosts,
        KEY_PATH: str(directory / "id_ed25519"),
        PUBLIC_KEY: (directory / "id_ed25519.pub").read_text().strip(),
    }
    text = PLAN.read_text()
    for old, new in words.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    signed = f"  signing_key: {directory / 'images.gpg'}  # the lab has its own, too\n  base_cpus:"
    text = text.replace("  base_cpus:", signed, 1)
    path = directory / "plan.yaml"
    path.write_text(text)
    return replace(live, config=path)


def addresses(live: Live) -> list[tuple[str, int]]:
    return list(live.served.addresses.values())


def check_it_creates(live: Live) -> None:
    live.must("config", "validate")
    live.must("template", "build")
    vms = live.must(*CREATE, "--count", "2", "-o", "json").vms
    assert [vm["state"] for vm in vms] == ["ready", "ready"]
    assert len({vm["node"] for vm in vms}) == 2
    assert len({vm["address"] for vm in vms}) == 2


def test_with_hosts_and_keys_of_the_lab(live):
    nodes = [f"{{host: {host}, port: {port}}}" for host, port in addresses(live)]
    check_it_creates(with_plan(live, dict(zip(HOSTS, nodes, strict=True))))


def test_with_the_hosts_in_the_users_ssh_configuration(live):
    entries = [
        f"Host {name}\n  HostName {host}\n  Port {port}\n"
        for name, (host, port) in zip(HOSTS, addresses(live), strict=True)
    ]
    (live.home / ".ssh" / "config").write_text("".join(entries))
    check_it_creates(with_plan(live, {}))
