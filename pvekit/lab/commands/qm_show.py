"""The commands of ``qm`` that only read: list, status, config, pending and the cloud-init dumps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pvekit.lab import snapshots
from pvekit.lab import status as figures
from pvekit.lab.commands import cichanges, cloudinit, hotplug
from pvekit.lab.commands.call import Call
from pvekit.lab.commands.guards import check_lock
from pvekit.lab.failure import Failure
from pvekit.lab.options import Spec, table
from pvekit.lab.vmconfig import VmConfig, digest, encode_text


def shown_values(config: VmConfig, *, current: bool) -> dict[str, str]:
    """Return all values as an API client gets them: plain description, hidden password."""
    values = dict(config.values) if current else config.effective()
    if config.description:
        values["description"] = config.description
    if not current:
        values |= {k: v for k, v in config.pending.items() if k == "description"}
        values = {k: v for k, v in values.items() if k not in config.pending_deletions()}
    if values.get("cipassword", "") not in {"", "0"}:
        values["cipassword"] = "**********"
    return values


def chosen_values(call: Call) -> dict[str, str]:
    """Return the values that ``--current`` and ``--snapshot`` ask for."""
    config, name = call.node.config(call.vmid), call.get("snapshot")
    if not name:
        return shown_values(config, current=call.on("current"))
    snapshot = snapshots.find(config, name)
    if snapshot is None:
        raise Failure(f"snapshot '{name}' does not exist")
    return shown_values(snapshot.config(), current=True)


def check_choice(call: Call) -> None:
    """Refuse a snapshot's and the present values at once."""
    if call.get("snapshot") and call.on("current"):
        why = "cannot use 'snapshot' parameter with 'current'"
        raise call.refuse(current=why, snapshot=why)


async def list_vms(call: Call) -> None:
    """``qm list``: nothing at all without VMs."""
    rows = [figures.vm(call.node, vmid, call.node.config(vmid)) for vmid in call.node.vmids()]
    if rows:
        head = ("VMID", "NAME", "STATUS", "MEM(MB)", "BOOTDISK(GB)", "PID")
        shape = "{:>10} {:<20} {:<10} {:<10} {:>12} {:<10}\n"
        told = "qmpstatus" if call.on("full") else "status"
        lines = [shape.format(*head), *(_listed(row, told) for row in rows)]
        await call.process.say("".join(lines))


def _listed(row: Mapping[str, Any], told: str) -> str:
    return (
        f"{row['vmid']:>10} {row['name']:<20} {row[told]:<10} {row['maxmem'] >> 20:<10} "
        f"{row['maxdisk'] / (1 << 30):>12.2f} {row.get('pid', 0):<10}\n"
    )


async def show_status(call: Call) -> None:
    """``qm status``: what the emulator says."""
    config = call.node.config(call.vmid)
    if not call.on("verbose"):
        facts = figures.vm(call.node, call.vmid, config)
        await call.process.say(f"status: {facts['qmpstatus']}\n")
        return
    facts = figures.full(call.node, call.vmid, config)
    shown = {key: value for key, value in facts.items() if key not in {"cpu", "relcpu"}}
    await call.process.say("".join(_tree("", shown)))


def _tree(margin: str, data: Any, key: str = "") -> Iterator[str]:  # noqa: ANN401
    """Write nested data with tabs, each level by its sorted keys."""
    if isinstance(data, Mapping):
        if key:
            yield f"{margin}{key}:\n"
        inner = f"\t{margin}" if key else margin
        for name in sorted(data):
            yield from _tree(inner, data[name], name)
    elif isinstance(data, list):
        yield f"{margin}{key}:\n"
        for item in data:
            yield from _tree(f"\t{margin}", item)
    elif data is not None:
        text = str(int(data)) if isinstance(data, bool) else str(data)
        yield f"{margin}{key}: {text}\n" if key else f"{margin}{text}\n"


async def show_config(call: Call) -> None:
    """``qm config``: by default as the next start will have it."""
    check_choice(call)
    values = chosen_values(call)
    if "description" in values:
        values["description"] = encode_text(values["description"])
    await call.process.say("".join(f"{key}: {values[key]}\n" for key in sorted(values)))


def pending_rows(config: VmConfig) -> Iterator[dict[str, str | int]]:
    """Return what ``pending`` shows: key with present value, coming value, or coming deletion."""
    present = shown_values(config, current=True)
    coming = {key: value for key, value in config.pending.items() if key != "delete"}
    gone = config.pending_deletions()
    for key in sorted(present.keys() | coming.keys()):
        row: dict[str, str | int] = {"key": key}
        if key in present:
            row["value"] = present[key]
        if key in coming:
            row["pending"] = "**********" if key == "cipassword" else coming[key]
        if key in gone:
            row["delete"] = 2 if gone[key] else 1
        yield row


async def show_pending(call: Call) -> None:
    """``qm pending``."""
    for row in pending_rows(call.node.config(call.vmid)):
        await call.process.say("".join(_pending_lines(row)))


def _pending_lines(row: Mapping[str, str | int]) -> Iterator[str]:
    key = row["key"]
    if "delete" in row and "value" in row:
        yield f"del {key}: {_shown(row, 'value')}\n"
        return
    if "value" in row:
        yield f"cur {key}: {_shown(row, 'value')}\n"
    if "pending" in row:
        yield f"new {key}: {_shown(row, 'pending')}\n"


def _shown(row: Mapping[str, str | int], name: str) -> str:
    text = str(row.get(name, ""))
    return encode_text(text) if row["key"] == "description" else text


def config_json(call: Call) -> dict[str, str | int]:
    """Return a configuration as the API shows it, with its digest; whole numbers are numbers."""
    check_choice(call)
    specs = table("qm", call.node.capacity.pve).commands["set"].names
    shown: dict[str, str | int] = {"digest": digest(call.node.config_text(call.vmid))}
    for key, value in chosen_values(call).items():
        numeric = specs.get(key, Spec()).type in {"boolean", "integer"}
        shown[key] = int(value) if numeric and value.isdecimal() else value
    return shown


async def dump_cloudinit(call: Call) -> None:
    """``qm cloudinit dump``: works without a drive, too."""
    await call.process.say(f"{await dumped(call)}\n")


async def dumped(call: Call) -> str:
    """Return one part of what is generated for cloud-init."""
    node, vmid = call.node, call.vmid
    config = node.config(vmid)
    if call.values["type"] == "user":
        return cloudinit.user_data(vmid, config)
    if call.values["type"] == "network":
        return cloudinit.network_data(node, config)
    return cloudinit.meta_data(node, vmid, config)


async def show_cloudinit_pending(call: Call) -> None:
    """``qm cloudinit pending``."""
    rows = await cloudinit_rows(call)
    for row in sorted(rows, key=lambda row: str(row["key"])):
        await call.process.say("".join(_pending_lines(row)))


async def cloudinit_rows(call: Call) -> list[cichanges.Row]:
    """Return the cloud-init options with what the drive has and what it is to have."""
    return list(cichanges.rows(call.node.config(call.vmid)))


async def update_cloudinit(call: Call) -> None:
    """``qm cloudinit update``: says nothing without a drive."""
    async with call.node.locking.config(call.vmid, call.process.complain):
        config = call.node.config(call.vmid)
        check_lock(config)
        await hotplug.update_drive(call.node, call.vmid, config, call.process.say)
