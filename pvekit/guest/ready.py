"""The stages in which a new VM gets ready, each a step without changes.

Agent, address, TCP, host key, SSH, cloud-init: each stage has its own name, time and error, all
share one patience.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pvekit.errors import NotReady, PvekitError, Transient
from pvekit.guest import agent, symptoms
from pvekit.guest.sight import Sight, Wanted
from pvekit.plan import Ask, Asking, Check, Guest, Reach, Step, Verdict, ask
from pvekit.shell import Command, HostKeyChanged, Query

SILENCE = 0.25
"""The first pause between two questions to an agent: a question in vain takes seconds itself."""

Look = Callable[[], Asking[Verdict]]


def stages(
    subject: str, wanted: Wanted, *, timeout: float, interval: float, hint: str = ""
) -> tuple[Step, ...]:
    """Return the steps that wait until a guest is ready; times are in seconds.

    ``interval`` is how often SSH is tried.
    """
    looks = _Looks(wanted)
    listed: tuple[tuple[str, str, Look, float, str], ...] = (
        ("agent", "the guest agent answers", looks.agent, SILENCE, "GUEST-AGENT-SILENT"),
        ("address", "the guest has an address", looks.address, 1.0, "GUEST-NO-ADDRESS"),
        ("tcp", "the guest's SSH port answers", looks.tcp, 1.0, "GUEST-UNREACHABLE"),
        ("host-key", "the guest's host key is known", looks.host_key, 1.0, "GUEST-NO-HOST-KEY"),
        ("ssh", f"{wanted.user} can log in over SSH", looks.ssh, interval, "GUEST-LOGIN-REFUSED"),
        ("cloud-init", "cloud-init is done", looks.cloud_init, 2.0, "GUEST-CLOUD-INIT-UNFINISHED"),
    )
    return tuple(
        Step(
            subject,
            verb,
            wanted.node,
            goal=Check(says, _patiently(look)),
            patience=timeout,
            interval=pause,
            budget="ready",
            late=NotReady,
            late_id=identity,
            hint=hint,
            symptoms=partial(symptoms.asked, wanted.node, wanted.vmid),
        )
        for verb, says, look, pause, identity in listed
    )


def _patiently(look: Look) -> Look:
    """Take what may pass for "not yet", and what cannot for a VM that is made but not ready."""

    def looking() -> Asking[Verdict]:
        try:
            return (yield from look())
        except Transient as error:
            reasons = (error.brief, *error.details.splitlines())
            return Verdict(holds=False, seen="; ".join(each.rstrip(".") for each in reasons))
        except PvekitError as error:
            raise NotReady(
                error.brief, details=error.details, hint=error.hint, id=error.id
            ) from error

    return looking


class _Looks:
    """One look per stage at one guest."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._sight = Sight(wanted)

    def agent(self) -> Asking[Verdict]:
        reply = yield from self._sight.answer()
        if reply.status == 0:
            return Verdict(holds=True)
        return Verdict(holds=False, seen=agent.patient(reply, self._wanted.vmid))

    def address(self) -> Asking[Verdict]:
        address = yield from self._sight.address()
        missing = f"{self._wanted.address or 'no address'} on interface {self._wanted.mac}"
        return Verdict(bool(address), address or f"waiting for {missing}")

    def tcp(self) -> Asking[Verdict]:
        address = yield from self._sight.address()
        if not address:
            return Verdict(holds=False, seen="the guest has lost its address")
        banner = yield Reach(Guest(self._wanted.node, address, self._wanted.user))
        return Verdict(holds=True, seen=str(banner))

    def host_key(self) -> Asking[Verdict]:
        key = yield from self._sight.key()
        return Verdict(holds=True, seen=key or "accepted as it comes")

    def ssh(self) -> Asking[Verdict]:
        try:
            yield from self._logged_in()
        except HostKeyChanged:
            if not self._sight.doubt_key():
                raise
            yield from self._logged_in()
        return Verdict(holds=True)

    def _logged_in(self) -> Asking[None]:
        at = yield from self._sight.located()
        yield from ask(Ask(at, Query(Command(("true",), timeout=15.0), str)))

    def cloud_init(self) -> Asking[Verdict]:
        at = yield from self._sight.located()
        words = ("sh", "-c", "cloud-init status --long; echo exit=$?")
        out = yield from ask(Ask(at, Query(Command(words, timeout=30.0), str)))
        return judge_cloud_init(out)


def judge_cloud_init(out: str) -> Verdict:
    """Judge what ``cloud-init status --long`` printed, with its exit status in the last line.

    Status 2 means done, with something to report (degraded); a guest without cloud-init is ready.
    Raises :class:`PvekitError` if cloud-init failed.
    """
    code = out.rpartition("exit=")[2].strip()
    status = next((s[7:].strip() for s in out.splitlines() if s.startswith("status:")), "")
    if code == "127":
        return Verdict(holds=True, seen="the guest has no cloud-init")
    if status == "error" or (code == "1" and status != "running"):
        raise PvekitError(
            "cloud-init ended with an error.", details=out.strip(), id="GUEST-CLOUD-INIT-FAILED"
        )
    if status in ("done", "disabled"):
        return Verdict(holds=True, seen="degraded" if code == "2" else status)
    return Verdict(holds=False, seen=f"cloud-init is {status or 'silent'}")
