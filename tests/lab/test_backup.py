"""Backups: archives that bring a VM back as it was, jobs, and what is kept."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvekit.lab.backup import calendar
from pvekit.lab.machine import collect
from pvekit.lab.site import Site, SiteSpec


class Lab:
    """A site on whose first node lines are run."""

    def __init__(self, **more: Any) -> None:
        self.site = Site(SiteSpec(seed=1, **more))

    def sh(self, line: str) -> tuple[int, str, str]:
        """Run one line."""
        status, out, err = asyncio.run(collect(self.site.nodes["pve1"].machine, line))
        return status, out.decode(), err.decode()

    def archive(self) -> str:
        """Return the volume id of the newest backup."""
        return self.sh("pvesm list local --content backup | tail -1 | cut -d' ' -f1")[1].strip()


CREATE = (
    "qm create 100 --name web --memory 64 --net0 virtio,bridge=vmbr0 --scsi0 local-lvm:1 "
    "--scsi1 local-lvm:2,backup=0 --ide2 local-lvm:cloudinit"
)


@pytest.mark.parametrize("storage", ["dir", "lvmthin"])
@pytest.mark.parametrize("compress", ["0", "zstd", "gzip"])
def test_a_restored_vm_is_like_the_one_that_was_backed_up(storage: str, compress: str) -> None:
    lab = Lab(storage=storage)
    lab.sh(CREATE)
    volume = next(iter(lab.site.nodes["pve1"].storages.owned("local-lvm", 100)), "")
    disks = [lab.site.nodes["pve1"].storages.find(v) for v in (volume,)]
    assert disks
    status, out, _ = lab.sh(f"vzdump 100 --compress {compress} --mode stop")
    assert status == 0
    assert out.endswith("INFO: Backup job finished successfully\n")
    assert "exclude disk 'scsi1'" in out
    assert "lock" not in lab.sh("qm config 100")[1]
    status, _, err = lab.sh(f"qmrestore {lab.archive()} 200 --unique 1")
    assert status == 0, err
    before = dict(line.split(": ", 1) for line in lab.sh("qm config 100")[1].splitlines())
    after = dict(line.split(": ", 1) for line in lab.sh("qm config 200")[1].splitlines())
    for key in ("name", "memory", "boot", "meta"):
        assert after[key] == before[key]
    for key in ("net0", "smbios1", "vmgenid"):
        assert after[key] != before[key]
    assert "vm-200-disk-0" in after["scsi0"]
    assert "vm-200-cloudinit" in after["ide2"]


def test_what_is_on_a_disk_comes_back_with_it() -> None:
    lab = Lab(storage="lvmthin")
    lab.sh("qm create 100 --memory 64 --scsi0 local-lvm:1")
    storages = lab.site.nodes["pve1"].storages
    volume = storages.find("local-lvm:vm-100-disk-0")
    assert volume is not None
    assert volume.disk is not None
    volume.disk.files["/etc/mark"] = b"kept"
    lab.sh("vzdump 100 --compress zstd")
    volume.disk.files["/etc/mark"] = b"lost"
    assert lab.sh(f"qmrestore {lab.archive()} 100")[0] != 0
    assert lab.sh(f"qmrestore {lab.archive()} 100 --force 1")[0] == 0
    restored = storages.find("local-lvm:vm-100-disk-0")
    assert restored is not None
    assert restored.disk is not None
    assert restored.disk.files["/etc/mark"] == b"kept"


def test_a_failed_restore_leaves_nothing() -> None:
    lab = Lab(storage="lvmthin")
    lab.sh("qm create 100 --memory 64 --scsi0 local-lvm:1")
    lab.sh("vzdump 100 --compress zstd")
    status, _, err = lab.sh(f"qmrestore {lab.archive()} 200 --storage local")
    assert status != 0
    assert "unable to restore VM 200 - " in err
    assert lab.site.nodes["pve1"].vmids() == [100]


def test_notes_protection_and_the_configuration_in_a_backup() -> None:
    lab = Lab(storage="dir")
    lab.sh("qm create 100 --name web --memory 64 --scsi0 local-lvm:1 --description hello")
    template = "'{{guestname}} {{vmid}} on {{node}}\\nof {{cluster}}'"
    lab.sh(f"vzdump 100 --storage local --compress zstd --protected 1 --notes-template {template}")
    path = lab.sh(f"pvesm path {lab.archive()}")[1].strip()
    assert lab.sh(f"cat {path}.notes")[1] == "web 100 on pve1\nof lab"
    assert "cannot remove protected volume" in lab.sh(f"pvesm free {lab.archive()}")[2]
    config = lab.sh(f"pvesm extractconfig {lab.archive()}")[1]
    assert "#hello\n" in config
    assert "#qmdump#map:scsi0:drive-scsi0:local-lvm:raw:\n" in config


def test_old_backups_go_as_the_retention_says() -> None:
    lab = Lab(storage="dir")
    lab.sh("qm create 100 --memory 64 --scsi0 local-lvm:1")
    dump = "/var/lib/vz/dump/vzdump-qemu-100-2026_01_0{}-00_00_00.vma"
    for day in (1, 2, 3):
        lab.sh(f"touch {dump.format(day)}")
    _, out, _ = lab.sh("vzdump 100 --prune-backups keep-last=2")
    assert "INFO: prune older backups with retention: keep-last=2\n" in out
    assert "INFO: pruned 2 backup(s) not covered by keep-retention policy\n" in out
    left = lab.sh("ls /var/lib/vz/dump")[1].split()
    assert [name for name in left if "2026_01" in name] == [
        "vzdump-qemu-100-2026_01_03-00_00_00.vma"
    ]


@pytest.mark.parametrize("mode", ["snapshot", "suspend"])
def test_a_running_vm_stays_on(mode: str) -> None:
    async def story() -> None:
        site = Site(SiteSpec(storage="dir", seed=1))
        node = site.nodes["pve1"]
        await collect(node.machine, "qm create 100 --memory 64 --scsi0 local-lvm:1")
        await collect(node.machine, "qm start 100")
        guest = node.guest(100)
        status, out, _ = await collect(node.machine, f"vzdump 100 --mode {mode}")
        assert status == 0
        assert f"INFO: backup mode: {mode}\n" in out.decode()
        assert node.guest(100) is guest
        assert (await collect(node.machine, "qm status 100"))[1] == b"status: running\n"

    asyncio.run(story())


def test_a_guest_that_does_not_shut_down_is_not_backed_up_in_stop_mode() -> None:
    async def story() -> None:
        site = Site(SiteSpec(storage="dir", seed=1))
        node = site.nodes["pve1"]
        await collect(node.machine, "qm create 100 --memory 64 --scsi0 local-lvm:1")
        await collect(node.machine, "qm start 100")
        status, out, _ = await collect(node.machine, "vzdump 100 --mode stop --stopwait 0")
        assert status != 0
        assert b"ERROR: Backup of VM 100 failed - command 'qm shutdown 100" in out
        assert node.guest(100) is not None
        assert "lock" not in node.config(100).values

    asyncio.run(story())


def test_one_missing_vm_fails_the_job_but_not_the_others() -> None:
    lab = Lab(storage="dir")
    lab.sh("qm create 100 --memory 64 --scsi0 local-lvm:1")
    status, out, err = lab.sh("vzdump 100 999")
    assert status != 0
    assert "ERROR: Backup of VM 999 failed - unable to find VM '999'\n" in out
    assert "INFO: Finished Backup of VM 100" in out
    assert err == "job errors\n"


def test_jobs_cover_what_they_name() -> None:
    lab = Lab(storage="dir")
    for vmid in (100, 101):
        lab.sh(f"qm create {vmid} --name vm{vmid} --memory 64 --scsi0 local-lvm:1")
    lab.sh("pvesh create /cluster/backup --id nightly --schedule daily --vmid 100")
    asked = "pvesh get /cluster/backup-info/not-backed-up --output-format json"
    assert json.loads(lab.sh(asked)[1]) == [{"name": "vm101", "type": "qemu", "vmid": 101}]
    lab.sh("pvesh set /cluster/backup/nightly --all 1 --exclude 100")
    assert json.loads(lab.sh(asked)[1])[0]["vmid"] == 100
    shown = json.loads(lab.sh("pvesh get /cluster/backup/nightly --output-format json")[1])
    assert "vmid" not in shown


def test_a_job_without_any_vm_left_vanishes() -> None:
    lab = Lab(storage="dir")
    lab.sh("qm create 100 --memory 64")
    lab.sh("pvesh create /cluster/backup --id nightly --schedule daily --vmid 100")
    lab.sh("qm destroy 100")
    assert "nightly" in lab.sh("cat /etc/pve/jobs.cfg")[1]
    lab.sh("qm create 100 --memory 64")
    lab.sh("qm destroy 100 --purge 1")
    assert lab.sh("cat /etc/pve/jobs.cfg")[1] == ""


_MONDAY = 1795996800  # 2026-11-30 00:00 UTC


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("daily", 24),
        ("hourly", 1),
        ("sat 03:00", 5 * 24 + 3),
        ("mon..fri 22:30", 22.5),
        ("*:0/30", 0.5),
        ("*-*-1 2:00", 26),
        ("21:00", 21),
    ],
)
def test_when_a_job_runs_next(text: str, hours: float) -> None:
    assert calendar.parse(text).after(_MONDAY) == _MONDAY + hours * 3600


@given(st.integers(0, 59), st.integers(0, 23), st.floats(0, 4e9))
def test_a_daily_event_comes_within_a_day(minute: int, hour: int, now: float) -> None:
    due = calendar.parse(f"{hour}:{minute:02}").after(now)
    assert now < due <= now + 86400 + 60
    assert (due // 60 % 60, due // 3600 % 24) == (minute, hour)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense", "at 'nonsense' - Context(\"weekday\")"),
        ("foo 1:00", "at 'foo' - Context(\"weekday\")"),
        ("mon 1:99", "at '1:99' - Nom(Eof)"),
        ("12:99", "at '12:99' - Context(\"date or time specification\")"),
        ("mon..foo", "at '..foo' - Nom(Eof)"),
        ("", "- event is empty"),
    ],
)
def test_what_is_no_calendar_event(text: str, why: str) -> None:
    told = f"invalid calendar event '{text}' - unable to parse calendar event {why}\n"
    assert calendar.fault_of(text) == told


def test_what_looks_wrong_is_read_as_minutes_and_seconds() -> None:
    assert calendar.parse("25:00") == calendar.parse("*:25:00")


def test_a_schedule_that_makes_no_sense_is_refused() -> None:
    lab = Lab()
    status, out, err = lab.sh("pvesh create /cluster/backup --all 1 --schedule nonsense")
    why = "unable to parse calendar event at 'nonsense' - Context(\"weekday\")"
    assert (status, out) == (255, "")
    assert f"schedule: invalid format - invalid calendar event 'nonsense' - {why}\n\n\n" in err
    assert lab.sh("cat /etc/pve/jobs.cfg")[0] != 0
    asked = "pvesh get /cluster/jobs/schedule-analyze --schedule 'mon 3:00' --starttime 0"
    found = json.loads(lab.sh(f"{asked} --iterations 2 --output-format json")[1])
    assert [entry["utc"] for entry in found] == [
        "Mon Jan  5 03:00:00 1970",
        "Mon Jan 12 03:00:00 1970",
    ]


def test_a_pool_without_vms_and_a_pool_that_is_not_there() -> None:
    lab = Lab()
    lab.sh("pvesh create /pools --poolid empty")
    assert lab.sh("vzdump --pool empty") == (0, "", "")
    assert lab.sh("vzdump --pool nosuch") == (255, "", "pool 'nosuch' does not exist\n")


def test_a_running_backup_is_stopped_from_elsewhere() -> None:
    lab = Lab()
    lab.sh("qm create 100 --memory 64 --scsi0 local-lvm:8")
    started = "vzdump 100 --mode stop >/root/log 2>&1 &"
    out = lab.sh(f"{started} sleep 3; vzdump --stop 1; wait; cat /root/log")[1]
    assert "interrupted by signal" in out
    assert "successfully" not in out
    assert lab.archive() == "Volid"
    assert lab.sh("vzdump --stop 1") == (0, "", "")
