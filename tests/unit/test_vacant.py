"""Whether disks lie under a vmid: what was just listed is not listed twice, but not for ever."""

from __future__ import annotations

import pytest

from pvekit.errors import PvekitError, Transient
from pvekit.plan import Check, Verdict
from pvekit.pve import stored
from pvekit.pve.stored import Content, Stored

FREE = Content()
TAKEN = Content((Stored("local-lvm:vm-100-disk-0", 1 << 30, 100),))
DEAD = Content(dead={"local-lvm": "no such volume group"})


def nothing_there():
    return Verdict(holds=False)
    yield


class Node:
    """A node whose storage holds what ``content`` says."""

    def __init__(self, content: Content | PvekitError) -> None:
        self.content = content
        self.asked = 0

    def answers(self, asking):
        try:
            asking.send(None)
            while True:
                self.asked += 1
                if isinstance(self.content, PvekitError):
                    asking.throw(self.content)
                else:
                    asking.send(self.content)
        except StopIteration as end:
            return end.value


def step(listed=None):
    unless = Check("the VM is there", nothing_there)
    return stored.vacant("vm/web", "pve1", 100, ("local-lvm",), unless, listed)


@pytest.mark.parametrize(("content", "holds"), [(FREE, True), (TAKEN, False)])
def test_what_was_listed_is_taken_once_and_then_listed_anew(content, holds):
    node = Node(content)
    listed: stored.Listing = {}
    node.answers(stored.listing(listed, "pve1", "local-lvm"))
    goal = step(listed).goal
    assert node.answers(goal.look()).holds is holds
    assert node.asked == 1
    node.content = TAKEN
    assert not node.answers(goal.look()).holds
    assert node.asked == 2


def test_a_storage_that_was_not_listed_is_asked_for():
    node = Node(Transient("the link broke"))
    listed: stored.Listing = {}
    node.answers(stored.listing(listed, "pve1", "local-lvm"))
    assert listed == {}
    node.content = FREE
    assert node.answers(step(listed).goal.look()).holds
    assert node.asked == 2


def test_what_was_listed_before_does_not_stand_for_what_could_not_be_listed():
    listed: stored.Listing = {("pve1", "local-lvm"): FREE}
    node = Node(Transient("the link broke"))
    node.answers(stored.listing(listed, "pve1", "local-lvm"))
    node.content = TAKEN
    assert not node.answers(step(listed).goal.look()).holds


def test_another_nodes_storage_of_that_name_is_another_one():
    node = Node(TAKEN)
    assert not node.answers(step({("pve2", "local-lvm"): FREE}).goal.look()).holds
    assert node.asked == 1


def test_a_storage_that_does_not_answer_is_no_free_one():
    node, goal = Node(FREE), step({("pve1", "local-lvm"): DEAD}).goal
    with pytest.raises(Transient, match="does not answer"):
        node.answers(goal.look())
    assert node.answers(goal.look()).holds  # it may answer later
