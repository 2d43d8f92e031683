"""Finding a guest's address and host key: in one question where its agent runs commands."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvekit.errors import PvekitError, Transient
from pvekit.guest import inside
from pvekit.guest.agent import AgentRefuses, Reply
from pvekit.guest.ready import stages
from pvekit.guest.sight import Sight, Wanted
from pvekit.plan import Reach
from pvekit.shell import HostKeyChanged

MAC = "BC:24:11:E0:D9:B9"
OLD, NEW = "ssh-ed25519 AAAAold", "ssh-ed25519 AAAAnew"
LOOPBACK = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
"""
ADDRESSED = f"""\
{LOOPBACK}2: ens18: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UP qlen 1000
    link/ether {MAC.lower()} brd ff:ff:ff:ff:ff:ff
    altname enp0s18
    inet 10.0.0.7/24 metric 100 brd 10.0.0.255 scope global dynamic ens18
       valid_lft 86391sec preferred_lft 86391sec
    inet6 2001:db8::7/64 scope global tentative
    inet6 fe80::be24:11ff:fee0:d9b9/64 scope link
3: docker0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue state DOWN
    link/ether 02:42:6b:1f:0a:11 brd ff:ff:ff:ff:ff:ff
    inet 172.17.0.1/16 brd 172.17.255.255 scope global docker0
"""
INTERFACES = json.dumps(
    [{"hardware-address": MAC.lower(), "ip-addresses": [{"ip-address": "10.0.0.7", "prefix": 24}]}]
)
SILENT = Reply(255, err="QEMU guest agent is not running")
FORBIDDEN = Reply(29, err="Agent error: Command guest-exec has been disabled: not allowed")


def ran(out: str, status: int = 0) -> Reply:
    return Reply(0, json.dumps({"exitcode": status, "exited": 1, "out-data": out}))


class Agent:
    """What a guest's agent answers to each question; its SSH server shows ``shown``."""

    def __init__(self, shown: str = OLD, **replies: Reply) -> None:
        self.replies = replies
        self.shown = shown
        self.asked: list[str] = []

    def answers(self, asking):
        """Drive something that asks to its end."""
        answer, error = None, None
        while True:
            try:
                want = asking.throw(error) if error else asking.send(answer)
            except StopIteration as end:
                return end.value
            answer, error = self._answer(want)

    def _answer(self, want):
        if isinstance(want, Reach):
            return "SSH-2.0-test", None
        words = want.query.command.words
        if words == ("true",):
            self.asked.append("login")
            known = want.place.host_key
            return ("", None) if known in (self.shown, "") else (None, HostKeyChanged("changed"))
        self.asked.append(words[-1])
        return self.replies[words[-1]], None


def guest(**more) -> Wanted:
    return Wanted("pve1", 101, MAC, "ubuntu", **more)


def test_one_question_tells_address_and_key():
    agent = Agent(sight=ran(f"{ADDRESSED}{OLD} root@web\n"))
    at = agent.answers(Sight(guest()).located())
    assert (at.address, at.host_key) == ("10.0.0.7", OLD)
    assert agent.asked == ["sight"]


def test_what_was_found_is_not_asked_again():
    agent, sight = Agent(sight=ran(f"{ADDRESSED}{OLD}\n")), Sight(guest())
    for _ in range(3):
        agent.answers(sight.located())
    assert agent.asked == ["sight"]


def test_a_key_that_was_not_there_yet_is_asked_for():
    agent = Agent(sight=ran(ADDRESSED, 1), hostkeys=ran(f"{NEW}\n"))
    assert agent.answers(Sight(guest()).located()).host_key == NEW
    assert agent.asked == ["sight", "hostkeys"]


@pytest.mark.parametrize("reply", [FORBIDDEN, Reply(29, err="Failed to execute child “sh”")])
def test_an_agent_that_runs_no_commands_tells_its_interfaces(reply):
    agent, sight = (
        Agent(sight=reply, interfaces=Reply(0, INTERFACES), hostkeys=reply),
        Sight(guest()),
    )
    assert agent.answers(sight.answer()).status == 0
    assert agent.answers(sight.address()) == "10.0.0.7"
    assert agent.asked == ["sight", "interfaces"]
    with pytest.raises(PvekitError) as caught:
        agent.answers(sight.key())
    assert isinstance(caught.value, AgentRefuses | Transient)


def test_a_guest_without_ip_tells_its_interfaces():
    said = ran(f"sh: ip: not found\n{OLD}\n")
    agent = Agent(sight=said, interfaces=Reply(0, INTERFACES))
    at = agent.answers(Sight(guest()).located())
    assert (at.address, at.host_key) == ("10.0.0.7", OLD)
    assert agent.asked == ["sight", "interfaces"]


def test_a_guest_without_an_address_yet_is_looked_at_again_from_inside():
    agent, sight = Agent(sight=ran(LOOPBACK, 1)), Sight(guest())
    assert agent.answers(sight.answer()).status == 0
    assert agent.answers(sight.address()) == ""
    agent.replies["sight"] = ran(f"{ADDRESSED}{OLD}\n")
    assert agent.answers(sight.address()) == "10.0.0.7"
    assert agent.asked == ["sight", "sight"]


def test_a_silent_agent_may_run_commands_later():
    agent, sight = Agent(sight=SILENT), Sight(guest())
    assert agent.answers(sight.answer()) == SILENT
    with pytest.raises(Transient, match="not running"):
        agent.answers(sight.address())
    assert set(agent.asked) == {"sight"}


def test_where_any_key_is_accepted_nothing_runs_in_the_guest():
    agent = Agent(interfaces=Reply(0, INTERFACES))
    at = agent.answers(Sight(guest(accept_new=True)).located())
    assert (at.address, at.host_key) == ("10.0.0.7", "")
    assert agent.asked == ["interfaces"]


def test_only_the_wanted_address_counts():
    agent = Agent(sight=ran(f"{ADDRESSED}{OLD}\n"))
    assert agent.answers(Sight(guest(address="10.0.0.8")).address()) == ""


def ready(agent: Agent) -> list[bool]:
    steps = stages("vm/web", guest(), timeout=60.0, interval=10.0)
    looks = {step.verb: step.goal.look for step in steps}
    return [
        agent.answers(looks[verb]()).holds
        for verb in ("agent", "address", "tcp", "host-key", "ssh")
    ]


def test_a_key_of_the_image_that_cloud_init_replaced_is_read_anew():
    agent = Agent(shown=NEW, sight=ran(f"{ADDRESSED}{OLD}\n"), hostkeys=ran(f"{NEW}\n"))
    assert all(ready(agent))
    assert agent.asked == ["sight", "login", "hostkeys", "login"]


def test_another_key_than_the_one_read_at_last_is_refused():
    agent = Agent(
        shown="ssh-ed25519 EVIL", sight=ran(f"{ADDRESSED}{OLD}\n"), hostkeys=ran(f"{OLD}\n")
    )
    with pytest.raises(PvekitError) as caught:
        ready(agent)
    assert caught.value.id == "SSH-HOST-KEY-CHANGED"
    assert agent.asked == ["sight", "login", "hostkeys", "login"]


def test_a_key_that_was_read_late_is_not_doubted():
    agent = Agent(shown="ssh-ed25519 EVIL", sight=ran(ADDRESSED, 1), hostkeys=ran(f"{OLD}\n"))
    with pytest.raises(PvekitError):
        ready(agent)
    assert agent.asked == ["sight", "hostkeys", "login"]


def test_what_a_guest_says_is_told_apart_by_interface():
    seen = inside.read(f"{ADDRESSED}ssh-rsa AAAAr x\n{OLD} y\necdsa-sha2-nistp256 AAAAe\n")
    assert seen.looked
    assert seen.addresses(MAC) == ["10.0.0.7", "fe80::be24:11ff:fee0:d9b9"]
    assert seen.addresses("02:42:6B:1F:0A:11") == ["172.17.0.1"]
    assert seen.key == OLD


def test_nothing_is_seen_in_nothing():
    assert inside.read("") == inside.Inside()
    assert inside.Inside().key == ""


@given(st.text())
def test_any_text_is_read(text):
    inside.read(text)
