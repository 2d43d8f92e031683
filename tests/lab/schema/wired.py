"""What the exported schemas do not tell: programs without a table, and how many nets there are."""

from dataclasses import dataclass, field

# How often a numbered option of the API exists, where no program's table tells it.
LXC_NUMBERS = {"dev": 256, "mp": 256, "net": 32, "unused": 256}
NUMBERS = {"acmedomain": 6, "link": 8}

# The API's root: the exported tree begins below it.
_SUBDIRS = {"type": "object", "properties": {"subdir": {"type": "string"}}}
ROOT = {
    "name": "index",
    "options": "",
    "child": "subdir",
    "returns": {"type": "array", "items": _SUBDIRS},
}

# Compiled patterns of property strings that are told nowhere else.
_FLAG = r"[+-][a-zA-Z0-9\-_.]+"
_PCI = r"(?:[a-f0-9]{4,}:)?[a-f0-9]{2}:[a-f0-9]{2}(?:\.[a-f0-9])?"
PATTERNS = {
    "pve-vm-cpu-conf": {
        "flags": f"{_FLAG}(;{_FLAG})*",
        "hv-vendor-id": "[a-zA-Z0-9]{1,12}",
    },
    "pve-qm-ide": {"wwn": "^(0x)[0-9a-fA-F]{16}"},
    "pve-qm-hostpci": {"host": f"(?i:{_PCI}(;{_PCI})*)"},
}

# Options that the programs ask for by themselves when they are not given a value, and how often.
ASKED = {
    ("qm", "PVE::API2::Qemu::Agent->set-user-password"): ("password", 2),
    ("qm", "PVE::API2::Qemu->create_vm"): ("cipassword", 2),
    ("qm", "PVE::API2::Qemu->update_vm"): ("cipassword", 2),
    ("pvesm", "PVE::API2::Storage::Scan->cifsscan"): ("password", 1),
    ("pvesm", "PVE::API2::Storage::Config->create"): ("password", 1),
    ("pvesm", "PVE::API2::Storage::Config->update"): ("password", 1),
    ("pveum", "PVE::API2::AccessControl->change_password"): ("password", 2),
    ("pveum", "PVE::API2::AccessControl->create_ticket"): ("password", 1),
}


@dataclass(frozen=True)
class Wire:
    """A command of a program without a table, and the API's method that it calls.

    ``options`` are those of a method that only the program itself has.
    """

    of: str
    args: tuple[str, ...] = ()
    method: str = ""
    fixed: tuple[str, ...] = ()
    options: dict[str, dict] = field(default_factory=dict)


_RESOURCES, _GROUPS, _OWN = (
    "PVE::API2::HA::Resources",
    "PVE::API2::HA::Groups",
    "PVE::CLI::ha_manager",
)
_SID = {"type": "string", "format": "pve-ha-resource-or-vm-id"}
_NODE = {"type": "string", "format": "pve-node"}
HA_MANAGER = {
    "add": Wire(_RESOURCES, ("sid",), "POST /cluster/ha/resources"),
    "config": Wire(_RESOURCES, (), "GET /cluster/ha/resources"),
    "crm-command migrate": Wire(
        _RESOURCES, ("sid", "node"), "POST /cluster/ha/resources/{sid}/migrate"
    ),
    "crm-command node-maintenance disable": Wire(_OWN, ("node",), options={"node": _NODE}),
    "crm-command node-maintenance enable": Wire(_OWN, ("node",), options={"node": _NODE}),
    "crm-command relocate": Wire(
        _RESOURCES, ("sid", "node"), "POST /cluster/ha/resources/{sid}/relocate"
    ),
    "crm-command stop": Wire(
        _OWN,
        ("sid", "timeout"),
        options={"sid": _SID, "timeout": {"type": "integer", "minimum": 0}},
    ),
    "groupadd": Wire(_GROUPS, ("group",), "POST /cluster/ha/groups"),
    "groupconfig": Wire(_GROUPS, (), "GET /cluster/ha/groups"),
    "groupremove": Wire(_GROUPS, ("group",), "DELETE /cluster/ha/groups/{group}"),
    "groupset": Wire(_GROUPS, ("group",), "PUT /cluster/ha/groups/{group}"),
    "remove": Wire(_RESOURCES, ("sid",), "DELETE /cluster/ha/resources/{sid}"),
    "set": Wire(_RESOURCES, ("sid",), "PUT /cluster/ha/resources/{sid}"),
    "status": Wire(_OWN, options={"verbose": {"type": "boolean", "optional": 1}}),
}
_RULES = "PVE::API2::HA::Rules"
HA_RULES = {
    "rules add": Wire(_RULES, ("type", "rule"), "POST /cluster/ha/rules"),
    "rules config": Wire(_RULES, (), "GET /cluster/ha/rules"),
    "rules remove": Wire(_RULES, ("rule",), "DELETE /cluster/ha/rules/{rule}"),
    "rules set": Wire(_RULES, ("type", "rule"), "PUT /cluster/ha/rules/{rule}"),
}
HA_ALIASES = {"migrate": "crm-command migrate", "relocate": "crm-command relocate"}
