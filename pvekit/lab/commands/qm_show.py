"""The commands of ``qm`` that only read: list, status, config, pending and the cloud-init dumps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pvekit.lab import status as figures
from pvekit.lab.commands import cloudinit
from pvekit.lab.commands.call import Call
from pvekit.lab.failure import Failure
from pvekit.lab.options import Spec, table
from pvekit.lab.vmconfig import VmConfig, digest, encode_text


def shown_values(config: VmConfig, *, current: bool) -> dict[str, str]:
    """Return all values as an API client gets them: plain description, hidden password."""
    values = dict(config.values) if current else config.effective()
    if config.description:
        values["description"] = config.description
    if "cipassword" in values:
        values["cipassword"] = "**********"
    return values


async def list_vms(call: Call) -> None:
    """``qm list``: nothing at all without VMs."""
    rows = [figures.vm(call.node, vmid, call.node.config(vmid)) for vmid in call.node.vmids()]
    if not rows:
        return
    head = ("VMID", "NAME", "STATUS", "MEM(MB)", "BOOTDISK(GB)", "PID")
    await call.process.say("{:>10} {:<20} {:<10} {:<10} {:>12} {:<10}\n".format(*head))
    for row in rows:
        gigabytes = row["maxdisk"] / (1 << 30)
        await call.process.say(
            f"{row['vmid']:>10} {row['name']:<20} {row['status']:<10} {row['maxmem'] >> 20:<10} "
            f"{gigabytes:>12.2f} {row.get('pid', 0):<10}\n"
        )


async def show_status(call: Call) -> None:
    """``qm status``."""
    facts = figures.vm(call.node, call.vmid, call.node.config(call.vmid))
    if not call.on("verbose"):
        await call.process.say(f"status: {facts['status']}\n")
        return
    await call.process.say("".join(f"{key}: {facts[key]}\n" for key in sorted(facts)))


async def show_config(call: Call) -> None:
    """``qm config``: by default as the next start will have it."""
    if "snapshot" in call.values:
        call.node.config(call.vmid)
        raise Failure(f"snapshot '{call.values['snapshot']}' does not exist")
    values = shown_values(call.node.config(call.vmid), current=call.on("current"))
    if "description" in values:
        values["description"] = encode_text(values["description"])
    await call.process.say("".join(f"{key}: {values[key]}\n" for key in sorted(values)))


def pending_rows(config: VmConfig) -> Iterator[dict[str, str | int]]:
    """Return what ``pending`` shows: key with present value, coming value, or coming deletion."""
    present = shown_values(config, current=True)
    coming = {key: value for key, value in config.pending.items() if key != "delete"}
    for key in sorted(present.keys() | coming.keys()):
        row: dict[str, str | int] = {"key": key}
        if key in present:
            row["value"] = present[key]
        if key in coming:
            row["pending"] = "**********" if key == "cipassword" else coming[key]
        if key in config.pending_deletions():
            row["delete"] = 1
        yield row


async def show_pending(call: Call) -> None:
    """``qm pending``."""
    for row in pending_rows(call.node.config(call.vmid)):
        await call.process.say("".join(_pending_lines(row)))


def _pending_lines(row: Mapping[str, str | int]) -> Iterator[str]:
    key = row["key"]
    if "delete" in row:
        yield f"del {key}: {_shown(row, 'value')}\n"
        return
    if "value" in row:
        yield f"cur {key}: {_shown(row, 'value')}\n"
    if "pending" in row:
        yield f"new {key}: {_shown(row, 'pending')}\n"


def _shown(row: Mapping[str, str | int], name: str) -> str:
    text = str(row.get(name, ""))
    return encode_text(text) if row["key"] == "description" else text


def config_json(text: str, *, current: bool) -> dict[str, str | int]:
    """Return a configuration as the API shows it, with its digest; whole numbers are numbers."""
    specs = table("qm").commands["set"].names
    shown: dict[str, str | int] = {"digest": digest(text)}
    for key, value in shown_values(VmConfig.parse(text), current=current).items():
        numeric = specs.get(key, Spec()).type in {"boolean", "integer"}
        shown[key] = int(value) if numeric and value.isdecimal() else value
    return shown


async def dump_cloudinit(call: Call) -> None:
    """``qm cloudinit dump``: works without a drive, too."""
    config = call.node.config(call.vmid)
    texts = {
        "user": lambda: cloudinit.user_data(call.vmid, config),
        "network": lambda: cloudinit.network_data(config),
        "meta": lambda: cloudinit.meta_data(call.vmid, config),
    }
    await call.process.say(f"{texts[call.values['type']]()}\n")


async def show_cloudinit_pending(call: Call) -> None:
    """``qm cloudinit pending``."""
    rows = pending_rows(call.node.config(call.vmid))
    for row in rows:
        if row["key"] in cloudinit.OPTIONS:
            await call.process.say("".join(_pending_lines(row)))


async def update_cloudinit(call: Call) -> None:
    """``qm cloudinit update``: says nothing without a drive."""
    async with call.node.locking.config(call.vmid, call.process.complain):
        config = call.node.config(call.vmid)
        if cloudinit.drive_iso(call.node, call.vmid, config) is not None:
            await call.process.say("generating cloud-init ISO\n")
