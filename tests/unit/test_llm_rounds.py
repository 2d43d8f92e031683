"""A conversation: what is kept of answers is judged as the answers were."""

from __future__ import annotations

from dataclasses import dataclass, field

from pvekit.llm.port import Address, Question, Reply
from pvekit.llm.rounds import Book, Limits, Rounds
from pvekit.run.clock import Clock

FIRST = Question(({"role": "user", "content": "how many?"},), like="a")


@dataclass
class Says:
    """A port that gives answers in turn."""

    answers: list[str]
    asked: list[Question] = field(default_factory=list)

    def ask(self, address, question, seconds):
        self.asked.append(question)
        return Reply(self.answers.pop(0))

    def highest_cost(self, *_):
        return None


def judged(most):
    def judge(text):
        return int(text) if int(text) <= most else [f"at most {most}"]

    return judge


def converse(port, kept, most, moved=""):
    def spent(question, reply, _):
        kept[question.like] = reply

    book = Book(kept=lambda question: kept.get(question.like), spent=spent)
    rounds = Rounds(port, Address("m"), Limits(), Clock(lambda: 0.0), book)
    first = Question(({"role": "user", "content": f"how many? {moved}"},), like="a")
    return rounds.converse(first, judged(most)), rounds.log


def test_a_kept_answer_stands_while_it_is_valid():
    port, kept = Says(["7", "9", "5"]), {}
    assert converse(port, kept, 8) == (7, [])
    assert converse(port, kept, 8, "the figures moved") == (7, [])
    assert len(port.asked) == 1
    assert converse(port, kept, 6) == (None, ["round 1: at most 6", "round 2: at most 6"])
    assert len(port.asked) == 2
    assert port.asked[1].messages[-1]["content"].startswith("This was refused: at most 6.")
    assert converse(port, kept, 9)[0] == 7


def test_answers_that_were_refused_are_not_paid_again():
    port, kept = Says(["7", "9"]), {}
    for _ in range(3):
        assert converse(port, kept, 6)[0] is None
    assert len(port.asked) == 2
