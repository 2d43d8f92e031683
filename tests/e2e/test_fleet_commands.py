"""Fleet files from the command line: exit statuses, standard input, questions, what goes where."""

from __future__ import annotations

import io
import json
import sys

import pytest

from pvekit.cli.handler import run
from pvekit.lab.inprocess import served_site
from pvekit.lab.site import SiteSpec

SHOP = """
apiVersion: pvekit/v1
kind: Fleet
name: shop
groups:
  web: {count: 2, size: small, start: no, description: "One.\\nTwo."}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A standalone node with a template, and the home of its user."""
    home = tmp_path_factory.mktemp("fleet")
    with (
        served_site(home / "lab", SiteSpec(nodes=1, clustered=False)) as served,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        patch.setenv("PVEKIT_CONFIG", str(home / "lab/config.yaml"))
        assert run(["-q", "template", "build"]) == 0
        yield served.shell


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "fleet.yaml"
    path.write_text(SHOP)
    return path


def test_from_nothing_to_a_fleet_and_back(lab, file, capsys, monkeypatch):
    assert run(["diff", "-f", str(file)]) == 10
    shown = capsys.readouterr().out
    assert "+ shop-web-1: VM 100 on pve1, 1 vCPU, 2048 MiB, 20 GiB, dhcp" in shown
    assert "2 to create, 0 to change, 0 to remove" in shown
    assert run(["apply", "-f", str(file), "--dry-run", "--detailed-exitcode"]) == 10
    assert lab.run_line("pve1", "qm list")[1].count(b"shop") == 0
    capsys.readouterr()
    assert run(["-q", "apply", "-f", str(file), "-o", "json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert [each["state"] for each in made["items"]] == ["done", "done"]
    assert run(["diff", "-f", str(file)]) == 0
    capsys.readouterr()

    assert run(["vm", "export", "--all"]) == 0
    written = capsys.readouterr().out
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(written.encode())))
    assert run(["diff", "-f", "-", "--prune"]) == 0

    file.write_text(SHOP.replace("count: 2", "count: 1"))
    assert run(["apply", "-f", str(file), "--prune"]) == 2  # there is nobody to ask
    assert "Delete shop-web-2 with all disks?" in capsys.readouterr().err
    assert run(["apply", "-f", str(file)]) == 0
    assert b"shop-web-2" in lab.run_line("pve1", "qm list")[1]
    assert run(["apply", "-f", str(file), "--prune", "--yes"]) == 0
    assert b"shop-web-2" not in lab.run_line("pve1", "qm list")[1]
    assert run(["diff", "-f", str(file), "--prune"]) == 0


def test_a_fault_is_told_with_its_line(lab, file, capsys, monkeypatch):
    file.write_text(SHOP.replace("count", "cout"))
    assert run(["diff", "-f", str(file)]) == 2
    assert f"{file}:6: groups.web.cout: expected a known key" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"kind: Flet")))
    assert run(["apply", "-f", "-"]) == 2
    assert "standard input:1: kind: expected" in capsys.readouterr().err
    assert run(["apply", "-f", str(file.with_name("none.yaml"))]) == 2
    assert "Cannot read the fleet file" in capsys.readouterr().err


def test_place_says_where_and_why(lab, capsys):
    assert run(["place", "--count", "2", "--size", "large", "--explain"]) == 0
    assert capsys.readouterr().out.count("chosen") == 2
    hard = ["place", "--role", "master", "--count", "2", "--anti-affinity", "hard"]
    assert run(hard) == 8
    assert "pve1: anti-affinity: 1 of role master there already" in capsys.readouterr().err
    assert run(["place", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["items"][0]["node"] == "pve1"
