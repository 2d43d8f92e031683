"""create_proxmoxer.py LIST DISK KEY USER: VMs by proxmoxer over SSH, a thread for each.

LIST has a line "HOST PORT TEMPLATE VMID NAME NODE" for each VM; DISK is in GiB.
"""

from __future__ import annotations

import sys
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import paramiko
from proxmoxer import ProxmoxAPI  # type: ignore[import-untyped,import-not-found,unused-ignore]

LIST, DISK, KEY, USER = sys.argv[1:5]
PUBLIC = urllib.parse.quote(Path(f"{KEY}.pub").read_text().strip(), safe="")


def create(line: str) -> None:
    host, port, template, vmid, name, node = line.split()
    api: Any = ProxmoxAPI(
        host, user="root", backend="ssh_paramiko", private_key_file=KEY, port=int(port)
    )
    guests = api.nodes(node).qemu
    guests(template).clone.post(newid=vmid, name=name, full=1)
    vm = guests(vmid)
    vm.config.put(cores=1, memory=2048, ipconfig0="ip=dhcp", ciuser=USER, sshkeys=PUBLIC)
    vm.resize.put(disk="scsi0", size=f"{DISK}G")
    vm.status.start.post()
    while not (address := address_of(vm)):
        time.sleep(1)
    transport = api._store["session"].ssh_client.get_transport()
    while not logs_in(transport, address):
        time.sleep(1)


def address_of(vm: Any) -> str:
    try:
        answer = vm.agent("network-get-interfaces").get()
        found = [
            entry["ip-address"]
            for each in answer["result"]
            if each["name"] != "lo"
            for entry in each.get("ip-addresses", ())
            if entry["ip-address-type"] == "ipv4"
        ]
    except Exception:  # noqa: BLE001 - whatever it is, the guest is not there yet
        return ""
    return str(found[0]) if found else ""


def logs_in(transport: paramiko.Transport, address: str) -> bool:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    try:
        channel = transport.open_channel("direct-tcpip", (address, 22), ("127.0.0.1", 0))
        client.connect(address, username=USER, key_filename=KEY, sock=channel, allow_agent=False)
        return client.exec_command("true")[1].channel.recv_exit_status() == 0
    except (OSError, paramiko.SSHException):
        return False
    finally:
        client.close()


lines = Path(LIST).read_text().splitlines()
with ThreadPoolExecutor(len(lines)) as pool:
    list(pool.map(create, lines))
