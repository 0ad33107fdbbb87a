# SPDX-License-Identifier: MIT
"""Live upgrade: other versions, other layouts, versions that don't come up."""
import re

import pytest

from harness.archive import with_services

TALLY = """
service tally
    program tally1
    priority 9
    memory 1M
    arena 64K

service upgrader
    kind program
    restart never
    priority 9
    memory 2M
    use tally badge 1
    use init badge 6 operator
""" + "".join(f"    module tally{version}\n" for version in range(1, 10)) + "    module upgrader\n"


@pytest.mark.parametrize("smp", [1, 2])
def test_small_server(machine, tmp_path, smp):
    """The program `upgrader` judges; see there."""
    programs = [f"tally{version}" for version in range(1, 10)] + ["upgrader"]
    guest = machine(replace=with_services(tmp_path, TALLY, *programs), smp=smp, nic="none")
    guest.boot()
    guest.expect_in_log(r"upgrader: (not ok .*|ok 16 )", timeout=60)
    log = guest.cmd("log")
    found = re.findall(r"upgrader: (not ok|ok) (\d+) ", log)
    assert found == [("ok", str(number)) for number in range(1, 17)], log[-5000:]
    assert "tally: abort: the mark is gone" in log
    for line in ("upgrade to tally, version 2",
                 "tally, version 2: state taken over by records",
                 r"upgrade given up \(invalid instruction \(rip \S+\) in start-up\); "
                 "version 2 goes on",
                 "L3 back to the previous program"):
        assert re.search("service tally: " + line, log), (line, log[-5000:])
