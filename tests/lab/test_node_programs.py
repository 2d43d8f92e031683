"""Programs of a node besides Proxmox VE's own: users, keys, processes, other nodes."""

import asyncio
import re
from dataclasses import replace

import pytest
from parity import virtual
from parity.virtual import VirtualClock

from pvekit.lab.figures import realistic
from pvekit.lab.machine import collect
from pvekit.lab.site import Site, SiteSpec


@pytest.fixture
def site():
    return Site(SiteSpec(nodes=2))


async def run(site, line, stdin=b"", node="pve1", user="root"):
    status, out, err = await collect(site.nodes[node].machine, line, stdin, user=user)
    return status, out.decode(), err.decode()


def told(site, line, stdin=b"", **where):
    return asyncio.run(run(site, line, stdin, **where))


def test_a_login_is_bash_and_sh_is_dash(site):
    assert told(site, "b") == (127, "", "bash: line 1: b: command not found\n")
    assert told(site, "sh -c b") == (127, "", "sh: 1: b: not found\n")


def test_key_pairs_are_real(site):
    line = 'ssh-keygen -q -t {0} -N "" -C "a key" -f /root/{0} <<<y && cat /root/{0}.pub'
    for kind, begins in (("ed25519", "ssh-ed25519 AAAAC3"), ("rsa", "ssh-rsa AAAAB3")):
        status, out, _ = told(site, line.format(kind))
        assert (status, out[: len(begins)], out[-7:]) == (0, begins, " a key\n")
    public = told(site, "cut -d' ' -f1,2 /root/ed25519.pub")[1]
    assert told(site, "ssh-keygen -y -f /root/ed25519")[1] == public
    assert told(site, "stat -c %a /root/rsa /root/rsa.pub")[1] == "600\n644\n"
    asked = told(site, "ssh-keygen -q -t rsa -N '' -f /root/rsa", b"n\n")
    assert asked == (1, "/root/rsa already exists.\nOverwrite (y/n)? ", "")


def test_permissions_count_for_other_users(site):
    line = "cat /root/x; touch /root/y /tmp/z; ls -l /tmp; rm /tmp/w; chmod 600 /tmp/w"
    told(site, "echo a > /root/x; touch /tmp/w")
    _, out, err = told(site, f"su nobody -s /bin/sh -c '{line}'")
    assert re.search(r"-rw-r--r-- 1 nobody nogroup|nobody nobody", out)
    assert err == (
        "cat: /root/x: Permission denied\n"
        "touch: cannot touch '/root/y': Permission denied\n"
        "rm: cannot remove '/tmp/w': Operation not permitted\n"
        "chmod: changing permissions of '/tmp/w': Operation not permitted\n"
    )


def test_su_takes_the_users_shell_or_another_one(site):
    assert told(site, "su nobody -c id")[:2] == (1, "This account is currently not available.\n")
    assert told(site, "su nobody -s /bin/sh -c 'id -un; echo $HOME'")[1] == "nobody\n/nonexistent\n"
    assert told(site, "su nope -c id")[0] == 1


def test_nodes_reach_each_other_as_root(site):
    line = "ssh pve2 'hostname; echo err >&2; cat; exit 3'"
    assert told(site, line, b"in\n") == (3, "pve2\nin\n", "err\n")
    assert told(site, "ssh root@192.168.64.2 hostname")[1] == "pve2\n"
    missing = "ssh: Could not resolve hostname nope: Name or service not known\n"
    assert told(site, "ssh nope true") == (255, "", missing)
    route = "ssh: connect to host 10.1.2.3 port 22: No route to host\n"
    assert told(site, "ssh u@10.1.2.3 true") == (255, "", route)


def test_processes_are_listed_as_procps_does(site):
    status, out, _ = told(site, "sleep 5 & ps ax -o pid,ppid,args | grep -E '[s]leep 5$|PPI[D]'")
    assert status == 0
    head, row = out.splitlines()
    assert head == "    PID    PPID COMMAND"
    assert re.fullmatch(r" {3}\d{4} {4}\d{4} sleep 5", row)
    assert told(site, "ps aux | head -1")[1] == (
        "USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\n"
    )
    assert told(site, "ps ax -o pid,ppid,args | grep -E '[q]m clone'")[0] == 1


def test_timeout_ends_with_the_wanted_signal(site):
    line = "timeout -s INT 1 sh -c 'trap \"echo got; exit 5\" INT; while :; do sleep 0.1; done'"
    assert told(site, line)[:2] == (124, "got\n")


def test_services(site):
    assert told(site, "systemctl is-active pvedaemon corosync nope")[:2] == (
        0,
        "active\nactive\ninactive\n",
    )
    assert told(site, "systemctl stop pvestatd; systemctl is-active pvestatd")[:2] == (
        3,
        "inactive\n",
    )
    assert told(site, "systemctl restart nope")[0] == 5


def test_space_as_df_shows_it(site):
    head = told(site, "df -h / | head -1")[1]
    assert head == "Filesystem            Size  Used Avail Use% Mounted on\n"
    assert told(site, "df -P /etc/pve | tail -1")[1].startswith("/dev/fuse")
    assert told(site, "df -B1 --output=avail / | tail -1")[1].strip().isdigit()


def test_hard_links_share_their_content(site):
    line = (
        "echo a > /root/a; ln /root/a /root/b; echo b >> /root/b; cat /root/a; stat -c %h /root/a"
    )
    assert told(site, line)[1] == "a\nb\n2\n"
    assert told(site, "rm /root/a; cat /root/b; stat -c %h /root/b")[1] == "a\nb\n1\n"
    again = Site.from_data(site.to_data())
    assert told(again, "ln /root/b /root/c; stat -c %h /root/c")[1] == "2\n"
    assert "Operation not permitted" in told(site, "ln /etc/pve/user.cfg /etc/pve/x")[2]


def test_what_a_node_does_not_have_says_so(site):
    for line in ("python3 -c 1", "tail -f /etc/passwd", "ssh pve2", "perl -e 1", "awk 1", "lvs"):
        assert told(site, line)[0] == 99


def test_lvs_tells_what_lies_in_a_volume_group(site):
    told(site, "qm create 100 --scsi0 local-lvm:1 --ide2 local-lvm:cloudinit")
    status, out, _ = told(site, "lvs --noheadings -o lv_name pve")
    assert (status, out) == (0, "  data\n  vm-100-cloudinit\n  vm-100-disk-0\n")
    status, _, err = told(site, "lvs --noheadings -o lv_name nope")
    assert (status, err) == (
        5,
        '  Volume group "nope" not found\n  Cannot process volume group nope\n',
    )


def test_small_programs(site):
    told(site, "printf 'a\\n\\nb\\n' > /root/f; printf 'a\\nx\\n' > /root/g")
    assert told(site, "which qm nope ls")[:2] == (1, "/usr/sbin/qm\n/usr/bin/ls\n")
    assert told(site, "tac /root/g; nl /root/f")[1] == "x\na\n     1\ta\n       \n     2\tb\n"
    assert told(site, "cmp /root/f /root/g")[:2] == (1, "/root/f /root/g differ: byte 3, line 2\n")
    assert told(site, "cmp /root/f /root/f")[0] == 0
    assert told(site, "paste -s -d, /root/g; paste /root/g /root/f")[1] == "a,x\na\ta\nx\t\n\tb\n"
    assert told(site, "getent hosts pve2")[1].split()[:2] == ["192.168.64.2", "pve2.lab.lan"]
    assert told(site, "getent passwd nope")[0] == 2
    assert re.fullmatch(r" [\d:]{8} up 0 min,  0 users,  load .*\n", told(site, "uptime")[1])


def test_versions_are_those_of_the_packages(site):
    shown = told(site, "pveversion -v")[1].splitlines()
    assert shown[0].startswith("proxmox-ve: 8.4.0 (running kernel: ")
    assert shown[1].startswith("pve-manager: 8.4.21 (running version: 8.4.21/")
    assert shown[2:] == sorted(shown[2:])
    remove = "sed -i '/^Package: ceph-fuse$/,/^$/d; /^Package: corosync$/,/^$/d'"
    told(site, f"{remove} /var/lib/dpkg/status")
    without = told(site, "pveversion -v")[1]
    assert "ceph-fuse: not correctly installed\n" in without
    assert "corosync" not in without


# What nodes fetch, and hand to each other

IMAGE = "https://cloud-images.ubuntu.com/jammy/current/jammy-server-cloudimg-amd64.img"
PVE = (
    "-e none -o BatchMode=yes -o HostKeyAlias=pve2 -o GlobalKnownHostsFile=none"
    " -o UserKnownHostsFile=/etc/pve/nodes/pve2/ssh_known_hosts"
)


def test_members_know_each_others_host_keys(site):
    assert told(site, f"ssh {PVE} root@192.168.64.2 hostname") == (0, "pve2\n", "")
    unknown = (255, "", "Host key verification failed.\n")
    other = PVE.replace("HostKeyAlias=pve2", "HostKeyAlias=pve1")
    assert told(site, f"ssh {other} root@192.168.64.2 hostname") == unknown
    told(site, "echo pve2 ssh-ed25519 AAAA >/etc/pve/nodes/pve2/ssh_known_hosts")
    assert told(site, f"ssh {PVE} root@192.168.64.2 hostname") == unknown
    asked = "-o StrictHostKeyChecking=yes root@192.168.64.2 hostname"
    assert told(site, f"ssh {PVE} {asked}")[2].startswith("No ED25519 host key is known for pve2")


def test_nodes_on_their_own_do_not_know_each_other():
    site = Site(SiteSpec(nodes=2, clustered=False))
    line = "ssh -o BatchMode=yes {} root@192.168.64.2 hostname"
    assert told(site, line.format("")) == (255, "", "Host key verification failed.\n")
    denied = "root@192.168.64.2: Permission denied (publickey,password).\n"
    assert told(site, line.format("-o StrictHostKeyChecking=no")) == (255, "", denied)


def test_a_connection_that_breaks_off_has_brought_half(site):
    told(site, f"wget -q -O /root/i.img {IMAGE}", node="pve2")
    site.faults.order("peer-cut", "cat")
    line = "ssh pve2 cat /root/i.img >/root/i.img"
    assert told(site, line) == (255, "", "Connection to pve2 closed by remote host.\n")
    sizes = [len(site.nodes[name].machine.files.read("/root/i.img")) for name in ("pve1", "pve2")]
    assert 0 < sizes[0] < sizes[1]
    assert told(site, line)[0] == 0
    assert told(site, "sha256sum <i.img") == told(site, "sha256sum <i.img", node="pve2")
    assert [event["to"] for event in site.log.of("transfer")] == ["pve1"]


CURL = "curl -fsSL -D - -o /dev/null -w '%{http_code} %{size_download}\\n'"


def test_curl_fetches_a_piece_and_tells_how_large_the_whole_is(site):
    status, out, _ = told(site, f"{CURL} -r 0-99 {IMAGE}")
    assert (status, out.splitlines()[-1]) == (0, "206 100")
    assert out.startswith("HTTP/1.1 206 Partial Content\r\nContent-Length: 100\r\n")
    assert "\nContent-Range: bytes 0-99/629145600\r\n" in out
    sums = IMAGE.rpartition("/")[0] + "/SHA256SUMS"
    assert told(site, f"curl -fsS -r 3-7 {sums}")[1] == told(site, f"curl -fsS {sums}")[1][3:8]
    assert told(site, f"curl -fsS -r 0-99 -o piece {IMAGE}")[0] == 99


def test_a_server_may_send_the_whole_file_all_the_same(site):
    site.faults.order("download-whole", ".img")
    out = told(site, f"{CURL} -r 0-99 {IMAGE}")[1]
    assert out.splitlines()[-1] == "200 629145600"
    assert "Content-Range" not in out


def test_curl_ends_after_its_time_and_tells_what_came():
    figures = replace(realistic(), download_one=10.0, download_all=15.0)
    site = Site(SiteSpec(nodes=2), clock=VirtualClock(figures=figures))
    form = "'%{size_download} %{time_starttransfer} %{time_total}'"
    line = f"curl -fsS -m 2.2 -o /dev/null -w {form} {IMAGE}"

    async def both():
        return await asyncio.gather(run(site, line), run(site, line, node="pve2"))

    mib = 1 << 20
    late = "curl: (28) Operation timed out after 2200 milliseconds with {} out of 629145600 bytes"
    for status, out, err in virtual.run(both()):  # they share the line
        assert (status, out) == (28, f"{15 * mib} 0.200000 2.200000")
        assert err == f"{late.format(15 * mib)} received\n"
    status, out, _ = virtual.run(run(site, line))
    assert (status, out) == (28, f"{20 * mib} 0.200000 2.200000")


def test_what_curl_does_not_get_is_told_too(site):
    line = "curl -fsS -o /dev/null -w '%{http_code} %{size_download}\\n' https://"
    assert told(site, f"{line}x.invalid/a.img")[:2] == (6, "000 0\n")
    assert told(site, f"{line}cloud-images.ubuntu.com/nope.txt")[:2] == (22, "404 0\n")
