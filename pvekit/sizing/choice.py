"""Deciding a size: what is given wins, then a preset, then what a predictor knows of the role."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pvekit.errors import UsageError
from pvekit.sizing.presets import role_preset
from pvekit.sizing.size import Size

AUTO = "auto"

Source = Literal["given", "preset", "role", "predictor"]


@dataclass(frozen=True)
class SizeRequest:
    """What is asked for; None leaves a number to the preset. Memory in MiB, disk in GiB.

    ``template_disk_gb`` is the disk of the template, below which no clone can go.
    """

    role: str
    size: str = AUTO
    cpus: int | None = None
    memory_mb: int | None = None
    disk_gb: int | None = None
    template_disk_gb: int = 0


@dataclass(frozen=True)
class Answer:
    """A predictor's size and its reason."""

    size: Size
    because: str


Predictor = Callable[[SizeRequest], Answer | None]
"""Answers what size suits a request, or None if it cannot tell; the first answer counts."""


@dataclass(frozen=True)
class Sized:
    """The decided size, where it comes from, and why, in words for the reader."""

    size: Size
    source: Source
    because: str


def choose(
    request: SizeRequest, presets: Mapping[str, Size], predictors: Sequence[Predictor] = ()
) -> Sized:
    """Decide a size, or raise :class:`UsageError` for an unknown preset or too small a disk."""
    overrides = {
        key: value
        for key in ("cpus", "memory_mb", "disk_gb")
        if (value := getattr(request, key)) is not None
    }
    base = _base(request, presets, predictors, complete=len(overrides) == 3)
    sized = replace(base, size=replace(base.size, **overrides), because=_why(base, overrides))
    return _fit_disk(request, sized)


def _base(
    request: SizeRequest,
    presets: Mapping[str, Size],
    predictors: Sequence[Predictor],
    *,
    complete: bool,
) -> Sized:
    if request.size != AUTO:
        return Sized(_preset(request.size, presets), "preset", f"preset {request.size}")
    if complete:
        return Sized(Size(0, 0, 0), "given", "")
    for predictor in predictors:
        if answer := predictor(request):
            return Sized(answer.size, "predictor", answer.because)
    fitting = role_preset(request.role)
    because = f"preset {fitting.preset} for role {request.role}: {fitting.because}"
    return Sized(_preset(fitting.preset, presets), "role", because)


def _preset(name: str, presets: Mapping[str, Size]) -> Size:
    if name in presets:
        return presets[name]
    near = difflib.get_close_matches(name, presets, n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    raise UsageError(
        f"There is no size {name!r}; known are {', '.join(presets)}.{meant}", id="SIZE-INVALID"
    )


def _why(base: Sized, overrides: Mapping[str, int]) -> str:
    given = ", ".join(f"{key} {value}" for key, value in overrides.items())
    return ", ".join(part for part in (base.because, given and f"{given} as given") if part)


def _fit_disk(request: SizeRequest, sized: Sized) -> Sized:
    least = request.template_disk_gb
    if sized.size.disk_gb >= least:
        return sized
    if request.disk_gb is not None or sized.source == "preset":
        raise UsageError(
            f"A disk of {sized.size.disk_gb} GiB is smaller than the template's {least} GiB, "
            f"and a disk cannot shrink: ask for at least --disk {least}.",
            id="SIZE-INVALID",
        )
    because = f"{sized.because}, disk {least} GiB as the template's"
    return replace(sized, size=replace(sized.size, disk_gb=least), because=because)
