"""What this machine has: keys, with which guests and nodes are logged in to, and a model."""

from __future__ import annotations

from collections.abc import Iterator

from pvekit.doctor.model import HERE, Finding, View


def public_key(view: View) -> Iterator[Finding]:
    """Check that the configured public key is a real one, and that its private half is here."""
    here = view.here
    if here.public_key:
        mend = "set cloud_init.ssh_public_key; ssh-keygen -t ed25519 makes a pair"
        yield Finding("public-key", HERE, "fail", here.public_key, mend, "CONFIG-INVALID")
    elif here.private_half:
        yield Finding("public-key", HERE, "ok", "it is a real one, its private half is here")
    else:
        says = "its private half is neither in a key file nor in the agent: no login on new VMs"
        mend = "ssh-add the private key, or name another public one"
        yield Finding("public-key", HERE, "warn", says, mend, "GUEST-LOGIN-REFUSED")


def agent(view: View) -> Iterator[Finding]:
    """Check that an SSH agent answers where one is named, and that there is some key."""
    here = view.here
    if here.agent_problem:
        mend = "eval $(ssh-agent) && ssh-add, or unset SSH_AUTH_SOCK"
        yield Finding("ssh-agent", HERE, "warn", here.agent_problem, mend)
    elif not here.keys:
        says = "there is no private key to use, neither a file nor in an agent"
        mend = "ssh-keygen -t ed25519, or eval $(ssh-agent) && ssh-add"
        yield Finding("ssh-agent", HERE, "warn", says, mend, "SSH-LOGIN-REFUSED")
    else:
        says = f"{here.keys} private key{'s' if here.keys > 1 else ''} can be used; {here.agent}"
        yield Finding("ssh-agent", HERE, "ok", says)


def model(view: View) -> Iterator[Finding]:
    """Check that what may be spent on a model is limited, if that is wished for."""
    if view.here.unpriced:
        mend = "set llm.price_per_million, to 0 for a server of your own"
        yield Finding("model-price", HERE, "warn", view.here.unpriced, mend)
