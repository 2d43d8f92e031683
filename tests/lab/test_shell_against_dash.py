import shutil
import subprocess

import pytest
from machines import machine, run
from shell_corpus import SCRIPTS

DASH = shutil.which("dash")


@pytest.mark.skipif(DASH is None, reason="dash is not installed")
@pytest.mark.parametrize("script", SCRIPTS)
def test_prints_and_ends_as_dash_does(script):
    env = {"PATH": "/usr/bin:/bin", "HOME": "/root"}
    real = subprocess.run(
        [DASH, "-c", script], capture_output=True, cwd="/tmp", env=env, stdin=subprocess.DEVNULL
    )
    status, out, err = run(script, on=machine(0.1), env=env)
    ended = real.returncode if real.returncode >= 0 else 128 - real.returncode
    assert (out, status) == (real.stdout.decode(), ended), err
