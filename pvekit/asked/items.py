"""A text as a row of items: words for groups, counts, amounts, other words, and breaks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pvekit.asked import words
from pvekit.asked.model import ANY, Thing, Vocabulary
from pvekit.sizing.described import Mention, mentions, normal

Kind = Literal["group", "count", "amount", "size", "name", "word", "break"]

_WORD = re.compile(r"[^\s,;:.!?()\[\]{}<>&+|/\\\"\u201c\u201d\u201e\xab\xbb]+")
_FIGURES = r"\d{1,9}(?:\s?[x\u00d7*])?"
_COUNT = re.compile(
    rf"(?:half a dozen|(?P<many>{'|'.join(words.NUMBERS)}|\d{{1,4}}) "
    rf"(?P<of>{'|'.join(words.GROUPS_OF)})(?: of)?"
    rf"|(?P<one>{'|'.join(words.NUMBERS)})|(?P<figures>{_FIGURES}))(?!\w|\.\d|-\w)"
)
_AFTER = re.compile(
    r"(?: ?[x\u00d7*] ?| ?\( ?| ?: ?)(\d{1,9})(?: ?[x\u00d7*])?(?: ?\))?(?![\w/%]|\.\d"
    r"| (?!(?:and|at|each|for|having|in|on|with)\b)\w)"
)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*(?!\w)")
_JOINED = re.compile(rf"(?<![\w-])(\d{{1,4}}|{'|'.join(words.NUMBERS)})-(?=[a-z])")
_COUNTABLE = {"nodes", "jobs"}
"""Units whose words may be those of groups as well: ``20 nodes``, ``4 runners``."""


@dataclass(frozen=True)
class Item:
    """A piece of the text; which of the others it has goes by its kind."""

    kind: Kind
    start: int
    end: int
    text: str
    thing: Thing | None = None
    mention: Mention | None = None
    count: int | None = None
    size: str = ""
    plural: bool = False


def plain(text: str) -> str:
    """Return a text as it is read here: lines and bullets are breaks, ``3-node`` is two words."""
    lines = re.sub(r"(?:^|[\r\n])\s*(?:[-*•]\s+)?", " , ", text)
    apart = re.sub(
        r"(?<=\s)['`\u2019]|['`\u2019](?=\s|$)|^['`\u2019]|['`\u2019](?=[a-z]{1,2}\b)", " ", lines
    )
    return _JOINED.sub(r"\1 ", normal(apart))


def items(text: str, vocabulary: Vocabulary) -> tuple[Item, ...]:
    """Return the items of a :func:`plain` text, in its order."""
    return tuple(_Scan(text, vocabulary).items())


class _Scan:
    """Reads a text from left to right."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self._text = text
        self._catalogue = vocabulary.catalogue
        things = dict.fromkeys(words.GENERIC, Thing(ANY)) | vocabulary.things()
        self._things = {_flat(word): thing for word, thing in things.items()}
        self._heads = _pattern(things)
        self._sizes = _sizes(vocabulary)
        self._mentions = {each.start: each for each in sorted(mentions(text), key=_length)}
        self._done: list[Item] = []

    def items(self) -> list[Item]:
        at = 0
        while at < len(self._text):
            if self._text[at] == " ":
                at += 1
                continue
            item = self._at(at)
            self._done.append(item)
            at = item.end
            if item.kind == "group" and (after := _AFTER.match(self._text, at)):
                self._done.append(self._count(at, after.end(), int(after[1])))
                at = after.end()
        return _joined(self._done)

    def _at(self, at: int) -> Item:
        called = bool(self._done) and self._done[-1].text in words.CALLED
        if called and (found := _NAME.match(self._text, at)):
            return Item("name", at, found.end(), found[0])
        mention = self._mentions.get(at)
        if mention is not None and self._is_amount(mention):
            text = self._text[at : mention.end].strip()
            return Item("amount", at, mention.end, text, mention=mention)
        for find in (self._group, self._counted, self._sized):
            if item := find(at):
                return item
        if word := _WORD.match(self._text, at):
            return Item("word", at, word.end(), word[0])
        return Item("break", at, at + 1, self._text[at])

    def _is_amount(self, mention: Mention) -> bool:
        """Whether a number of machines is an amount, and no number of VMs to be made."""
        if mention.key not in _COUNTABLE or not self._head_within(mention):
            return True
        before = self._done[-1] if self._done else None
        if before is None or not (before.kind == "group" or before.text in words.WATCHING):
            return False
        classes = (each.thing.workload for each in self._done if each.thing is not None)
        known = (self._catalogue[name].units for name in classes if name)
        return any(unit.unit == mention.key for units in known for unit in units)

    def _head_within(self, mention: Mention) -> bool:
        return bool(self._heads.search(self._text, mention.start, mention.end + 1))

    def _group(self, at: int) -> Item | None:
        found = self._heads.match(self._text, at)
        if found is None:
            return None
        thing = self._things[_flat(found["word"])]
        plural = found.end() > found.end("word")
        return Item("group", at, found.end(), found[0], thing=thing, plural=plural)

    def _counted(self, at: int) -> Item | None:
        found = _COUNT.match(self._text, at)
        return self._count(at, found.end(), _value(found)) if found else None

    def _count(self, start: int, end: int, value: int) -> Item:
        return Item("count", start, end, self._text[start:end].strip(), count=value)

    def _sized(self, at: int) -> Item | None:
        word = _WORD.match(self._text, at)
        size = self._sizes.get(word[0]) if word else None
        return Item("size", at, word.end(), word[0], size=size) if word and size else None


def _length(mention: Mention) -> int:
    return mention.end - mention.start


def _value(found: re.Match[str]) -> int:
    if found["figures"]:
        return int(re.match(r"\d+", found["figures"])[0])  # type: ignore[index]
    if found["one"]:
        return words.NUMBERS[found["one"]]
    if found["many"]:
        times = words.NUMBERS.get(found["many"]) or int(found["many"])
        return times * words.GROUPS_OF[found["of"]]
    return 6


def _flat(word: str) -> str:
    """Return a word as it is looked up: all blanks and dashes are alike, ``-ies`` is ``-y``."""
    joined = " ".join(re.split(r"[\s-]+", word))
    return f"{joined[:-3]}y" if joined.endswith("ies") else joined


def _pattern(things: Mapping[str, Thing]) -> re.Pattern[str]:
    """Return what finds a word, the longest first, in the singular or in the plural."""
    forms = []
    for word in sorted(things, key=len, reverse=True):
        form = re.sub(r"(?:\\[ -])+|[ -]+", r"[ -]", re.escape(word.lower()))
        forms.append(f"{form[:-1]}(?:y|ies)" if form.endswith("y") else form)
    return re.compile(rf"(?<![\w-])(?P<word>{'|'.join(forms)})(?:e?s)?(?![\w-])")


def _sizes(vocabulary: Vocabulary) -> dict[str, str]:
    synonyms = {word: name for name, each in words.SIZES.items() for word in each}
    known = {word: name for word, name in synonyms.items() if name in vocabulary.sizes}
    return known | {name.lower(): name for name in vocabulary.sizes}


def _joined(found: list[Item]) -> list[Item]:
    """Join words for one and the same group: ``nginx web servers``, ``etcd nodes``."""
    done: list[Item] = []
    for item in found:
        thing = _same(done[-1], item) if done else None
        if thing is None:
            done.append(item)
            continue
        start, text = done[-1].start, f"{done[-1].text} {item.text}"
        done[-1] = Item("group", start, item.end, text, thing=thing, plural=item.plural)
    return done


def _same(one: Item, other: Item) -> Thing | None:
    """Return what two neighbouring words stand for together, None if they are two groups."""
    first, second = one.thing, other.thing
    if first is None or second is None:
        return None
    if second.workload == first.workload and second.role != ANY and first.workload:
        return first
    if ANY in (first.role, second.role):
        return second if first.role == ANY else first
    if bool(first.workload) is not bool(second.workload):
        classless, classed = (second, first) if first.workload else (first, second)
        return Thing(classless.role, classed.workload)
    return None


def unused(found: tuple[Item, ...], used: set[int]) -> Iterator[str]:
    """Yield what nothing was made of, run by run, without words that say nothing."""
    run: list[str] = []
    for at, item in enumerate(found):
        if at in used or item.kind == "break":
            yield from _told(run)
            run = []
        else:
            run.append(item.text)
    yield from _told(run)


def _told(run: list[str]) -> Iterator[str]:
    while run and run[0] in words.FILLING:
        run.pop(0)
    while run and run[-1] in words.FILLING:
        run.pop()
    if run:
        yield " ".join(run)
