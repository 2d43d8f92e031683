"""What programs check before they touch a VM."""

from __future__ import annotations

from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.vmconfig import VmConfig, digest


def check_lock(config: VmConfig, *, skip: bool = False) -> None:
    """Die if the configuration has a lock property."""
    if config.lock and not skip:
        raise Failure(f"VM is locked ({config.lock})")


def check_digest(given: str, text: str) -> None:
    """Die if a digest was given and is not that of the configuration's text."""
    if given and given != digest(text):
        raise Failure("checksum mismatch (file change by other user?)")


def check_unmodified(given: str, text: str) -> None:
    """Die, in the words of other programs, if a digest was given and is not that of the text."""
    if given and given != digest(text):
        raise Failure("detected modified configuration - file changed by other user? Try again.")


def check_protection(config: VmConfig, message: str) -> None:
    """Die if the VM is protected."""
    if config.values.get("protection") == "1":
        raise Failure(f"{message} - protection mode enabled")


def check_off(call: Call, message: str) -> None:
    """Die with the message if the VM is on."""
    if call.node.guest(call.vmid):
        raise Failure(message, 25)
