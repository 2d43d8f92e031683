import shutil
import subprocess

import pytest
from machines import machine, placed, run
from shell_corpus import SCRIPTS

DASH = shutil.which("dash")


@pytest.mark.skipif(DASH is None, reason="dash is not installed")
@pytest.mark.parametrize("script", SCRIPTS)
def test_prints_and_ends_as_dash_does(script, tmp_path):
    env = {"PATH": "/usr/bin:/bin", "HOME": "/root"}
    script = placed(script, tmp_path)
    real = subprocess.run(
        [DASH, "-c", script], capture_output=True, env=env, stdin=subprocess.DEVNULL
    )
    lab = machine(0.1)
    lab.files.mkdir(str(tmp_path), parents=True)
    status, out, err = run(script, on=lab, env=env)
    ended = real.returncode if real.returncode >= 0 else 128 - real.returncode
    assert (out, status) == (real.stdout.decode(), ended), err
