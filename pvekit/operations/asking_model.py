"""A request in words, read by the configured model and reviewed by code."""

from __future__ import annotations

from dataclasses import dataclass

from pvekit.asked.model import Part, Understood, Vocabulary, fleet_name
from pvekit.errors import PvekitError
from pvekit.fleet import compare
from pvekit.inventory.model import Inventory
from pvekit.llm import request, request_review
from pvekit.llm.request import Answer
from pvekit.operations import asking_sizes, size_model
from pvekit.operations.desk import Desk
from pvekit.placement.names import used_names


@dataclass(frozen=True)
class ModelReader:
    """Has a model read a request, and holds its answers against the text and the site."""

    desk: Desk
    inventory: Inventory
    text: str
    fleet: str
    vocabulary: Vocabulary

    def answer(self, by_words: Understood, seconds: float) -> tuple[Answer | None, tuple[str, ...]]:
        """Return the first valid answer, None if there is none in time, and what happened."""
        try:
            rounds = size_model.conversation(self.desk, seconds)
        except PvekitError as error:  # a key that is not there: words are read without it
            return None, (str(error),)
        told: set[str] = set()

        def judged(text: str) -> Answer | list[str]:
            found = request.parse(text, self.vocabulary)
            if isinstance(found, list):
                return found
            wrong = request_review.findings(found.parts, self.text, by_words, self.vocabulary)
            wrong += self._taken(found.parts)
            crowded = self._room(found.parts)
            if not wrong and told.issuperset(crowded):
                return found  # it is what the text asks for: placement will refuse it by name
            told.update(crowded)
            return [*wrong, *crowded]

        asked = request.question(self.text, by_words, self.vocabulary)
        return rounds.converse(asked, judged), tuple(rounds.log)

    def sent(self, by_words: Understood) -> str:
        """Return what is sent in the first round."""
        return request.question(self.text, by_words, self.vocabulary).messages[1]["content"]

    def _taken(self, parts: tuple[Part, ...]) -> list[str]:
        """Return which names of groups would make names of VMs that others have."""
        fleet = self.fleet or fleet_name(parts)
        own = {vm.name.lower() for vm in compare.members(fleet, self.inventory)}
        taken = used_names(self.inventory) - own
        return [
            f"the name {part.name} makes names of machines that are taken: null"
            for part in parts
            if part.name
            and {f"{fleet}-{part.name}-{at}" for at in range(1, part.count + 1)} & taken
        ]

    def _room(self, parts: tuple[Part, ...]) -> list[str]:
        sizes = asking_sizes.least(self.desk, self.inventory, parts)
        wanted = sum(part.count * size.memory_mb for part, size in zip(parts, sizes, strict=True))
        nodes = [node for node in self.inventory.nodes if node.configured and node.online]
        free = sum((n.memory_mb or 0) - self.inventory.memory_given_mb(n) for n in nodes)
        if wanted <= free:
            return []
        return [f"all together need {wanted} MiB, the site has {max(free, 0)} MiB to give"]
