"""``pvesh``: the way from a path to a method, to the node that answers, and to the output."""

import asyncio
import json

import pytest

from pvekit.lab.amounts import render_bytes
from pvekit.lab.api import serial
from pvekit.lab.api.all import listed, routes
from pvekit.lab.api.text import Look, render
from pvekit.lab.clock import Clock
from pvekit.lab.machine import collect
from pvekit.lab.options import Returns, api
from pvekit.lab.site import Site, SiteSpec

UTF8 = {"LC_ALL": "C.UTF-8"}


class Later(Clock):
    """A clock that stands still, between two rounds of the status daemon, until put forward."""

    ahead = 0.0

    def now(self):
        return 1800000005.0 + Later.ahead

    async def sleep(self, seconds):
        await asyncio.sleep(0)
        return 0.0


@pytest.fixture
def site():
    Later.ahead = 0.0
    return Site(SiteSpec(storage="dir", seed=1), clock=Later(scale=1.0))


def ask(site, line, *, node="pve1", env=UTF8):
    """Return (status, stdout, stderr) of a line."""
    status, out, err = asyncio.run(collect(site.nodes[node].machine, line, env=env))
    return status, out.decode(), err.decode()


def told(site, line, **more):
    """Return the JSON answer of a call that must succeed in silence."""
    status, out, err = ask(site, f"{line} --output-format json", **more)
    assert (status, err) == (0, "")
    return json.loads(out)


# Every method is one of the real API's.


@pytest.mark.parametrize("version", ["8.4", "9.2"])
def test_no_route_answers_what_the_real_api_does_not_have(version):
    known = {f"{verb} {path}" for verb, path in routes() if api(version).info(path, verb)}
    unknown = {f"{verb} {path}" for verb, path in routes()} - known
    other = "8.4" if version == "9.2" else "9.2"
    only_there = {u for u in unknown if api(other).info(*reversed(u.split(" ", 1)))}
    assert unknown == only_there


def test_each_method_has_one_route():
    assert len(routes()) == len(listed())


# Paths and verbs


@pytest.mark.parametrize("verb", ["get", "set", "create", "delete"])
def test_a_path_without_such_a_method_is_refused_before_anything_else(site, verb):
    refused = (1, "", f"No '{verb}' handler defined for '/nodes/pve1/nosuch'\n")
    assert ask(site, f"pvesh {verb} /nodes/pve1/nosuch --bogus") == refused


def test_an_option_before_the_path_is_taken_for_the_path(site):
    refused = (1, "", "No 'get' handler defined for '--output-format'\n")
    assert ask(site, "pvesh get --output-format json /version") == refused


def test_known_but_not_simulated_methods_end_loudly(site):
    status, out, err = ask(site, "pvesh get /nodes/pve1/report")
    assert (status, out) == (99, "")
    assert "not simulated: pvesh: get /nodes/{node}/report" in err


def test_slashes_do_not_matter(site):
    expected = told(site, "pvesh get /cluster/nextid")
    for path in ("cluster/nextid", "//cluster//nextid/", "/cluster/nextid/"):
        assert told(site, f"pvesh get {path}") == expected


def test_a_wrong_part_of_the_path_is_told_as_a_parameter(site):
    status, _, err = ask(site, "pvesh get /nodes/pve1/qemu/99/config")
    assert status
    assert err == (
        "400 Parameter verification failed.\n"
        "vmid: invalid format - value does not look like a valid VM ID\n\n"
        "pvesh get <api_path> [OPTIONS] [FORMAT_OPTIONS]\n"
    )


# Listing


def test_ls_shows_what_can_be_done_with_each_child(site):
    ask(site, "qm create 100")
    _, out, _ = ask(site, "pvesh ls /nodes/pve1/qemu")
    assert out == "Dr--d        100\n"
    assert told(site, "pvesh ls /nodes") == [
        {"capabilities": "Dr---", "name": "pve1"},
        {"capabilities": "Dr---", "name": "pve2"},
    ]


def test_ls_of_what_has_nothing_below(site):
    assert ask(site, "pvesh ls /version")[2] == "resource '/version' does not define child links\n"
    assert ask(site, "pvesh ls /nosuch")[2] == "no such resource '/nosuch'\n"


def test_ls_of_another_node_is_answered_there(site):
    ask(site, "qm create 100", node="pve2")
    assert ask(site, "pvesh ls /nodes/pve2/qemu")[1] == "Dr--d        100\n"


# Other nodes


def test_a_call_for_another_node_answers_as_there(site):
    ask(site, "qm create 100 --name there --tags a", node="pve2")
    path = "/nodes/pve2/qemu/100/config"
    assert told(site, f"pvesh get {path}") == told(site, f"pvesh get {path}", node="pve2")
    assert ask(site, f"pvesh set {path} --tags b --description 'two words'") == (0, "", "")
    answer = told(site, f"pvesh get {path}")
    assert (answer["tags"], answer["description"]) == ("b", "two words")


def test_the_progress_of_a_task_elsewhere_is_one_text_with_the_id(site):
    ask(site, "qm create 100 --scsi0 local-lvm:1", node="pve2")
    line = "pvesh create /nodes/pve2/qemu/100/clone --newid 101 --full 1"
    answer = told(site, line)
    assert isinstance(answer, str)
    assert answer.startswith(
        "create full clone of drive scsi0 (local-lvm:100/vm-100-disk-0.raw)Form"
    )
    assert answer.endswith(':qmclone:100:root@pam:"')
    assert "\n" not in answer


def test_errors_elsewhere_are_passed_on_and_the_last_line_is_the_reason(site):
    status, out, err = ask(site, "pvesh get /nodes/pve2/tasks/UPID:bogus/status")
    assert (bool(status), out) == (True, "")
    assert err == (
        "400 Parameter verification failed.\nupid: unable to parse worker upid\n"
        "proxy handler failed: pvesh get <api_path> [OPTIONS] [FORMAT_OPTIONS]\n"
    )


def test_bad_options_are_refused_before_another_node_is_asked(site):
    _, _, err = ask(site, "pvesh set /nodes/pve2/qemu/100/config --cores x")
    assert "proxy handler" not in err
    assert "cores: type check ('integer') failed - got 'x'\n" in err


def test_a_node_that_is_down_or_unknown(site):
    site.nodes["pve2"].machine.up = False
    _, _, err = ask(site, "pvesh get /nodes/pve2/status")
    assert err.startswith("proxy handler failed: ssh: connect to host 192.168.64.2 port 22: ")
    _, _, err = ask(site, "pvesh get /nodes/pve9/status")
    assert err.startswith("hostname lookup 'pve9' failed - failed to get address info for: pve9: ")


def test_without_proxying_another_node_is_refused(site):
    assert ask(site, "pvesh --noproxy get /nodes/pve2/status")[2] == (
        "proxy loop detected - aborting\n"
    )


def test_localhost_is_the_own_node(site):
    ask(site, "qm create 100 --name here")
    assert told(site, "pvesh get /nodes/localhost/qemu/100/config")["name"] == "here"


# Tasks


def test_a_task_that_fails_is_a_call_that_succeeds(site):
    ask(site, "qm create 100")
    ask(site, "qm template 100")
    status, out, err = ask(site, "pvesh create /nodes/pve1/qemu/100/status/start")
    assert (status, err) == (0, "you can't start a vm if it's a template\n")
    upid = out.strip()
    ended = told(site, f"pvesh get /nodes/pve1/tasks/{upid}/status")
    assert (ended["status"], ended["exitstatus"]) == ("stopped", err.strip())


def test_what_is_refused_before_the_task_begins_fails(site):
    ask(site, "qm create 100")
    status, out, err = ask(site, "pvesh create /nodes/pve1/qemu --vmid 100")
    assert (bool(status), out) == (True, "")
    assert err == "unable to create VM 100 - VM 100 already exists on node 'pve1'\n"


def test_nothing_is_printed_where_it_is_not_wanted(site):
    assert ask(site, "pvesh create /nodes/pve1/qemu --vmid 100 --quiet 1") == (0, "", "")
    assert ask(site, "pvesh --nooutput delete /nodes/pve1/qemu/100") == (0, "", "")
    assert told(site, "pvesh get /nodes/pve1/qemu") == []


# What nodes know of each other


def test_a_new_vm_is_unknown_until_the_status_daemon_has_told_of_it(site):
    ask(site, "qm create 100 --name web --tags a --memory 256")
    line = "pvesh get /cluster/resources --type vm"
    bare = {"id": "qemu/100", "node": "pve1", "type": "qemu", "vmid": 100, "tags": "a"}
    assert told(site, line) == [{**bare, "status": "unknown"}]
    Later.ahead = 25.0
    [entry] = told(site, line)
    assert bare.items() < entry.items()
    assert (entry["name"], entry["status"], entry["template"]) == ("web", "stopped", 0)
    assert entry["maxmem"] == 256 << 20


def test_a_status_daemon_that_stopped_leaves_its_node_unknown(site):
    ask(site, "qm create 100", node="pve2")
    Later.ahead = 25.0
    site.faults.order("status-stopped", "pve2")
    entries = {entry["id"]: entry for entry in told(site, "pvesh get /cluster/resources")}
    unknown = {"node/pve2", "qemu/100", "storage/pve2/local", "storage/pve2/local-lvm"}
    assert {name for name, e in entries.items() if e.get("status") == "unknown"} == unknown
    status, _, err = ask(site, "pvesh get /nodes/pve2/qemu/100/rrddata --timeframe hour")
    assert status
    assert err.endswith("opening '/var/lib/rrdcached/db/pve2-vm/100': No such file or directory\n")


def test_a_node_that_went_down_is_offline_with_what_it_told_last(site):
    told(site, "pvesh get /nodes")
    site.nodes["pve2"].machine.up = False
    entries = {entry["node"]: entry for entry in told(site, "pvesh get /nodes")}
    assert entries["pve1"]["status"] == "online"
    assert entries["pve2"]["status"] == "offline"
    assert "uptime" not in entries["pve2"]
    assert entries["pve2"]["maxmem"] == entries["pve1"]["maxmem"]


# Output


ROWS = Returns(
    "array",
    items=Returns(
        "object",
        properties={
            "size": Returns("integer", optional=True, renderer="bytes"),
            "id": Returns("integer"),
            "name": Returns("string", optional=True, title="Name", print_width=5),
            "on": Returns("boolean", optional=True),
        },
    ),
)
DATA = [
    {"id": 20, "size": 1536, "name": "ab\ncdefghij", "on": True},
    {"id": 3, "name": "ü"},
]


def test_a_table_follows_what_the_method_returns():
    assert render(DATA, ROWS) == (
        "┌────┬───────┬────┬──────────┐\n"
        "│ id │ Name  │ on │     size │\n"
        "╞════╪═══════╪════╪══════════╡\n"
        "│  3 │ ü     │    │          │\n"
        "├────┼───────┼────┼──────────┤\n"
        "│ 20 │ ab    │ 1  │ 1.50 KiB │\n"
        "│    │ cdefg │    │          │\n"
        "└────┴───────┴────┴──────────┘\n"
    )


def test_a_table_without_utf8_border_or_header():
    plain = render(DATA, ROWS, Look(utf8=False))
    assert plain.startswith("+----+-------+----+----------+\n| id | Name  | on |     size |\n")
    assert "|  3 | ?     |    |          |\n" in plain
    bare = render(DATA, ROWS, Look(border=False, header=False))
    assert bare == " 3 ü        \n20 ab    1  1.50 KiB\n   cdefg    \n"


def test_values_as_they_are_without_human_readable():
    assert "1536" in render(DATA, ROWS, Look(human_readable=False))


def test_objects_are_tables_of_keys_and_lists_of_values_have_no_header():
    assert render({"b": [1, {"c": 2}], "a": None, "z": 1.0}, Returns("object")) == (
        "┌─────┬─────────────┐\n│ key │ value       │\n╞═════╪═════════════╡\n"
        '│ b   │ [1,{"c":2}] │\n├─────┼─────────────┤\n│ z   │ 1           │\n'
        "└─────┴─────────────┘\n"
    )
    texts = Returns("array", items=Returns("string"))
    assert render(["b", "a"], texts) == ("┌───────┐\n│ a     │\n├───────┤\n│ b     │\n└───────┘\n")


def test_what_returns_nothing_or_an_empty_list_prints_nothing():
    for form in ("text", "json", "yaml"):
        assert render("update VM 100: -cores 2", Returns("null"), Look(form)) == ""
    assert render([], ROWS) == ""
    assert render([], ROWS, Look("json")) == "[]\n"


def test_json_has_perls_digits_and_sorted_keys():
    data = {"b": 0.057193892174695412, "a": "ü/", "c": None}
    assert serial.json(data) == '{"a":"ü/","b":0.0571938921746954,"c":null}'
    assert serial.pretty({"a": [], "b": {"c": 1}}) == (
        '{\n   "a" : [],\n   "b" : {\n      "c" : 1\n   }\n}\n'
    )


def test_yaml_quotes_only_what_would_be_read_as_something_else():
    data = [{"a": "B,a c", "b": "100", "c": 100, "d": "", "e": None, "f": "true", "g": "yes"}]
    assert serial.yaml(data) == (
        "---\n- a: B,a c\n  b: '100'\n  c: 100\n  d: ''\n  e: ~\n  f: 'true'\n  g: yes\n"
    )
    assert serial.yaml("UPID:x:") == "--- 'UPID:x:'\n"


def test_the_log_of_all_members(site):
    ask(site, "qm create 100", node="pve2")
    first, second = told(site, "pvesh get /cluster/log --max 2")
    assert first["msg"].startswith("end task UPID:pve2:")
    assert second["msg"].startswith("starting task UPID:pve2:")
    assert first["id"] == f"{first['uid']}:pve2"


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (0, 2, "0.00 B"),
        (1023, 2, "1023.00 B"),
        (1024, 1, "1.0 KiB"),
        (1023.5 * 1024, 2, "1023.50 KiB"),
        (3 << 60, 2, "3072.00 PiB"),
    ],
)
def test_bytes_are_shown_in_the_largest_unit_below_them(value, digits, shown):
    assert render_bytes(value, digits) == shown
