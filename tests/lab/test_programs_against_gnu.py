import shutil
import subprocess

import pytest
from machines import machine, run
from program_corpus import LINES

ENV = {"PATH": "/usr/bin:/bin", "HOME": "/root", "LC_ALL": "C"}


def is_gnu():
    tool = shutil.which("ls")
    shown = subprocess.run([tool, "--version"], capture_output=True, text=True) if tool else None
    return shown is not None and "GNU coreutils" in shown.stdout and shutil.which("dash")


def complaints(text):
    """Complaints in any order (pipelines race), without hints and without the shell's name."""
    lines = (line.removeprefix("dash: ").removeprefix("sh: ") for line in text.splitlines())
    return sorted(line for line in lines if not line.startswith("Try '") and line != "Killed")


@pytest.mark.skipif(not is_gnu(), reason="needs dash and the GNU coreutils to compare with")
@pytest.mark.parametrize("line", LINES)
def test_prints_complains_and_ends_as_gnu_does(line, tmp_path):
    script = f"cd {tmp_path}\n{line}"
    real = subprocess.run(
        ["dash", "-c", script], capture_output=True, text=True, env=ENV, stdin=subprocess.DEVNULL
    )
    lab = machine(0.1)
    lab.files.mkdir(str(tmp_path), parents=True)
    status, out, err = run(script, on=lab, env=ENV)
    assert out == real.stdout
    assert complaints(err) == complaints(real.stderr)
    assert status == real.returncode
