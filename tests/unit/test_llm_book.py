"""Money and memory of the models: limits per call and day, answers for an hour."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from pvekit import private
from pvekit.llm.book import Budget, Ledger, Rates
from pvekit.llm.port import Address, ModelFailed, Question, Reply, seconds_of

QUESTION = Question(({"role": "user", "content": "x" * 100},))


class Priced:
    def __init__(self, cost):
        self.cost = cost

    def highest_cost(self, address, question):
        return self.cost


def ledger(tmp_path, cost=0.01, now=lambda: 1_800_000_000.0, rates=None, warn=print, **budget):
    directory = tmp_path / "pvekit" / "llm"
    return Ledger(directory, Address("m"), Priced(cost), Budget(**budget), now, rates, warn)


def test_a_call_that_may_cost_too_much_is_not_made(tmp_path):
    ledger(tmp_path, call=0.02).allowed(QUESTION)
    with pytest.raises(ModelFailed, match=r"0.0300 USD, over llm.max_cost_usd.call"):
        ledger(tmp_path, cost=0.03, call=0.02).allowed(QUESTION)


def test_costs_of_a_day_add_up_and_end_with_it(tmp_path):
    kept = ledger(tmp_path, day=0.05)
    for _ in range(4):
        kept.allowed(QUESTION)
        kept.spent(QUESTION, Reply("a", 1, 1, 0.0125), "answered")
    with pytest.raises(ModelFailed, match=r"0.0500 USD were spent today"):
        kept.allowed(QUESTION)
    ledger(tmp_path, now=lambda: 1_800_086_400.0, day=0.05).allowed(QUESTION)


def test_of_many_who_ask_at_the_same_moment_only_as_many_may_as_are_paid(tmp_path, monkeypatch):
    """Whoever reads what was spent has all others at the door: none may read it, too."""
    many, paid = 8, 3
    arrived, all_arrived, inside, most = itertools.count(1), threading.Event(), [], []
    lock, read = fcntl.flock, private.read

    def locking(handle, how):
        if next(arrived) == many:
            all_arrived.set()
        lock(handle, how)

    def reading(*args):
        inside.append(args)
        assert all_arrived.wait(60)
        most.append(len(inside))
        try:
            return read(*args)
        finally:
            inside.pop()

    def asks(_):
        own = ledger(tmp_path, cost=0.01, day=0.01 * paid + 0.001)
        try:
            own.allowed(QUESTION)
        except ModelFailed as error:
            return str(error)
        return ""

    monkeypatch.setattr(fcntl, "flock", locking)
    monkeypatch.setattr(private, "read", reading)
    with ThreadPoolExecutor(many) as pool:
        said = list(pool.map(asks, range(many)))
    assert most == [1] * many
    assert said.count("") == paid
    assert {each for each in said if each} == {
        "0.0000 USD were spent today, 0.0300 are reserved for open questions and it may cost "
        "0.0100, over llm.max_cost_usd.day"
    }


ASKING = """\
import sys
from pathlib import Path
from pvekit.llm.book import Budget, Ledger
from pvekit.llm.port import Address, Question

class Priced:
    def highest_cost(self, address, question):
        return 0.01

own = Ledger(Path(sys.argv[1]), Address("m"), Priced(), Budget(day=0.035))
sys.stdin.readline()
for number in range(5):
    try:
        own.allowed(Question(({"role": "user", "content": "x"},)))
    except Exception as error:
        print(type(error).__name__)
    else:
        print("asked")
"""


def test_processes_share_a_day(tmp_path):
    command = [sys.executable, "-c", ASKING, tmp_path / "pvekit" / "llm"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(2)]
    for each in processes:
        each.stdin.write("go\n")
        each.stdin.flush()
    said = [word for each in processes for word in each.communicate()[0].split()]
    assert (said.count("asked"), said.count("ModelFailed")) == (3, 7)


def test_what_a_question_did_cost_takes_the_place_of_what_it_might(tmp_path):
    kept = ledger(tmp_path, cost=0.01, day=0.021)
    other = replace(QUESTION, messages=({"role": "user", "content": "y"},))
    kept.allowed(QUESTION)
    kept.allowed(other)
    assert kept.today() == pytest.approx(0.02)
    kept.spent(QUESTION, Reply("a", 1, 1, 0.004), "answered")
    assert kept.today() == pytest.approx(0.014)
    kept.spent(other, None, "no answer")
    assert kept.today() == pytest.approx(0.004)
    kept.allowed(QUESTION)
    assert kept.today() == pytest.approx(0.014), "the process died then"


def test_where_nothing_can_be_written_a_limit_of_the_day_lets_nothing_pass(tmp_path):
    (tmp_path / "pvekit").write_text("")
    with pytest.raises(ModelFailed, match=r"cannot be written down: .*day could not be kept"):
        ledger(tmp_path, day=1.0).allowed(QUESTION)
    ledger(tmp_path, call=1.0).allowed(QUESTION)


def test_a_budget_of_nothing_is_none_to_spend(tmp_path):
    with pytest.raises(ModelFailed):
        ledger(tmp_path, day=0.0).allowed(QUESTION)


def test_what_has_no_price_is_not_held_back_which_is_said_once_a_day(tmp_path):
    said = []
    kept = ledger(tmp_path, cost=None, call=0.0, day=0.0, warn=said.append)
    for _ in range(3):
        kept.allowed(QUESTION)
        kept.spent(QUESTION, Reply("a", 100, 10), "answered")
    assert said == [
        "llm.max_cost_usd holds nothing back: nobody knows what m costs; "
        "llm.price_per_million can say it"
    ]
    replace(kept, now=lambda: 1_800_086_400.0).allowed(QUESTION)
    assert len(said) == 2
    replace(kept, budget=Budget(), now=lambda: 1_800_186_400.0).allowed(QUESTION)
    assert len(said) == 2
    assert lines(kept)[-1]["tokens_in"] == 100


def test_a_price_of_the_configuration_wins(tmp_path):
    kept = ledger(tmp_path, cost=None, rates=Rates(2.0, 10.0), day=0.01, warn=None)
    kept.allowed(QUESTION)  # at most 50 tokens in and 300 out: 0.0031 USD
    kept.spent(QUESTION, Reply("a", 500, 600, 99.0), "answered")
    assert kept.today() == pytest.approx(0.007)
    with pytest.raises(ModelFailed, match=r"0.0070 USD were spent today and it may cost 0.0031"):
        kept.allowed(QUESTION)


def test_tokens_are_guessed_where_a_server_counts_none(tmp_path):
    kept = ledger(tmp_path, rates=Rates(1.0, 1.0))
    kept.spent(QUESTION, Reply("a" * 40), "answered")
    (line,) = lines(kept)
    assert (line["tokens_in"], line["tokens_out"], line["cost_usd"]) == (26, 11, 37e-6)


def lines(kept):
    (path,) = kept.directory.glob("*.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_answer_is_kept_for_an_hour(tmp_path):
    now = [1_800_000_000.0]
    kept = ledger(tmp_path, now=lambda: now[0])
    assert kept.kept(QUESTION) is None
    kept.spent(QUESTION, Reply("said", 1, 1), "answered")
    now[0] += 3599
    assert kept.kept(QUESTION) == Reply("said")
    assert kept.kept(Question(({"role": "user", "content": "other"},))) is None
    now[0] += 2
    assert kept.kept(QUESTION) is None


def test_questions_that_are_alike_share_an_answer(tmp_path):
    kept = ledger(tmp_path)
    first, second = (Question(({"role": "user", "content": each},), like="a") for each in "xy")
    kept.spent(first, Reply("said", fault="cut"), "cut")
    assert kept.kept(second) == Reply("said", fault="cut")
    assert kept.kept(replace(second, like="b")) is None


def test_old_answers_are_removed(tmp_path):
    kept = ledger(tmp_path, now=time.time)
    kept.spent(QUESTION, Reply("said"), "answered")
    (old,) = kept.directory.glob("answer-*")
    os.utime(old, (0, 0))
    kept.spent(replace(QUESTION, like="b"), Reply("said"), "answered")
    assert len(list(kept.directory.glob("answer-*"))) == 1
    assert not old.exists()


def test_files_that_are_damaged_are_passed_over(tmp_path):
    kept = ledger(tmp_path, day=1.0)
    kept.spent(QUESTION, Reply("said", 1, 1, 0.5), "answered")
    for path in kept.directory.iterdir():
        path.write_text(path.read_text()[:10] + "\n[]\n")
    assert kept.kept(QUESTION) is None
    assert kept.today() == 0.0


def test_a_state_directory_that_cannot_be_written_is_borne(tmp_path):
    (tmp_path / "pvekit").write_text("")
    said = []
    ledger(tmp_path, warn=said.append).spent(QUESTION, Reply("said"), "answered")
    assert said == ["what m cost is not written down: Not a directory"]


def test_what_others_could_have_written_is_neither_an_answer_nor_a_count_of_costs(tmp_path):
    said = []
    kept = ledger(tmp_path, day=1.0, warn=said.append)
    kept.spent(QUESTION, Reply("said", 1, 1, 0.5), "answered")
    assert (kept.kept(QUESTION), kept.today(), said) == (Reply("said"), 0.5, [])
    for path in kept.directory.iterdir():
        path.chmod(0o666)
    assert kept.kept(QUESTION) is None
    with pytest.raises(ModelFailed, match=r"what was spent today cannot be read: .* by others"):
        kept.allowed(QUESTION)
    kept.spent(QUESTION, Reply("said", 1, 1, 0.5), "answered")
    assert len(said) == 1
    assert said[0].startswith("what m cost is not written down: ")
    ledger(tmp_path, call=1.0).allowed(QUESTION)  # a limit of a call needs no count


def test_what_was_left_of_a_process_that_died_is_in_nobodys_way(tmp_path):
    kept = ledger(tmp_path)
    kept.spent(QUESTION, Reply("said"), "answered")
    (path,) = kept.directory.glob("answer-*")
    path.with_suffix(f".{os.getpid()}").write_text("torn")
    path.with_name(f".{path.name}.{os.getpid()}.new").write_text("torn")
    kept.spent(QUESTION, Reply("again"), "answered")
    assert kept.kept(QUESTION) == Reply("again")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("nan", 0.0), ("inf", 0.0), ("soon", 0.0),
        ("", 0.0), (None, 0.0), (7, 0.0), ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0), ("Fri, 99 Jan 2027 08:00:30 GMT", 0.0),
    ],
)  # fmt: skip
def test_when_a_server_wants_to_be_asked_again(header, seconds):
    assert seconds_of(header, 1_800_000_000.0) == seconds
