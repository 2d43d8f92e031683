"""The lab answers as the real programs did: recordings are replayed from a like world.

Compared are stdout, stderr and whether the status is 0, after what differs by nature (random ids,
times, progress in between) is masked.
"""

import asyncio
import json
import re
from pathlib import Path

import pytest

from pvekit.lab.guests.disk import Disk, image_bytes
from pvekit.lab.machine import collect
from pvekit.lab.site import Site, SiteSpec

RECORDINGS = Path(__file__).parents[2] / "../shared/pve/transcripts"
STORAGE_CFG = (
    "dir: local\n\tpath /var/lib/vz\n"
    "\tcontent rootdir,images,snippets,import,backup,iso,vztmpl\n\n"
    "dir: local-lvm\n\tpath /var/lib/local-lvm\n\tcontent images,rootdir\n\n"
)
# What one world saw, in order, and which of its commands are left out: those that are not
# simulated, what they led to, and what others did to the same node meanwhile.
WORLDS = (
    (
        ("01-create", "02-disk-set-resize", "03-template-clone-snapshot"),
        (
            "qm help|disk move|snapshot [0-9]+ [sac]|delsnapshot|listsnapshot|rollback",
            "qm (config|set|resize|template) 912|qm (config 200|list|resize 900)",
            "at once|qm (config|destroy) 92|pvesh|pvesm list",
        ),
    ),
    (
        ("01-create", "08-more"),
        (
            "qm (help|snapshot)|config lock held|migrate|pvesh create|qm list|vmlist|--type vm",
            "90[0-9][0-9]|[48]00|nosuch.raw #",
            "pve2. qm .* 810|qm destroy 810 #|moved away",
        ),
    ),
    (
        ("01-create", "04-pvesh-pvesm"),
        (
            "qm (help|destroy 3)|pvesh (create|set|delete|ls|usage)|[(]pool|UPID:pve|tasks",
            "pvesm (status #|status --(content|enabled|storage local)|add|set|remove|list local)",
            "pvesh get (/pools|/storage|nodes|/access|/cluster/(options|ha|resources --(type|no)))",
            "get /cluster/(status|resources) --out|/nodes --out|300/(clone|pending)|extra|scsi5|321",
            "get /nodes/pve./(status|storage|network|qemu --|dns|lxc|capab|rrd|nosuch)|30[12]",
            "get /nodes/pve1/qemu/300(/(snapshot|cloudinit|rrddata|firewall)| )|900",
        ),
    ),
)
MASKS = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
    (r"(?i)bc:24:11(:[0-9a-f]{2}){3}", "MAC"),
    (r"ctime=\d+", "ctime=TIME"),
    (r"\b[0-9a-f]{40}\b", "DIGEST"),
    (r"\$5\$\S+", "HASH"),
    (r"(?m)^transferred .*\n", ""),
    (r"'10\.255\.255\.53'", "'RESOLVER'"),
    (r"'192\.168\.64\.254'", "'RESOLVER'"),
    (r'"version": \d+', '"version": N'),
    (r'"name": "(bench|lab)"', '"name": "CLUSTER"'),
    (r'"ip": "[\d.]+"', '"ip": "ADDRESS"'),
    (r"(sshkeys:? )\S+", r"\1KEYS"),  # the same file held other keys at another time
    (r"bash: line 1: b: command not found", "sh: 1: b: not found"),
    (r"(?m)^vm \d+ - unable to parse value of 'sshkeys'.*\n", ""),
    (r"(?m)^perl: warning.*(\n\t.*|\n +are supp.*)*\n", ""),
)


def masked(text):
    for pattern, mask in MASKS:
        text = re.sub(pattern, mask, text)
    return text


def entries(name):
    with (RECORDINGS / f"{name}.jsonl").open() as file:
        yield from map(json.loads, file)


def prepared():
    """A site like the recorded one, with the files that the recordings use."""
    site = Site(SiteSpec(storage="dir", seed=1))
    site.clusters[0].tree.write("storage.cfg", STORAGE_CFG.encode())
    files = site.nodes["pve1"].machine.files
    files.mkdir("/var/lib/vz/import")
    size = 32 << 20
    files.write("/root/small.raw", bytes(size))
    files.write("/var/lib/vz/template/iso/test.iso", bytes(size))
    image = image_bytes(Disk(64 << 20))
    files.write("/var/lib/vz/import/small.qcow2", image.ljust(196616))
    return site


async def replay(names, skipped):
    site = prepared()
    recorded_keys(site)
    differing = []
    for entry in (entry for name in names for entry in entries(name)):
        cmd = re.sub(r"\$'([^']*)'", unescaped, entry["cmd"])
        about = f"{entry['node']}$ {cmd} # {entry.get('note', '')}"
        if not re.match(r"(qm|pvesm|pvesh|cat) ", cmd) or skipped.search(about):
            continue
        machine = site.nodes[entry["node"]].machine
        stdin = entry.get("stdin", "").encode()
        status, out, err = await collect(machine, cmd, stdin, env={"LC_ALL": "C.UTF-8"})
        found = (status == 0, masked(out.decode("utf-8", "replace")), masked(err.decode()))
        told = (entry["rc"] == 0, masked(entry["stdout"]), masked(entry["stderr"]))
        if found != told:
            differing.append((cmd, told, found))
    return differing


def unescaped(quoted):
    """What bash makes of $'..', which the lab's shell does not know, as dash does not."""
    return "'" + quoted[1].replace("\\n", "\n") + "'"


def recorded_keys(site):
    """The key files that the recordings use, their text taken from what is shown of them."""
    files = site.nodes["pve1"].machine.files
    shown = "".join(entry["stdout"] for entry in entries("01-create"))
    keys = re.findall(r"^  - (ssh-\S+ \S+ .*)$", shown, re.MULTILINE)
    files.write("/root/k1.pub", f"{keys[0]}\n".encode())
    files.write("/root/keys.pub", "".join(f"{key}\n" for key in keys).encode())
    files.write("/root/bad.pub", b"not-a-key\n")
    files.write("/root/empty.pub", b"")


@pytest.mark.skipif(not RECORDINGS.exists(), reason="the recordings are not here")
@pytest.mark.parametrize(("names", "skipped"), WORLDS)
def test_texts_and_statuses_are_those_recorded(names, skipped):
    assert asyncio.run(replay(names, re.compile("|".join(skipped)))) == []
