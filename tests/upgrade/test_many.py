# SPDX-License-Identifier: MIT
"""Upgrades in a row, to another layout and back, under load: no client notices, and every account
is as it was before, to the byte."""
import re
import threading

import pytest

from harness.archive import archive_with, program, programs
from harness.clients import Worker, echo, upload
from harness.expected import services
from harness.peer import MANIFEST, PORT, level, quiet, sequence
from harness.web import online

RECORDS = "state kept by records"
OTHERS = {"vfs": ("vfs2", RECORDS), "net": ("net3", RECORDS), "console": ("console2", RECORDS),
          "aiproxy": ("aiproxy2", RECORDS), "devmgr": ("devmgr2", RECORDS),
          "e1000": ("e1000", "no state to take over")}


def work(guest, ended):
    """Connections that come, carry bytes both ways and go."""
    for number in range(1 << 20):
        echo(guest, sequence(50000, number))
        upload(guest, sequence(100000, number))
        if ended.is_set():
            return


def to_and_fro(guest, names, count):
    """So many upgrades of each server; between two, somebody uses what it serves."""
    for number in range(count):
        for name in names:
            build, state = OTHERS[name]
            build = (build, name)[number % 2]
            output = guest.cmd(f"upgrade {name} /boot/bin/{build}.elf")
            assert re.fullmatch(rf"{name}: version \d, {state}", output), output
            assert guest.cmd(f"echo {number} {name} >> /tmp/ledger") == ""
            assert guest.cmd("aiask Who?") == "AI echo: Who?"
            assert "[e1000]" in guest.cmd("lspci")


def under_load(guest, names, count):
    """The same while connections work; the accounts afterwards."""
    ended = threading.Event()
    workers = [Worker(work, guest, ended) for _ in range(2)]
    to_and_fro(guest, names, count)
    ended.set()
    for worker in workers:
        worker.done()
    assert guest.cmd("cat /tmp/ledger").splitlines() == \
        [f"{number} {name}" for number in range(count) for name in names]
    guest.cmd("rm /tmp/ledger")
    return quiet(guest)


def changes(before, after):
    """What is different between two rounds: lines of the accounts that came or went."""
    old, new = ({line for state in states for line in state.splitlines()}
                for states in (before, after))
    return sorted(f"- {line}" for line in old - new) + sorted(f"+ {line}" for line in new - old)


@pytest.mark.parametrize("names, count", [
    pytest.param(list(OTHERS), 2, id="all", marks=pytest.mark.long),
    *(pytest.param([name], 100, id=name, marks=pytest.mark.long) for name in OTHERS)])
def test_in_a_row(machine, tmp_path, names, count):
    """A round ends with the accounts of one before it. (Some make net touch more of its blocks.)"""
    files = programs(*{build for build, _ in OTHERS.values()})
    guest = machine(forward=(PORT,), ai="echo", smp=2, replace={
        "peer": program("peer"),
        "boot.tar": archive_with(tmp_path, lambda text: text + MANIFEST, files)})
    guest.boot()
    online(guest)
    guest.cmd("aiask Who?")
    rounds = [under_load(guest, names, count)]
    while not level(rounds):
        assert len(rounds) < 10, "\n\n".join(sorted(state)[0] for state in rounds)
        rounds.append(under_load(guest, names, count))
        print(*changes(*rounds[-2:]), sep="\n", flush=True)
    table = services(guest)
    assert {table[name][1] for name in names} == {"running"}
    assert {table[name][4] for name in names} == {"0"}  # crashes
