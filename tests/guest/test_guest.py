# SPDX-License-Identifier: MIT
"""The program `guest`, started as a module, exercises every system call and reports TAP."""
import os
import re

import pytest

import machine as tools

PROGRAM = os.path.join(tools.BUILD, "boot", "guest.bin")


@pytest.mark.parametrize("smp, cpu", [(1, "qemu64"), (4, "max")])
def test_system_calls(machine, smp, cpu):
    guest = machine(replace={"guest": PROGRAM}, entry=2, smp=smp, cpu=cpu)
    plan = int(guest.expect(r"1\.\.(\d+)\r?\n", timeout=300).group(1))
    guest.expect(rf"\bok {plan}\b[^\n]*\n", timeout=300)
    results = re.findall(r"^.*?\b(not ok|ok) (\d+)\b(.*)$", guest.console_text(), re.M)
    failures = [f"{number}{text}" for word, number, text in results if word == "not ok"]
    assert not failures
    assert sorted({int(number) for _, number, _ in results}) == list(range(1, plan + 1))
