"""``config init``: asks for what is needed, looks at one node, and writes a first configuration."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pvekit.cli import say
from pvekit.cli.app import App
from pvekit.cli.prompts import answered, may_ask, taken

if TYPE_CHECKING:
    from pvekit.config.drafting import Draft, Image
    from pvekit.config.model import NodeEntry
    from pvekit.operations.machines import Machines
    from pvekit.operations.surveying import Offer, Survey


@dataclass(frozen=True)
class Answers:
    """What the command line says already; empty is to be asked for, or proposed with ``yes``."""

    node: str = ""
    port: int | None = None
    user: str = ""
    key: str = ""
    storage: str = ""
    bridge: str = ""
    template: str = ""
    image_url: str = ""
    checksum_url: str = ""
    public_key: str = ""
    output: Path | None = None
    context: str = ""
    yes: bool = False


def init(app: App, given: Answers) -> None:
    """Carry the conversation out."""
    from pvekit.config.drafting import faults
    from pvekit.config.faults import ConfigFaults

    output = _output(app, given)
    _check(given)
    if output.exists() or output.is_symlink():
        app.confirm(f"{output} is there already. Overwrite it?", yes=given.yes, here=False)
    draft = _draft(app, given)
    text = draft.text()
    if found := faults(text, output):
        raise ConfigFaults(found)
    _write(output, text)
    say.note(f"Wrote {output}.")
    _next(output, given)


def _output(app: App, given: Answers) -> Path:
    from pvekit.errors import UsageError

    if given.output is not None and given.context:
        raise UsageError("--output and --context both say where to write: give one of them.")
    if given.context:
        return app.own.context(given.context)
    return given.output or app.own.file


def _check(given: Answers) -> None:
    """Refuse words that make no sense, before anybody is asked."""
    from pvekit.config.drafting import IMAGES
    from pvekit.errors import UsageError
    from pvekit.operations import surveying

    if given.node:
        surveying.host(given.node)
    if given.key and not Path(given.key).expanduser().is_file():
        raise UsageError(f"There is no key file {given.key}.", hint="--key names a private key.")
    if bool(given.image_url) is not bool(given.checksum_url):
        raise UsageError("--image-url and --checksum-url go together.")
    if given.template and given.template not in IMAGES and not given.image_url:
        raise UsageError(
            f"There is no template {given.template!r} to begin with.",
            details=f"Known are: {', '.join(IMAGES)}.",
            hint="--image-url and --checksum-url name any other image.",
        )
    if not may_ask():
        _check_complete(given)


def _check_complete(given: Answers) -> None:
    """Refuse at once what could only be asked for at a terminal: all of it in one error."""
    from pvekit.errors import UsageError

    needed = {"--node": given.node}
    if not given.yes:
        needed |= {
            "--storage": given.storage,
            "--bridge": given.bridge,
            "--template": given.template or given.image_url,
            "--public-key": given.public_key,
        }
    if missing := [flag for flag, value in needed.items() if not value]:
        raise UsageError(
            f"Missing: {', '.join(missing)}. There is nobody to ask.",
            hint="" if given.yes else "--yes takes the proposals and trusts the host key shown.",
            id="CONFIRMATION-NEEDED",
        )


def _draft(app: App, given: Answers) -> Draft:
    from pvekit.config.drafting import Draft
    from pvekit.config.model import NodeEntry
    from pvekit.operations import surveying
    from pvekit.operations.machines import connect

    host = given.node or taken("A Proxmox VE node (host name or address)", surveying.host)
    node = NodeEntry(host, port=given.port)
    user = given.user
    if not user and not given.yes and may_ask():
        user = _user(node, given.key)
    with closing(connect(surveying.provisional([node], user, given.key), Path.home())) as machines:
        _trust(app, machines, node, yes=given.yes)
        seen = surveying.survey(machines, node)
    _tell(seen)
    with closing(
        connect(surveying.provisional(seen.peers, user, given.key), Path.home())
    ) as machines:
        peers = [each for each in seen.peers if _reached(app, machines, each, yes=given.yes)]
    unreached = [each.name or each.host for each in seen.peers if each not in peers]
    return Draft(
        nodes=(seen.node, *peers),
        away=(*seen.away, *unreached),
        image=_image(given),
        storage=_choice(given, "storage", "--storage", given.storage, seen.storages, node),
        bridge=_choice(given, "bridge", "--bridge", given.bridge, seen.bridges, node),
        public_key=_public_key(given),
        user=user,
        key=str(Path(given.key).expanduser().absolute()) if given.key else "",
    )


def _user(node: NodeEntry, key: str) -> str:
    """Ask who logs in; what ~/.ssh/config says of it, or root, need not be said again."""
    from pvekit.operations import surveying
    from pvekit.operations.machines import connect

    with closing(connect(surveying.provisional([node], "", key), Path.home())) as machines:
        usual = machines.connections.endpoint(node.alias).user
    answer = answered("Who logs in there", usual)
    return "" if answer == usual else answer


def _trust(app: App, machines: Machines, node: NodeEntry, *, yes: bool) -> None:
    from pvekit.operations import trusting

    found = trusting.scan(machines, node.alias)
    if not found.new:
        return
    tell = say.note if yes else say.present
    for key in found.new:
        tell(f"{node.host} {key.type} {key.fingerprint}")
    tell("At the node's console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
    app.confirm(f"Trust these keys of {node.host}?", yes=yes, here=False)
    say.note(f"Stored in {trusting.store(found)}.")


def _reached(app: App, machines: Machines, node: NodeEntry, *, yes: bool) -> bool:
    """Trust another member of the PVE cluster, if it answers where its cluster says it is."""
    from pvekit.errors import Transient
    from pvekit.ssh.errors import Incompatible

    try:
        _trust(app, machines, node, yes=yes)
    except (Transient, Incompatible) as error:
        say.note(f"Left out, for it does not answer: {error.brief}")
        return False
    return True


def _tell(seen: Survey) -> None:
    where = f"PVE cluster {seen.cluster}" if seen.cluster else "a standalone node"
    names = ", ".join(node.alias for node in (seen.node, *seen.peers))
    say.note(f"Proxmox VE {seen.version}, {where}: {names}")
    if seen.away:
        say.note(f"Left out, for they are offline: {', '.join(seen.away)}")


def _choice(
    given: Answers, what: str, flag: str, wanted: str, offers: Sequence[Offer], node: NodeEntry
) -> str:
    from pvekit.operations import surveying

    mends = {
        "storage": "Give a storage the content type `images`: Datacenter > Storage > Edit.",
        "bridge": "Make one: the node > System > Network > Create > Linux Bridge.",
    }
    if not offers:
        told = "active storage that can hold images" if what == "storage" else what
        raise surveying.none(told, node, mends[what])
    if wanted:
        return surveying.chosen(what, flag, wanted, offers)
    best = offers[0]
    tell = say.note if given.yes else say.present
    for offer in offers:
        tell(f"  {what} {offer.name}: {offer.why}")
    if given.yes:
        say.note(f"Taking {what} {best.name}.")
        return best.name
    return taken(
        f"The {what} for VMs", lambda word: surveying.chosen(what, flag, word, offers), best.name
    )


def _image(given: Answers) -> Image:
    from pvekit.config.drafting import IMAGES, Image
    from pvekit.errors import UsageError

    first = next(iter(IMAGES))
    if given.image_url:
        base = IMAGES[given.template] if given.template in IMAGES else IMAGES[first]
        name = base.name if given.template in IMAGES else given.template or "cloud-template"
        return Image(name, given.image_url, given.checksum_url, base.user)

    def known(name: str) -> Image:
        if name not in IMAGES:
            raise UsageError(f"There is no {name!r}: it is one of {', '.join(IMAGES)}.")
        return IMAGES[name]

    if given.template or given.yes:
        return known(given.template or first)
    return taken(f"The system of the template ({', '.join(IMAGES)})", known, first)


def _public_key(given: Answers) -> str:
    from pvekit.errors import UsageError
    from pvekit.operations import surveying

    own = surveying.public_keys(Path.home())
    wanted = given.public_key
    best = own[0].name if own else ""
    if not wanted and may_ask() and not given.yes:
        return taken("Who may log in on the VMs (a public key, or its file)", _a_key, best)
    wanted = wanted or best
    if not wanted:
        raise UsageError(
            "There is no public key in ~/.ssh.",
            hint="Make one with `ssh-keygen -t ed25519`, or name one with --public-key.",
        )
    return _a_key(wanted)


def _a_key(wanted: str) -> str:
    """Return a public key, or the path of its file; raises :class:`UsageError` for neither."""
    from pvekit.config import keys
    from pvekit.errors import UsageError

    if not keys.is_key(wanted) and not wanted.startswith("~"):
        wanted = str(Path(wanted).absolute())
    try:
        keys.read(wanted, None)
    except keys.NotAKey as error:
        raise UsageError(f"A public SSH key is needed, got {error}.") from None
    return wanted


def _write(output: Path, text: str) -> None:
    from pvekit import private
    from pvekit.errors import PvekitError

    try:
        private.make(output.parent)
        private.write(output, text)
    except OSError as error:
        raise PvekitError(
            f"Cannot write {output}: {error.strerror}.", id="CONFIG-UNUSABLE"
        ) from None


def _next(output: Path, given: Answers) -> None:
    read = given.output is None or output.resolve() == (Path.cwd() / "config.yaml").resolve()
    option = f" --context {given.context}" if given.context else ""
    pvekit = f"pvekit{option}" if read else f"pvekit --config {output}"
    say.note(f"Next: `{pvekit} template build --dry-run`")
