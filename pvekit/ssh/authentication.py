"""Logging in with the first of our keys that the machine accepts."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from functools import partial

from pvekit.deadlines import bounded
from pvekit.shell import Unreachable
from pvekit.ssh.deadline import Deadline, Limits
from pvekit.ssh.endpoint import Endpoint
from pvekit.ssh.errors import AuthFailed
from pvekit.ssh.identities import Identity, offered
from pvekit.ssh.library import paramiko


class _Login(paramiko.auth_handler.AuthHandler):
    """Offers key after key under one request for the service.

    paramiko asks for it again with every key, at which some servers (asyncssh) hang up; and it
    signs in the thread that reads the connection, which an agent that refuses then ends.
    """

    def offer(self, user: str, key: paramiko.PKey, answered: threading.Event) -> None:
        """Sign with a key and send that; raises what the signing raises."""
        self.auth_event = answered
        self.auth_method = "publickey"
        self.username = user
        self.private_key = key
        granted = paramiko.Message()
        granted.add_string("ssh-userauth")
        granted.rewind()
        self._parse_service_accept(granted)  # type: ignore[attr-defined]


class _Attempt:
    """One login: what was tried, and until when."""

    def __init__(self, transport: paramiko.Transport, endpoint: Endpoint, limits: Limits) -> None:
        self._transport = transport
        self._endpoint = endpoint
        self._limits = limits
        self._deadline = Deadline.after(limits.auth)
        self._login = transport.auth_handler = _Login(transport)
        self.problems: list[str] = []

    def run(self) -> None:
        user = self._endpoint.user
        # Asking without a key opens the service, and tells whether keys are welcome at all.
        try:
            self._ask(partial(self._login.auth_none, user), "no key")
        except (OSError, EOFError) as error:
            raise self._ended("no key") from error
        refusal = self._transport.get_exception()
        methods = getattr(refusal, "allowed_types", ["publickey"])
        if "publickey" not in methods:
            raise self._failed(f"it takes no keys, only {', '.join(methods)}")
        if self._transport.is_authenticated():
            return
        with offered(self._endpoint.key_paths, self._limits.agent, self.problems) as identities:
            if not any(map(self._accepts, identities)):
                raise self._failed("it accepts none of the keys")

    def _accepts(self, identity: Identity) -> bool:
        offer = partial(self._login.offer, self._endpoint.user, identity.key)
        try:
            self._ask(offer, str(identity))
        except (paramiko.SSHException, OSError, EOFError) as error:
            if not self._transport.is_active():
                raise self._ended(str(identity)) from error
            self.problems.append(f"cannot sign with {identity}: {error}")
            return False
        if not self._transport.is_authenticated():
            self.problems.append(f"rejected: {identity}")
            return False
        return True

    def _ask(self, send: Callable[[threading.Event], None], what: str) -> None:
        """Send a request and wait for its answer, good or bad."""
        answered = threading.Event()
        # What does not come back in time is not answered in time either.
        with contextlib.suppress(TimeoutError):
            bounded(lambda: send(answered), self._deadline.left)
        if not answered.wait(self._deadline.left):
            raise Unreachable(
                f"{self._endpoint} did not answer the login in {self._limits.auth:g} s.",
                details=f"tried: {what}",
            )
        if not self._transport.is_active():
            raise self._ended(what)

    def _ended(self, what: str) -> AuthFailed | Unreachable:
        error = self._transport.get_exception()
        if isinstance(error, OSError | EOFError):
            return Unreachable(f"{self._endpoint} closed the connection during the login.")
        self.problems.append(f"rejected: {what}")
        return self._failed(str(error or "it refuses to go on, perhaps after too many keys"))

    def _failed(self, reason: str) -> AuthFailed:
        return AuthFailed(
            f"Cannot log in to {self._endpoint}: {reason}.",
            details="\n".join(self.problems) or "There was no key to try.",
            hint=f"Add the public key to ~{self._endpoint.user}/.ssh/authorized_keys there, "
            "or name another key (`ssh_private_key_path`).",
        )


def authenticate(transport: paramiko.Transport, endpoint: Endpoint, limits: Limits) -> None:
    """Log in with the first key that is accepted.

    Raises :class:`AuthFailed` saying what was tried, :class:`Unreachable` when no answer comes.
    """
    _Attempt(transport, endpoint, limits).run()
