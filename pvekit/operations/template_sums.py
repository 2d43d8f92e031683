"""The checksums of cloud images, read where the images will be fetched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from pvekit.config.model import TemplateConfig
from pvekit.errors import NoCapacity, PvekitError
from pvekit.inventory.model import NodeState
from pvekit.operations.desk import Desk
from pvekit.plan import Ask
from pvekit.pve.scripts import script
from pvekit.run.gather import gather
from pvekit.shell import Query
from pvekit.templates import sums


def checksum(desk: Desk, template: TemplateConfig, node: NodeState) -> sums.Checksum:
    """Read the checksum file on the node: where the image will be fetched, the sums are too."""
    query = Query(script("sums", template.checksum_url, timeout=120.0), str)
    answer = gather(desk.site, {"sums": Ask(node.alias, query)}, desk.clock, desk.policy)["sums"]
    if isinstance(answer, PvekitError):
        raise PvekitError(
            f"Cannot read {template.checksum_url} on {node.alias}.",
            details=answer.details or answer.brief,
            hint="The node itself must be able to reach it.",
            id="CHECKSUMS-UNREACHABLE",
        )
    name = PurePosixPath(template.image_url).name
    return sums.find(answer, name, url=template.checksum_url)


def joined(problems: Sequence[NoCapacity]) -> NoCapacity:
    """Return one error that tells of all."""
    if len(problems) == 1:
        return problems[0]
    told = "\n".join(f"{problem.brief}\n{problem.details}" for problem in problems)
    return NoCapacity(
        f"Cannot build {len(problems)} templates.", details=told, id="TEMPLATE-CANNOT-BE-BUILT"
    )
