"""What a new PVE cluster's file system holds, and the files of a newly installed node."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pvekit.lab import installed
from pvekit.lab.certificates import Certificates
from pvekit.lab.hostkeys import KNOWN, HostKeys
from pvekit.lab.machine import Machine
from pvekit.lab.membership import Member
from pvekit.lab.pmxcfs import ClusterFileSystem

_USERS = """\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
sys:x:3:3:sys:/dev:/usr/sbin/nologin
sync:x:4:65534:sync:/bin:/bin/sync
games:x:5:60:games:/usr/games:/usr/sbin/nologin
man:x:6:12:man:/var/cache/man:/usr/sbin/nologin
lp:x:7:7:lp:/var/spool/lpd:/usr/sbin/nologin
mail:x:8:8:mail:/var/mail:/usr/sbin/nologin
news:x:9:9:news:/var/spool/news:/usr/sbin/nologin
uucp:x:10:10:uucp:/var/spool/uucp:/usr/sbin/nologin
proxy:x:13:13:proxy:/bin:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
backup:x:34:34:backup:/var/backups:/usr/sbin/nologin
list:x:38:38:Mailing List Manager:/var/list:/usr/sbin/nologin
irc:x:39:39:ircd:/run/ircd:/usr/sbin/nologin
_apt:x:42:65534::/nonexistent:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
sshd:x:100:65534::/run/sshd:/usr/sbin/nologin
systemd-network:x:998:998:systemd Network Management:/:/usr/sbin/nologin
messagebus:x:101:102::/nonexistent:/usr/sbin/nologin
_chrony:x:102:103:Chrony daemon,,,:/var/lib/chrony:/usr/sbin/nologin
postfix:x:103:104::/var/spool/postfix:/usr/sbin/nologin
statd:x:104:65534::/var/lib/nfs:/usr/sbin/nologin
"""
_CRON = """\
# cluster wide vzdump cron schedule
# Automatically generated file - do not edit

PATH="/usr/sbin:/usr/bin:/sbin:/bin"

"""
_NODE = """\
  node {{
    name: {member.name}
    nodeid: {member.number}
    quorum_votes: 1
    ring0_addr: {member.address}
  }}
"""
_COROSYNC = """\
logging {{
  debug: off
  to_syslog: yes
}}

nodelist {{
{nodes}}}

quorum {{
  provider: corosync_votequorum
}}

totem {{
  cluster_name: {name}
  config_version: {version}
  interface {{
    linknumber: 0
  }}
  ip_version: ipv4-6
  link_mode: passive
  secauth: on
  version: 2
}}

"""


def fill(cluster: ClusterFileSystem, storage: str, domain: str, keys: HostKeys) -> None:
    """Write what a new PVE cluster has in its file system."""
    texts = {
        "user.cfg": "",
        "datacenter.cfg": "keyboard: en-us\n",
        "storage.cfg": storage,
        "replication.cfg": "",
        "vzdump.cron": _CRON,
    }
    if cluster.name:
        texts["corosync.conf"] = corosync(cluster.name, cluster.members)
    for path, text in texts.items():
        cluster.tree.write(path, text.encode())
        cluster.changed(path)
    _promise_keys(cluster, domain, keys)


def corosync(name: str, members: Sequence[Member]) -> str:
    """Return the configuration of a cluster's communication layer."""
    nodes = "".join(_NODE.format(member=member) for member in members)
    return _COROSYNC.format(name=name, nodes=nodes, version=len(members))


def _promise_keys(cluster: ClusterFileSystem, domain: str, keys: HostKeys) -> None:
    """Name the keys and certificates; they are made when somebody looks into them."""
    made = Certificates(cluster.name or cluster.members[0].name, domain)
    cluster.lazy |= {
        "authkey.pub": lambda: made.public("auth"),
        "priv/authkey.key": lambda: made.private("auth"),
        "pve-www.key": lambda: made.private("www"),
        "pve-root-ca.pem": made.root,
        "priv/pve-root-ca.key": made.private,
    }
    for member in cluster.members:
        base = f"nodes/{member.name}"
        cluster.lazy |= {
            f"{base}/pve-ssl.pem": partial(made.of_node, member),
            f"{base}/pve-ssl.key": partial(made.private, member.name),
        }
        if cluster.name:  # a node on its own has none: joining a cluster makes it
            cluster.lazy[KNOWN.format(member.name)] = partial(keys.known_hosts, member.name)
        else:
            cluster.tree.write(KNOWN.format(member.name), b"")
    for path in cluster.lazy:
        cluster.tree.write(path, b"")


def install(
    machine: Machine, member: Member, members: Sequence[Member], domain: str, release: str
) -> None:
    """Write the files of a newly installed node."""
    network, _, _ = member.address.rpartition(".")
    texts = {
        "/etc/passwd": _USERS,
        "/etc/hosts": _hosts(member, members, domain),
        "/etc/resolv.conf": f"search {domain}\nnameserver {network}.254\n",
        "/etc/timezone": "Etc/UTC\n",
        "/etc/network/interfaces": _interfaces(member.address),
        installed.FILE: installed.stock(release),
    }
    for path in ("/etc/network", "/var/lib/dpkg"):
        machine.files.mkdir(path, parents=True)
    for path, text in texts.items():
        machine.files.write(path, text.encode())


def _hosts(member: Member, members: Sequence[Member], domain: str) -> str:
    others = sorted(members, key=lambda other: other is not member)
    lines = "".join(f"{one.address} {one.name}.{domain} {one.name}\n" for one in others)
    return f"127.0.0.1 localhost.localdomain localhost\n{lines}"


def _interfaces(address: str) -> str:
    gateway = f"{address.rpartition('.')[0]}.254"
    return (
        "auto lo\niface lo inet loopback\n\niface eno1 inet manual\n\nauto vmbr0\n"
        f"iface vmbr0 inet static\n\taddress {address}/24\n\tgateway {gateway}\n"
        "\tbridge-ports eno1\n\tbridge-stp off\n\tbridge-fd 0\n\n"
        "source /etc/network/interfaces.d/*\n"
    )
