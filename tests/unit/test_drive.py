"""Carrying steps out: ask, change, ask again, whatever breaks in between."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from pvekit.errors import (
    Conflict,
    LockTimeout,
    NoCapacity,
    NotReady,
    PvekitError,
    QuorumLost,
    QuorumTimeout,
    Transient,
)
from pvekit.journal import Store
from pvekit.plan import Ask, Change, Check, Plan, Step, Verdict, check
from pvekit.pve import act, scripts
from pvekit.run.apply import Bounds, apply, preview, roll_back
from pvekit.run.clock import Clock
from pvekit.run.context import Context, Policy
from pvekit.shell import Command, CommandFailed, LinkLost, Query, Result, Unreachable

LOCKED = "can't lock file '/var/lock/x' - got timeout"


@dataclass
class Job:
    """A job of the scripted node: ``asked`` counts down to its end."""

    words: tuple[str, ...]
    asked: int
    state: str = "running"
    status: int = 0
    err: str = ""


@dataclass
class Site:
    """One node whose truth is a set of facts: ``make X`` and ``drop X`` change it.

    ``script`` says, per line of words, what happens instead at its first, second... sending: a
    text on stderr is a failure, an exception breaks the link, a function is called.
    """

    facts: set[str] = field(default_factory=set)
    script: dict[str, deque[object]] = field(default_factory=lambda: defaultdict(deque))
    jobs: dict[str, Job] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    crowd: list[int] = field(default_factory=list)
    clock: Callable[[], float] = lambda: 0.0
    quorum_from: float = 0.0
    holders: str = ""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def shell(self, place):
        return self

    def reach(self, guest):
        raise Unreachable("no guests here")

    def run(self, command: Command) -> Result:
        with self.lock:
            words = tuple(map(str, command.words))
            if command.stdin == scripts.text("jobs"):
                return Result(command, 0, "".join(self._told(job) for job in words[3:]))
            if command.stdin == scripts.text("act"):
                return self._begin(command, words[8], words[10:])
            if words[0] == "stat":
                return Result(command, 0, "555" if self.clock() < self.quorum_from else "755")
            if command.stdin == scripts.text("holders"):
                return Result(command, 0, self.holders)
            if words[0] == "look":
                return Result(command, 0, "\n".join(sorted(self.facts)))
            return self._do(command, words)

    def _do(self, command: Command, words: tuple[str, ...]) -> Result:
        line = " ".join(words)
        self.sent.append(line)
        said = self.script[line].popleft() if self.script[line] else None
        if isinstance(said, Exception):
            raise said
        if callable(said):
            said()
            return Result(command, 0)
        if said is None:
            self.obey(words)
        return Result(command, 1 if said else 0, err=str(said or ""))

    def obey(self, words: tuple[str, ...]) -> None:
        for fact in words[1:]:
            if words[0] == "make":
                self.facts.add(fact)
            else:
                self.facts.discard(fact)

    def _begin(self, command: Command, identity: str, words: tuple[str, ...]) -> Result:
        """Start a job as act.sh does: not again if it runs or went well."""
        old = self.jobs.get(identity)
        if old is None or old.state == "dead" or (old.state == "done" and old.status):
            self.jobs[identity] = Job(words, asked=2)
            self.sent.append(f"job {' '.join(words)}")
            running = [job for job in self.jobs.values() if job.state == "running"]
            self.crowd.append(len(running))
        if (line := f"begin {' '.join(words)}") in self.script and self.script[line]:
            raise self.script[line].popleft()
        return Result(command, 0)

    def _told(self, identity: str) -> str:
        job = self.jobs.get(identity)
        if job is None:
            return f"job {identity} none\n"
        job.asked -= 1
        if job.state == "running" and job.asked <= 0:
            self._end(job)
        status = f" {job.status}" if job.state == "done" else ""
        return f"job {identity} {job.state}{status}\nerr {identity} {job.err}\n"

    def _end(self, job: Job) -> None:
        script = self.script[f"job {' '.join(job.words)}"]
        said = script.popleft() if script else None
        job.state = "dead" if said == "dies" else "done"
        if said is None:
            self.obey(job.words)
        elif callable(said):
            said()
            job.state = "dead"
        elif said != "dies":
            job.status, job.err = (1 if said else 0), str(said)


def fact(name: str) -> Check:
    """The goal that a fact holds; ``!x``: that it does not."""
    wanted, told = not name.startswith("!"), name.lstrip("!")

    def judge(out: str) -> Verdict:
        return Verdict((told in out.split()) is wanted, f"there is {out.split()}")

    return check(f"{name} holds", Ask("n", Query(Command(("look",)), str)), judge)


def step(name: str, *lines: str, job: bool = False, subject: str = "s", **more: object) -> Step:
    """A step whose goal is the fact of its name; its commands are these lines."""
    changes = tuple(Change(Command(tuple(line.split())), job=job) for line in lines)
    return Step(subject, name, "n", fact(name), changes, **more)


def undoing(name: str) -> tuple[Step, ...]:
    goal, change = fact(f"!{name}"), Change(Command(("drop", name)))
    return (Step("s", f"undo-{name}", "n", goal, (change,)),)


def fake_clock() -> Clock:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    return Clock(lambda: now[0], sleep)


@dataclass
class Bench:
    """A site, a journal and a clock; carries plans out."""

    store: Store
    site: Site = field(default_factory=Site)
    events: list[tuple[str, str]] = field(default_factory=list)
    clock: Clock = field(default_factory=fake_clock)

    def __post_init__(self) -> None:
        self.journal = self.store.begin("test", {})
        self.site.clock = self.clock.now

    def context(self, retries: int = 0) -> Context:
        policy = Policy(retries=retries, jitter=lambda: 1.0)
        watch: Callable[..., None] = lambda event: self.events.append(  # noqa: E731
            (event.step.verb, event.state)
        )
        return Context(self.journal, self.clock, policy, watch)

    def apply(self, *steps: Step, retries: int = 0, per_slot: int = 2):
        return apply(Plan(steps), self.site, self.context(retries), bounds=Bounds(per_slot))

    def error(self, *steps: Step, retries: int = 0) -> PvekitError | None:
        (outcome,) = self.apply(*steps, retries=retries).values()
        return outcome.error

    def roll_back(self, *steps: Step):
        return roll_back(Plan(steps), self.site, self.context())

    def restart(self) -> None:
        """Let go of the run and open it again, as another process does."""
        self.journal.close()
        self.journal = self.store.open(self.journal.run)


@pytest.fixture
def bench(tmp_path):
    return Bench(Store(tmp_path / "runs"))


MAKE_A = step("a", "make a")
JOB_A = step("a", "make a", job=True)


# Goals


def test_a_held_goal_sends_nothing_and_is_not_journalled(bench):
    bench.site.facts.add("a")
    assert bench.error(MAKE_A) is None
    assert bench.site.sent == []
    assert bench.journal.touched() == frozenset()
    states = ["planned", "started", "held", "ended"]
    assert bench.events == [("a", state) for state in states]


def test_what_a_step_makes_is_read_back(bench):
    assert bench.error(MAKE_A) is None
    assert bench.site.sent == ["make a"]
    assert bench.events[-2:] == [("a", "done"), ("a", "ended")]


def test_success_that_reaches_no_goal_is_an_error(bench):
    bench.site.script["make a"].append("")
    error = bench.error(MAKE_A)
    assert "expected that a holds" in error.brief
    assert error.exit_status == 1


def test_a_failure_that_reaches_the_goal_is_none(bench):
    def half():
        bench.site.facts.add("a")
        raise LinkLost("cut after it took effect")

    bench.site.script["make a"].append(half)
    assert bench.error(MAKE_A, retries=1) is None
    assert bench.site.sent == ["make a"]


def test_a_complaint_with_status_0_is_a_failure(bench):
    """qm disk resize fails with status 0 and says so on stderr only."""
    run = bench.site.run
    bench.site.run = lambda c: Result(c, 0, err="so sorry") if c.words[0] == "make" else run(c)
    change = Change(Command(("make", "a")), mute=True)
    error = bench.error(Step("s", "a", "n", fact("a"), (change,)))
    assert isinstance(error, CommandFailed)
    assert "so sorry" in error.details


def test_a_word_on_stderr_is_no_failure_otherwise(bench):
    run = bench.site.run
    bench.site.run = lambda c: replace(run(c), err="by the way") if c.words[0] == "make" else run(c)
    assert bench.error(MAKE_A) is None


def test_the_commands_of_a_step_run_in_order_and_end_at_the_first_failure(bench):
    bench.site.script["make b"].append("broken")
    assert bench.error(step("c", "make a", "make b", "make c")) is not None
    assert bench.site.sent == ["make a", "make b"]


def test_an_error_ends_the_later_steps_of_its_subject(bench):
    bench.site.script["make a"].append("broken")
    assert bench.error(MAKE_A, step("b", "make b")) is not None
    assert bench.site.sent == ["make a"]
    assert ("a", "failed") in bench.events


# Trying again


@pytest.mark.parametrize(
    ("text", "kind", "tries"),
    [
        (LOCKED, LockTimeout, 7),
        ("VM is locked (backup)", LockTimeout, 7),
        ("Connection reset by peer", Transient, 3),
        ("unable to create VM 101: config file already exists", Conflict, 1),
        ("pvekit-refused: VM 101 ('x') does not carry the mark of y", Conflict, 1),
        ("No space left on device", NoCapacity, 1),
        ("400 Parameter verification failed.", CommandFailed, 1),
    ],
)
def test_only_transient_failures_are_tried_again(bench, text, kind, tries):
    bench.site.script["make a"].extend([text] * 9)
    error = bench.error(MAKE_A, retries=2)
    assert isinstance(error, kind)
    assert bench.site.sent == ["make a"] * tries


def test_attempts_end_at_the_deadline_whatever_is_left_of_them(bench):
    bench.site.script["make a"].extend([LinkLost("no end after 60 s")] * 99)
    run = bench.site.run

    def slowly(command):
        if command.words[0] == "make":
            bench.clock.sleep(60.0)
        return run(command)

    bench.site.run = slowly
    assert isinstance(bench.error(MAKE_A, retries=50), LinkLost)
    assert 300.0 < bench.clock.now() < 300.0 + 60.0 + 60.0 + 30.0


def test_a_link_may_break_more_often_while_a_long_job_runs(bench):
    asked = Counter()
    run = bench.site.run

    def breaking(command):
        if command.stdin == scripts.text("jobs"):
            asked["jobs"] += 1
            if asked["jobs"] < 8:
                bench.clock.sleep(600.0)
                raise LinkLost("cut")
        return run(command)

    bench.site.run = breaking
    change = Change(Command(("make", "a"), timeout=9000.0), job=True)
    assert bench.error(Step("s", "a", "n", fact("a"), (change,)), retries=2) is None
    assert bench.site.sent == ["job make a"]


def test_a_job_that_ended_while_the_link_was_down_is_seen_after_its_time(bench):
    bench.site.script["begin make a"].append(LinkLost("cut"))
    run, looks = bench.site.run, Counter()

    def away(command):
        looks[command.words[0]] += 1
        if command.words[0] == "look" and looks["look"] == 2:
            bench.clock.sleep(100.0)
        return run(command)

    bench.site.run = away
    assert bench.error(JOB_A, retries=1) is None
    assert bench.clock.now() > 100.0


def test_a_job_that_hangs_is_not_joined_for_ever(bench):
    change = Change(Command(("make", "a"), timeout=3600.0), job=True)
    bench.site._end = lambda job: None
    run, asked = bench.site.run, Counter()

    def breaking(command):
        if command.stdin == scripts.text("jobs"):
            asked["jobs"] += 1
            if asked["jobs"] % 2:
                bench.clock.sleep(400.0)
                raise LinkLost("cut")
        return run(command)

    bench.site.run = breaking
    error = bench.error(Step("s", "a", "n", fact("a"), (change,)), retries=2)
    assert "has not ended on n after 3600 s" in error.brief
    assert bench.clock.now() < 5000.0


def test_each_attempt_is_a_job_of_its_own(bench):
    bench.site.script["job make a"].extend([LOCKED, LOCKED])
    assert bench.error(JOB_A, retries=1) is None
    assert bench.site.sent == ["job make a"] * 3
    assert len(bench.site.jobs) == len(bench.journal.jobs()["n"]) == 3


def test_waiting_for_others_of_the_run_is_no_part_of_the_deadline(bench):
    """A full slot may keep a clone waiting for longer than a step is tried again."""

    def clone(name):
        change = Change(Command(("make", name), timeout=9000.0), job=True)
        return Step(name, name, "n", fact(name), (change,), slot="x")

    slow = [clone(f"v{n}") for n in range(3)]
    bench.site.script["job make v0"].extend([LOCKED, LOCKED])
    began = bench.site._begin

    def long(command, identity, words):
        told = began(command, identity, words)
        bench.site.jobs[identity].asked = 400 if "v0" not in words else 2
        return told

    bench.site._begin = long
    outcomes = bench.apply(*slow, retries=1, per_slot=1)
    assert [name for name, each in outcomes.items() if each.error] == []
    assert bench.clock.now() > 600.0


def test_who_has_handed_its_place_over_and_failed_waits_for_another_one(bench):
    def clone(name):
        change = Change(Command(("make", name)), job=True)
        undo = undoing(f"{name}-half")
        return Step(name, name, "n", fact(name), (change,), slot="x", parts=1, undo=undo)

    first, second = clone("v0"), clone("v1")
    attempt = bench.journal.started(first.key)
    identity = act.job_id(bench.journal.run, first.key, attempt, first.changes[0])
    bench.site.jobs[identity] = Job(("make", "v0"), asked=12)
    bench.site.facts.add("v0-half")
    bench.site.script["job make v0"].append("dies")
    told = bench.site._told

    def counting(job):
        said, left = told(job), bench.site.jobs[job].asked
        if job != identity:
            return said
        return f"{said}out {job} ({max(0, min(100, 100 - 12 * (left - 3)))}%)\n"

    bench.site._told = counting
    began = bench.site._begin

    def slowly(command, identity, words):
        said = began(command, identity, words)
        bench.site.jobs[identity].asked = 40 if "v1" in words else 12
        return said

    bench.site._begin = slowly
    outcomes = bench.apply(first, second, per_slot=1, retries=1)
    assert [name for name, each in outcomes.items() if each.error] == []
    assert bench.site.crowd == [2, 1]


# Quorum


def test_a_lost_quorum_is_waited_for_and_then_gone_on(bench):
    bench.site.script["make a"].append("cluster not ready - no quorum?")
    bench.site.quorum_from = 200.0
    assert bench.error(MAKE_A) is None
    assert bench.site.sent == ["make a"] * 2
    assert 200.0 <= bench.clock.now() < 210.0


def test_without_quorum_all_changes_of_the_run_stand_still(bench):
    bench.site.quorum_from = 200.0
    changed = []
    run = bench.site.run

    def noting(command):
        if command.words[0] == "make":
            changed.append((bench.clock.now(), command.words[1]))
        return run(command)

    bench.site.run = noting
    bench.site.script["make a"].append("close (rename) '/etc/pve/x' - Permission denied")
    wait = Step("u9", "wait", "n", fact("a"), (), patience=1000.0)
    outcomes = bench.apply(MAKE_A, wait, step("late", "make late", subject="u9"))
    assert [each.error for each in outcomes.values()] == [None, None]
    assert [name for when, name in changed if 0.0 < when < 200.0] == []
    assert bench.site.facts == {"a", "late"}


def test_a_quorum_that_stays_away_has_an_error_of_its_own(bench):
    bench.site.script["make a"].extend(["no quorum!"] * 9)
    bench.site.quorum_from = 1e9
    error = bench.error(MAKE_A)
    assert isinstance(error, QuorumTimeout)
    assert error.exit_status == 7
    assert "no quorum for 300 s" in error.brief
    assert "pvecm status" in error.hint
    assert bench.site.sent == ["make a"]
    assert bench.clock.now() == pytest.approx(300.0, abs=2.0)


def test_what_only_looks_like_a_lost_quorum_is_not_tried_for_ever(bench):
    bench.site.script["make a"].extend(["no quorum!"] * 99)
    assert isinstance(bench.error(MAKE_A), QuorumLost)
    assert bench.clock.now() < 400.0


# Locks


UPID = "UPID:n:0000AA01:0001D4C0:6550E240:vzdump:104:root@pam:"


@pytest.mark.parametrize(
    ("text", "holders", "told"),
    [
        ("can't lock file '/var/lock/qemu-server/lock-104.conf' - got timeout", f"task {UPID}",
         f"task vzdump of 104 by root@pam since 2023-11-12T14:33:36+00:00 ({UPID})"),
        ("VM 104 is locked", "lock 104 backup", ""),
        ("VM is locked (backup): VM 104", "lock 104 backup", "VM 104 has `lock: backup`"),
        ("cfs-lock 'storage-x' error: got lock request timeout", f"task {UPID}", "task vzdump"),
        ("can't lock file '/var/lock/qemu-server/lock-7.conf' - got timeout", f"task {UPID}", ""),
    ],
)  # fmt: skip
def test_an_error_of_a_lock_names_who_holds_it(bench, text, holders, told):
    bench.site.script["make a"].append(text)
    bench.site.holders = f"{holders}\n"
    error = bench.error(MAKE_A)
    assert ("Held by: " in error.brief) is bool(told)
    assert told in error.brief


def test_a_lost_link_is_tried_again_and_pauses_grow(bench):
    bench.site.script["make a"].extend([LinkLost("cut"), LinkLost("cut"), LinkLost("cut")])
    assert bench.error(MAKE_A, retries=3) is None
    assert bench.site.sent == ["make a"] * 4
    assert bench.clock.now() == 2.0 + 4.0 + 8.0


def test_the_policy_bounds_the_pauses():
    policy = Policy(shortest=2.0, longest=30.0, jitter=lambda: 1.0)
    assert [policy.pause(n) for n in (1, 2, 3, 4, 5, 50)] == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert Policy(jitter=lambda: 0.5).pause(1) == 1.0


def test_a_question_that_breaks_is_tried_again_too(bench):
    run, left = bench.site.run, [Unreachable("no route"), Unreachable("no route")]

    def sometimes(command):
        if left:
            raise left.pop()
        return run(command)

    bench.site.run = sometimes
    assert bench.error(MAKE_A, retries=2) is None
    assert bench.site.sent == ["make a"]


# What others took


def after_a_start(bench, subject, seconds):
    """A start, and a goal that comes true so many seconds after it; notes when it is looked at."""
    began, looks = [], []

    def start():
        began.append(bench.clock.now())
        bench.site.facts.add(f"start-{subject}")

    def judge(_):
        looks.append(bench.clock.now() - began[0])
        return Verdict(looks[-1] >= seconds)

    bench.site.script[f"begin {subject}"].append(start)
    goal = check("it has booted", Ask("n", Query(Command(("look",)), str)), judge)
    booted = Step(subject, "booted", "n", goal, patience=300.0, interval=1.0)
    return step(f"start-{subject}", f"begin {subject}", subject=subject), booted, looks


def test_what_took_its_time_elsewhere_is_not_looked_at_before(bench):
    context = bench.context()
    *first, looks = after_a_start(bench, "a", 20.0)
    apply(Plan(tuple(first)), bench.site, context)
    assert looks[0] == 0.0
    took = looks[-1]
    *second, looks = after_a_start(bench, "b", 20.0)
    assert apply(Plan(tuple(second)), bench.site, context)["b"].error is None
    assert 0.8 * took <= looks[0] <= took
    assert len(looks) < 5


def test_what_has_not_just_begun_is_looked_at_at_once(bench):
    context = bench.context()
    context.spans.took("booted", 100.0)
    *steps, looks = after_a_start(bench, "a", 0.0)
    bench.site.facts.add("start-a")  # it runs already

    def judge(_):
        looks.append(bench.clock.now())
        return Verdict(holds=True)

    goal = check("it has booted", Ask("n", Query(Command(("look",)), str)), judge)
    apply(Plan((steps[0], replace(steps[1], goal=goal))), bench.site, context)
    assert looks == [0.0]


def test_no_more_is_waited_than_there_is_patience(bench):
    context = bench.context()
    context.spans.took("booted", 1000.0)
    *steps, looks = after_a_start(bench, "a", 1e6)
    apply(Plan((steps[0], replace(steps[1], patience=30.0))), bench.site, context)
    assert looks[0] <= 32.0


# Slots


def test_a_lock_timeout_halves_a_slot_and_gives_the_place_back(bench):
    bench.site.script["job make v0"].append(LOCKED)
    steps = [step(f"v{n}", f"make v{n}", job=True, subject=f"v{n}", slot="x") for n in range(7)]
    outcomes = bench.apply(*steps, per_slot=4)
    assert [name for name, each in outcomes.items() if each.error] == ["v0"]
    assert max(bench.site.crowd[:4]) == 4
    assert bench.site.crowd[4] <= 2
    assert len(bench.site.crowd) == 7


def test_another_error_leaves_the_slot_as_it_is(bench):
    bench.site.script["job make v0"].append("broken")
    steps = [step(f"v{n}", f"make v{n}", job=True, subject=f"v{n}", slot="x") for n in range(9)]
    outcomes = bench.apply(*steps, per_slot=3)
    assert sum(each.error is None for each in outcomes.values()) == 8
    assert max(bench.site.crowd[3:]) == 3


# Waiting


def test_patience_ends_with_the_error_that_the_step_names(bench):
    waiting = step("a", patience=30.0, late=NotReady, hint="go on with X")
    error = bench.error(waiting)
    assert isinstance(error, NotReady)
    assert error.brief == "s/a: expected that a holds, waited 30 s. Seen: there is []."
    assert error.hint == "go on with X"
    assert bench.clock.now() == 30.0
    assert bench.site.sent == []


def test_what_comes_true_within_the_patience_is_enough(bench):
    looks = Counter()
    run = bench.site.run

    def later(command):
        looks[command.words] += 1
        if looks[command.words] == 4:
            bench.site.facts.add("a")
        return run(command)

    bench.site.run = later
    assert bench.error(step("a", patience=60.0)) is None
    assert bench.clock.now() < 60.0
    assert looks[("look",)] == 4


def test_patience_begins_after_the_changes(bench):
    bench.site.script["make a"].append(lambda: bench.clock.sleep(100.0))
    error = bench.error(step("a", "make a", patience=10.0))
    assert error is not None
    assert bench.clock.now() == pytest.approx(110.0, abs=1.0)


def test_steps_of_a_budget_share_one_patience(bench):
    run = bench.site.run

    def first_after_20(command):
        if bench.clock.now() >= 20.0:
            bench.site.facts.add("a")
        return run(command)

    bench.site.run = first_after_20
    steps = [step(name, patience=30.0, budget="ready", late=NotReady) for name in ("a", "b")]
    assert isinstance(bench.error(*steps), NotReady)
    assert bench.clock.now() == 30.0


def test_each_subject_has_its_own_budget(bench):
    steps = [
        step("a", patience=30.0, budget="ready", subject="one"),
        step("b", "make b", subject="two"),
        step("c", patience=30.0, budget="ready", subject="two"),
    ]
    outcomes = bench.apply(*steps)
    assert all(outcome.error for outcome in outcomes.values())
    assert bench.site.facts == {"b"}


# Jobs


def test_a_job_is_waited_for(bench):
    assert bench.error(JOB_A) is None
    assert bench.site.sent == ["job make a"]
    assert bench.site.facts == {"a"}


def test_a_failed_jobs_error_is_classed(bench):
    bench.site.script["job make a"].append(LOCKED)
    assert isinstance(bench.error(JOB_A), LockTimeout)


def test_a_job_is_joined_after_a_lost_link(bench):
    bench.site.script["begin make a"].append(LinkLost("cut after it began"))
    assert bench.error(JOB_A, retries=1) is None
    assert bench.site.sent == ["job make a"]
    assert bench.journal.attempts("s/a") == 1


def test_a_job_is_joined_by_another_process(bench):
    bench.site.script["begin make a"].append(LinkLost("cut after it began"))
    assert isinstance(bench.error(JOB_A), LinkLost)
    bench.restart()
    assert bench.error(JOB_A) is None
    assert bench.site.sent == ["job make a"]


def losing(bench, which, seconds=0.0):
    """Have those questions about jobs whose numbers are in ``which`` get lost."""
    run, asked = bench.site.run, Counter()

    def breaking(command):
        if command.stdin == scripts.text("jobs"):
            asked["jobs"] += 1
            if asked["jobs"] in which:
                bench.clock.sleep(seconds)
                raise LinkLost("cut")
        return run(command)

    bench.site.run = breaking


def test_a_lost_question_about_a_job_is_no_failure_of_the_step(bench):
    losing(bench, {1, 2, 4, 5})
    bench.site.script["job make a"].append(LOCKED)
    assert bench.error(JOB_A, retries=2) is None
    assert bench.site.sent == ["job make a"] * 2  # the second is the attempt after the lock
    assert bench.journal.attempts("s/a") == 2


def test_questions_about_a_job_are_asked_again_after_growing_pauses(bench):
    losing(bench, {1, 2, 3})
    assert bench.error(JOB_A, retries=3) is None
    assert bench.clock.now() == pytest.approx(2.0 + 4.0 + 8.0, abs=1.0)
    assert bench.site.sent == ["job make a"]


def test_a_job_nobody_can_ask_after_keeps_its_place_and_is_not_begun_twice(bench):
    losing(bench, {3})
    steps = [step(f"v{n}", f"make v{n}", job=True, subject=f"v{n}", slot="x") for n in range(3)]
    outcomes = bench.apply(*steps, per_slot=1, retries=1)
    assert not any(each.error for each in outcomes.values())
    assert max(bench.site.crowd) == 1
    assert len(bench.site.sent) == 3


def test_a_link_that_stays_lost_ends_the_step_in_the_time_of_one_row_of_attempts(bench):
    losing(bench, range(1, 1000), seconds=60.0)
    error = bench.error(JOB_A, retries=50)
    assert isinstance(error, LinkLost)
    assert error.details.count("attempts") == 1
    assert 300.0 < bench.clock.now() < 300.0 + 60.0 + 60.0 + 30.0
    assert bench.site.sent == ["job make a"]


def test_lost_looks_count_only_while_none_is_answered(bench):
    """A link that loses every other question does not end a long wait."""
    run, looks = bench.site.run, Counter()

    def breaking(command):
        looks[command.words] += 1
        if looks["look",] > 40:
            bench.site.facts.add("a")
        elif looks["look",] % 2:
            raise LinkLost("cut")
        return run(command)

    bench.site.run = breaking
    assert bench.error(step("a", patience=3600.0), retries=1) is None


def test_a_link_that_breaks_once_among_locks_does_not_end_the_step(bench):
    bench.site.script["make a"].extend([*[LOCKED] * 4, LinkLost("cut"), LOCKED])
    assert bench.error(MAKE_A, retries=2) is None
    assert len(bench.site.sent) == 7


def test_what_failed_is_looked_at_again_if_the_look_is_lost(bench):
    """Else the failed job would be begun again upon what it has left."""
    run, looks = bench.site.run, Counter()

    def breaking(command):
        looks[command.words] += 1
        if looks["look",] == 2:
            raise LinkLost("cut")
        return run(command)

    bench.site.run = breaking
    bench.site.script["job make a"].append(LOCKED)
    clone = step("a", "make a", job=True, undo=undoing("half"))
    bench.site.facts.add("half")
    assert bench.error(clone, retries=1) is None
    assert bench.site.sent == ["job make a", "drop half", "job make a"]


def test_a_roll_back_asks_again_after_a_job_whose_answer_got_lost(bench):
    bench.site.script["begin make a"].append(LinkLost("cut"))
    made = step("a", "make a", job=True, undo=undoing("a"))
    assert isinstance(bench.error(made), LinkLost)
    losing(bench, {1, 3})
    context = bench.context(retries=1)
    outcomes = roll_back(Plan((made,)), bench.site, context)
    assert [each.error for each in outcomes.values()] == [None]
    assert bench.site.sent == ["job make a", "drop a"]


def test_a_job_that_never_began_is_begun(bench):
    bench.site.script["begin make a"].append(LinkLost("cut"))
    assert isinstance(bench.error(JOB_A), LinkLost)
    bench.site.jobs.clear()
    bench.restart()
    assert bench.error(JOB_A) is None


@pytest.mark.parametrize("lost", [False, True], ids=["seen to die", "died unseen"])
def test_the_remains_of_a_dead_job_are_taken_back_before_a_new_attempt(bench, lost):
    def half():
        bench.site.facts.add("half")

    clone = step("a", "make a", job=True, undo=undoing("half"))
    bench.site.script["job make a"].append(half)
    if lost:
        bench.site.script["begin make a"].append(LinkLost("cut"))
    error = bench.error(clone)
    assert lost or "died before its end" in error.details
    bench.restart()
    assert bench.error(clone) is None
    assert bench.site.sent == ["job make a", "drop half", "job make a"]
    assert bench.site.facts == {"a"}
    assert bench.journal.attempts("s/a") == 2


def test_the_remains_of_a_failed_attempt_are_taken_back_before_the_next(bench):
    bench.site.script["make a"].append("got no worker upid")
    bench.site.facts.add("half")
    assert bench.error(step("a", "make a", undo=undoing("half")), retries=1) is None
    assert bench.site.sent == ["make a", "drop half", "make a"]


def test_a_job_that_went_well_is_not_taken_back(bench):
    """A finished VM under a backup's lock does not look whole: nothing is destroyed for that."""
    clone = step("a", "make a", job=True, undo=undoing("b"))
    bench.apply(clone)
    bench.site.facts = {"b"}
    assert "expected that a holds" in bench.error(clone).brief
    assert bench.site.facts == {"b"}


def test_a_job_that_went_well_in_vain_runs_again(bench):
    """pvesm free fails with status 0; to join it for ever would leave the disk for ever."""
    bench.site.script["job make a"].append("")
    error = bench.error(JOB_A)
    assert "expected that a holds" in error.brief
    bench.restart()
    assert bench.error(JOB_A) is None
    assert bench.site.sent == ["job make a"] * 2


def test_a_dead_job_without_remains_runs_again(bench):
    bench.site.script["job make a"].append("dies")
    assert bench.error(JOB_A) is not None
    bench.restart()
    assert bench.error(JOB_A) is None
    assert bench.site.facts == {"a"}


def test_a_job_that_goes_on_too_long_says_how_to_join_it(bench):
    change = Change(Command(("make", "a"), timeout=60.0), job=True)
    endless = Step("s", "a", "n", fact("a"), (change,))
    bench.site._end = lambda job: None
    error = bench.error(endless)
    assert error.brief == "s/a has not ended on n after 60 s."
    assert next(iter(bench.site.jobs)) in error.hint


def test_the_journal_knows_the_job_before_it_begins(bench):
    bench.site.script["begin make a"].append(Unreachable("no route"))
    bench.error(JOB_A)
    assert bench.journal.jobs()["n"] == list(bench.site.jobs)


# Subjects side by side


def test_an_error_of_one_subject_leaves_the_others(bench):
    bench.site.script["make b"].append("broken")
    steps = [step(name, f"make {name}", subject=name) for name in ("a", "b", "c")]
    outcomes = bench.apply(*steps, step("d", "make d", subject="b"))
    assert [name for name, each in outcomes.items() if each.error] == ["b"]
    assert bench.site.facts == {"a", "c"}


def test_the_stages_of_a_subject_are_told_in_order(bench):
    bench.site.facts.add("a")
    outcome = bench.apply(MAKE_A, step("b", "make b"))["s"]
    assert [(stage.verb, stage.state) for stage in outcome.stages] == [("a", "held"), ("b", "done")]


# Preview and roll-back


def test_a_preview_asks_and_sends_nothing(bench):
    bench.site.facts.add("a")
    seen = preview(Plan((MAKE_A, step("b", "make b"), step("c", "make c"))), bench.site)
    assert [each.verb for each in seen.held] == ["a"]
    assert [each.verb for each in seen.pending] == ["b", "c"]
    assert bench.site.sent == []


def test_a_step_after_a_pending_one_is_pending_too(bench):
    bench.site.facts.add("b")
    seen = preview(Plan((MAKE_A, step("b", "make b"))), bench.site)
    assert [each.verb for each in seen.pending] == ["a", "b"]


def test_what_was_touched_is_undone_last_first(bench):
    steps = [step(name, f"make {name}", undo=undoing(name)) for name in ("a", "b", "c")]
    bench.site.script["make c"].append("broken")
    assert bench.error(*steps) is not None
    bench.site.facts.add("c")
    bench.restart()
    outcomes = bench.roll_back(*steps)
    assert all(each.error is None for each in outcomes.values())
    assert bench.site.sent[-3:] == ["drop c", "drop b", "drop a"]
    assert bench.site.facts == set()


def test_what_was_not_touched_is_not_undone(bench):
    steps = [step(name, f"make {name}", undo=undoing(name)) for name in ("a", "b")]
    bench.site.facts.add("a")
    bench.site.script["make b"].append("broken")
    bench.error(*steps)
    bench.roll_back(*steps)
    assert bench.site.facts == {"a"}


def test_undoing_twice_is_undoing_once(bench):
    made = step("a", "make a", undo=undoing("a"))
    bench.apply(made)
    bench.roll_back(made)
    bench.site.sent.clear()
    bench.roll_back(made)
    assert bench.site.sent == []


def test_a_roll_back_waits_for_the_runs_jobs(bench):
    bench.site.script["begin make a"].append(LinkLost("cut"))
    made = step("a", "make a", job=True, undo=undoing("a"))
    assert isinstance(bench.error(made), LinkLost)
    bench.site.jobs[next(iter(bench.site.jobs))].asked = 5
    bench.roll_back(made)
    assert bench.site.sent == ["job make a", "drop a"]
    assert bench.site.facts == set()


def test_a_roll_back_does_not_wait_for_ever(bench):
    made = step("a", "make a", job=True, undo=undoing("a"))
    bench.site.script["begin make a"].append(LinkLost("cut"))
    bench.error(made)
    bench.site._end = lambda job: None
    with pytest.raises(Transient, match="Nothing is undone yet"):
        bench.roll_back(made)
    assert bench.site.sent == ["job make a"]
