"""What each error id means, why it usually comes, how to find out and what to do: one file each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Explanation:
    """The text of one error id; code and commands stand between backticks."""

    id: str
    title: str
    means: str
    causes: tuple[str, ...] = ()
    look: tuple[str, ...] = ()
    mend: tuple[str, ...] = ()


@cache
def ids() -> tuple[str, ...]:
    """Return the ids of all errors, sorted."""
    names = (path.name for path in files(__name__).iterdir())
    return tuple(sorted(n.removesuffix(".yaml") for n in names if n.endswith(".yaml")))


def explanation(identity: str) -> Explanation:
    """Return the text of an id; raises :class:`KeyError` where there is none."""
    import yaml

    if identity not in ids():
        raise KeyError(identity)
    text = files(__name__).joinpath(f"{identity}.yaml").read_text(encoding="utf-8")
    data = yaml.safe_load(text)
    lists = {key: tuple(data.get(key, ())) for key in ("causes", "look", "mend")}
    return Explanation(identity, data["title"], data["means"], **lists)


def explanations() -> tuple[Explanation, ...]:
    """Return all texts, sorted by id."""
    return tuple(map(explanation, ids()))


HEAD = """# Troubleshooting, by error id

Every error of pvekit ends with its id, and `pvekit explain ID` prints what stands here. The ids do
not change. `pvekit doctor` looks for most of these causes by itself, before anything goes wrong.

"""


def document() -> str:
    """Return all texts as one Markdown document: ``docs/troubleshooting.md``."""
    return HEAD + "\n".join(map(_section, explanations()))


def _section(each: Explanation) -> str:
    parts = [f"## {each.id}", f"**{each.title}.** {each.means}"]
    headings = (("Usual causes", each.causes), ("Find out", each.look), ("What to do", each.mend))
    for heading, lines in headings:
        if lines:
            parts.append("\n".join([f"{heading}:", "", *(f"- {line}" for line in lines)]))
    return "\n\n".join(parts) + "\n"
