"""What programs check before they touch a VM."""

from __future__ import annotations

from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.vmconfig import VmConfig, digest


def check_lock(config: VmConfig, *, skip: bool = False) -> None:
    """Die if the configuration has a lock property."""
    if config.lock and not skip:
        raise Failure(f"VM is locked ({config.lock})")


def check_digest(call: Call, text: str) -> None:
    """Die if ``--digest`` was given and is not that of the configuration's text."""
    if "digest" in call.values and call.values["digest"] != digest(text):
        raise Failure("checksum mismatch (file change by other user?)")


def check_off(call: Call, message: str) -> None:
    """Die with the message if the VM is on."""
    if call.node.guest(call.vmid):
        raise Failure(message, 25)
