import shutil
import subprocess

import pytest
from bash_corpus import SCRIPTS
from machines import machine, placed, run

BASH = shutil.which("bash")


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
@pytest.mark.parametrize("script", SCRIPTS)
def test_says_and_ends_as_bash_does(script, tmp_path):
    env = {"PATH": "/usr/bin:/bin", "HOME": "/root"}
    script = placed(script, tmp_path)
    real = subprocess.run(
        ["bash", "-c", script],
        executable=BASH,
        capture_output=True,
        env=env,
        stdin=subprocess.DEVNULL,
    )
    node = machine(0.1)
    node.files.mkdir(str(tmp_path), parents=True)
    node.files.write("/etc/passwd", b"root:x:0:0:root:/root:/bin/bash\n")
    told = run(script, on=node, env=env)
    assert told == (real.returncode, real.stdout.decode(), real.stderr.decode())


def test_what_is_not_simulated_of_bash_says_so():
    node = machine()
    status, _, err = run("bash -c 'a=(1 2); echo ${a[0]}'", on=node)
    assert (status, err) == (99, "lab: not simulated: bash: arrays\n")
