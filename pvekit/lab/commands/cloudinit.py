"""What Proxmox VE generates for cloud-init, and the drive that it puts it on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pvekit.lab.commands.ciformats import OPENNEBULA, Resolver, form_of
from pvekit.lab.commands.volumes import CLOUDINIT_SIZE, Volumes, Wish
from pvekit.lab.failure import Failure
from pvekit.lab.guests.disk import Iso
from pvekit.lab.process import NotSimulated
from pvekit.lab.vmconfig import VmConfig

if TYPE_CHECKING:
    from pvekit.lab.node import Node
    from pvekit.lab.tasks import Say

_HOST_RESOLVER = "192.168.64.254"
_TOO_BIG = 3 << 20


def user_data(vmid: int, config: VmConfig) -> str:
    """Return the user data as ``qm cloudinit dump ID user`` shows it."""
    values = config.effective()
    hostname, fqdn = _names(vmid, values.get("name", ""), values.get("searchdomain", ""))
    lines = [f"hostname: {hostname}", "manage_etc_hosts: true", f"fqdn: {fqdn}"]
    if "ciuser" in values:
        lines.append(f"user: {values['ciuser']}")
    if "cipassword" in values:
        lines.append(f"password: {hashed(values['cipassword'])}")
    keys = unquote(values.get("sshkeys", ""), errors="surrogateescape").splitlines()
    if any(key.strip() for key in keys):
        lines += ["ssh_authorized_keys:", *(f"  - {key}" for key in keys if key.strip())]
    lines += ["chpasswd:", "  expire: False"]
    if values.get("ciuser") != "root":
        lines += ["users:", "  - default"]
    if values.get("ciupgrade", "1") == "1":
        lines.append("package_upgrade: true")
    return "".join(f"{line}\n" for line in ["#cloud-config", *lines])


def _names(vmid: int, name: str, domain: str) -> tuple[str, str]:
    full = name or f"VM{vmid}"
    hostname, dot, _ = full.partition(".")
    if not dot and domain:
        return hostname, f"{hostname}.{domain}"
    return hostname, full


def hashed(password: str) -> str:
    """Return a password as the configuration holds it; one that is hashed already stays."""
    if re.match(r"\$(?:[156]|2[ay])(\$.+){2}", password):
        return password
    digest = hashlib.sha256(password.encode()).hexdigest()
    return f"$5${digest[:8]}${digest[:43]}"


def network_data(node: Node, config: VmConfig) -> str:
    """Return the network configuration in the VM's format."""
    return form_of(config).network(config, _resolver(node))


def meta_data(node: Node, vmid: int, config: VmConfig) -> str:
    """Return the meta data: the instance id changes whenever user or network data do."""
    form = form_of(config)
    return form.meta(_digest(user_data(vmid, config) + network_data(node, config)))


def _digest(text: str) -> str:
    return hashlib.sha1(text.encode(errors="surrogateescape"), usedforsecurity=False).hexdigest()


def _resolver(node: Node) -> Resolver:
    """Return what the node's own ``resolv.conf`` names."""
    files = node.machine.files
    if not files.is_file("/etc/resolv.conf"):
        return Resolver((_HOST_RESOLVER,))
    text = files.read("/etc/resolv.conf").decode(errors="replace")
    servers = tuple(re.findall(r"(?m)^\s*nameserver\s+(\S+)", text)[:3])
    domains = re.search(r"(?m)^\s*(?:search|domain)\s+(.+)$", text)
    return Resolver(servers, tuple(domains[1].split()) if domains else ())


def drive_iso(node: Node, vmid: int, config: VmConfig) -> Iso | None:
    """Return the content of a VM's cloud-init drive, or None without one.

    The program dies if a snippet that ``cicustom`` names is not there.
    """
    if not config.cloudinit_slot():
        return None
    form = form_of(config)
    if form is OPENNEBULA:
        raise NotSimulated("citype opennebula")
    custom = _snippets(node, config.values.get("cicustom", ""))
    user = custom.get("user", user_data(vmid, config).encode(errors="surrogateescape"))
    network = custom.get("network", network_data(node, config).encode())
    # The digest is over what is on the drive, so that another snippet is another instance.
    made = form.meta(hashlib.sha1(user + network, usedforsecurity=False).hexdigest()).encode()
    meta, vendor = custom.get("meta", made), custom.get("vendor", b"")
    if sum(map(len, (user, network, meta, vendor))) > _TOO_BIG:
        raise Failure("Cloud-Init sum of snippets too big (> 3 MiB)")
    return Iso(form.label, form.files(user, network, meta, vendor))


def _snippets(node: Node, text: str) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    for part in filter(None, text.split(",")):
        name, _, volid = part.partition("=")
        if not volid.partition(":")[2].startswith("snippets/"):
            raise Failure(f"{volid} is not in the snippets directory")
        if not node.storages.exists(volid):
            raise Failure(f"volume '{volid}' does not exist", 2)
        found[name] = node.machine.files.read(node.storages.path(volid))
    return found


async def generate(node: Node, vmid: int, config: VmConfig, say: Say) -> Iso | None:
    """Make a VM's cloud-init drive and return its content, or None for a VM without one."""
    iso = drive_iso(node, vmid, config)
    if iso is None:
        return None
    drive = next(drive for _, drive in config.drives() if drive.is_cloudinit)
    storage, _, name = drive.file.partition(":")
    node.storages.usable(storage)
    if not node.storages.exists(drive.file):
        form = "qcow2" if name.endswith(".qcow2") else "raw"
        wish = Wish(storage, vmid, form, f"vm-{vmid}-cloudinit")
        await Volumes(node, say).allocate(wish, CLOUDINIT_SIZE)
    await say("generating cloud-init ISO\n")
    return iso
