"""The lab's SSH servers, seen by clients that are not of the server's make."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor

import paramiko
import pytest
from ssh_clients import Answer, Client, OpenSsh, Paramiko, Refused

from pvekit.lab.inprocess import ServedSite, running_site
from pvekit.lab.link import LinkCutBefore, LinkCutDuring
from pvekit.lab.sessions import MAX_SESSIONS
from pvekit.lab.site import SiteSpec


def exists(served: ServedSite, path: str, node: str = "pve1") -> bool:
    return served.shell.loop.do(lambda: served.site.nodes[node].machine.files.exists(path))


def order(served: ServedSite, match: str, when: str, **detail: str) -> None:
    served.shell.loop.do(lambda: served.site.faults.order("link-cut", match, when, **detail))


def test_streams_and_status_come_back_apart(client: Client):
    answer = client.run("pve1", "echo out; echo err >&2; exit 7")
    assert answer == Answer(7, b"out\n", b"err\n")


def test_each_node_is_a_machine_of_its_own(client: Client):
    names = [client.run(node, "hostname").out for node in ("pve1", "pve2")]
    assert names == [b"pve1\n", b"pve2\n"]


def test_stdin_passes_whole_and_unchanged(client: Client):
    data = bytes(range(256)) * 12_000
    assert client.run("pve1", "cat", data).out == data


def test_a_command_that_ignores_its_stdin_ends(client: Client):
    assert client.run("pve1", "exit 3", b"x" * 1_000_000).status == 3


def test_scripts_come_over_stdin(client: Client):
    assert client.run("pve1", "sh -s -- a 'b c'", b'echo "$2:$1"\n').out == b"b c:a\n"


def test_another_user_becomes_root_by_sudo(client: Client):
    assert client.run("pve1", "whoami; sudo -n whoami", user="admin").out == b"admin\nroot\n"


def test_strangers_are_refused(client: Client):
    with pytest.raises(Refused, match=r"(?i)authentication failed|permission denied"):
        client.run("pve1", "true", user="nobody")


def test_a_wrong_key_is_refused(served: ServedSite):
    host, port = served.addresses["pve1"]
    with paramiko.SSHClient() as stranger:
        stranger.load_host_keys(str(served.directory / "known_hosts"))
        key = paramiko.ECDSAKey.generate()
        with pytest.raises(paramiko.AuthenticationException):
            stranger.connect(host, port, "root", pkey=key, allow_agent=False, look_for_keys=False)


def test_a_command_on_a_terminal_has_one_stream(openssh: OpenSsh):
    *options, target = openssh.words("pve1")
    words = [*options, "-tt", target, "echo out; echo err >&2; exit 7"]
    done = subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (7, b"out\r\nerr\r\n")


def test_no_shell_no_subsystem_but_sftp(served: ServedSite, openssh: OpenSsh):
    def ssh(*words: str) -> subprocess.CompletedProcess[bytes]:
        node = openssh.words("pve1")
        return subprocess.run([*node[:-1], *words], capture_output=True, stdin=subprocess.DEVNULL)

    target = openssh.words("pve1")[-1]
    assert b"no interactive shell" in ssh(target).stderr
    assert b"subsystem request failed" in ssh("-s", target, "netconf").stderr


@pytest.mark.parametrize(
    ("destination", "answer"),
    [
        ("10.99.99.99:22", b"No route to host"),
        ("127.0.0.1:22", b"No route to host"),
        ("example.org:80", b"No route to host"),
    ],
)
def test_links_lead_to_guests_only(openssh: OpenSsh, destination: str, answer: bytes):
    words = openssh.words("pve1")
    done = subprocess.run(
        [*words[:-1], "-W", destination, words[-1]],
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )
    assert answer in done.stderr


def test_a_connection_has_as_many_sessions_as_sshd_allows(with_paramiko: Paramiko):
    with with_paramiko.connect("pve1") as client:
        transport = client.get_transport()
        assert transport is not None
        channels = [transport.open_session() for _ in range(MAX_SESSIONS)]
        with pytest.raises(paramiko.ChannelException):
            transport.open_session()
        channels[0].exec_command("true")
        assert channels[0].recv_exit_status() == 0
        channels[0].close()
        transport.open_session().close()


def test_sessions_of_one_connection_run_side_by_side(with_paramiko: Paramiko):
    with with_paramiko.connect("pve1") as client, ThreadPoolExecutor(8) as pool:
        kept = []  # paramiko sends EOF when a stream is dropped; after a close that ends the link

        def one(number: int) -> bytes:
            streams = client.exec_command(f"echo {number}; cat /etc/hostname")
            kept.append(streams)
            return streams[1].read()

        answers = list(pool.map(one, range(8)))
    assert answers == [f"{number}\npve1\n".encode() for number in range(8)]


def test_a_program_that_is_not_there_is_not_found(client: Client):
    assert client.run("pve1", "no-such-program").status == 127


def test_a_link_cut_before_leaves_nothing_done(served: ServedSite, client: Client):
    client.run("pve1", "rm -f /tmp/before")
    order(served, "touch /tmp/before", "before")
    with pytest.raises(Refused):
        client.run("pve1", "touch /tmp/before")
    assert not exists(served, "/tmp/before")
    assert client.run("pve1", "touch /tmp/before").status == 0


@pytest.mark.parametrize("when", ["during", "after"])
def test_a_link_cut_later_leaves_it_done_and_untold(
    served: ServedSite, client: Client, when: str, request: pytest.FixtureRequest
):
    path = f"/tmp/{abs(hash(request.node.name))}"
    order(served, path, when)
    with pytest.raises(Refused):
        client.run("pve1", f"touch {path}")
    assert exists(served, path)


def test_a_link_cut_during_breaks_the_pipes(served: ServedSite, client: Client):
    client.run("pve1", "rm -f /tmp/spoken")
    order(served, "/tmp/spoken", "during")
    with pytest.raises(Refused):
        client.run("pve1", "sh -c 'cat /etc/hostname && touch /tmp/spoken'")
    assert not exists(served, "/tmp/spoken")


def test_a_cut_can_let_commands_pass_first(served: ServedSite, client: Client):
    order(served, "", "before", skip="2")
    assert [client.run("pve1", "true").status for _ in range(2)] == [0, 0]
    with pytest.raises(Refused):
        client.run("pve1", "true")
    assert client.run("pve1", "true").status == 0


def test_a_detached_job_outlives_its_link(served: ServedSite, client: Client):
    client.run("pve2", "rm -f /tmp/job /tmp/go")
    job = "while ! test -e /tmp/go; do sleep 0.01; done; echo done >/tmp/job"
    started = client.run("pve2", f"setsid sh -c '{job}' >/dev/null 2>&1 </dev/null & echo $!")
    assert started.status == 0
    assert not exists(served, "/tmp/job", "pve2")
    client.run("pve2", "touch /tmp/go")
    wait_for = "while ! test -s /tmp/job; do sleep 0.01; done; cat /tmp/job"
    assert client.run("pve2", wait_for).out == b"done\n"


def test_what_is_asked_is_logged(served: ServedSite, client: Client):
    served.shell.loop.do(served.site.log.events.clear)
    client.run("pve2", "exit 4", user="admin")
    told = [{**event, "time": 0} for event in served.site.log.events]
    assert told == [
        {"time": 0, "event": "exec", "node": "pve2", "user": "admin", "line": "exit 4"},
        {"time": 0, "event": "exit", "node": "pve2", "line": "exit 4", "status": 4},
    ]


def test_the_shell_without_ssh_behaves_alike():
    with running_site(SiteSpec(nodes=1, clustered=False)) as shell:
        assert shell.run_line("pve1", "cat; exit 5", b"in") == (5, b"in", b"")
        for when, error in (
            ("before", LinkCutBefore),
            ("during", LinkCutDuring),
            ("after", LinkCutDuring),
        ):
            path = f"/tmp/{when}"
            shell.loop.do(lambda when=when: shell.site.faults.order("link-cut", "touch", when))
            with pytest.raises(error):
                shell.run_line("pve1", f"touch {path}")
            status, _, _ = shell.run_line("pve1", f"test -e {path}")
            assert status == (1 if when == "before" else 0)
