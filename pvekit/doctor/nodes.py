"""The nodes themselves: reached, logged in to, of a known version, with the right time."""

from __future__ import annotations

from collections.abc import Iterator

from pvekit.doctor.model import HERE, Finding, View
from pvekit.doctor.reading import Answer
from pvekit.errors import PvekitError, Transient

SUPPORTED = (8, 9)
"""The major versions of Proxmox VE that pvekit knows."""

CLOCK_WARN = 5.0
CLOCK_FAIL = 60.0
RUN_NEEDED = 16 << 20
"""What the folders of jobs may take on /run, in bytes."""


def reached(view: View) -> Iterator[Finding]:
    """Check that each node answers over SSH, with a known host key, to a key of ours."""
    for alias, answer in view.answers.items():
        if isinstance(answer, PvekitError):
            yield _unreached(view, alias, answer)
        else:
            yield Finding("ssh", alias, "ok", "reached and logged in, host key known")


def _unreached(view: View, alias: str, error: PvekitError) -> Finding:
    user = view.users.get(alias, "root")
    login = view.logins.get(alias, f"{user}@{alias}")
    says = error.brief.rstrip(".")
    text = f"{error.brief}\n{error.details}"
    if "sudo: " in text:
        return Finding(
            "permissions",
            alias,
            "fail",
            f"{user} may not use sudo without a password",
            f"on {alias}, as root: echo '{user} ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/pvekit",
            id="PVE-FILES-UNREADABLE",
        )
    mends = {
        "SSH-HOST-KEY-UNKNOWN": f"pvekit node trust {alias}",
        "SSH-HOST-KEY-CHANGED": f"if reinstalled: remove the old key, pvekit node trust {alias}",
        "SSH-LOGIN-REFUSED": f"ssh-copy-id {login} (or ssh-add, for a key of a passphrase)",
        "SSH-UNREACHABLE": f"ssh -v {login} true",
        "ANSWER-UNREADABLE": f"ssh {login} true must print nothing; on {alias}: chsh -s /bin/bash",
    }
    check = "host-key" if error.id.startswith("SSH-HOST-KEY-") else "ssh"
    if error.id in ("ANSWER-UNREADABLE", "COMMAND-FAILED"):
        check = "shell"
    more = error.details.strip().splitlines()
    says = f"{says}: {more[-1]}" if check == "shell" and more else says
    mend = mends.get(error.id, error.hint or f"ssh -v {login} true")
    passing = isinstance(error, Transient)
    return Finding(check, alias, "fail", says, mend, error.id, passing)


def shells(view: View) -> Iterator[Finding]:
    """Check that a login prints nothing of its own: it would get between the answers."""
    for alias, answer in view.answered.items():
        if answer.noise:
            yield Finding(
                "shell",
                alias,
                "warn",
                f"login scripts print text: {answer.noise.splitlines()[0]!r}",
                f"on {alias}: let ~/.bashrc and /etc/profile print only at a terminal",
                id="ANSWER-UNREADABLE",
            )
        else:
            yield Finding("shell", alias, "ok", "a POSIX shell that says nothing of its own")


def permissions(view: View) -> Iterator[Finding]:
    """Check that commands run as root, and that the cluster file system can be read."""
    for alias, answer in view.answered.items():
        if answer.uid != "0":
            yield Finding(
                "permissions",
                alias,
                "fail",
                f"commands run as user id {answer.uid or 'unknown'}, not as root",
                "set ssh_user to root, or to a user with sudo without a password",
                id="PVE-FILES-UNREADABLE",
            )
        elif answer.site is None:
            yield Finding(
                "permissions",
                alias,
                "fail",
                answer.unread.rstrip("."),
                f"on {alias}: systemctl restart pve-cluster",
                id="PVE-FILES-UNREADABLE",
                passing=True,
            )
        else:
            yield Finding("permissions", alias, "ok", "commands run as root, /etc/pve is readable")


def versions(view: View) -> Iterator[Finding]:
    """Check that each node runs a version of Proxmox VE that pvekit knows."""
    for alias, answer in view.answered.items():
        if answer.version is None:
            says = f"no Proxmox VE answers: {answer.version_text or 'pveversion prints nothing'}"
            mend = f"on {alias}: pveversion"
            yield Finding("version", alias, "fail", says, mend)
            continue
        major, minor = answer.version
        known = major in SUPPORTED
        says = f"Proxmox VE {major}.{minor}"
        newer = major > max(SUPPORTED)
        names = " and ".join(map(str, SUPPORTED))
        yield Finding(
            "version",
            alias,
            "ok" if known else "warn" if newer else "fail",
            says if known else f"{says}; pvekit knows {names}",
            "" if known else "update pvekit" if newer else f"on {alias}: upgrade Proxmox VE",
        )


def run_space(view: View) -> Iterator[Finding]:
    """Check that there is room on /run, where jobs write, and that claims have a folder."""
    for alias, answer in view.answered.items():
        free = answer.run_free_bytes
        if free is not None:
            full = free < RUN_NEEDED
            says = f"/run has {free >> 20} MiB free"
            mend = f"on {alias}: du -xh /run | sort -h | tail"
            yield Finding("run", alias, "fail" if full else "ok", says, mend if full else "")
        if answer.claims and answer.claims != "directory":
            says = f"/etc/pve/priv/pvekit is a {answer.claims}, not a directory"
            mend = f"on {alias}: look at it, then rm /etc/pve/priv/pvekit"
            yield Finding("claims", alias, "fail", says, mend)


def clocks(view: View) -> Iterator[Finding]:
    """Check that the clocks of all nodes and this machine agree."""
    gaps = {alias: behind_or_ahead(each) for alias, each in view.answered.items()}
    wrong = {alias: gap for alias, gap in gaps.items() if abs(gap) >= CLOCK_WARN}
    ours = len(gaps) > 1 and len(wrong) == len(gaps) and _alike(list(gaps.values()))
    if ours:
        yield _clock(HERE, -sum(gaps.values()) / len(gaps), "all nodes")
        return
    for alias, gap in gaps.items():
        yield _clock(alias, gap, "this machine")


def behind_or_ahead(answer: Answer) -> float:
    """Return by how many seconds a node's clock is wrong at least: positive is ahead.

    When exactly the node looked at its clock is not known, only between which of our moments.
    """
    least = answer.ended - answer.heard
    most = answer.began + 1 - answer.asked
    if least > 0:
        return least
    return min(0.0, most)


def _alike(gaps: list[float]) -> bool:
    return max(gaps) - min(gaps) < CLOCK_WARN and (min(gaps) > 0) == (max(gaps) > 0)


def _clock(where: str, gap: float, than: str) -> Finding:
    if abs(gap) < CLOCK_WARN:
        return Finding("clock", where, "ok", "its clock is right to a few seconds")
    side = "ahead of" if gap > 0 else "behind"
    at = "" if where == HERE else f"on {where}: "
    return Finding(
        "clock",
        where,
        "fail" if abs(gap) >= CLOCK_FAIL else "warn",
        f"its clock is {abs(gap):.0f} s {side} {than}",
        f"{at}systemctl restart chrony && chronyc makestep",
    )
