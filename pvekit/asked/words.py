"""The words that requests are made of, besides those for classes and roles."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_COUNTING = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty"
)
NUMBERS = {word: at for at, word in enumerate(str.split(_COUNTING), 1)}
NUMBERS |= {"a": 1, "an": 1, "another": 1, "single": 1}
GROUPS_OF = {"pair": 2, "couple": 2, "dozen": 12, "dozens": 12, "pairs": 2}

SIZES = {
    "small": ("small", "little", "tiny"),
    "medium": ("medium", "middle", "mid-size", "mid-sized", "medium-sized"),
    "large": ("large", "big", "large-sized"),
}
"""Words for the sizes that come with pvekit."""

GENERIC = ("vm", "virtual machine", "machine", "server", "box", "host", "instance", "node")
"""Any VM; beside a word for a class they say nothing more."""

EACH = _words("each apiece every per")
TOGETHER = _words("total together altogether overall combined sum")
CALLED = _words("called named")

AND = _words("and plus also then")
"""Words between groups."""
WISHING = _words(
    "i we you need needs want wants would like d ll please give me us make create add deploy run "
    "set up setup let build host there is are be get have has can could should new more just only"
)
"""Words before the first group."""
LINKING = _words("with behind before beside alongside including")
"""Words after which a group may come, though nothing says how many."""
RUNNING = _words("running for with hosting as")
"""Words between any VM and what it is for: ``two servers running nginx``."""
PREPOSITIONS = _words(
    "for of to from by via using against into in on at about around through over under after "
    "the those these its their our my your this that it"
)
"""Words after which something is only mentioned, unless a number comes with it."""
WATCHING = _words("for of with watching monitoring across over from scraping")
"""Words after which machines are an amount: ``monitoring for 20 nodes``."""
NEGATIVE = _words(
    "no not without never except instead nor neither delete remove destroy stop kill drop shut "
    "migrate resize reboot restart wipe purge erase"
)
"""Words before what is not to be made."""

COMPANIONS = _words("database databases db dbs cluster clusters replicas instance instances")
"""Words that say nothing more right after one for a class: ``a postgres database``."""

FILLING = (
    AND | WISHING | LINKING | RUNNING | EACH | TOGETHER
) | _words(
    "for of to in on at about around approximately roughly circa a the which that handle handles "
    "handling serve serves serving do does doing it them they having all front so my our as well "
    "kubernetes k8s cluster copies load traffic"
)  # fmt: skip
"""Words that may be left out of a request without changing it."""
