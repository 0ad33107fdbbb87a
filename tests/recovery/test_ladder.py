# SPDX-License-Identifier: MIT
"""init's ladder in the running system: a server with bugs, its clients, the log and `services`."""
import re

import pytest

from harness.archive import with_services
from harness.expected import SERVICES, assert_files, services

# Below the shell, so that a server that loops leaves it the only processor.
MANIFEST = """
service crasher
    priority 9
    memory 1M

service ladder
    kind program
    restart never
    priority 9
    memory 2M
    use crasher badge 1
    use init badge 6 operator
"""

BROKEN = """
service broken
    program crasher
    priority 9
    memory 1M
    args broken
"""

@pytest.mark.parametrize("smp", [1, 2])
def test_every_step(machine, tmp_path, smp):
    """The program `ladder` judges what clients see; here is what an operator sees."""
    replace = with_services(tmp_path, MANIFEST, "crasher", "ladder")
    guest = machine(replace=replace, smp=smp, nic="none")
    guest.boot()
    guest.expect_in_log(r"ladder: (not )?ok 12 ", timeout=300)
    log = guest.cmd("log")
    found = re.findall(r"ladder: (not ok|ok) (\d+) - ([^\r\n]*)", log)
    assert [(word, int(number)) for word, number, _ in found] == \
        [("ok", number) for number in range(1, 13)], log[-4000:]
    story = re.findall(r"service crasher: (.*)", log)
    for part in (
            [fault("call_event", "call 4; L0 restart")] * 2
            + [fault("call_event", "call 4; L1 restart, call poisoned")],
            [fault("call_event", "call 4; L2 new instance"),
             r"no records \(export: not supported\); L4 cold start"],
            [fault("call_event", "call 5; L1 restart, call poisoned")],
            [fault("notify_event", "notification; L0 restart")] * 2
            + [fault("notify_event", "notification; L4 cold start")],
            [fault("start", "start-up; L0 restart")] * 2
            + [fault("start", "start-up; L4 cold start")],
            [r"\d s of CPU time in one turn \(call\); L0 restart \d+"] * 2
            + [r"\d s of CPU time in one turn \(call\); L1 restart, call poisoned \d+"],
            [r"\d s of waiting in one turn \(call\); L0 restart \d+"] * 2
            + [r"\d s of waiting in one turn \(call\); L1 restart, call poisoned \d+"],
            [r"\d s of CPU time in one turn \(start-up\); L4 cold start \d+"],
            [fault("actor_abort", "call 11; L0 restart")],
            [r"a second look at call 12; L0 restart \d+"],
            [r"it hears no events; L0 restart \d+", r"back after \d+ us"]):
        assert appears(part, story), (part, story)
    table = guest.table("services")
    row = next(row for row in table if row[0] == "crasher")
    assert row[1] == "running"
    assert int(row[4]) == 3 * 3 + 6 + 3 + 3 + 3 + 3 + 3 + 1 + 1, row
    assert "us it hears no events" in " ".join(row)
    assert all(row[1] == "running" for name, row in services(guest).items()
               if name in ("console", "vfs", "shell"))
    assert_files(guest)


def fault(function, rest):
    """A pattern of init's line about an invalid instruction in a function, or its cold part."""
    return rf"invalid instruction \(rip {function}[.\w]*\+0x[0-9a-f]+\) in {rest} \d+"


def appears(part, story):
    """The patterns of `part` match consecutive lines of the story somewhere."""
    return any(all(re.fullmatch(pattern, line.strip())
                   for pattern, line in zip(part, story[at:], strict=False))
               for at in range(len(story) - len(part) + 1))


def test_a_server_that_never_comes_up_waits_longer_and_longer(machine, tmp_path):
    guest = machine(replace=with_services(tmp_path, BROKEN, "crasher"), nic="none")
    guest.boot()
    guest.expect_in_log(r"service broken: .* in 1600 ms")
    log = guest.cmd("log")
    assert re.findall(r"service broken: .*?(restart|new instance) (?:(\d+)|in (\d+ ms))", log)[:8] \
        == [("restart", "1", ""), ("restart", "2", ""), ("new instance", "3", ""),
            ("restart", "", "100 ms"), ("restart", "4", ""), ("restart", "", "200 ms"),
            ("restart", "5", ""), ("new instance", "", "400 ms")], log
    row = next(row for row in guest.table("services") if row[0] == "broken")
    assert "start-up" in " ".join(row)
    for name, row in services(guest).items():
        if name in SERVICES and name in ("console", "vfs", "shell"):
            assert row[1:4] == ["running", "1", "0"], row
    assert_files(guest)
    restarts = int(row_of(guest, "broken")[3])
    assert guest.cmd("kill broken") == "broken: killed"
    assert int(row_of(guest, "broken")[3]) >= restarts + 3, "an operator's kill ends the waiting"


def row_of(guest, name):
    """A service's line of `services`."""
    return next(row for row in guest.table("services") if row[0] == name)
