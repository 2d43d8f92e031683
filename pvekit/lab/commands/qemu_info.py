"""What ``qemu-img info`` shows of an image."""

from __future__ import annotations

import json
import posixpath
from typing import Any

from pvekit.lab.commands.qemu_files import Opened, describe
from pvekit.lab.images import CLUSTER, Shape

_CID = 1223484764
_NO_PARENT = 4294967295
_QCOW2 = {
    "compat": "1.1",
    "compression-type": "zlib",
    "lazy-refcounts": False,
    "refcount-bits": 16,
    "corrupt": False,
    "extended-l2": False,
}


def json_text(opened: Opened) -> str:
    """Return the description as JSON."""
    shape, disk = opened.image.shape, opened.image.disk
    facts: dict[str, Any] = {
        "children": [{"name": "file", "info": _file_facts(opened)}],
        **_backing_facts(opened),
        "virtual-size": disk.size_bytes,
        "filename": opened.name,
        "cluster-size": CLUSTER,
        "format": shape.format,
        "actual-size": shape.used,
        "format-specific": _specific(opened),
        "dirty-flag": False,
    }
    if shape.format == "raw":
        del facts["cluster-size"], facts["format-specific"]
    return _pretty(facts)


def _pretty(facts: dict[str, Any]) -> str:
    """Write JSON as QEMU does: empty lists and objects take two lines."""
    lines = []
    for line in json.dumps(facts, indent=4).split("\n"):
        indent = " " * (len(line) - len(line.lstrip()))
        for empty in ("[]", "{}"):
            if line.rstrip(",").endswith(empty):
                comma = "," if line.endswith(",") else ""
                line = f"{line.rstrip(',')[:-1]}\n{indent}{empty[1]}{comma}"  # noqa: PLW2901
        lines.append(line)
    return "\n".join(lines) + "\n"


def _file_facts(opened: Opened) -> dict[str, Any]:
    shape = opened.image.shape
    return {
        "children": [],
        "virtual-size": shape.bytes,
        "filename": opened.name,
        "format": "file",
        "actual-size": shape.used,
        "format-specific": {"type": "file", "data": {}},
        "dirty-flag": False,
    }


def _backing_facts(opened: Opened) -> dict[str, Any]:
    shape = opened.image.shape
    if not shape.backing:
        return {}
    full = posixpath.normpath(posixpath.join(posixpath.dirname(opened.name), shape.backing))
    return {
        "backing-filename-format": shape.backing_format,
        "full-backing-filename": full,
        "backing-filename": shape.backing,
    }


def _specific(opened: Opened) -> dict[str, Any]:
    shape = opened.image.shape
    if shape.format == "qcow2":
        return {"type": "qcow2", "data": _QCOW2}
    extent: dict[str, Any] = {
        "virtual-size": opened.image.disk.size_bytes,
        "filename": _extent_name(opened.name, shape),
        "cluster-size": CLUSTER,
        "format": "SPARSE" if shape.subformat.startswith("twoGb") else "",
    }
    if shape.subformat == "streamOptimized":
        extent = {"compressed": True, **extent}
    return {
        "type": "vmdk",
        "data": {
            "cid": _CID,
            "parent-cid": _NO_PARENT,
            "create-type": shape.subformat,
            "extents": [extent],
        },
    }


def _extent_name(name: str, shape: Shape) -> str:
    if not shape.subformat.startswith("twoGb"):
        return name
    return f"{name.removesuffix('.vmdk')}-s001.vmdk"


def text(opened: Opened) -> str:
    """Return the description for people."""
    shape, size = opened.image.shape, opened.image.disk.size_bytes
    lines = [
        f"image: {opened.name}",
        f"file format: {shape.format}",
        f"virtual size: {describe(size)} ({size} bytes)",
        f"disk size: {describe(shape.used)}",
    ]
    if shape.format != "raw":
        lines.append(f"cluster_size: {CLUSTER}")
    if facts := _backing_facts(opened):
        place = facts["full-backing-filename"]
        shown = f" (actual path: {place})" if place != shape.backing else ""
        lines.append(f"backing file: {shape.backing}{shown}")
        lines.append(f"backing file format: {shape.backing_format}")
    if shape.format != "raw":
        lines.append("Format specific information:")
        lines += _specific_lines(opened)
    lines += [
        "Child node '/file':",
        f"    filename: {opened.name}",
        "    protocol type: file",
        f"    file length: {describe(shape.bytes)} ({shape.bytes} bytes)",
        f"    disk size: {describe(shape.used)}",
    ]
    return "\n".join(lines) + "\n"


def _specific_lines(opened: Opened) -> list[str]:
    if opened.image.shape.format == "qcow2":
        return [f"    {k.replace('-', ' ')}: {str(v).lower()}" for k, v in _QCOW2.items()]
    data = _specific(opened)["data"]
    extent = data["extents"][0]
    lines = [f"    cid: {data['cid']}", f"    parent cid: {data['parent-cid']}"]
    lines += [f"    create type: {data['create-type']}", "    extents:", "        [0]:"]
    order = ("compressed", "virtual-size", "filename", "cluster-size", "format")
    for key in order:
        if key in extent:
            lines.append(f"            {key.replace('-', ' ')}: {str(extent[key]).lower()}")
    return lines
