"""Workload classes of the user's own: over those that come with pvekit, and checked as a whole."""

import pytest
from labsite import PLAN

from pvekit.config.load import load
from pvekit.errors import UsageError
from pvekit.operations.workload_classes import known
from pvekit.sizing import SizeRequest, choose, workloads

OWN = """\
billing:
  words: [invoices]
  roles: [worker]
  preset: medium
  because: ours
  floor: {cpus: 3, memory_mb: 3072, disk_gb: 30}
  source: measured in May
  units:
    - {unit: jobs, per: 2, cpus: 1, source: measured in May}
"""


def configured(tmp_path, **files):
    directory = tmp_path / "sizes"
    directory.mkdir()
    for name, text in files.items():
        (directory / f"{name}.yaml").write_text(text)
    path = tmp_path / "config.yaml"
    path.write_text(f"{PLAN.read_text()}\nsizes_dir: sizes\n")
    return load(path)


def test_without_a_directory_there_are_those_that_come_with_pvekit():
    assert known(load(PLAN)) == workloads()


def test_own_classes_add_to_the_others_and_take_their_roles(tmp_path):
    config = configured(tmp_path, own=OWN)
    found = known(config)
    assert set(found) == {"billing", *workloads()}
    sized = choose(SizeRequest("worker"), config.sizes, found)
    assert (sized.workload, sized.size.cpus) == ("billing", 3)
    counted = choose(SizeRequest("x", workload="invoices, 4 jobs"), config.sizes, found)
    assert counted.size.cpus == 5


def test_an_own_class_takes_the_place_of_one_of_the_same_name(tmp_path):
    config = configured(tmp_path, own=OWN.replace("billing", "etcd"))
    assert known(config)["etcd"].source == "measured in May"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("preset: medium", "preset: meduim", "'meduim' (did you mean 'medium'?)"),
        ("cpus: 3", "cpus: 0", "billing.floor.cpus: expected a whole number from 1 to 1024, got 0"),
        ("  because: ours\n", "", "because"),
        ("unit: jobs", "unit: jops", "jops"),
        ("source: measured in May}", "sauce: x}", "sauce"),
        ("words: [invoices]", "words: [Invoices!]", "Invoices!"),
        ("billing:", "billing", "YAML"),
    ],
)
def test_a_fault_is_named_with_file_and_place(tmp_path, old, new, fault):
    assert old in OWN
    with pytest.raises(UsageError) as caught:
        known(configured(tmp_path, own=OWN.replace(old, new, 1)))
    assert fault in caught.value.details
    assert str(tmp_path / "sizes" / "own.yaml") in caught.value.details


def test_a_class_stands_in_one_file(tmp_path):
    with pytest.raises(UsageError) as caught:
        known(configured(tmp_path, a=OWN, b=OWN))
    assert "b.yaml:1: billing: expected each class once, got 'billing' again" in str(
        caught.value.details
    )


def test_a_directory_that_is_not_there_is_named(tmp_path):
    config = configured(tmp_path)
    (tmp_path / "sizes").rmdir()
    with pytest.raises(
        UsageError, match=r"sizes_dir names .*/sizes, which cannot be read: No such"
    ):
        known(config)
