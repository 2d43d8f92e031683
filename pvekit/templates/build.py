"""The plan that builds one copy of a template on one node.

Either the image is customised where it lies, by ``virt-customize``, before a VM is made of it; or a
VM is made of the plain image and customises itself at its first boot, from a NoCloud seed that
goes away afterwards. Both end in the same state, which the recipe's last script checks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pvekit.plan import Change, Check, Guard, Plan, Step, either
from pvekit.pve import claiming, files, goals, properties, qm, scripts, state, stored
from pvekit.pve.act import detached
from pvekit.pve.claims import Claim
from pvekit.pve.mark import Mark
from pvekit.shell import Command
from pvekit.templates import image, seed
from pvekit.templates.recipe import Recipe
from pvekit.templates.spec import Copy, TemplateSpec
from pvekit.vms.create import Owner, undo_creation

SEED_SLOTS = ("scsi2", "scsi3")
"""Where the seed sits: in the first of these that is not for the cloud-init drive."""


def build(
    spec: TemplateSpec,
    recipe: Recipe,
    at: Copy,
    owner: Owner | None = None,
    *,
    begun: bool = False,
) -> Plan:
    """Return the plan for one copy of a template at a decided place.

    ``begun``: the run has begun to make its VM, what lies under the vmid is its own.
    """
    made = _Build(spec, recipe, at)
    claim = _claim(spec, at, owner or Owner())
    customise = made.customised() if spec.way == "virt-customize" else ()
    boot = made.booted() if spec.way == "boot" else ()
    return Plan(
        (
            *(claiming.take(made.subject, n, claim, unless=made.there) for n in at.claim_nodes),
            made.leftovers() if begun else made.vacant(),
            made.download(),
            *customise,
            made.create(),
            *made.grow(),
            *boot,
            made.spare(),
            made.convert(),
            made.tidy(),
            *(
                claiming.give_up(made.subject, node, at.run, claiming.names(claim))
                for node in at.claim_nodes
            ),
        )
    )


def _claim(spec: TemplateSpec, at: Copy, owner: Owner) -> Claim:
    return Claim(
        domain="",
        what="vmid",
        value=str(at.vmid),
        run=at.run,
        vmid=at.vmid,
        name=f"{spec.name}.{at.node}",
        host=owner.host,
        pid=owner.pid,
        time=owner.time,
    )


class _Build:
    """The steps of one copy. Every goal holds once the template is there."""

    def __init__(self, spec: TemplateSpec, recipe: Recipe, at: Copy) -> None:
        self.spec = spec
        self.recipe = recipe
        self.at = at
        self.subject = at.subject(spec)
        self.guard = Guard("build", at.vmid, spec.name, at.run)
        self.work = spec.work_path(at.vmid)
        self.seed_slot = next(slot for slot in SEED_SLOTS if slot != spec.cloud_init_slot)
        self.there = self._state("the template is there", self._is_template)

    def _is_template(self, now: state.State) -> bool:
        return now.ours(self.at.vmid, self.spec.name, self.at.run, "template")

    def _is_begun(self, now: state.State) -> bool:
        return now.building(self.at.vmid, self.spec.name, self.at.run)

    def _state(self, says: str, test: Callable[[state.State], bool]) -> Check:
        return state.holds(says, self.at.node, self.at.vmid, test)

    def _step(self, verb: str, goal: Check, *changes: Change, undo: tuple[Step, ...] = ()) -> Step:
        goal = either(self.there, goal)
        return Step(self.subject, verb, self.at.node, goal, changes, undo=undo)

    def vacant(self) -> Step:
        """See that nobody's disk image lies under the vmid."""
        begun = self._state("the VM is there", self._is_begun)
        return stored.vacant(
            self.subject,
            self.at.node,
            self.at.vmid,
            (self.spec.storage,),
            unless=either(self.there, begun),
        )

    def leftovers(self) -> Step:
        """Free what the run itself has left under the vmid if not even a config is there."""
        at = self.at
        return stored.cleared(self.subject, at.node, at.vmid, at.run, (self.spec.storage,))

    def download(self) -> Step:
        """Get the image to the node and verify it there."""
        spec, at = self.spec, self.at
        goal = files.exist(at.node, spec.image_path)
        undo = (image.without_half(spec, at),)
        return self._step(image.verb(at), goal, image.fetch(spec, at), undo=undo)

    def customised(self) -> tuple[Step, ...]:
        """Customise a copy of the image with ``virt-customize``."""
        copied = f"{self.work}/image"
        packages = ",".join(self.recipe.packages)
        change = detached(
            "customize",
            self.spec.image_path,
            copied,
            packages,
            self.work,
            shown=f"virt-customize -a {copied} --install {packages} --run {self.work}/provision "
            f"--run {self.work}/finish",
        )
        put = seed.scripts(self.recipe, self.work)
        goal = files.exist(self.at.node, copied)
        return (self._step("customise", goal, *put, change, undo=(self.tidy("undo-files"),)),)

    def create(self) -> Step:
        """Create the VM; its disk is imported from the image."""
        says = f"VM {self.at.vmid} is our unfinished {self.spec.name}"
        begun = either(self.there, self._state(says, self._is_begun))
        goal = goals.free_for(begun, self.at.node, self.at.vmid, self.spec.name, self.at.run)
        made = Guard("unfinished", self.at.vmid, self.spec.name, self.at.run)
        places = (self.at.pve_node,)
        undo = undo_creation(self.subject, self.at.node, places, made, (self.spec.storage,))
        change = qm.create(self.at.vmid, self._hardware())
        return Step(self.subject, "create", self.at.node, goal, (change,), undo=undo)

    def _hardware(self) -> dict[str, str | int]:
        spec = self.spec
        options: dict[str, str | int] = {
            "name": spec.name,
            "description": self._mark().to_line(),
            "ostype": "l26",
            "cores": spec.cpus,
            "memory": spec.memory_mb,
            "cpu": spec.cpu,
            "scsihw": spec.scsihw,
            "scsi0": self._disk(),
            "boot": "order=scsi0",
            "serial0": "socket",
            "vga": "serial0",
            "agent": properties.build(enabled=1),
            "net0": self._net(),
            "tags": "pvekit;template",
        }
        if spec.machine:
            options["machine"] = spec.machine
        if spec.bios == "ovmf":
            options["bios"] = "ovmf"
            options["efidisk0"] = properties.build(
                f"{spec.storage}:1", efitype="4m", pre_enrolled_keys=1
            )
        if spec.way == "virt-customize":
            options[spec.cloud_init_slot] = f"{spec.storage}:cloudinit"
        return options

    def _mark(self) -> Mark:
        return Mark(
            "template",
            self.at.vmid,
            self.spec.name,
            run=self.at.run,
            recipe=self.spec.recipe,
            digest=self.spec.digest,
            image=self.spec.image_sum[:16],
        )

    def _disk(self) -> str:
        spec = self.spec
        source = f"{self.work}/image" if spec.way == "virt-customize" else spec.image_path
        return properties.build(
            f"{spec.storage}:0",
            import_from=source,
            format=spec.disk_format or None,
            discard="on",
        )

    def _net(self) -> str:
        spec = self.spec
        if spec.way == "boot":
            return properties.build("virtio", bridge=spec.build_bridge, tag=spec.build_vlan)
        return properties.build("virtio", bridge=spec.bridge, tag=spec.vlan)

    def grow(self) -> tuple[Step, ...]:
        """Grow the disk to the configured size."""
        size = self.spec.disk_gb
        goal = goals.disk_at_least(self.at.node, self.at.vmid, "scsi0", size)
        return (self._step("grow", goal, qm.resize(self.guard, "scsi0", size)),)

    def booted(self) -> tuple[Step, ...]:
        """Boot once from a seed that customises the VM and powers it off, then remove the seed."""
        iso = f"{self.work}/seed.iso"
        contents = seed.files(self.recipe, self.spec, self.at)
        words = ("genisoimage", "-quiet", "-output", iso, "-volid", "cidata", "-joliet", "-rock")
        make = Command((*words, *(f"{self.work}/{name}" for name in contents)))
        # Imported as a disk, not attached as an ISO: that needs no storage for ISO images.
        attach = {self.seed_slot: properties.build(f"{self.spec.storage}:0", import_from=iso)}
        attached = self._state(
            "the seed is attached, or was", lambda now: self._has_seed(now) or self._done(now)
        )
        return (
            self._step(
                "seed",
                either(files.exist(self.at.node, iso), self._first_boot_done()),
                *(seed.put(f"{self.work}/{name}", text) for name, text in contents.items()),
                Change(make),
                undo=(self.tidy("undo-files"),),
            ),
            self._step("attach-seed", attached, qm.configure(self.guard, attach, job=True)),
            self._step("first-boot", self._first_boot_done(), self._first_boot()),
        )

    def _first_boot_done(self) -> Check:
        return self._state("the first boot is over and the seed is gone", self._done)

    def _has_seed(self, now: state.State) -> bool:
        found = now.vms.get(self.at.vmid)
        return found is not None and self.seed_slot in found.config.values

    def _done(self, now: state.State) -> bool:
        found = now.vms.get(self.at.vmid)
        slot = self.spec.cloud_init_slot
        return found is not None and not self._has_seed(now) and slot in found.config.values

    def _first_boot(self) -> Change:
        spec = self.spec
        net = properties.build("virtio", bridge=spec.bridge, tag=spec.vlan)
        last: tuple[str | int, ...] = (
            *("qm", "set", self.at.vmid, "--delete", self.seed_slot, "--force", 1),
            *(f"--{spec.cloud_init_slot}", f"{spec.storage}:cloudinit", "--net0", net),
        )
        command = Command(
            ("sh", "-s", "--", self.at.vmid, spec.build_seconds, f"{self.work}/begun", *last),
            stdin=scripts.text("first-boot"),
            timeout=spec.build_seconds + 600.0,
        )
        steps = (f"qm start {self.at.vmid}", "wait until it has powered itself off", Command(last))
        shown = "\n".join(map(str, steps))
        return Change(command, guard=self.guard, job=True, shown=shown)

    def spare(self) -> Step:
        """Free what an import that broke off has left beside what the config names."""
        at = self.at
        freed = stored.freed(self.subject, at.node, at.vmid, at.run, (self.spec.storage,))
        return replace(freed, verb="spare-volumes", goal=either(self.there, freed.goal))

    def convert(self) -> Step:
        """Make the VM a template."""
        return self._step("template", self.there, qm.template(self.guard))

    def tidy(self, verb: str = "tidy") -> Step:
        """Remove what was needed only for building; the verified image stays."""
        change = Change(Command(("rm", "-rf", self.work)))
        goal = files.absent(self.at.node, self.work)
        return Step(self.subject, verb, self.at.node, goal, (change,))
