import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvekit import resources
from pvekit.config import wording
from pvekit.config.document import read
from pvekit.errors import UsageError
from pvekit.sizing import (
    Size,
    Sized,
    SizeRequest,
    parse_disk,
    parse_memory,
    presets,
    workloads,
)
from pvekit.sizing import choose as choose_of
from pvekit.sizing.described import describe
from pvekit.sizing.workload import LARGEST, OTHER, UNITS, at_least, of_role

SIZES = presets()
CLASSES = workloads()


def choose(request, sizes=SIZES, links=()):
    return choose_of(request, sizes, CLASSES, links)


@pytest.mark.parametrize(
    ("text", "mib"),
    [
        ("4096", 4096),
        ("4G", 4096),
        ("4g", 4096),
        ("4GiB", 4096),
        ("4 GB", 4096),
        ("1.5G", 1536),
        ("512M", 512),
        ("1T", 1048576),
        ("65536K", 64),
    ],
)
def test_memory(text, mib):
    assert parse_memory(text) == mib


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "4X", "1.0001G", "15", "G", "4 G G", "1e3", "nan", "4\u212a", "9" * 20]
)
def test_no_memory(text):
    with pytest.raises(UsageError):
        parse_memory(text)


@pytest.mark.parametrize(("text", "gib"), [("40", 40), ("40G", 40), ("1T", 1024), ("2048M", 2)])
def test_disk(text, gib):
    assert parse_disk(text) == gib


@pytest.mark.parametrize("text", ["", "0", "500M", "1.5G", "big"])
def test_no_disk(text):
    with pytest.raises(UsageError):
        parse_disk(text)


@given(st.text())
def test_amounts_are_read_or_refused(text):
    for parse in (parse_memory, parse_disk):
        try:
            assert parse(text) > 0
        except UsageError:
            continue


def test_the_presets_that_come_with_pvekit():
    assert {name: SIZES[name] for name in ("small", "medium", "large")} == {
        "small": Size(1, 2048, 20),
        "medium": Size(2, 4096, 40),
        "large": Size(4, 8192, 80),
    }


@pytest.mark.parametrize("role", ["master", "worker", "anything"])
def test_every_role_has_a_known_preset_and_a_reason(role):
    fitting = of_role(CLASSES, role)
    assert fitting.preset in SIZES
    assert fitting.because


def test_a_preset_is_taken_by_name():
    sized = choose(SizeRequest("worker", size="medium"), SIZES)
    assert (sized.size, sized.source, sized.because) == (SIZES["medium"], "preset", "preset medium")


def test_what_is_given_wins():
    sized = choose(SizeRequest("worker", size="medium", cpus=3, disk_gb=50), SIZES)
    assert sized.size == Size(3, 4096, 50)
    assert sized.because == "preset medium, cpus 3, disk_gb 50 as given"


def test_all_three_given_need_no_preset():
    sized = choose(SizeRequest("worker", cpus=3, memory_mb=1000, disk_gb=50), {})
    assert (sized.size, sized.source) == (Size(3, 1000, 50), "given")
    assert sized.because == "cpus 3, memory_mb 1000, disk_gb 50 as given"


def test_auto_takes_the_preset_of_the_roles_class_and_says_why():
    sized = choose(SizeRequest("master"))
    assert sized.source == "preset"
    assert sized.size == SIZES["medium"]
    assert of_role(CLASSES, "master").because in sized.because
    assert sized.confidence == "low"


def test_the_last_link_that_knows_is_heard_and_sees_the_answer_before():
    def history(need, so_far):
        assert (so_far.source, so_far.size) == ("preset", SIZES["large"])
        return Sized(Size(7, 7168, 70), "history", f"history of {need.request.role}")

    def model(need, so_far):
        assert so_far.source == "history"

    sized = choose(SizeRequest("worker", cpus=2), links=(history, model))
    assert (sized.size, sized.source) == (Size(2, 7168, 70), "history")
    assert sized.because == "history of worker, cpus 2 as given"


@pytest.mark.parametrize(
    "request_",
    [SizeRequest("worker", size="small"), SizeRequest("w", cpus=1, memory_mb=512, disk_gb=9)],
)
def test_links_are_not_asked_where_nothing_is_left_to_choose(request_):
    def link(need, so_far):
        raise AssertionError

    choose(request_, links=(link,))


# Workload classes


def test_every_class_has_a_known_preset_and_roles_of_its_own():
    roles = [role for each in CLASSES.values() for role in each.roles]
    assert len(roles) == len(set(roles))
    assert {each.preset for each in CLASSES.values()} <= set(SIZES)


def test_the_classes_that_come_with_pvekit_fit_the_schema():
    path = resources.folder("sizes") / "workloads.yaml"
    document = read(path)
    assert (*document.faults, *wording.check(document, "pvekit.sizing")) == ()


def test_all_units_have_words():
    schema = json.loads(
        (resources.folder("sizes").parent / "pvekit/sizing/schema.json").read_text()
    )
    unit = schema["additionalProperties"]["properties"]["units"]["items"]["properties"]["unit"]
    assert set(unit["enum"]) == set(UNITS)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_no_preset_is_below_its_classs_floor(name):
    each = CLASSES[name]
    assert at_least(SIZES[each.preset], each.floor) == SIZES[each.preset] or name == "ci-runner"


@pytest.mark.parametrize(
    ("text", "name", "amounts", "asked"),
    [
        (
            "postgres 200 GB, 300 qps",
            "postgresql",
            {"data_gb": 200, "requests_per_second": 300},
            {},
        ),
        (
            "PostgreSQL:1.5TB,2k tps",
            "postgresql",
            {"data_gb": 1536, "requests_per_second": 2000},
            {},
        ),
        ("a k8s worker for 50 pods", "kubernetes-worker", {"pods": 50}, {}),
        ("gitlab runner, 4 parallel jobs", "ci-runner", {"jobs": 4}, {}),
        ("prometheus with 1,200,000 series", "monitoring", {"series": 1200000}, {}),
        ("prometheus with 1.200.000 series", "monitoring", {"series": 1200000}, {}),
        (
            "postgres 1,5 TB, 1,200 qps",
            "postgresql",
            {"data_gb": 1536, "requests_per_second": 1200},
            {},
        ),
        ("postgres 99999999999999999999 GB", "postgresql", {"data_gb": 1e12}, {}),
        ("redis 8 GiB", "redis", {"data_gb": 8}, {}),
        (
            "nginx 1000 requests per second, 4 cpus, 16 GB ram",
            "web-server",
            {"requests_per_second": 1000},
            {"cpus": 4, "memory_mb": 16384},
        ),
        ("mysql on 100 GB of disk", "mysql", {}, {"disk_gb": 100}),
        ("kubernetes control plane of 20 nodes", "kubernetes-control-plane", {"nodes": 20}, {}),
        ("postgresqlish apish", "", {}, {}),
        ("", "", {}, {}),
    ],
)
def test_a_text_names_class_and_amounts(text, name, amounts, asked):
    found = describe(text, CLASSES)
    assert (found.workload.name if found.workload else "") == name
    assert (found.amounts, found.asked) == (amounts, asked)


def test_a_text_is_answered_by_figures_with_their_sources():
    sized = choose(SizeRequest("db", workload="postgres 200 GB, 300 qps"))
    assert sized.size == Size(2, 9216, 320)
    assert (sized.source, sized.confidence, sized.workload) == ("preset", "medium", "postgresql")
    assert sized.because == (
        "figures of postgresql for 200 GB of data, 300 requests per second "
        "(not told and so not counted: connections)"
    )
    assert sum("estimate" in each for each in sized.evidence) == 3
    assert sized.evidence[-1] == "the text does not say: connections"


def test_a_text_that_says_nothing_known_leaves_it_to_the_role():
    sized = choose(SizeRequest("worker", workload="some thing"))
    assert sized.size == SIZES["large"]
    assert sized.evidence[-1].startswith("the text names no known workload, role worker counts")


def test_what_a_text_asks_for_is_taken_but_not_below_the_floor():
    sized = choose(SizeRequest("x", workload="etcd with 1 cpu and 16 GB ram"))
    assert sized.size == Size(2, 16384, 80)
    assert sized.because.endswith("memory_mb 16384, cpus 1 as the text says")


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_what_a_class_counts_by_can_be_written(name):
    units = [unit.unit for unit in CLASSES[name].units]
    text = ", ".join([name, *(f"3 {UNITS[unit]}" for unit in units)])
    found = describe(text, CLASSES)
    assert (found.amounts, found.missing) == (dict.fromkeys(units, 3.0), ())


def test_a_second_class_is_named_and_not_counted():
    sized = choose(SizeRequest("x", workload="nginx before postgres"))
    assert sized.workload == "web-server"
    assert "the text names postgresql, too: not counted" in sized.evidence


def test_a_text_is_not_for_a_size_that_is_named():
    with pytest.raises(UsageError, match="--workload is for --size auto, not for the size small"):
        choose(SizeRequest("x", size="small", workload="postgres"))


@given(
    st.text() | st.from_regex(r"(postgres|etcd|redis|ci|x) (\d{1,45} ?k? ?(gb|tb|qps|cpus) ?){1,3}")
)
def test_every_text_is_answered_within_bounds(text):
    sized = choose(SizeRequest("x", workload=text))
    floor = CLASSES[sized.workload or OTHER].floor
    for key, least in vars(floor).items():
        assert least <= getattr(sized.size, key) <= getattr(LARGEST, key)


def test_an_unknown_size_names_the_nearest():
    with pytest.raises(UsageError, match=r"small, medium, large.*Did you mean 'medium'\?"):
        choose(SizeRequest("worker", size="meduim"), SIZES)


@pytest.mark.parametrize(
    "request_", [SizeRequest("web", disk_gb=10), SizeRequest("web", size="small")]
)
def test_a_disk_below_the_templates_is_refused(request_):
    with pytest.raises(UsageError, match="--disk 32"):
        choose(SizeRequest(**{**vars(request_), "template_disk_gb": 32}), SIZES)


def test_auto_grows_to_the_templates_disk():
    sized = choose(SizeRequest("web", template_disk_gb=32), SIZES)
    assert sized.size.disk_gb == 32
    assert "disk 32 GiB as the template's" in sized.because


def test_a_missing_data_folder_is_named():
    with pytest.raises(FileNotFoundError, match="'nosuch'"):
        resources.folder("nosuch")
