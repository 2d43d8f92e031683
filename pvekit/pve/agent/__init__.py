"""The wrapper that a user who is not root may run by ``sudo``, and the files around it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

from pvekit.pve import scripts

PROGRAM = "/usr/local/sbin/pvekit-agent"
RULE = "/etc/sudoers.d/pvekit"
FOLDER = "/etc/pvekit"

_JOINED = (
    ("sparing", "read-site"),
    ("doctor", "read-site"),
    ("sparing", "doctor", "read-site"),
    ("names", "volumes"),
)
_NEVER_ALONE = ("doctor", "sparing", "names")


@dataclass(frozen=True)
class Installed:
    """A file on the node, all of them root's."""

    path: str
    mode: str
    content: str


@dataclass(frozen=True)
class Allowance:
    """Who may run pvekit's words, on which vmids, and with files below which directory."""

    user: str
    first_vmid: int
    last_vmid: int
    image_dir: str


def installed(allowed: Allowance) -> tuple[Installed, ...]:
    """Return the files in the order in which they are put in place: the rule is the last."""
    settings = (
        f"first_vmid={allowed.first_vmid}\nlast_vmid={allowed.last_vmid}\n"
        f"image_dir={allowed.image_dir}\n"
    )
    return (
        Installed(f"{FOLDER}/agent.conf", "644", settings),
        Installed(f"{FOLDER}/agent.scripts", "644", known_scripts()),
        Installed(PROGRAM, "755", program()),
        Installed(RULE, "440", rule(allowed.user)),
    )


def program() -> str:
    """Return the wrapper itself."""
    return files(__name__).joinpath("agent.sh").read_text(encoding="utf-8")


def known_scripts() -> str:
    """Return pvekit's scripts by their digests, a line each.

    What is only ever sent with others has the digests of what it is sent as.
    """
    sent = [(name, scripts.text(name)) for name in scripts.names() if name not in _NEVER_ALONE]
    sent += [(parts[-2], str(scripts.joined(parts).stdin)) for parts in _JOINED]
    digests = ((hashlib.sha256(text.encode()).hexdigest(), name) for name, text in sent)
    return "".join(f"{digest} {name}\n" for digest, name in digests)


def rule(user: str) -> str:
    """Return the sudo rule: this one program, with any words, for the program judges them."""
    path = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
    return (
        "# pvekit: the wrapper judges the words. Plain `qm` here would be the same as root.\n"
        f'Defaults!{PROGRAM} env_reset, !setenv, !requiretty, secure_path="{path}"\n'
        f"{user} ALL=(root) NOPASSWD: {PROGRAM}\n"
    )
