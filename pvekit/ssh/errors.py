"""Why a machine that answers is not talked to."""

from __future__ import annotations

from pvekit.errors import PvekitError
from pvekit.shell import HostKeyRefused, Unreachable


class HostKeyUnknown(HostKeyRefused):
    """No key of this host is known yet."""

    id = "SSH-HOST-KEY-UNKNOWN"


class HostKeyRevoked(HostKeyRefused):
    """The key that the host shows is marked as revoked."""

    id = "SSH-HOST-KEY-REVOKED"


class AuthFailed(PvekitError):
    """The machine accepted none of our keys."""

    id = "SSH-LOGIN-REFUSED"


class Incompatible(PvekitError):
    """The machine speaks SSH, but no algorithm that we know."""

    id = "SSH-INCOMPATIBLE"


class NotOpened(Unreachable):
    """No channel came about, so nothing was sent."""

    id = "SSH-NO-CHANNEL"


class ChannelRefused(NotOpened):
    """The peer is well but opens no further channel: too many of them, or not allowed."""
