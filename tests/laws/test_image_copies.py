"""An image that several nodes need: downloaded by each, or handed on by one, whichever is faster.

On a simulated time, in which pvekit measures what the lab's lines really give.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

import pytest
from breaking import NODE, broken, fresh_desk, settle
from labsite import config_for, lab_site
from plans import TWO, build_handing_on, is_over

from benchmarks.create_virtual import virtual_site
from pvekit.journal import Store
from pvekit.lab.figures import realistic
from pvekit.lab.site import SiteSpec
from pvekit.operations import templates
from pvekit.operations.desk import Desk
from pvekit.operations.template_deciding import Request

THREE = SiteSpec(nodes=3, seed=1)
APART = replace(THREE, clustered=False)
SLOW_INTERNET = replace(realistic(), download_one=11.5, download_all=11.5)
SLOW_BETWEEN = replace(SLOW_INTERNET, volume_migration=3.0, node_link=3.0)
LONG_COPIES = replace(SLOW_INTERNET, volume_migration=20.0)
SIZE = int(realistic().image_size) << 20
PIECE = 16 << 20
IMAGES = "/var/lib/vz/pvekit/images"
ALL = Request()


@pytest.fixture
def standing(tmp_path):
    """Return a bare site and a desk before it."""
    made = []

    def stand(figures=SLOW_INTERNET, spec=THREE):
        made.append(virtual_site(spec, figures))
        site = made[-1].__enter__()
        config = config_for(tmp_path, list(site.lab.site.nodes))
        return site, Desk(config, site, Store(tmp_path / "runs"), site.clock)

    yield stand
    for each in made:
        each.__exit__(None, None, None)


def begun(desk, request=ALL):
    return templates.begin(desk, request, templates.decided(desk, request))


def built(desk, request=ALL):
    """Build, and return where each node's image was to come from."""
    found, journal = begun(desk, request)
    _, report = templates.carry_out(desk, found, journal)
    assert report.status == 0, report.errors
    return sources(found)


def sources(found) -> dict[str, str]:
    return {work.at.node: work.at.origin.source for work in found.works}


def why(found) -> str:
    (told,) = {work.at.origin.why for work in found.works}
    return told


def came(site, event: str = "download") -> list[str]:
    """The nodes that a whole image has come to."""
    key = "to" if event == "transfer" else "node"
    return sorted(e[key] for e in site.lab.site.log.of(event) if e["bytes"] == SIZE)


def order(site, kind: str, match: str = "", **more) -> None:
    site.lab.loop.do(lambda: site.lab.site.faults.order(kind, match, **more))


def whole(site) -> None:
    """See that every node has the image, the same one, and no half of one."""
    lines = {site.on(node, f"cd {IMAGES}; sha256sum *") for node in site.lab.site.nodes}
    (line,) = lines
    assert line.split()[1].startswith(line[:16])
    assert len(line.split()) == 2


def test_over_a_slow_line_it_is_downloaded_once_and_copied(standing):
    site, desk = standing()
    began = site.time.now
    assert built(desk) == {"pve1": "", "pve2": "pve1", "pve3": "pve1"}
    assert (came(site), came(site, "transfer")) == (["pve1"], ["pve2", "pve3"])
    # Three downloads at once would take 157 s for themselves.
    assert site.time.now - began < 110
    whole(site)


def test_between_slow_nodes_each_downloads(standing):
    site, desk = standing(SLOW_BETWEEN)
    assert built(desk) == dict.fromkeys(("pve1", "pve2", "pve3"), "")
    assert (came(site), came(site, "transfer")) == (["pve1", "pve2", "pve3"], [])
    whole(site)


def test_over_a_fast_line_it_is_not_even_compared(standing):
    site, desk = standing(replace(realistic(), download_one=1000.0, download_all=10000.0))
    found = templates.decided(desk, Request())
    assert set(sources(found).values()) == {""}
    assert why(found) == "measured: 1 s if all 3 nodes download, there is little to gain"
    assert not list(site.lab.site.log.of("transfer"))


def test_measuring_takes_seconds_and_pieces_and_changes_nothing(standing):
    site, desk = standing()
    plan = templates.decided(desk, Request()).plan(desk)
    assert site.time.now < 10
    pieces = [event["bytes"] for event in site.lab.site.log.of("download") if event["bytes"] > 9999]
    assert len(pieces) == 4
    assert max(pieces) <= PIECE
    assert not [event for event in site.lab.site.log.of("program") if event["changes"]]
    assert not site.on("pve1", f"ls {IMAGES} 2>/dev/null")
    shown = [str(change) for step in plan for change in step.changes]
    lines = [line for line in shown if line.startswith(("copy ", "download "))]
    assert [line.split()[0] for line in lines] == ["download", "copy", "copy"]
    assert lines[1].startswith(f"copy {IMAGES}/")
    assert " from pve1, once it is there, and verify its sha256 " in lines[1]
    assert all("; measured: 5" in line and "s if pve1 hands it on" in line for line in lines)


def test_who_has_the_image_hands_it_on(standing):
    site, desk = standing()
    assert built(desk, Request(nodes=("pve2",))) == {"pve2": ""}
    assert built(desk) == {"pve1": "pve2", "pve3": "pve2"}
    assert (came(site), came(site, "transfer")) == (["pve2"], ["pve1", "pve3"])
    whole(site)


def test_two_templates_of_one_image_are_measured_for_once(standing, tmp_path):
    site, desk = standing()
    template = {"name": "second", "recipe": "base", "id": 9100}
    more = f"templates: {{second: {template}}}"
    desk = replace(desk, config=config_for(tmp_path, list(site.lab.site.nodes), more))
    found = templates.decided(desk, Request())
    assert [work.at.origin.source for work in found.works] == ["", "pve1", "pve1"] * 2
    assert len(list(site.lab.site.log.of("transfer"))) == 2


def test_nodes_on_their_own_are_not_asked(standing):
    site, desk = standing(spec=APART)
    found = templates.decided(desk, Request())
    assert (set(sources(found).values()), why(found)) == ({""}, "")
    assert not [event for event in site.lab.site.log.of("download") if event["bytes"] > 9999]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (("download-whole", ".img"), "pve[123]: the server sends no pieces of the image"),
        (("download-error", ".img"), "returned error: 500"),
        (("host-key", "pve1"), "Host key verification failed"),
    ],
    ids=lambda each: each[0] if isinstance(each, tuple) else "",
)
def test_what_cannot_be_measured_is_downloaded(standing, fault, told):
    site, desk = standing()
    order(site, *fault)
    found = templates.decided(desk, Request())
    assert set(sources(found).values()) == {""}
    assert why(found).startswith("it was not measured whether copying is faster: pve")
    assert re.search(told, why(found))


def test_without_curl_it_is_downloaded(standing):
    site, desk = standing()
    for node in site.lab.site.nodes.values():
        del node.machine.programs["curl"]
    found = templates.decided(desk, Request())
    assert set(sources(found).values()) == {""}
    assert why(found).endswith(": it has no curl")


# What goes wrong while the image is handed on


def handing_on(desk):
    found, journal = begun(desk)
    assert sources(found) == {"pve1": "", "pve2": "pve1", "pve3": "pve1"}
    return found, journal


def gone_on(desk) -> None:
    journal = templates.unfinished(desk, Request())
    found = templates.go_on(desk, journal)
    assert templates.carry_out(desk, found, journal)[1].status == 0


def test_a_copy_that_breaks_off_becomes_a_download(standing):
    site, desk = standing()
    found, journal = handing_on(desk)
    order(site, "peer-cut", "exec cat")
    assert templates.carry_out(desk, found, journal)[1].status == 0
    assert len(came(site)) == 2
    assert len(came(site, "transfer")) == 1
    whole(site)


def test_a_false_image_is_not_taken(standing):
    site, desk = standing()
    found, journal = handing_on(desk)
    path = found.works[0].spec.image_path
    site.on("pve1", f"mkdir -p {IMAGES}; echo another >{path}")
    _, report = templates.carry_out(desk, found, journal)
    errors = {name.partition("@")[2]: outcome.error for name, outcome in report.outcomes.items()}
    assert (errors["pve2"], errors["pve3"]) == (None, None)
    assert came(site) == ["pve2", "pve3"]


def test_the_sources_download_fails_its_checksum(standing):
    site, desk = standing()
    found, journal = handing_on(desk)
    order(site, "download-corrupt", ".img")
    _, report = templates.carry_out(desk, found, journal)
    errors = {name.partition("@")[2]: outcome.error for name, outcome in report.outcomes.items()}
    assert errors["pve1"].id == "IMAGE-CHECKSUM-WRONG"
    assert (errors["pve2"], errors["pve3"]) == (None, None)
    assert came(site) == ["pve1", "pve2", "pve3"]
    gone_on(desk)
    whole(site)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(20.0, id="while it downloads", marks=pytest.mark.slow),
        pytest.param(60.0, id="while it is copied"),
    ],
)
def test_the_source_loses_its_power(standing, after):
    site, desk = standing(LONG_COPIES)
    found, journal = handing_on(desk)
    lab = site.lab.site

    def later() -> None:
        asyncio.get_running_loop().call_later(after, lambda: lab.outages.reboot("pve1"))

    site.lab.loop.do(later)
    _, report = templates.carry_out(desk, found, journal)
    errors = {name.partition("@")[2]: outcome.error for name, outcome in report.outcomes.items()}
    assert (errors["pve2"], errors["pve3"]) == (None, None)
    assert {"pve2", "pve3"} <= set(came(site))
    if templates.unfinished(desk, Request()) is not None:
        gone_on(desk)
    whole(site)


@pytest.mark.parametrize(
    "when",
    [
        *("during", "killed after"),
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("before", "after", *NODE[:2])),
    ],
)
def test_broken_off_where_it_begins_to_copy(tmp_path, when):
    with lab_site(TWO) as site:
        desk = fresh_desk(site, tmp_path, "desk")
        assert broken(build_handing_on, desk, site, 1, when, match=" sha256 ").struck
        if not is_over(desk):
            report = build_handing_on(desk)
            assert report.status == 0, report.errors
        settle(site)
        assert len(site.on("pve2", "ls /var/lib/vz/pvekit/images").splitlines()) == 1
        assert "template: 1" in site.on("pve2", "grep -h ^template /etc/pve/local/qemu-server/*")


def test_a_full_disk_is_told_and_leaves_no_half(standing):
    site, desk = standing()
    found, journal = handing_on(desk)
    files = site.lab.site.nodes["pve3"].machine.files
    total, files.root.total = files.root.total, files.root.used + 2000
    _, report = templates.carry_out(desk, found, journal)
    errors = {name.partition("@")[2]: outcome.error for name, outcome in report.outcomes.items()}
    assert (errors["pve1"], errors["pve2"]) == (None, None)
    assert errors["pve3"] is not None
    assert ".part" not in site.on("pve3", f"ls {IMAGES}")
    files.root.total = total
    gone_on(desk)
    whole(site)


def test_a_run_of_an_older_version_is_gone_on_with(standing):
    site, desk = standing()
    _, journal = handing_on(desk)
    journal.close()
    (path,) = desk.store.directory.glob("*.jsonl")
    text, count = re.subn(r',"origin":\{[^}]*\}', "", path.read_text())
    assert count == 3
    path.write_text(text)
    again = templates.unfinished(desk, Request())
    assert set(sources(templates.resumed(again)).values()) == {""}
    again.close()
    gone_on(desk)
    whole(site)
