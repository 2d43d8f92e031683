"""The checksums of cloud images, read where the images will be fetched, their signature verified.

The node downloads both files. They are verified by gpgv on this machine, or on the node where this
machine has none.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from pvekit.config.model import Config, TemplateConfig
from pvekit.errors import NoCapacity, PvekitError, Transient, UnreadableAnswer
from pvekit.inventory.model import Inventory, NodeState
from pvekit.operations.desk import Desk
from pvekit.plan import Ask
from pvekit.pve.scripts import script
from pvekit.run.gather import gather
from pvekit.shell import Query
from pvekit.signatures import gpgv, keys
from pvekit.signatures.keys import Keyring
from pvekit.templates import sums


@dataclass(frozen=True)
class _Fetched:
    """A checksum file, its signature or why there is none, and what the node's gpgv reports."""

    text: bytes
    signature: bytes | None = None
    unsigned: str = ""
    report: tuple[str, ...] | None = None


def checksum(desk: Desk, template: TemplateConfig, node: NodeState) -> sums.Checksum:
    """Return the image's checksum, from a file whose signature is good if one is wanted."""
    keyring = _keyring(desk.config, template)
    url = _signature_url(template) if keyring else ""
    fetched = _fetch(desk, template.checksum_url, url, keyring, node)
    name = PurePosixPath(template.image_url).name
    signer = _signer(desk, template, fetched, keyring, url, node) if keyring else ""
    if not signer and template.checksum_url.startswith("http:"):
        desk.warn(f"{template.checksum_url} is neither signed nor read over https.")
    found = sums.find(fetched.text.decode(errors="replace"), name, url=template.checksum_url)
    return replace(found, signer=signer)


def _keyring(config: Config, template: TemplateConfig) -> Keyring | None:
    if template.signing_key:
        return keys.read(config.path(template.signing_key))
    return keys.pinned(template.checksum_url)


def _signature_url(template: TemplateConfig) -> str:
    return template.signature_url or f"{template.checksum_url}.gpg"


def _fetch(
    desk: Desk, url: str, signature: str, keyring: Keyring | None, node: NodeState
) -> _Fetched:
    there = keyring is not None and not gpgv.installed()
    sent = base64.b64encode(keyring.data).decode() if keyring and there else "-"
    query = Query(script("sums", url, signature or "-", sent, timeout=180.0), _read)
    answer = gather(desk.site, {"sums": Ask(node.alias, query)}, desk.clock, desk.policy)["sums"]
    if isinstance(answer, PvekitError):
        raise PvekitError(
            f"Cannot read {url} on {node.alias}.",
            details=answer.details or answer.brief,
            hint="The node itself must be able to reach it.",
            id="CHECKSUMS-UNREACHABLE",
        )
    return answer


def _read(out: str) -> _Fetched:
    """Read the answer of the script ``sums``."""
    words = [line.partition(" ") for line in out.split("\n")]
    told = {kind: rest for kind, _, rest in words}
    try:
        text = base64.b64decode(told["sums"], validate=True)
        signature = base64.b64decode(told["signature"]) if "signature" in told else None
    except (KeyError, binascii.Error) as error:
        raise UnreadableAnswer(f"The checksum file came in no readable form: {error}.") from error
    asked = signature is not None and "gpgv-missing" not in told
    report = tuple(rest for kind, _, rest in words if kind == "gpgv")
    return _Fetched(text, signature, told.get("unsigned", ""), report if asked else None)


def _signer(
    desk: Desk,
    template: TemplateConfig,
    fetched: _Fetched,
    keyring: Keyring,
    url: str,
    node: NodeState,
) -> str:
    """Return who has signed; nobody only where a missing signature is put up with."""
    if fetched.signature is None:
        if template.signature == "if-present":
            desk.warn(f"{template.checksum_url} is not signed: {fetched.unsigned or 'no file'}.")
            return ""
        raise PvekitError(
            f"The checksum file of {template.name} has no signature.",
            details=f"{url}, read on {node.alias}: {fetched.unsigned}",
            hint="Set `signature_url` if it lies elsewhere. Only for a source that signs nothing: "
            "`signature: if-present`.",
            id="IMAGE-SIGNATURE-MISSING",
        )
    report: Sequence[str] | None = fetched.report
    if gpgv.installed():
        report = gpgv.report(fetched.text, fetched.signature, keyring)
    if report is None:
        raise PvekitError(
            f"The signature {url} cannot be verified: gpgv is neither here nor on {node.alias}.",
            hint="Install gpgv on this machine: it is a package of that name, and part of GnuPG.",
            id="GPGV-MISSING",
        )
    try:
        return gpgv.signer(report, keyring)
    except gpgv.BadSignature as error:
        error.details += f"\n{template.checksum_url}, of {template.name}, read on {node.alias}"
        raise


def published(
    desk: Desk, template: TemplateConfig, inventory: Inventory, only: Sequence[str] = ()
) -> sums.Checksum:
    """Read which image is published now, on the first node that answers."""
    for node in inventory.nodes:
        if node.configured and node.online and (not only or node.alias in only):
            return checksum(desk, template, node)
    raise Transient("No node answers that could read the checksums.", id="SITE-SILENT")


def joined(problems: Sequence[NoCapacity]) -> NoCapacity:
    """Return one error that tells of all."""
    if len(problems) == 1:
        return problems[0]
    told = "\n".join(f"{problem.brief}\n{problem.details}" for problem in problems)
    return NoCapacity(
        f"Cannot build {len(problems)} templates.", details=told, id="TEMPLATE-CANNOT-BE-BUILT"
    )
