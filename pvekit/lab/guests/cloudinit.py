"""cloud-init in a guest: finds its data source, applies what is new to it, knows how it went."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import yaml

from pvekit.lab.guests import cloudmodules, netplan, packagedb
from pvekit.lab.guests.cloudmodules import ModuleError
from pvekit.lab.guests.disk import Iso
from pvekit.lab.guests.hardware import Nic
from pvekit.lab.guests.netplan import Interface
from pvekit.lab.guests.system import System

Status = Literal["not started", "running", "done", "error", "disabled"]

DATA = "/var/lib/cloud"
INSTANCE_ID = f"{DATA}/data/instance-id"
INSTANCE = f"{DATA}/instance"
SEED = f"{DATA}/seed/nocloud"


class CloudInit:
    """One boot's run; its status tells ``errors`` and ``warnings``, ``settled`` is its end."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._config: dict[str, Any] = {}
        self.settled = asyncio.Event()
        self.reset()

    def reset(self) -> None:
        """Forget the run, as a new boot does."""
        self.status: Status = "not started"
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self.source = ""
        self.updated = 0.0
        self.settled.clear()

    @property
    def enabled(self) -> bool:
        """Whether it found what to work from."""
        return self.status not in {"disabled", "not started"}

    def find(self, isos: Mapping[str, Iso], nics: Sequence[Nic]) -> None:
        """Look for a NoCloud source, and write the network configuration of a new instance."""
        self.reset()
        files = self._source_files(isos)
        if files is None or self._system.files.exists("/etc/cloud/cloud-init.disabled"):
            self._settle("disabled")
            return
        self.status = "running"
        meta = self._mapping(files.get("meta-data", b""), "meta-data")
        instance = str(meta.get("instance-id", "nocloud"))
        is_new = self._system.text(INSTANCE_ID).strip() != instance
        vendor = self._user_config(files.get("vendor-data", b""), "vendor-data")
        # What the user says counts more; a whole key is taken from one or the other.
        self._config = vendor | self._user_config(files.get("user-data", b""), "user-data")
        if "local-hostname" in meta:
            self._config.setdefault("hostname", meta["local-hostname"])
        if is_new:
            self._remember(instance, files.get("user-data", b""))
            self._write_network(files.get("network-config", b""), nics)

    def _source_files(self, isos: Mapping[str, Iso]) -> Mapping[str, bytes] | None:
        for number, slot in enumerate(sorted(isos)):
            label = isos[slot].volume_id.lower()
            if label == "cidata":
                self.source = f"DataSourceNoCloud [seed=/dev/sr{number}][dsmode=net]"
                return isos[slot].files
            if label == "config-2":
                self.source = "DataSourceConfigDrive [net,ver=2][source=/dev/sr0]"
                return _config_drive(isos[slot].files)
        if self._system.files.is_file(f"{SEED}/user-data"):
            self.source = f"DataSourceNoCloud [seed={SEED}][dsmode=net]"
            paths = self._system.files.glob(f"{SEED}/*")
            return {path.rpartition("/")[2]: self._system.files.read(path) for path in paths}
        return None

    def _user_config(self, data: bytes, name: str) -> dict[str, Any]:
        if data.startswith(b"#!"):
            return {"runcmd": [["sh", "-c", data.decode()]]}
        if data.strip() and not data.startswith(b"#cloud-config"):
            self.warnings.append("Unhandled non-multipart (text/x-not-multipart) userdata")
            return {}
        config = self._mapping(data, name)
        unknown = sorted(set(config) - cloudmodules.KEYS)
        self.warnings += [f"lab: not simulated: cloud-config key '{key}'" for key in unknown]
        return config

    def _mapping(self, data: bytes, name: str) -> dict[str, Any]:
        try:
            loaded = yaml.safe_load(data.decode())
        except (yaml.YAMLError, UnicodeDecodeError):
            self.errors.append(f"Failed loading yaml blob: {name}")
            return {}
        if loaded is not None and not isinstance(loaded, dict):
            self.errors.append(f"Failed loading yaml blob: {name} is not a mapping")
        return loaded if isinstance(loaded, dict) else {}

    def _remember(self, instance: str, user_data: bytes) -> None:
        directory = f"{DATA}/instances/{instance}"
        self._system.write(INSTANCE_ID, f"{instance}\n")
        self._system.write(f"{directory}/user-data.txt", user_data.decode(errors="replace"))
        if self._system.files.exists(INSTANCE):
            self._system.files.unlink(INSTANCE)
        self._system.files.symlink(directory, INSTANCE)

    def _write_network(self, data: bytes, nics: Sequence[Nic]) -> None:
        interfaces: Iterable[Interface]
        try:
            interfaces = netplan.from_cloud(self._mapping(data, "network-config") or {"version": 2})
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            self.errors.append(f"failed to read network-config: {error}")
            return
        if not data.strip():  # its fallback: DHCP on the first card
            interfaces = [Interface("eth0", mac=nic.mac, dhcp=True) for nic in nics[:1]]
        self._system.write(netplan.PATH, netplan.to_text(interfaces), mode=0o600)

    async def initialise(self) -> None:
        """Run the modules that come before the services: host name, files, users, host keys."""
        if self.status == "running":
            self._say("running 'init'")
            await self._run(cloudmodules.EVERY_BOOT.items())
            await self._run(self._not_yet_run(cloudmodules.BEFORE_SERVICES))

    async def finish(self) -> None:
        """Run the modules that come last: packages, commands, power state."""
        if self.status != "running":
            return
        await self._run(self._not_yet_run(cloudmodules.LAST))
        self._system.write(f"{INSTANCE}/boot-finished", "0 - lab - v. 25.1\n")
        self._say("finished", f" Datasource {self.source}. ")
        self._settle("error" if self.errors else "done")
        if self._is_first("power_state_change"):
            cloudmodules.change_power(self._system, self._config)

    def _not_yet_run(
        self, modules: Mapping[str, cloudmodules.Module]
    ) -> Iterator[tuple[str, cloudmodules.Module]]:
        """Yield what this instance did not begin yet: a boot may have lost its power halfway."""
        return ((name, module) for name, module in modules.items() if self._is_first(name))

    def _is_first(self, module: str) -> bool:
        """Whether a module never ran for this instance, which is noted as cloud-init does."""
        path = f"{INSTANCE}/sem/config_{module}"
        if self._system.files.exists(path):
            return False
        self._system.write(path, f"lab: {self._now()}\n")
        return True

    async def _run(self, modules: Iterable[tuple[str, cloudmodules.Module]]) -> None:
        for name, module in modules:
            self._log(f"running module {name}")
            try:
                await module(self._system, self._config)
            except ModuleError as error:
                self.errors.append(f"('{name}', {error})")
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                # User data of a wrong type breaks the module that reads it, as in the real one.
                self.errors.append(f"('{name}', {type(error).__name__}({str(error)!r}))")

    def _say(self, what: str, more: str = "") -> None:
        """Tell of a stage where real ones do: on the console and in the log of the output."""
        date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(self._now()))
        found = packagedb.read(self._system).get("cloud-init")
        version = found.version if found else "25.1"
        line = f"Cloud-init v. {version} {what} at {date}.{more} Up 8.15 seconds\n".encode()
        for path in (cloudmodules.OUTPUT, cloudmodules.CONSOLE):
            self._system.files.write(path, line, append=True)

    def _now(self) -> float:
        return self._system.machine.clock.now()

    def _log(self, text: str) -> None:
        self._system.files.write(
            "/var/log/cloud-init.log", f"{text}\n".encode(), append=True, mode=0o640
        )

    def _settle(self, status: Status) -> None:
        self.status = status
        self.updated = self._system.machine.clock.now()
        self.settled.set()


def _config_drive(files: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Return a ConfigDrive's files under the names that NoCloud has for them."""
    meta = yaml.safe_load(files["openstack/latest/meta_data.json"].decode())
    interfaces = netplan.from_debian(files["openstack/content/0000"].decode())
    return {
        "user-data": files["openstack/latest/user_data"],
        "meta-data": f"instance-id: {meta['uuid']}\n".encode(),
        "network-config": netplan.to_text(interfaces).encode(),
        "vendor-data": files.get("openstack/latest/vendor_data.json", b""),
    }
