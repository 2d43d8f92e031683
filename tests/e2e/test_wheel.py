"""The wheel holds all that pvekit needs, and works where there is no checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from live import Live, live_site

REPOSITORY = Path(__file__).parents[2]
SOURCES = (
    "pvekit",
    "cloudinit",
    "sizes",
    "man",
    "setup.cfg",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
OFFLINE = re.compile(r"NewConnectionError|Temporary failure|ConnectTimeout|ProxyError")


def run(*words: str | Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=cwd, env={**os.environ, **environ}, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a copy of the sources, for building leaves files beside them."""
    sources, out = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        path = REPOSITORY / name
        if path.is_dir():
            shutil.copytree(path, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, sources)
    words = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", out, sources)
    done = run(*PIP, *words, cwd=out)
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("pvekit-*.whl")
    return built


def test_it_holds_every_file(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("pvekit/")}
    modules = {
        str(path.relative_to(REPOSITORY))
        for path in (REPOSITORY / "pvekit").rglob("*.*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    data = {
        f"pvekit/{folder}/{path.name}"
        for folder in ("cloudinit", "sizes")
        for path in (REPOSITORY / folder).glob("*.yaml")
    }
    assert held == modules | data


def test_it_holds_the_man_pages(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        held = {Path(name).name for name in archive.namelist() if "/data/share/man/man1/" in name}
    assert held == {path.name for path in (REPOSITORY / "man").iterdir()}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    return tmp_path


def assert_works(live: Live, elsewhere: Path, python: Path | str, **environ: str) -> None:
    """Check both main commands against a site that has no template yet, and one that has."""

    def pvekit(*words: str) -> str:
        told = {**environ, **live.environ}
        done = run(python, "-P", "-m", "pvekit", *words, cwd=elsewhere, **told)
        assert (done.returncode, done.stderr.count("Error")) == (0, 0), done.stderr
        return done.stdout

    assert "qm template" in pvekit(
        "template", "build", "--recipe", "kubernetes", "--node", "pve1", "--dry-run"
    )
    live.must("template", "build")
    told = pvekit("vm", "create", "--role", "worker", "--size", "auto", "--dry-run")
    assert "--cores 4 --memory 8192" in told


def where(python: Path | str, elsewhere: Path, environ: Mapping[str, str]) -> str:
    words = ("-P", "-c", "import pvekit; print(pvekit.__file__)")
    return run(python, *words, cwd=elsewhere, **environ).stdout


def test_it_works_from_another_directory(wheel: Path, live: Live, elsewhere: Path):
    target = elsewhere / "target"
    done = run(
        *PIP, "install", "--no-deps", "--no-compile", "--target", target, wheel, cwd=elsewhere
    )
    assert done.returncode == 0, done.stderr
    environ = {"PYTHONPATH": str(target)}
    assert where(sys.executable, elsewhere, environ).startswith(str(target))
    assert_works(live, elsewhere, sys.executable, **environ)


def test_it_works_in_an_empty_environment(wheel: Path, live: Live, elsewhere: Path):
    venv = elsewhere / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=elsewhere)
    python = venv / "bin" / "python"
    words = ("--python", python, "install", "--no-compile", f"{wheel}[lab]")
    done = run(*PIP, *words, cwd=elsewhere)
    if done.returncode and OFFLINE.search(done.stderr):
        pytest.skip("pip reaches no package index from here")
    assert done.returncode == 0, done.stderr
    assert where(python, elsewhere, {}).startswith(str(venv))
    assert_works(live, elsewhere, python)
    lab = ["pvekit-lab", "run", "--"]
    for words in (["pvekit", "--version"], [*lab, "pvekit", "vm", "list", "-o", "json"]):
        path = f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}"
        done = run(*words, cwd=elsewhere, PATH=path, HOME=str(elsewhere))
        assert (done.returncode, done.stderr) == (0, "")
