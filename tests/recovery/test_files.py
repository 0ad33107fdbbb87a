# SPDX-License-Identifier: MIT
"""Files stay whole while vfs is killed: the program `filework` compares every operation with its
own records."""
import os
import re
import time

import pytest

import machine as tools

PROGRAM = os.path.join(tools.BUILD, "boot", "filework.bin")


def open_files(guest):
    """The number of open files, as vfs counts them."""
    guest.send("\r")
    guest.prompt()
    deadline = time.monotonic() + 60
    while True:
        count = int(re.search(r"open_files (\d+)", guest.cmd("cat /proc/counters")).group(1))
        if count == 0 or time.monotonic() > deadline:
            return count
        time.sleep(0.5)


def run(start, **options):
    """Runs the workload; returns (operations, kills)."""
    guest = start(replace={"filework": PROGRAM}, entry=2, nic="none", **options)
    guest.expect(r"\bok 5 - [^\n]*\n", timeout=600)
    assert open_files(guest) == 0, "files of a program that has ended are still open"
    text = guest.console_text()
    wrong = re.findall(r"^.*(?:# wrong|\bnot ok).*$", text, re.M)
    assert not wrong, "\n".join(wrong)
    assert re.findall(r"\bok (\d) - ", text) == ["1", "2", "3", "4", "5"]
    numbers = re.search(r"# (\d+) operations, (\d+) kills", text)
    return int(numbers.group(1)), int(numbers.group(2))


def test_no_write_is_lost_or_done_twice(machine):
    """One CPU, one instruction a nanosecond: the kills fall on any instruction of a turn."""
    operations, kills = run(machine, icount="shift=0,sleep=off")
    assert kills == 1000
    assert operations > kills


def test_kills_from_another_processor(machine):
    operations, kills = run(machine, smp=2)
    assert kills >= 10
    assert operations > kills


@pytest.mark.long
@pytest.mark.parametrize("number", range(20))
def test_campaign(machine, number):
    """Another size of memory is another course of events."""
    operations, kills = run(machine, icount="shift=0,sleep=off", mem=64 + number,
                            machine="q35" if number % 2 else "pc")
    assert kills == 1000
    assert operations > kills


@pytest.mark.long
@pytest.mark.parametrize("smp", [2, 4])
def test_campaign_with_more_processors(machine, smp):
    run(machine, smp=smp)
