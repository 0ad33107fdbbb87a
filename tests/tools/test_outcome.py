# SPDX-License-Identifier: MIT
"""The tables of campaigns: what a complaint counts as, and that no kill is counted twice."""
import collections

import pytest

from harness.injector import Kill
from harness.outcome import record, result, summary

Machine = collections.namedtuple("Machine", "injector seed ordered effect done starved complaints")
Kills = collections.namedtuple("Kills", "kills")

KILLS = [Kill("vfs", "call", 1, "f", True), Kill("net", "call, commit", 2, "g", True, True),
         Kill("net", "start", 3, "h"), Kill("e1000", "reply, system call", 4, "i")]


def machine(kills, *complaints):
    """The record of a machine with one operator's kill."""
    return record(Machine(Kills(kills), 7, {"vfs": 1}, None if complaints else len(kills) + 1, {},
                          0, list(complaints)), seconds=2)


@pytest.mark.parametrize("complaint, kind", [
    ("the machine: ConnectionError('QEMU is gone'), QEMU -6", "system down"),
    ("type 3: AssertionError('no prompt; the console ends with: ...')", "hang"),
    ("echo hangs", "hang"),
    ("echo 4: AssertionError('9 instead of 10, the first difference at 9')", "silent corruption"),
    ("check_ledger: assert", "silent corruption"),
    ("short 2: ConnectionResetError(104, 'Connection reset by peer')", "visible error"),
    ("console 1: AssertionError(\"asked 'x', got 'aiask: the AI bridge has gone'\")",
     "visible error")])
def test_what_a_complaint_counts_as(complaint, kind):
    assert result([complaint, "echo hangs"]) == kind


def test_tables():
    text = "\n".join(summary([machine(KILLS), machine(KILLS[:3], "echo hangs")]))
    assert "| in a turn | 2 | 2 | 0 | 0 | 0 | 0 |" in text
    assert "| while it started | 2 | 1 | 0 | 1 | 0 | 0 |" in text  # the last kill before it
    assert "| `kill` command | 2 | 2 | 0 | 0 | 0 | 0 |" in text
    assert "| all | 9 | 8 | 0 | 1 | 0 | 0 |" in text
    assert "2 machines, 9 kills, 2.2 a second; 1 machines with a complaint" in text
    assert "5 deaths for 5 kills" in text
    assert "4 (57.1 %) came with a call TAKEN, 2 (28.6 %) in a commit" in text
    assert "| call | 2 | 0 | 0 | 0 | 0 | 0 | 0 | 2 |" in text
    assert "| all | 2 | 4 | 0 | 0 | 1 | 0 | 0 | 7 |" in text
