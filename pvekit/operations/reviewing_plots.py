"""A chart per VM of what it used, as PNG files; the only module that imports matplotlib."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pvekit.errors import PvekitError, UsageError
from pvekit.operations.reviewing import Finding, Found
from pvekit.sizing.demand import Series

_HOUR = 3600
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST_NAME = 100


def prepare(directory: Path) -> None:
    """Make the directory; raises :class:`UsageError` where no chart could be drawn into it."""
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError(
            "--plot needs matplotlib, which is not installed.",
            hint="Install it: pip install 'pvekit[plot]'. The chart in the table needs nothing.",
            id="PLOT-UNAVAILABLE",
        )
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"--plot cannot make {directory}: {error.strerror}.", id="PLOT-UNWRITABLE"
        ) from None
    if not os.access(directory, os.W_OK | os.X_OK):
        raise UsageError(f"--plot cannot write into {directory}.", id="PLOT-UNWRITABLE")


def draw(found: Found, directory: Path) -> list[Path]:
    """Draw a chart of each VM that was measured; raises PvekitError where it cannot be written."""
    return [
        _draw(each, directory)
        for each in found.findings
        if any(series and series.seen for series in _series(each))
    ]


def file_name(node: str, vmid: int, name: str) -> str:
    """Return a file's name that is safe whatever VM and node are called."""
    words = _UNSAFE.sub("_", f"{node}-{vmid}-{name}").lstrip(".-_")
    return f"{words[:_LONGEST_NAME]}.png"


def _series(finding: Finding) -> tuple[Series | None, Series | None]:
    return finding.lately.cpu, finding.lately.memory


def _draw(finding: Finding, directory: Path) -> Path:
    figures: Any = importlib.import_module("matplotlib.figure")
    agg: Any = importlib.import_module("matplotlib.backends.backend_agg")
    vm, review = finding.vm, finding.review
    figure = figures.Figure(figsize=(9, 6), layout="constrained")
    canvas = agg.FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1)
    cpu, memory = _series(finding)
    _plot(upper, cpu, "CPU (cores)", vm.cpus, review.cpus)
    _plot(lower, memory, "memory (MiB)", vm.memory_mb, review.memory_mb)
    upper.set_title(_plain(f"{vm.name}: VM {vm.vmid} on {finding.target.node}"))
    lower.set_xlabel("hours ago")
    path = directory / file_name(finding.target.node, vm.vmid, vm.name)
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        canvas.print_png(str(new))
        new.replace(path)
    except OSError as error:
        raise PvekitError(f"Cannot write {path}: {error.strerror}.", id="PLOT-UNWRITABLE") from None
    finally:
        new.unlink(missing_ok=True)
    return path


def _plain(text: str) -> str:
    """Return a text of which nothing is taken for a formula."""
    return text.replace("$", r"\$")


def _plot(axes: Any, series: Series | None, label: str, has: float, wanted: float) -> None:  # noqa: ANN401
    axes.set_ylabel(label)
    axes.axhline(has, color="tab:gray", label="allocated")
    if wanted != has:
        axes.axhline(wanted, color="tab:green", linestyle="--", label="recommended")
    if series is not None and series.seen:
        hours = [*_hours_ago(series), 0.0]
        known = (*series.values, series.values[-1])  # the last step lasts until now
        values = [float("nan") if value is None else value for value in known]
        axes.plot(hours, values, color="tab:blue", drawstyle="steps-post", label="used")
        axes.set_xlim(max(hours), 0)
    axes.set_ylim(bottom=0)
    axes.margins(y=0.15)
    axes.legend(loc="upper right", ncols=3, fontsize="small")


def _hours_ago(series: Series) -> list[float]:
    steps: Iterable[int] = range(len(series.values), 0, -1)
    return [step * series.step_seconds / _HOUR for step in steps]
