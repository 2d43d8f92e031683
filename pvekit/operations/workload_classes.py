"""The workload classes of a configuration: its own files over the ones that come with pvekit."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvekit.config.faults import ConfigFaults, Fault
from pvekit.config.model import Config
from pvekit.config.nearest import did_you_mean
from pvekit.errors import UsageError
from pvekit.sizing.presets import workloads
from pvekit.sizing.workload import Catalogue, parse

if TYPE_CHECKING:
    from pvekit.config.document import Document

_SCHEMA = "pvekit.sizing"


def known(config: Config) -> Catalogue:
    """Return the workload classes by name, the configuration's own first.

    Raises :class:`ConfigFaults` for faults of its files, and :class:`UsageError` for a directory
    that cannot be read.
    """
    if config.sizes_dir is None:
        return workloads()
    from pvekit.config.document import read

    own: dict[str, Any] = {}
    faults: list[Fault] = []
    for path in _files(config.path(config.sizes_dir)):
        document = read(path)
        faults += [*document.faults, *_faults(document, config.sizes, own)]
        own |= document.mapping(())
    if faults:
        raise ConfigFaults(tuple(faults), what="sizes_dir", id="CONFIG-INVALID")
    classes = parse(own)
    return classes | {name: each for name, each in workloads().items() if name not in classes}


def _files(directory: Path) -> list[Path]:
    try:
        return sorted(path for path in directory.iterdir() if path.suffix == ".yaml")
    except OSError as error:
        raise UsageError(
            f"sizes_dir names {directory}, which cannot be read: {error.strerror}.",
            hint="It is a directory with *.yaml files of workload classes.",
            id="CONFIG-INVALID",
        ) from None


def _faults(document: Document, sizes: Iterable[str], before: Iterable[str]) -> list[Fault]:
    from pvekit.config import wording

    faults = wording.check(document, _SCHEMA)
    for name, entry in document.mapping(()).items():
        preset = entry.get("preset") if isinstance(entry, dict) else None
        if isinstance(preset, str) and preset not in sizes:
            expected = f"one of the sizes {', '.join(sizes)}"
            hint = did_you_mean(preset, list(sizes))
            faults.append(document.fault((name, "preset"), expected, repr(preset), hint))
        if name in before:
            faults.append(document.fault((name,), "each class once", f"{name!r} again"))
    return faults
