"""What ``qemu-img create`` prints."""

from __future__ import annotations

from pvekit.lab.storages.definition import Definition
from pvekit.lab.storages.volume import Volume

_QCOW2 = "fmt=qcow2 cluster_size=65536 extended_l2=off"


def preallocation(definition: Definition, image_format: str) -> str:
    """Return how much of a new image is allocated at once: raw ones have no metadata."""
    wanted = definition.options.get("preallocation", "metadata")
    return "off" if image_format == "raw" and wanted == "metadata" else wanted


def formatting(definition: Definition, path: str, image_format: str, size: int) -> str:
    """Return the line for a new image of a storage of files."""
    wanted = preallocation(definition, image_format)
    return f"Formatting '{path}', {described(image_format, size, wanted)}\n"


def described(image_format: str, size: int, wanted: str = "") -> str:
    """Return the options of a new image; ``wanted`` is its preallocation."""
    if image_format == "qcow2":
        extra = f" preallocation={wanted}" if wanted else ""
        return (
            f"{_QCOW2}{extra} compression_type=zlib size={size} lazy_refcounts=off refcount_bits=16"
        )
    if image_format == "vmdk":
        return f"fmt=vmdk size={size} compat6=off hwversion=undefined"
    return f"fmt=raw size={size}" + (f" preallocation={wanted}" if wanted else "")


def overlay(base: str, path: str, volume: Volume) -> str:
    """Return the lines for a linked clone of a base image."""
    file = volume.file.rpartition("/")[2]
    image = "/".join(base.split("/")[-2:])
    shape = (
        f"{_QCOW2} compression_type=zlib size={volume.size} backing_file=../{image} "
        f"backing_fmt={base.rpartition('.')[2]} lazy_refcounts=off refcount_bits=16"
    )
    return (
        f"clone {base}: images, {file}, {volume.vmid} to {file} (base=../{image})\n"
        f"Formatting '{path}', {shape}\n"
    )
