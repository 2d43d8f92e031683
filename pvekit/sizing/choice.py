"""Deciding a size: what is given wins, then the best that a chain of links knows.

The last link always answers: the preset of the workload class. Each link before it may put a
better answer in its place: history first, then a model.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

from pvekit.errors import UsageError
from pvekit.sizing.demand import Confidence
from pvekit.sizing.described import Described, describe
from pvekit.sizing.size import Size
from pvekit.sizing.workload import UNITS, Catalogue, Workload, at_least, estimate, of_role

AUTO = "auto"

Source = Literal["model", "history", "preset", "given"]


@dataclass(frozen=True)
class SizeRequest:
    """What is asked for; None leaves a number to the preset. Memory in MiB, disk in GiB.

    ``workload`` is a text of the user's. ``template`` is the name of what is cloned,
    ``template_disk_gb`` its disk, below which no clone can go.
    """

    role: str
    size: str = AUTO
    cpus: int | None = None
    memory_mb: int | None = None
    disk_gb: int | None = None
    template_disk_gb: int = 0
    workload: str = ""
    tags: tuple[str, ...] = ()
    template: str = ""

    @property
    def given(self) -> dict[str, int]:
        """The numbers that are asked for, by name."""
        numbers = {field.name: getattr(self, field.name) for field in fields(Size)}
        return {key: value for key, value in numbers.items() if value is not None}


@dataclass(frozen=True)
class Sized:
    """A size, where it comes from and why, in words; ``evidence`` are the figures behind it.

    ``measured`` are those of its numbers that history speaks for.
    """

    size: Size
    source: Source
    because: str
    evidence: tuple[str, ...] = ()
    confidence: Confidence = "high"
    workload: str = ""
    measured: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Need:
    """What is to be sized: the request, what its text says, and the class that it is of."""

    request: SizeRequest
    described: Described
    workload: Workload


Link = Callable[[Need, Sized], Sized | None]
"""Returns a better answer than the one that it is given, or None if it knows none."""


def choose(
    request: SizeRequest,
    presets: Mapping[str, Size],
    catalogue: Catalogue,
    links: Sequence[Link] = (),
) -> Sized:
    """Decide a size; ``links`` are asked one after the other, the last one's answer counts.

    Raises :class:`UsageError` for an unknown preset, for too small a disk, and for a workload
    beside a size that is named.
    """
    sized = _base(request, presets, catalogue, links)
    sized = replace(sized, size=replace(sized.size, **request.given), because=_why(sized, request))
    return _fit_disk(request, sized)


def is_open(request: SizeRequest) -> bool:
    """Whether anything is left to be chosen."""
    return request.size == AUTO and len(request.given) < len(fields(Size))


def need_of(request: SizeRequest, catalogue: Catalogue) -> Need:
    """Return what is to be sized; the text names the class, else the role does."""
    described = describe(request.workload, catalogue)
    return Need(request, described, described.workload or of_role(catalogue, request.role))


def _base(
    request: SizeRequest,
    presets: Mapping[str, Size],
    catalogue: Catalogue,
    links: Sequence[Link],
) -> Sized:
    if request.size != AUTO:
        if request.workload:
            raise UsageError(
                f"--workload is for --size auto, not for the size {request.size}.",
                hint="Leave one of them out.",
                id="SIZE-INVALID",
            )
        return Sized(_preset(request.size, presets), "preset", f"preset {request.size}")
    need = need_of(request, catalogue)
    if not is_open(request):
        return Sized(Size(0, 0, 0), "given", "", workload=need.workload.name)
    sized = preset_answer(need, presets, catalogue)
    for link in links:
        sized = link(need, sized) or sized
    return sized


def preset_answer(need: Need, presets: Mapping[str, Size], catalogue: Catalogue) -> Sized:
    """Return the size of a workload class: the link that always answers."""
    workload, described = need.workload, need.described
    preset = _preset(workload.preset, presets)
    size, evidence = estimate(workload, described.amounts, preset)
    counted = len(evidence) > 1
    for_what = f"role {need.request.role}" if described.workload is None else workload.name
    because = (
        f"figures of {workload.name} for {_amounts(described)}"
        if counted
        else f"preset {workload.preset} for {for_what}: {workload.because}"
    )
    if left := _left_out(described):
        because = f"{because} (not told and so not counted: {left})"
    if described.asked:
        size = at_least(replace(size, **described.asked), workload.floor)
        asked = ", ".join(f"{key} {value}" for key, value in described.asked.items())
        because = f"{because}, {asked} as the text says"
    return Sized(
        size,
        "preset",
        because,
        (*evidence, *_doubts(need, catalogue)),
        "medium" if counted else "low",
        workload.name,
    )


def _amounts(described: Described) -> str:
    known = [unit for unit in described.amounts if unit not in described.missing]
    units = {unit.unit for unit in described.workload.units} if described.workload else set(known)
    told = (f"{described.amounts[k]:g} {UNITS[k]}" for k in known if k in units)
    return ", ".join(told)


def _doubts(need: Need, catalogue: Catalogue) -> list[str]:
    """Say what a text leaves open, and what was made of it."""
    described, text = need.described, need.request.workload
    if not text:
        return []
    if described.workload is None:
        known = ", ".join(catalogue)
        return [f"the text names no known workload, role {need.request.role} counts: {known}"]
    doubts = []
    if described.others:
        doubts.append(f"the text names {', '.join(described.others)}, too: not counted")
    if left := _left_out(described):
        doubts.append(f"the text does not say: {left}")
    return doubts


def _left_out(described: Described) -> str:
    """Return the amounts that the class counts by and that the text does not tell."""
    return ", ".join(UNITS[unit] for unit in described.missing)


def _preset(name: str, presets: Mapping[str, Size]) -> Size:
    if name in presets:
        return presets[name]
    near = difflib.get_close_matches(name, presets, n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    raise UsageError(
        f"There is no size {name!r}; known are {', '.join(presets)}.{meant}", id="SIZE-INVALID"
    )


def _why(base: Sized, request: SizeRequest) -> str:
    given = ", ".join(f"{key} {value}" for key, value in request.given.items())
    return ", ".join(part for part in (base.because, given and f"{given} as given") if part)


def _fit_disk(request: SizeRequest, sized: Sized) -> Sized:
    least = request.template_disk_gb
    if sized.size.disk_gb >= least:
        return sized
    if request.disk_gb is not None or request.size != AUTO:
        raise UsageError(
            f"A disk of {sized.size.disk_gb} GiB is smaller than the template's {least} GiB, "
            f"and a disk cannot shrink: ask for at least --disk {least}.",
            id="SIZE-INVALID",
        )
    because = f"{sized.because}, disk {least} GiB as the template's"
    return replace(sized, size=replace(sized.size, disk_gb=least), because=because)
