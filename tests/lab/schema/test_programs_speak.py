"""What a node's programs say before they do anything: versions, help, locales, passwords."""

import asyncio

import pytest

from pvekit.lab.machine import collect
from pvekit.lab.site import Site, SiteSpec

UTF8 = {"LC_ALL": "C.UTF-8"}


def ask(*lines, pve="8.4", stdin=b"", env=UTF8):
    """The answers of a fresh node to some lines."""
    machine = Site(SiteSpec(nodes=1, clustered=False, seed=1, pve=pve)).nodes["pve1"].machine

    async def run():
        return [await collect(machine, line, stdin, env=env) for line in lines]

    found = asyncio.run(run())
    return [(status, out.decode(), err.decode()) for status, out, err in found]


@pytest.mark.parametrize(
    ("pve", "told"),
    [("8.4", "Unknown option: allow-ksm\n400 unable to parse option\n"), ("9.2", "")],
)
def test_each_node_speaks_the_table_of_its_version(pve, told):
    ((status, _, err),) = ask("qm create 100 --allow-ksm 0", pve=pve)
    assert (status == 0, err.partition("qm create")[0]) == (not told, told)


def test_help_is_loud_about_the_prose_that_is_not_held():
    assert ask("qm help clone --verbose 0", "qm help status --verbose=no") == [
        (0, "USAGE: qm clone <vmid> <newid> [OPTIONS]\n\n", ""),
        (0, "USAGE: qm status <vmid> [OPTIONS]\n\n", ""),
    ]
    for status, out, err in ask("qm help", "pvesm help add", "pveum help --verbose 1"):
        assert (status, out) == (99, "")
        assert "not simulated" in err
    ((status, _, err),) = ask("qm help nosuch")
    assert (status, err.partition("\n")[0]) == (255, "ERROR: unknown command 'nosuch'")


def test_a_locale_that_the_node_lacks_is_told_and_changes_nothing_else():
    env = {"LC_ALL": "de_DE.UTF-8", "LANG": "en_US.UTF-8"}
    ((status, out, err),) = ask("qm list", env=env)
    assert (status, out, err.count("\n")) == (0, "", 7)
    assert err.startswith("perl: warning: Setting locale failed.\n")


def test_passwords_are_read_from_stdin_twice():
    assert [e for _, _, e in ask("qm create 100 --cipassword", stdin=b"a\nb\n")] == [
        "passwords do not match\n"
    ]
    assert [e for _, _, e in ask("qm create 100 --cipassword")] == ["EOF while reading password\n"]
    created = ask(
        "qm create 100 --cipassword", "cat /etc/pve/qemu-server/100.conf", stdin=b"a\na\n"
    )
    assert "\ncipassword: " in created[1][1]


def test_values_that_cannot_be_read_are_told_each_time():
    line = "echo 'name: a_b' >> /etc/pve/qemu-server/100.conf"
    answers = ask("qm create 100", line, "qm status 100", "qm status 101")
    why = "value does not look like a valid DNS name"
    assert answers[2][2] == f"vm 100 - unable to parse value of 'name' - {why}\n"
    assert "unable to parse" not in answers[3][2]


def test_all_groups_of_all_programs_show_their_usage():
    lines = ["pveum user", "pvesm scan", "pvecm qdevice", "pvenode acme", "ha-manager crm-command"]
    for line, (status, _, err) in zip(lines, ask(*lines), strict=True):
        if status != 127:
            assert status == 255
            assert err.startswith(f"ERROR: incomplete command '{line}'\nUSAGE: {line.split()[0]} ")
