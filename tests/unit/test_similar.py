"""Which machines are like one that is to be sized, and which are more like it than others."""

from __future__ import annotations

from pvekit.inventory.model import Vm
from pvekit.pve.conf import GuestConfig
from pvekit.pve.mark import Mark
from pvekit.sizing.choice import Need, SizeRequest, need_of
from pvekit.sizing.presets import workloads
from pvekit.sizing.similar import MOST, similar


def need(**asked: object) -> Need:
    return need_of(SizeRequest("web", **asked), workloads())


def vm(vmid: int, *, tags: str = "", running: bool = True, **marked: str) -> Vm:
    mark = Mark("vm", vmid, f"vm-{vmid}", **{"role": "web", **marked})
    values = {"name": f"vm-{vmid}", "tags": tags}
    return Vm("lab", "pve1", vmid, "qemu", GuestConfig(values, description=mark.to_line()), running)


def order(wanted: Need, *vms: Vm) -> list[int]:
    return [each.vmid for each in similar(wanted, vms)]


def test_the_same_template_counts_more_than_one_tag_and_less_than_three():
    wanted = need(template="debian", tags=("a", "b", "c"))
    bare, tagged = vm(104), vm(103, tags="a")
    cloned, close = vm(102, template="debian"), vm(101, tags="a;b;c")
    assert order(wanted, bare, tagged, cloned, close) == [101, 102, 103, 104]


def test_a_template_alone_makes_nothing_similar():
    assert order(need(template="debian"), vm(100, role="db", template="debian")) == []


def test_a_template_of_another_name_and_none_at_all_are_alike():
    wanted = need(template="debian")
    assert order(wanted, vm(100, template="rocky"), vm(101)) == [101, 100]
    assert order(need(), vm(100, template="rocky"), vm(101)) == [101, 100]


def test_the_role_counts_more_than_template_and_tags():
    wanted = need(template="debian", tags=("a", "b", "c"), workload="nginx")
    own = wanted.workload.name
    same_role = vm(100, workload=own)
    other_role = vm(101, role="edge", workload=own, template="debian", tags="a;b;c")
    assert order(wanted, other_role, same_role) == [100, 101]


def test_only_a_few_that_run_are_looked_at():
    found = order(need(), *(vm(number) for number in range(100, 120)), vm(130, running=False))
    assert found == list(range(119, 119 - MOST, -1))
