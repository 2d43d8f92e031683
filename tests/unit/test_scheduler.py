"""The scheduler: questions merge, errors stay with their task, slots bound, time is injected."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from pvekit.errors import Conflict, Interrupted, PvekitError
from pvekit.plan import Ask, ask
from pvekit.run.clock import Clock
from pvekit.run.scheduler import PER_PLACE, Scheduler
from pvekit.run.slots import GROWS_AFTER, Slots
from pvekit.run.wants import Enter, HandOver, Leave, Pause, send
from pvekit.shell import Command, Purpose, Query, Result

WORK = Purpose("7f3a", "test")


class Echo:
    """A machine that answers with the words it was sent; some words fail."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, ...]] = []
        self.at_once = 0
        self.most = 0
        self.lock = threading.Lock()

    def run(self, command: Command) -> Result:
        words = tuple(map(str, command.words))
        with self.lock:
            self.sent.append(words)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        try:
            if "refuse" in words:
                raise Conflict("refused")
            return Result(command, 0, " ".join(words))
        finally:
            with self.lock:
                self.at_once -= 1


class Site:
    def __init__(self) -> None:
        self.machines: dict[object, Echo] = {}

    def shell(self, place):
        return self.machines.setdefault(place, Echo())

    def reach(self, guest):
        return "SSH-2.0-x"


def fake_clock():
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds

    return Clock(lambda: now[0], sleep)


def run(tasks, site=None, **kwargs):
    site = site or Site()
    return site, Scheduler(site, fake_clock(), **kwargs).run(tasks)


def question(*topics, place="n"):
    return Ask(place, Query(Command(("state",)), str), topics=topics)


def test_questions_of_one_moment_become_one_command():
    answers = {}

    def task(name):
        answers[name] = yield from ask(question(name))

    site, errors = run({name: task(name) for name in ("1", "2", "3")})
    assert site.machines["n"].sent == [("state", "1", "2", "3")]
    assert set(answers.values()) == {"state 1 2 3"}
    assert set(errors.values()) == {None}


def test_questions_to_a_busy_place_wait_together():
    clock = fake_clock()
    site = Site()

    def task(name):
        yield from send("n", Command(("set", name)), WORK)
        yield from ask(question(name))

    names = [f"{n:02}" for n in range(PER_PLACE * 5)]
    errors = Scheduler(site, clock).run({name: task(name) for name in names})
    asked = [words[1:] for words in site.machines["n"].sent if words[0] == "state"]
    assert sorted(name for names in asked for name in names) == names
    assert len(asked) <= PER_PLACE * 2
    assert set(errors.values()) == {None}


def test_other_places_are_asked_apart():
    def task(place):
        yield from ask(question("1", place=place))

    site, _ = run({place: task(place) for place in ("a", "b")})
    assert site.machines["a"].sent == site.machines["b"].sent == [("state", "1")]


def test_an_error_ends_only_its_own_task():
    def bad():
        yield from send("n", Command(("refuse",)), WORK)

    def good():
        yield Pause(5.0)
        yield from send("n", Command(("fine",)), WORK)

    _, errors = run({"bad": bad(), "good": good()})
    assert isinstance(errors["bad"], Conflict)
    assert errors["good"] is None


def test_a_task_may_handle_its_error():
    def task():
        with pytest.raises(Conflict):
            yield from send("n", Command(("refuse",)), WORK)

    _, errors = run({"t": task()})
    assert errors == {"t": None}


def test_a_bug_in_a_task_is_raised():
    def task():
        yield Pause(1.0)
        raise KeyError("x")

    with pytest.raises(KeyError):
        run({"t": task()})


def test_a_signal_that_nobody_heeds_ends_all_at_once():
    """It may be raised anywhere, in a task, too: the others are not waited for."""

    def struck():
        yield Pause(1)
        raise Interrupted(2)

    def other():
        yield Pause(2)
        ended.append("other")

    ended = []
    with pytest.raises(Interrupted):
        run({"a": struck(), "b": other()})
    assert ended == []


def test_an_answer_that_cannot_be_read_is_the_askers_error():
    def unreadable(out):
        raise PvekitError("not JSON")

    def task():
        yield from ask(Ask("n", Query(Command(("x",)), unreadable)))

    _, errors = run({"t": task()})
    assert errors["t"].brief == "not JSON"


def test_a_place_has_bounded_commands_at_once():
    def task(number):
        yield from send("n", Command(("echo", number)), WORK)

    site, _ = run({str(n): task(n) for n in range(60)})
    assert len(site.machines["n"].sent) == 60
    assert site.machines["n"].most <= PER_PLACE


def test_a_slot_has_bounded_holders():
    inside, seen = set(), []

    def task(name):
        yield Enter("s")
        inside.add(name)
        seen.append(len(inside))
        yield Pause(3.0)
        inside.remove(name)
        yield Leave("s")

    run({str(n): task(str(n)) for n in range(7)}, per_slot=2)
    assert max(seen) == 2
    assert len(seen) == 7


def test_a_place_that_is_handed_over_is_not_given_back_twice():
    clock, inside, seen = fake_clock(), set(), []

    def task(name):
        yield Enter("s")
        inside.add(name)
        seen.append(len(inside))
        yield Pause(8.0)
        yield HandOver("s")
        yield Pause(4.0)
        inside.remove(name)
        yield Leave("s", handed=True)

    Scheduler(Site(), clock, per_slot=2).run({str(n): task(str(n)) for n in range(8)})
    assert seen == [1, 2, 3, 4, 3, 4, 3, 4]
    assert clock.now() == 4 * 8.0 + 4.0


@pytest.mark.parametrize(
    ("many", "limit", "rounds"),
    [(13, 4, [4, 3, 3, 3]), (3, 4, [3]), (5, 4, [4, 1]), (7, 2, [2, 2, 2, 1]), (9, 4, [4, 3, 2])],
)
def test_all_who_are_left_are_let_in_evenly_and_in_no_more_rounds(many, limit, rounds):
    clock, entered = fake_clock(), Counter()

    def task():
        yield Enter("s")
        entered[clock.now()] += 1
        yield Pause(4.0)
        yield Leave("s")

    tasks = {str(n): task() for n in range(many)}
    Scheduler(Site(), clock, per_slot=limit).run(tasks)
    assert list(entered.values()) == rounds
    assert len(rounds) == -(-many // limit)


def left(slots: Slots, *hows: str) -> int:
    for how in hows:
        slots.enter()
        slots.leave(how)
    return slots.limit


def test_a_place_that_was_handed_over_teaches_as_others_do():
    slots = Slots(4)
    slots.enter()
    slots.hand_over()
    assert slots.taken == 0
    slots.leave("crowded", handed=True)
    assert (slots.taken, slots.limit) == (0, 2)


def test_slots_shrink_when_crowded():
    slots = Slots(4)
    assert left(slots, "crowded") == 2
    assert left(slots, "crowded") == 1
    assert left(slots, "crowded") == 1


def test_slots_grow_again_to_what_they_were_and_no_further():
    slots = Slots(3)
    assert left(slots, "crowded") == 1
    assert left(slots, *["well"] * (GROWS_AFTER - 1)) == 1
    assert left(slots, "well") == 2
    assert left(slots, *["well"] * GROWS_AFTER) == 3
    assert left(slots, *["well"] * 5 * GROWS_AFTER) == 3


def test_a_lock_that_times_out_again_begins_the_count_anew():
    slots = Slots(4)
    left(slots, "crowded", *["well"] * (GROWS_AFTER - 1))
    assert left(slots, "crowded", *["well"] * (GROWS_AFTER - 1)) == 1


def test_a_failure_is_no_sign_that_there_is_room():
    slots = Slots(2)
    left(slots, "crowded")
    assert left(slots, *["failed"] * 3 * GROWS_AFTER) == 1


def test_the_next_scheduler_of_a_run_knows_how_crowded_a_slot_was():
    slots: dict[str, Slots] = {}

    def crowded():
        yield Enter("s")
        yield Leave("s", "crowded")

    run({"t": crowded()}, per_slot=4, slots=slots)
    inside, seen = set(), []

    def task(name):
        yield Enter("s")
        inside.add(name)
        seen.append(len(inside))
        yield Pause(3.0)
        inside.remove(name)
        yield Leave("s")

    run({str(n): task(str(n)) for n in range(7)}, per_slot=4, slots=slots)
    assert max(seen) == 2


def test_nobody_is_nothing():
    assert Scheduler(Site()).run({}) == {}
