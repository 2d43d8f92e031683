"""Checksums: ``md5sum`` and its family."""

from __future__ import annotations

import hashlib
import posixpath
import re

from pvekit.lab.process import Process, Program
from pvekit.lab.programs.failures import fail, reason
from pvekit.lab.programs.inputs import Inputs, content, decoded, lines
from pvekit.lab.programs.options import Options, options

_FLAGS = "c check status quiet ignore-missing strict w warn b binary t text tag"
_LINE = re.compile(r"([0-9a-fA-F]+) [ *](.+)|\w+ \((.+)\) = ([0-9a-fA-F]+)")


def _algorithm(process: Process) -> str:
    return posixpath.basename(process.argv[0]).removesuffix("sum")


def _sum(process: Process, data: bytes) -> str:
    return hashlib.new(_algorithm(process), data, usedforsecurity=False).hexdigest()


async def checksum(process: Process) -> int:
    """Print or check the sums of files."""
    given = options(process.argv[1:], _FLAGS)
    inputs = Inputs(process, given.operands)
    if given.has("c", "check"):
        status = 0
        async for path, data in inputs:
            status = max(status, await _check(process, given, path, decoded(data)))
        return max(status, inputs.status)
    async for path, data in inputs:
        mark = "*" if given.has("b", "binary") else " "
        text = f"{_sum(process, data)} {mark}{path}\n"
        if given.has("tag"):
            text = f"{_algorithm(process).upper()} ({path}) = {_sum(process, data)}\n"
        await process.say(text)
    return inputs.status


async def _check(process: Process, given: Options, path: str, text: str) -> int:
    matches = [match for line in lines(text.encode()) if (match := _LINE.fullmatch(line.decode()))]
    shown = "'standard input'" if path == "-" else path
    if not matches:
        return await fail(process, f"{shown}: no properly formatted checksum lines found")
    quiet = given.has("status")
    failed = unread = verified = 0
    for match in matches:
        wanted, name = (match[1], match[2]) if match[1] else (match[4], match[3])
        try:
            actual = _sum(process, await content(process, name))
        except OSError as error:
            if given.has("ignore-missing"):
                continue
            await fail(process, f"{name}: {reason(error)}")
            await process.say("" if quiet else f"{name}: FAILED open or read\n")
            unread += 1
            continue
        verified += 1
        good = actual == wanted.lower()
        failed += not good
        if not quiet and not (good and given.has("quiet")):
            await process.say(f"{name}: {'OK' if good else 'FAILED'}\n")
    if not verified and given.has("ignore-missing"):
        return await fail(process, f"{shown}: no file was verified")
    await _warn(process, unread, "listed file", "could not be read", quiet=quiet)
    await _warn(process, failed, "computed checksum", "did NOT match", quiet=quiet)
    return 1 if failed or unread else 0


async def _warn(process: Process, count: int, what: str, how: str, *, quiet: bool) -> None:
    if count and not quiet:
        await fail(process, f"WARNING: {count} {what}{'s' if count > 1 else ''} {how}")


SUMS: dict[str, Program] = dict.fromkeys(
    ("md5sum", "sha1sum", "sha224sum", "sha256sum", "sha384sum", "sha512sum"), checksum
)
