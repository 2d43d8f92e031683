"""All programs of a guest: the shell's, the system's own, and those of installed packages."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from pvekit.lab.commands import download
from pvekit.lab.guests import (
    apt,
    catalogue,
    cloudcommand,
    dnf,
    kernel,
    packagedb,
    packages,
    systemctl,
)
from pvekit.lab.guests.cloudinit import CloudInit
from pvekit.lab.guests.system import System
from pvekit.lab.guests.words import grammar, split
from pvekit.lab.process import NotSimulated, Process, Program
from pvekit.lab.programs import COREUTILS
from pvekit.lab.streams import read_file, write_file

SystemProgram = Callable[[System, Process], Awaitable[int]]

CONTAINERD_CONFIG = """\
version = 2
disabled_plugins = []
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.8"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
    SystemdCgroup = false
"""


async def containerd(system: System, process: Process) -> int:  # noqa: ARG001
    """Run ``containerd config default`` or ``containerd --version``."""
    if process.argv[1:] == ("config", "default"):
        await process.say(CONTAINERD_CONFIG)
    elif process.argv[1:] in {("--version",), ("-v",)}:
        await process.say("containerd github.com/containerd/containerd 1.7.28\n")
    else:
        raise NotSimulated(" ".join(process.argv[1:]))
    return 0


def _version_of(package: str, form: str, accepted: frozenset[tuple[str, ...]]) -> SystemProgram:
    async def run(system: System, process: Process) -> int:
        if process.argv[1:] not in accepted:
            raise NotSimulated(" ".join(process.argv[1:]))
        version = packagedb.read(system)[package].version.partition("-")[0]
        await process.say(form.format(version=version))
        return 0

    return run


async def gpg(system: System, process: Process) -> int:  # noqa: ARG001
    """Run ``gpg --dearmor [-o FILE] [FILE]``."""
    options = grammar(
        "--dearmor=dearmor -o=output= --output=output= --batch=batch --yes=yes --no-tty=batch"
        " -q=quiet --quiet=quiet"
    )
    words = split(process.argv[1:], options)
    if not words.has("dearmor"):
        raise NotSimulated("anything but --dearmor")
    text = (await read_file(process, (words.operands or ("-",))[0])).decode(errors="replace")
    begin, _, body = text.partition("\n\n")
    if not begin.startswith("-----BEGIN PGP"):
        await process.complain("gpg: no valid OpenPGP data found.\n")
        return 2
    data = base64.b64decode(body.partition("-----END")[0])
    output = words.last("output")
    if output and process.machine.files.exists(output) and not words.has("yes"):
        await process.complain("gpg: dearmoring failed: File exists\n")
        return 2
    if output:
        await write_file(process, output, data)
    else:
        await process.stdout.write(data)
    return 0


_KUBEADM = frozenset(
    {("version", "-o", "short"), ("version", "--output", "short"), ("version", "--output=short")}
)
_SYSTEM: Mapping[str, SystemProgram] = {
    "apt": apt.apt_get,
    "apt-get": apt.apt_get,
    "apt-mark": apt.apt_mark,
    "dpkg": apt.dpkg_query,
    "dpkg-query": apt.dpkg_query,
    "systemctl": systemctl.systemctl,
    "systemd-run": systemctl.systemd_run,
    "poweroff": systemctl.poweroff,
    "halt": systemctl.poweroff,
    "reboot": systemctl.poweroff,
    "shutdown": systemctl.shutdown,
    "modprobe": kernel.modprobe,
    "lsmod": kernel.lsmod,
    "swapoff": kernel.swapoff,
    "swapon": kernel.swapon,
    "sysctl": kernel.sysctl,
    "truncate": kernel.truncate,
    "hostnamectl": kernel.hostnamectl,
    "gpg": gpg,
    "sync": kernel.do_nothing,
    "fstrim": kernel.do_nothing,
    "update-grub": kernel.do_nothing,
    "update-initramfs": kernel.do_nothing,
}
_RED_HAT: Mapping[str, SystemProgram] = {"dnf": dnf.dnf, "yum": dnf.dnf, "rpm": dnf.rpm}
_PACKAGED: Mapping[str, SystemProgram] = {
    "containerd": containerd,
    "kubeadm": _version_of("kubeadm", "v{version}\n", _KUBEADM),
    "kubelet": _version_of("kubelet", "Kubernetes v{version}\n", frozenset({("--version",)})),
    "kubectl": _version_of(
        "kubectl", "Client Version: v{version}\n", frozenset({("version", "--client")})
    ),
}


async def _unsimulated(system: System, process: Process) -> int:  # noqa: ARG001
    raise NotSimulated("the program as a whole")


def base_programs() -> Mapping[str, Program]:
    """Return the programs that every machine has."""
    return COREUTILS


def equip(system: System, run: CloudInit) -> None:
    """Give a machine the programs of the system on it, those of its packages included."""
    programs = system.machine.programs
    chosen = {**_SYSTEM, "scp": _unsimulated}
    if system.family == "redhat":
        chosen = {name: one for name, one in chosen.items() if not name.startswith(("apt", "dpkg"))}
        chosen |= _RED_HAT
    programs |= {name: partial(one, system) for name, one in chosen.items()}
    programs |= download.programs(system.internet, lambda: system.online)
    programs["cloud-init"] = partial(cloudcommand.cloud_init, system, run)
    system.on_packages = partial(_equip_packaged, system)
    system.on_packages()


def _equip_packaged(system: System) -> None:
    programs = system.machine.programs
    for name in _packaged_names():
        programs.pop(name, None)
    for name in packages.programs_of(system):
        programs[name] = partial(_PACKAGED.get(name, _unsimulated), system)


def _packaged_names() -> set[str]:
    return {name for package in catalogue.PACKAGES.values() for name in package.programs}
