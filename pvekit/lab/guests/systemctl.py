"""systemctl, systemd-run and the programs that turn a guest off."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping

from pvekit.lab.guests import services
from pvekit.lab.guests.services import UnitError
from pvekit.lab.guests.system import System
from pvekit.lab.guests.words import grammar, split
from pvekit.lab.process import NotSimulated, Process
from pvekit.lab.streams import BytesReader, FileWriter, Stream

_SYSTEMCTL = grammar(
    "--now=now -q=quiet --quiet=quiet --no-block=later --no-pager=plain --force=force -f=force"
    " --no-reload=later"
)
_NOT_BOOTED = (
    "System has not been booted with systemd as init system (PID 1). Can't operate.\n"
    "Failed to connect to bus: Host is down\n"
)
_STATIC = (
    "The unit files have no installation config (WantedBy=, RequiredBy=, Also=,\n"
    "Alias= settings in the [Install] section, and DefaultInstance= for template\n"
    "units). This means they are not meant to be enabled using systemctl.\n"
)
_FILES: Mapping[str, Callable[[System, str], Iterator[str]]] = {
    "enable": services.enable,
    "disable": services.disable,
    "mask": services.mask,
    "unmask": services.unmask,
}
_RUNNING = frozenset({"start", "restart", "reload-or-restart", "stop", "try-restart"})


async def systemctl(system: System, process: Process) -> int:
    """Run ``systemctl``."""
    words = split(process.argv[1:], _SYSTEMCTL)
    verb, *names = words.operands or ("",)
    units = [services.full_name(name) for name in names]
    if verb in {"poweroff", "halt", "reboot"}:
        return await _halt(system, process, reboot=verb == "reboot")
    if verb == "daemon-reload":
        return 0
    try:
        if verb in _FILES:
            return await _change_files(
                system, process, verb, units, now=words.has("now"), quiet=words.has("quiet")
            )
        if verb in _RUNNING:
            return await _change_running(system, process, verb, units)
    except UnitError as error:
        await process.complain(f"{error}\n")
        return error.status
    return await _tell(system, process, verb, units, quiet=words.has("quiet"))


async def _change_files(
    system: System, process: Process, verb: str, units: list[str], *, now: bool, quiet: bool
) -> int:
    for unit in units:
        for line in _FILES[verb](system, unit):
            if not quiet:
                await process.complain(f"{line}\n")
        if verb == "enable" and not services.install_targets(system, unit) and not quiet:
            await process.complain(_STATIC)
    if now:
        verb = "start" if verb == "enable" else "stop"
        return await _change_running(system, process, verb, units)
    return 0


async def _change_running(system: System, process: Process, verb: str, units: list[str]) -> int:
    if not system.booted:
        await process.complain(_NOT_BOOTED)
        return 1
    for unit in units:
        if services.unit_path(system, unit) is None:
            missing = "loaded" if verb == "stop" else "found"
            raise UnitError(f"Failed to {verb} {unit}: Unit {unit} not {missing}.", 5)
        if verb == "stop":
            system.active.discard(unit)
        elif verb != "try-restart" or unit in system.active:
            _start(system, verb, unit)
    return 0


def _start(system: System, verb: str, unit: str) -> None:
    if services.is_masked(system, unit):
        raise UnitError(f"Failed to {verb} {unit}: Unit {unit} is masked.")
    if unit == "qemu-guest-agent.service" and not system.agent_port:
        raise UnitError(f"A dependency job for {unit} failed. See 'journalctl -xe' for details.")
    if services.has_program(system, unit):
        raise NotSimulated(f"{unit}: ExecStart of a unit that no package brought")
    services.start(system, unit)


async def _tell(
    system: System, process: Process, verb: str, units: list[str], *, quiet: bool
) -> int:
    if verb == "is-system-running":
        text = "running" if system.booted else "offline"
        await process.say(f"{text}\n")
        return 0 if system.booted else 1
    if verb not in {"is-active", "is-enabled"}:
        raise NotSimulated(f"'{verb}'")
    states = [
        _active(system, unit) if verb == "is-active" else _enabled(system, unit) for unit in units
    ]
    if not quiet:
        await process.say("".join(f"{state}\n" for state in states))
    good = {"active"} if verb == "is-active" else {"enabled", "static"}
    failure = 3 if verb == "is-active" else 1
    return 0 if any(state in good for state in states) else failure


def _active(system: System, unit: str) -> str:
    if unit in system.active:
        return "active"
    waiting = unit == "kubelet.service" and services.is_enabled(system, unit)
    return "activating" if waiting and system.booted else "inactive"


def _enabled(system: System, unit: str) -> str:
    if services.unit_path(system, unit) is None:
        raise UnitError(f"Failed to get unit file state for {unit}: No such file or directory")
    if services.is_masked(system, unit):
        return "masked"
    if not services.install_targets(system, unit):
        return "static"
    return "enabled" if services.is_enabled(system, unit) else "disabled"


_RUN = grammar(
    "--no-block=later --collect=collect -G=collect --unit=unit= -u=unit= --property=property="
    " -p=property= --description=about= -q=quiet --quiet=quiet --setenv=env= -E=env="
    " --wait=wait --pipe=pipe -P=pipe --working-directory=dir= --slice=slice= --scope=scope"
    " --on-active=timer= --service-type=type="
)


async def systemd_run(system: System, process: Process) -> int:
    """Run ``systemd-run``: a program of the service manager's, apart from the caller's."""
    words = split(process.argv[1:], _RUN, stop=True)
    for option in ("scope", "timer", "pipe"):
        if words.has(option):
            raise NotSimulated(f"--{option}")
    if not system.booted:
        await process.complain(_NOT_BOOTED)
        return 1
    machine = process.machine
    if machine.locate(words.operands[0]) is None:
        await process.complain(f"Failed to find executable {words.operands[0]}\n")
        return 1
    unit = services.full_name(words.last("unit") or f"run-u{process.pid}")
    env = dict(value.partition("=")[::2] for value in words.every("env"))
    live = machine.start(
        Process(
            machine=machine,
            argv=words.operands,
            stdin=_stream(machine.files.open("/dev/null")),
            stdout=_stream(machine.files.open("/var/log/syslog", append=True)),
            stderr=_stream(machine.files.open("/var/log/syslog", append=True)),
            env=machine.environment("root") | env,
            cwd=words.last("dir", "/"),
            pid=1,
        )
    )
    if words.has("wait"):
        return await live.wait()
    if not words.has("quiet"):
        await process.complain(f"Running as unit: {unit}\n")
    return 0


async def poweroff(system: System, process: Process) -> int:
    """Run ``poweroff``, ``halt`` or ``reboot``."""
    return await _halt(system, process, reboot=process.argv[0].endswith("reboot"))


async def shutdown(system: System, process: Process) -> int:
    """Run ``shutdown``; only an immediate one is simulated."""
    options = grammar("-h=halt -P=halt -H=halt -r=reboot")
    words = split(process.argv[1:], options)
    if (words.operands or ("",))[0] not in {"now", "+0"}:
        raise NotSimulated(shlex.join(process.argv[1:]))
    return await _halt(system, process, reboot=words.has("reboot"))


async def _halt(system: System, process: Process, *, reboot: bool) -> int:
    if not system.booted or system.halt is None:
        await process.complain(_NOT_BOOTED)
        return 1
    system.halt(reboot=reboot)
    return 0


def _stream(append: Callable[[bytes], None]) -> Stream:
    return Stream(reader=BytesReader(), writer=FileWriter(append))
