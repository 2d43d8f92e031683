"""A user who is not root, sudo, and the wrapper: all that pvekit does, and nothing besides."""

from __future__ import annotations

import stat
from collections.abc import Iterator

import pytest
from live import STANDALONE, Live, live_site

from pvekit.pve import agent

CREATE = ("vm", "create", "--role", "worker", "--size", "small", "--name", "meek")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_site(tmp_path_factory.mktemp("privileges"), STANDALONE) as site:
        yield site.configured("meek", ssh_user="admin", sudo="wrapper")


def test_the_wrapper_is_shown_and_installed(live):
    shown = live.must("node", "sudoers", "pve1", "--vmids", "100-9999").out
    assert agent.rule("admin") in shown
    assert live.on("pve1", "ls /etc/sudoers.d 2>/dev/null || true") == ""
    answer = live.pvekit("node", "sudoers", "pve1", "--install")
    assert answer.status == 2  # nobody to ask
    live.must("node", "sudoers", "pve1", "--vmids", "100-9999", "--install", "--yes")
    files = live.site.nodes["pve1"].machine.files
    for path, mode in ((agent.RULE, 0o440), (agent.PROGRAM, 0o755)):
        found = files.stat(path)
        assert (found.owner, stat.S_IMODE(found.mode)) == ("root", mode)
    assert sorted(files.names("/etc/sudoers.d")) == ["pvekit"]
    line = live.served.shell.run_line("pve1", "sudo -n qm list", user="admin")
    assert line[0] == 1
    assert b"password is required" in line[2]


def test_a_faulty_rule_is_not_put_in_place(live):
    answer = live.pvekit("node", "sudoers", "pve1", "--user", "a b")
    assert answer.status == 2
    before = live.on("pve1", f"cat {agent.RULE}")
    words = f"{agent.RULE} 440 {'bm9uc2Vuc2UK'}"  # "nonsense"
    from pvekit.pve.scripts import text

    status, _, err = live.served.shell.run_line(
        "pve1", f"sh -s -- {words}", text("set-up-agent").encode()
    )
    assert status != 0
    assert b"syntax error" in err
    assert live.on("pve1", f"cat {agent.RULE}") == before
    assert live.on("pve1", "ls /etc/sudoers.d") == "pvekit\n"


def test_all_that_pvekit_does_goes_through_the_wrapper(live):
    live.forget()
    live.must("-q", "template", "build")
    live.must("-q", *CREATE)
    live.must("vm", "list")
    live.must("node", "list")
    live.must("vm", "stop", "meek")
    live.must("vm", "start", "meek")
    assert live.pvekit("doctor").status in (0, 1)
    live.must("vm", "delete", "meek", "--yes")
    assert live.on("pve1", "ls /etc/pve/qemu-server") == "9000.conf\n"
    sent = [event["line"] for event in live.site.log.of("exec") if not event.get("vmid")]
    through = [line for line in sent if line.startswith(f"sudo -n {agent.PROGRAM} ")]
    assert len(through) > 20
    ours = [line for line in sent if "sh -s" in line or "sudo" in line]
    assert set(ours) <= set(through)


def test_what_is_out_of_range_is_refused_with_the_reason(live):
    answer = live.pvekit("-q", *CREATE[:-1], "far", "--vmid", "20000")
    assert answer.status != 0
    assert "vmid 20000 is not within 100-9999" in answer.err
