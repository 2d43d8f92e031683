"""What cloud-init is going to be given at a VM's first boot, looked at before it."""

from __future__ import annotations

from pvekit.plan import Ask, Asking, Check, Step, Verdict, ask, either
from pvekit.pve import goals, state
from pvekit.pve.conf import GuestConfig
from pvekit.pve.volumes import cloud_init_slot
from pvekit.shell import Command, Query, Secret
from pvekit.vms.spec import Placement, VmSpec


def inspect(spec: VmSpec, at: Placement, hashed: Secret | None) -> Step:
    """Return the step that looks at the user data, unless the VM runs already.

    Proxmox VE makes it of the configuration alone, unless that names files of somebody's
    (``cicustom``): then a program tells it, which takes its time.
    """
    what = "user, password and keys" if hashed else "user and keys"

    def look() -> Asking[Verdict]:
        now = yield from ask(state.asked(at.node, at.vmid))
        found = now.vms.get(at.vmid)
        if found is not None and found.config.has("cicustom", None):
            return _generated(found.config, spec, hashed)
        command = Command(("qm", "cloudinit", "dump", at.vmid, "user"))
        return _dumped((yield from ask(Ask(at.node, Query(command, str)))), spec, hashed)

    goal = Check(f"the cloud-init data of VM {at.vmid} names {what}", look)
    goal = either(goals.running(at.node, at.vmid), goal)
    return Step(spec.subject, "cloud-init-data", at.node, goal)


def _generated(config: GuestConfig, spec: VmSpec, hashed: Secret | None) -> Verdict:
    wanted = {"ciuser": spec.user, "sshkeys": "\n".join(spec.keys)}
    if hashed:
        wanted["cipassword"] = hashed.value
    missing = [key for key, value in wanted.items() if not config.has(key, value)]
    if cloud_init_slot(config) is None:
        missing.append("cloud-init drive")
    return _verdict(missing)


def _dumped(data: str, spec: VmSpec, hashed: Secret | None) -> Verdict:
    words = {"user": f"user: {spec.user}", **{key: key.split()[1] for key in spec.keys}}
    if hashed:
        words["password"] = f"password: {hashed.value}"
    return _verdict([what for what, text in words.items() if text not in data])


def _verdict(missing: list[str]) -> Verdict:
    return Verdict(not missing, f"missing: {', '.join(missing)}" if missing else "")
