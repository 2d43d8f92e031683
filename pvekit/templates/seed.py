"""The files that customise an image: a NoCloud seed for a first boot, or scripts for the image."""

from __future__ import annotations

from pathlib import PurePosixPath

from pvekit.plan import Change
from pvekit.shell import Command
from pvekit.templates.recipe import Recipe
from pvekit.templates.spec import Copy, TemplateSpec


def files(recipe: Recipe, spec: TemplateSpec, at: Copy) -> dict[str, str]:
    """Return the seed's files by name; without a static network cloud-init asks DHCP by itself."""
    seed = {
        "user-data": recipe.user_data(),
        "meta-data": f"instance-id: pvekit-{at.run}-{at.vmid}\nlocal-hostname: {spec.name}\n",
    }
    if spec.build_ip != "dhcp" or spec.build_dns:
        seed["network-config"] = _network_config(spec)
    return seed


def scripts(recipe: Recipe, folder: str) -> tuple[Change, ...]:
    """Return the changes that put the scripts and files for ``virt-customize`` on the node."""
    listed = [
        f"{file.permissions} file-{number} {file.path}\n"
        for number, file in enumerate(recipe.files)
    ]
    return (
        put(f"{folder}/provision", recipe.provision_script(), mode="700"),
        put(f"{folder}/finish", recipe.finish_script(), mode="700"),
        *(put(f"{folder}/file-{n}", file.content) for n, file in enumerate(recipe.files)),
        put(f"{folder}/index", "".join(listed)),
    )


def put(path: str, content: str, *, mode: str = "600") -> Change:
    """Return the change that writes a file on a node, over stdin."""
    words = ("install", "-D", "-m", mode, "/dev/stdin", str(PurePosixPath(path)))
    return Change(Command(words, stdin=content))


def _network_config(spec: TemplateSpec) -> str:
    """Return a version 2 network configuration for the first Ethernet interface."""
    import yaml

    interface: dict[str, object] = {"match": {"name": "e*"}, "dhcp4": True}
    if spec.build_ip != "dhcp":
        interface = {"match": {"name": "e*"}, "addresses": [spec.build_ip]}
        if spec.build_gateway:
            interface["routes"] = [{"to": "default", "via": spec.build_gateway}]
    if spec.build_dns:
        interface["nameservers"] = {"addresses": list(spec.build_dns)}
    return yaml.safe_dump({"version": 2, "ethernets": {"primary": interface}})
