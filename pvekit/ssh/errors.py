"""Why a machine that answers is not talked to."""

from __future__ import annotations

from pvekit.errors import PvekitError
from pvekit.shell import Unreachable


class HostKeyRefused(PvekitError):
    """The machine's host key is not one that may be trusted; nothing was sent."""


class HostKeyUnknown(HostKeyRefused):
    """No key of this host is known yet."""


class HostKeyChanged(HostKeyRefused):
    """The host shows another key than the known one: reinstalled, or somebody in between."""


class HostKeyRevoked(HostKeyRefused):
    """The key that the host shows is marked as revoked."""


class AuthFailed(PvekitError):
    """The machine accepted none of our keys."""


class Incompatible(PvekitError):
    """The machine speaks SSH, but no algorithm that we know."""


class NotOpened(Unreachable):
    """No channel came about, so nothing was sent."""


class ChannelRefused(NotOpened):
    """The peer is well but opens no further channel: too many of them, or not allowed."""
