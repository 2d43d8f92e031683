"""genisoimage: it packs files into an ISO that guests can read."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from pvekit.lab.files import FileSystem
from pvekit.lab.guests.disk import Iso, iso_bytes
from pvekit.lab.guests.words import grammar, split
from pvekit.lab.process import Process, Program
from pvekit.lab.streams import absolute, write_file

_OPTIONS = grammar(
    "-output=output= -o=output= -volid=volid= -V=volid= -joliet=joliet -J=joliet -rock=rock"
    " -rational-rock=rock -r=rock -R=rock -quiet=quiet -graft-points=graft"
    " -input-charset=charset= -joliet-long=joliet"
)
_MAX_VOLUME_ID = 32


class _Missing(Exception):
    """A file to pack does not exist."""


async def genisoimage(process: Process) -> int:
    """Run ``genisoimage``."""
    words = split(process.argv[1:], _OPTIONS, one_dash=True)
    volume_id = words.last("volid", "CDROM")
    if len(volume_id) > _MAX_VOLUME_ID:
        await process.complain("genisoimage: Volume ID string too long\n")
        return 1
    graft = words.has("graft")
    try:
        packed = dict(
            pair for word in words.operands for pair in _entries(process, word, graft=graft)
        )
    except _Missing as error:
        await process.complain(
            f"genisoimage: No such file or directory. Invalid node - '{error}'.\n"
        )
        return 2
    if not (words.has("rock") or words.has("joliet")):
        packed = {_plain_iso9660(path): data for path, data in packed.items()}
    data = iso_bytes(Iso(volume_id, packed))
    if words.has("output"):
        await write_file(process, words.last("output"), data)
    else:
        await process.stdout.write(data)
    if not words.has("quiet"):
        await process.complain(f"{183 + len(data) // 2048} extents written (0 MB)\n")
    return 0


def _entries(process: Process, word: str, *, graft: bool) -> Iterator[tuple[str, bytes]]:
    target, mark, source = word.partition("=")
    if not (graft and mark):
        target, source = "", word
    path = absolute(process, source)
    files = process.machine.files
    if files.is_dir(path):
        yield from _below(files, path, target.strip("/"))
    elif files.exists(path):
        name = target.lstrip("/")
        whole = not name or name.endswith("/")
        yield posixpath.join(name, posixpath.basename(path)) if whole else name, files.read(path)
    else:
        raise _Missing(source)


def _below(files: FileSystem, directory: str, place: str) -> Iterator[tuple[str, bytes]]:
    for name in files.names(directory):
        path, target = posixpath.join(directory, name), posixpath.join(place, name)
        if files.is_dir(path):
            yield from _below(files, path, target)
        else:
            yield target, files.read(path)


def _plain_iso9660(path: str) -> str:
    """Return the name of a file on a CD without Rock Ridge and Joliet: 8.3, in upper case."""
    stem, _, extension = path.upper().partition(".")
    clean = [re.sub(r"[^A-Z0-9_/]", "_", part) for part in (stem[:8], extension[:3])]
    return ".".join(clean)


PROGRAMS: Mapping[str, Program] = {"genisoimage": genisoimage, "mkisofs": genisoimage}
