"""The program ``cloud-init`` in a guest: its status, and cleaning up after it."""

from __future__ import annotations

import json
import time

from pvekit.lab.files import remove_below
from pvekit.lab.guests import cloudinit, first_boot, packagedb
from pvekit.lab.guests.cloudinit import CloudInit
from pvekit.lab.guests.system import System
from pvekit.lab.guests.words import Words, grammar, split
from pvekit.lab.process import NotSimulated, Process

_STATUS = grammar("--wait=wait -w=wait --long=long -l=long --format=format=")
_CLEAN = grammar(
    "--logs=logs -l=logs --machine-id=machine --seed=seed -s=seed --reboot=reboot -r=reboot"
)
_KNOWS_DEGRADED = (23, 4)  # the version that brought the status 2
_LOGS = ("/var/log/cloud-init.log", "/var/log/cloud-init-output.log")


async def cloud_init(system: System, run: CloudInit, process: Process) -> int:
    """Run ``cloud-init status`` or ``cloud-init clean``."""
    verb, *rest = process.argv[1:] or ("",)
    if verb == "status":
        return await _status(system, run, process, split(rest, _STATUS))
    if verb == "clean":
        return _clean(system, split(rest, _CLEAN))
    if verb in {"--version", "-v"}:
        await process.say(f"/usr/bin/cloud-init {'.'.join(map(str, _version(system)))}\n")
        return 0
    raise NotSimulated(f"'{verb}'")


async def _status(system: System, run: CloudInit, process: Process, words: Words) -> int:
    form = words.last("format", "tabular")
    waits = words.has("wait")
    modern = _version(system) >= _KNOWS_DEGRADED
    if waits and system.booted and run.status in {"running", "not started"}:
        await process.say("." if form == "tabular" else "")
        await run.settled.wait()
    if form == "json":
        await process.say(json.dumps(_facts(run), indent=1, sort_keys=True) + "\n")
    elif form == "tabular":
        await process.say(
            ("\n" if waits else "") + _table(run, detailed=words.has("long"), modern=modern)
        )
    else:
        raise NotSimulated(f"format '{form}'")
    if run.status == "error":
        return 1
    return 2 if run.warnings and run.status == "done" and modern else 0


def _version(system: System) -> tuple[int, ...]:
    version = packagedb.read(system)["cloud-init"].version.partition("-")[0]
    return tuple(map(int, version.split(".")))


def _facts(run: CloudInit) -> dict[str, object]:
    degraded = "degraded " if run.warnings and run.status in {"done", "running"} else ""
    disabled = run.status == "disabled"
    return {
        "boot_status_code": "disabled-by-generator" if disabled else "enabled-by-generator",
        "datasource": "" if disabled else "nocloud",
        "detail": run.source or "Cloud-init disabled by cloud-init-generator",
        "errors": run.errors,
        "extended_status": f"{degraded}{run.status}",
        "last_update": time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(run.updated)),
        "recoverable_errors": {"WARNING": run.warnings} if run.warnings else {},
        "status": run.status,
    }


def _table(run: CloudInit, *, detailed: bool, modern: bool) -> str:
    if not detailed:
        return f"status: {run.status}\n"
    facts = _facts(run)
    if not modern:
        return (
            f"status: {facts['status']}\nboot_status_code: {facts['boot_status_code']}\n"
            f"last_update: {facts['last_update']}\ndetail:\n{facts['detail']}\n"
        )
    keys = ("status", "extended_status", "boot_status_code", "last_update", "detail")
    lines = [f"{key}: {facts[key]}" for key in keys]
    lines += _listed("errors:", " []", run.errors)
    lines += _listed("recoverable_errors:", " {}", run.warnings)
    return "\n".join(lines) + "\n"


def _listed(title: str, nothing: str, texts: list[str]) -> list[str]:
    return [title, *(f"\t- {text}" for text in texts)] if texts else [f"{title}{nothing}"]


def _clean(system: System, words: Words) -> int:
    _remove_data(system, keep_seed=not words.has("seed"))
    for path in _LOGS if words.has("logs") else ():
        if system.files.exists(path):
            system.files.unlink(path)
    if words.has("machine"):
        system.write(first_boot.MACHINE_ID, "uninitialized\n", mode=0o444)
    if words.has("reboot") and system.halt is not None:
        system.halt(reboot=True)
    return 0


def _remove_data(system: System, *, keep_seed: bool) -> None:
    files = system.files
    if not files.is_dir(cloudinit.DATA):
        return
    seed = {path: files.read(path) for path in files.glob(f"{cloudinit.SEED}/*")}
    remove_below(files, cloudinit.DATA)
    for path, data in seed.items() if keep_seed else ():
        system.write(path, data.decode())
