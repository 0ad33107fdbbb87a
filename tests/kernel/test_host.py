# SPDX-License-Identifier: MIT
"""The kernel on the host, for longer than ./test otherwise takes: millions of random calls, and what
its tests reach."""
import os
import subprocess
import sys

import pytest

import machine

PROGRAM = os.path.join(machine.BUILD, "tests", "unit", "kernel_random")
COVERAGE = os.path.join(machine.ROOT, "tools", "coverage")


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 5))
def test_millions_of_random_calls(seed):
    """Ten million in all; each run's last round is named by the seed that it printed last."""
    environment = dict(os.environ, AXOLOTL_CALLS="2500000", AXOLOTL_SEED=str(seed))
    done = subprocess.run([PROGRAM], env=environment, check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.long
def test_coverage():
    done = subprocess.run([sys.executable, COVERAGE, "--least", "95"], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout[-4000:]
