# SPDX-License-Identifier: MIT
"""./run --demo recovery: it ends by itself and tells the truth."""
import os
import re
import subprocess

import machine
from demo import VICTIMS

RUN = os.path.join(machine.ROOT, "run")


def demo(*options):
    """Plays it without a terminal; the finished process."""
    return subprocess.run([RUN, "--demo", "recovery", "--smp", "2", *options], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=900)


def test_every_server_dies_and_the_file_is_whole():
    done = demo("--demo-size", "2", "--demo-kills", str(len(VICTIMS)))
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(rf"demo: passed: 2 MiB came whole through {len(VICTIMS)} kills, "
                        "SHA-256 [0-9a-f]{64}", lines[-1])
    assert [line for line in lines if line.startswith("killed ")] == \
        [f"killed {name} ({i} of {len(VICTIMS)})" for i, name in enumerate(VICTIMS, 1)]
    assert any(re.match(r"\[#+ +\] \d\.\d MiB of 2\.0 MiB", line) for line in lines)
    assert "\x1b" not in done.stdout


def test_a_changed_byte_is_a_failure():
    done = demo("--demo-size", "1", "--demo-kills", "1", "--demo-spoil")
    assert done.returncode == 1, done.stderr
    assert re.fullmatch(r"demo: FAILED: the checksum is [0-9a-f]{64} and should be [0-9a-f]{64}",
                        done.stdout.splitlines()[-1])
