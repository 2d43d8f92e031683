"""What a template is built with: the image, its sums, the programs and the room for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from pvekit.doctor.model import Finding, Source, View
from pvekit.doctor.reading import Answer
from pvekit.errors import PvekitError
from pvekit.templates import sums
from pvekit.templates.decide import IMAGE_GIB

GIB = 1 << 30
PACKAGES = {"virt-customize": "libguestfs-tools", "genisoimage": "genisoimage"}


def urls(view: View) -> Iterator[Finding]:
    """Check that every node reaches image and checksum file, and that the one names the other."""
    for alias, answer in view.answered.items():
        for source in view.wanted.sources:
            yield _url(alias, answer, source.image_url, "the image")
            yield _sums(alias, answer, source)


def _url(alias: str, answer: Answer, url: str, what: str) -> Finding:
    tried = answer.urls.get(url)
    if tried is not None and tried.reached:
        return Finding("download", alias, "ok", f"{what} is reached: {url}")
    said = (tried.said if tried else "") or "no answer in 20 s"
    return Finding(
        "download",
        alias,
        "fail",
        f"{what} is not reached: {url}: {said.rstrip('.')}",
        f"on {alias}: curl -fsSLI {url}; DNS, route and proxy of the node, or another URL",
        "CHECKSUMS-UNREACHABLE",
        passing=True,
    )


def _sums(alias: str, answer: Answer, source: Source) -> Finding:
    reached = _url(alias, answer, source.checksum_url, "the checksum file")
    if reached.level != "ok":
        return reached
    name = PurePosixPath(source.image_url).name
    listed = answer.sums.get(source.checksum_url, "")
    try:
        sums.find(listed, name, url=source.checksum_url)
    except PvekitError as error:
        return Finding("download", alias, "fail", error.brief.rstrip("."), error.hint, error.id)
    return reached


def room(view: View) -> Iterator[Finding]:
    """Check that there is room for a downloaded image."""
    for alias in view.answered:
        node = view.inventory.node(alias)
        free = node.image_dir_free_bytes if node and node.online else None
        if free is None:
            continue
        need = IMAGE_GIB * (2 if "virt-customize" in answer_tools(view, alias) else 1)
        says = f"{view.wanted.image_dir} has {free // GIB} GiB free"
        if free >= need * GIB:
            yield Finding("image-dir", alias, "ok", says)
        else:
            mend = f"on {alias}: du -sh {view.wanted.image_dir}/*, or set image_dir"
            says = f"{says}, {need} GiB are needed"
            yield Finding("image-dir", alias, "fail", says, mend, "STORAGE-FULL")


def answer_tools(view: View, alias: str) -> frozenset[str]:
    """Return the programs that a node has, of those that matter."""
    node = view.inventory.node(alias)
    return node.tools if node is not None else frozenset()


def tools(view: View) -> Iterator[Finding]:
    """Check that the programs are there which the configuration names, and one that downloads."""
    for alias, answer in view.answered.items():
        if answer.site is None or view.inventory.node(alias) is None:
            continue  # what it has was not told: that is a finding of its own
        there = answer_tools(view, alias)
        for tool in sorted(view.wanted.tools):
            if tool in there:
                yield Finding("tools", alias, "ok", f"{tool} is there")
            else:
                package = PACKAGES.get(tool, tool)
                mend = f"on {alias}: apt-get install -y {package}"
                yield Finding("tools", alias, "fail", f"{tool} is not there", mend)
        if not there & {"wget", "curl"}:
            mend = f"on {alias}: apt-get install -y wget"
            yield Finding("tools", alias, "fail", "neither wget nor curl is there", mend)
