# SPDX-License-Identifier: MIT
"""A run of the real kernel, with kills, is one of the model's behaviours; a falsified one is not."""
import os
import random
import subprocess

import pytest

import model
from harness.guest import Guest
from harness.tracer import KINDS, Tracer, text

NEVER = {"FAIL"}  # calls that the kernel ends: of cold starts and poison, which this run has none of


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The events of a run in which servers die, from boot on; and how many died."""
    guest = Guest(str(tmp_path_factory.mktemp("guest")), machine="pc", nic="none", smp=1, gdb=True)
    guest.start()
    try:
        tracer = Tracer(guest)
        guest.boot()
        for staged in (False, True):
            for name in ("vfs", "console", "init"):
                tracer.kill(name, staged)
                guest.cmd("echo kept > /tmp/file")
                assert guest.cmd("cat /tmp/file") == "kept"
        guest.cmd("services")
        guest.cmd("kill vfs")
        guest.cmd("sleep 1")
        guest.send("cat\r")
        guest.expect("cat")
        guest.send("\x03")
        guest.prompt()
        return tracer.stop(), tracer.kills
    finally:
        guest.stop()


@pytest.fixture(scope="module")
def replay(tmp_path_factory):
    """A function that takes events through the model: "" or what is wrong, and where."""
    folder = str(tmp_path_factory.mktemp("replay"))
    checker = model.build(folder, "replay", [], 2000)

    def check(events):
        with open(os.path.join(folder, "trace"), "w", encoding="utf-8") as file:
            file.write(text(events))
        errors, _, wrong = model.search(checker)
        return wrong if errors else ""

    return check


def test_a_real_run_is_a_behaviour(run, replay):
    events, kills = run
    assert kills == 6
    assert {event[0] for event in events} >= set(KINDS) - NEVER
    assert replay(events) == ""
