"""How a template's image comes to a node: from the internet, or from another node that has it."""

from __future__ import annotations

from pvekit.plan import Change, Step, Verdict, check, either
from pvekit.pve import act, files, scripts
from pvekit.pve.act import detached
from pvekit.templates.spec import Copy, TemplateSpec


def verb(at: Copy) -> str:
    """Return what the step is called that gets the image."""
    return "copy-image" if at.origin.source else "download"


def fetch(spec: TemplateSpec, at: Copy) -> Change:
    """Return the job that gets the image and verifies it.

    It is one and the same for all who want the image on a node, wherever it comes from. One that
    copies waits by itself until the source's job is done, and downloads where nothing comes of it.
    """
    origin = at.origin
    signed = f"signed by {spec.image_signer}" if spec.image_signer else "not signed"
    verified = f"verify its {spec.image_algorithm} {spec.image_sum} ({signed})"
    why = f"; {origin.why}" if origin.why else ""
    job = _job(spec, f"download {spec.image_url} to {spec.image_path} and {verified}{why}")
    if not origin.source:
        return job
    shown = f"copy {spec.image_path} from {origin.source}, once it is there, and {verified}{why}"
    return _job(spec, shown, origin.pve_node, act.job_id("", "", 0, job))


def _job(spec: TemplateSpec, shown: str, *source: str) -> Change:
    return detached(
        "fetch",
        *(spec.image_url, spec.image_algorithm, spec.image_sum, spec.image_path),
        *source,
        shown=shown,
        once=f"fetch {spec.image_path}",
    )


def without_half(spec: TemplateSpec, at: Copy) -> Step:
    """Remove half an image, unless somebody else is at work on it."""
    half = f"{spec.image_path}.part"
    job = act.job_id("", "", 0, fetch(spec, at))
    at_work = check(
        f"{half} is being written",
        act.job(at.node, job),
        lambda each: Verdict(each.state == "running"),
    )
    goal = either(at_work, files.absent(at.node, half))
    change = Change(scripts.script("sweep", "-", "-", job, half), shown=f"rm -f {half}")
    return Step(at.subject(spec), f"undo-{verb(at)}", at.node, goal, (change,))
