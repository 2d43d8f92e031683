"""The shape of the whole: who may import whom, and what is said in one place only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import pvekit

ROOT = Path(pvekit.__file__).parent

LAYERS = (
    ("__main__",),
    ("cli",),
    ("operations",),
    ("fleet",),
    ("config", "ssh", "llm", "signatures"),
    ("kubernetes", "exports", "monitoring", "backups", "leftovers", "doctor", "reviews", "samples"),
    ("templates",),
    ("vms",),
    ("asked",),
    ("sizing", "placement"),
    ("inventory",),
    ("run",),
    ("journal", "audit"),
    ("guest",),
    ("pve",),
    ("plan",),
    ("shell", "deadlines", "resources", "explanations", "schemas", "private", "user_groups"),
    ("errors",),
    ("masking",),
    ("",),
)
"""From top to bottom, as in the design; what shares a line may import each other."""

HEIGHT = {name: height for height, names in enumerate(reversed(LAYERS)) for name in names}


@cache
def modules() -> list[str]:
    return [name_of(path) for path in sorted(ROOT.rglob("*.py"))]


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def file_of(module: str) -> Path:
    path = ROOT.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(file_of(module).read_text(encoding="utf-8"))


def in_lab(module: str) -> bool:
    return module == "pvekit.lab" or module.startswith("pvekit.lab.")


def part_of(module: str) -> str:
    return (*module.split("."), "")[1]


PRODUCT = [module for module in modules() if not in_lab(module)]


@cache
def imports(module: str) -> frozenset[str]:
    """Return what a module imports, wherever in it, as dotted names of modules."""
    return frozenset(_imports(module))


def _imports(module: str) -> Iterator[str]:
    known = set(modules())
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else str(node.module)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            lazy = node.value.partition(":")[0]  # the commands that cli.lazy imports
            if ":" in node.value and lazy in known:
                yield lazy


def of_pvekit(module: str) -> set[str]:
    """What a module imports of pvekit; a package's bare name stands for its own contents."""
    return {name for name in imports(module) if name.split(".")[0] == "pvekit"}


@cache
def calls(module: str) -> frozenset[str]:
    """Return the names that a module mentions, as written: ``shlex.join``, ``print``."""
    named = (node for node in ast.walk(tree(module)) if isinstance(node, ast.Attribute | ast.Name))
    return frozenset(map(_written, named))


def _written(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_written(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def test_every_part_has_a_layer():
    parts = {part_of(module) for module in PRODUCT}
    assert parts <= HEIGHT.keys()


@pytest.mark.parametrize("module", PRODUCT)
def test_imports_go_downward_only(module):
    own = part_of(module)
    for other in of_pvekit(module):
        assert not in_lab(other), f"{module} imports the lab"
        there = part_of(other)
        assert there == own or HEIGHT[there] <= HEIGHT[own], f"{module} imports {other}"


def test_there_are_no_cycles():
    graph = {module: of_pvekit(module) - {module} for module in PRODUCT}
    assert list(TopologicalSorter(graph).static_order())


def test_the_lab_has_none_but_for_types():
    graph = {
        module: of_pvekit(module) - imported_for_types(module) - {module}
        for module in modules()
        if in_lab(module)
    }
    assert list(TopologicalSorter(graph).static_order())


def imported_for_types(module: str) -> set[str]:
    blocks = [
        node
        for node in tree(module).body
        if isinstance(node, ast.If) and _written(node.test) == "TYPE_CHECKING"
    ]
    return {
        str(inner.module)
        for block in blocks
        for inner in block.body
        if isinstance(inner, ast.ImportFrom)
    }


def test_packages_have_no_cycles():
    graph: dict[str, set[str]] = {}
    for module in PRODUCT:
        parts = {part_of(other) for other in of_pvekit(module)}
        graph.setdefault(part_of(module), set()).update(parts - {part_of(module), ""})
    assert list(TopologicalSorter(graph).static_order())


def test_the_lab_stands_alone():
    for module in modules():
        if in_lab(module):
            strangers = {other for other in of_pvekit(module) if not in_lab(other)}
            assert not strangers, f"{module} imports {strangers}"


@pytest.mark.parametrize(
    ("library", "parts"),
    [
        ("click", {"cli"}),
        ("paramiko", {"ssh"}),
        ("jsonschema", {"config"}),
        ("litellm", {"llm"}),
        ("tabulate", {"cli"}),
        ("asyncssh", set()),
        ("subprocess", {"config", "signatures"}),
    ],
)
def test_a_library_is_used_by_one_part(library, parts):
    users = {
        part_of(module)
        for module in PRODUCT
        if any(name.split(".")[0] == library for name in imports(module))
    }
    assert users <= parts


@pytest.mark.parametrize("what", ["print", "input", "exit", "quit", "sys.exit", "sys.stdout"])
def test_only_the_command_line_talks_and_ends(what):
    users = {module for module in PRODUCT if what in calls(module)}
    assert {part_of(module) for module in users} <= {"cli"}


def test_words_become_a_line_in_one_place():
    """Others quote for what is no command of a node.

    OpenSSH's option, a recipe's script, and the command lines that a person is told to use.
    """
    quoting = {"shlex.join", "shlex.quote", "pipes.quote"}
    users = {module for module in PRODUCT if quoting & set(calls(module))}
    assert users == {
        "pvekit.shell",
        "pvekit.private",
        "pvekit.config.secrets",
        "pvekit.cli.ending",
        "pvekit.cli.entering",
        "pvekit.templates.recipe",
    }


def test_no_shell_of_this_machine_is_used():
    shells = {"os.system", "os.popen", "os.spawnlp"}
    assert not [module for module in PRODUCT if shells & set(calls(module))]


PURE = ("plan", "vms", "templates.build", "templates.decide", "placement", "sizing.choice")
IMPURE = {"os", "time", "random", "socket", "secrets", "datetime", "pathlib", "tempfile"}


@pytest.mark.parametrize("module", PRODUCT)
def test_what_is_pure_knows_no_clock_no_chance_and_no_files(module):
    if not module.startswith(tuple(f"pvekit.{name}" for name in PURE)):
        return
    assert not IMPURE & {name.split(".")[0] for name in imports(module)}


def test_heavy_libraries_are_imported_where_they_are_used():
    heavy = {"paramiko", "jsonschema", "litellm", "tabulate", "requests"}
    for module in PRODUCT:
        if part_of(module) == "ssh":
            continue
        for node in tree(module).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [getattr(node, "module", None) or alias.name for alias in node.names]
                assert not heavy & {name.split(".")[0] for name in names}, module


def test_no_module_has_a_name_that_says_nothing():
    empty = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
    assert not empty & {part for module in modules() for part in module.split(".")}


def test_all_that_is_told_goes_through_one_voice():
    """Who writes to stderr himself knows nothing of -q, of JSON lines, of secrets."""
    told = {
        module
        for module in PRODUCT
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call)
        and _written(node.func).startswith("click.")
        and any(word.arg == "err" for word in node.keywords)
    }
    assert told <= {"pvekit.cli.say", "pvekit.cli.prompts"}
