# SPDX-License-Identifier: MIT
"""init is killed at each start by its own state, or again and again at the same place: the kernel
drops the state, init finds its services by the kernel's objects, and nothing else is restarted."""
import re

import pytest

from harness.expected import services
from harness.injector import Injector
from harness.traces import Program

WRONG = b"\xa5" * 1024
MANIFEST = 8192  # an offset in `struct init`, in a page that a start does not write
NOWHERE = 0x1234
FOUND = r"init: state lost; (\d+) services found again by the kernel's objects"


@pytest.fixture(name="guest")
def fixture_guest(machine):
    """A machine in which files and a connection are in use."""
    guest = machine(forward=(80,), ai="echo", gdb=True, smp=2)
    guest.boot()
    guest.cmd("echo kept > /tmp/file")
    guest.cmd("cd /tmp")
    return guest


def spoil_state(injector):
    """Writes nonsense over the state; no start gets past its check."""
    init = injector.programs["init"]
    assert injector.reach("init", init.turn, wait=60)
    assert injector.gdb.write(init.address("init") + MANIFEST, WRONG)
    injector.leave()


def fault_at(injector, function, times):
    """So many deaths at the same place, whenever that function begins."""
    init = injector.programs["init"]
    for _ in range(times):
        assert injector.reach("init", init.address(function), wait=60), function
        injector.gdb.set_register("rip", NOWHERE)
    injector.leave()


def unchanged(guest, before):
    """All services run in their lives from before, and a death of each is noticed."""
    table = services(guest)
    assert {name: row[1] for name, row in table.items()} == \
        {name: row[1] for name, row in before.items()}
    assert {name: row[3] for name, row in table.items() if name != "init"} == \
        {name: row[3] for name, row in before.items() if name != "init"}
    works(guest)


def works(guest):
    """The clients' view."""
    assert guest.directory == "/tmp", "the shell started anew"
    assert guest.cmd("cat file") == "kept"
    assert guest.cmd("aiask Still there?") == "AI echo: Still there?"
    assert "1 received" in guest.cmd("ping -c 1 10.0.2.2")


def test_state_that_kills(guest):
    before = services(guest)
    injector = Injector(guest, 1)
    spoil_state(injector)
    found = guest.expect_in_log(FOUND)
    print(found)
    unchanged(guest, before)
    for name in ("vfs", "net", "console", "aiproxy", "e1000", "devmgr", "init"):
        guest.cmd(f"kill {name}")
        works(guest)


@pytest.mark.parametrize("times, lives", [(2, 1), (3, 1), (6, 0)])
def test_death_that_kills(guest, times, lives):
    """init faults at the same place when it is told of a death: another state is tried, and then
    the task that died is given up, and a new one made."""
    before = services(guest)
    injector = Injector(guest, 1)
    assert injector.reach("aiproxy", injector.programs["aiproxy"].turn, wait=60)
    injector.gdb.set_register("rip", NOWHERE)
    fault_at(injector, "supervise_call", times)
    guest.expect_in_log(FOUND if times > 2 else "service aiproxy: .*restart 1")
    assert len(re.findall(FOUND, guest.cmd("log"))) == max(0, times - 2)
    after = services(guest)
    assert [int(row[3]) for row in after.values()] == \
        [int(row[3]) + {"init": times, "aiproxy": lives}.get(name, 0) for name, row in before.items()]
    works(guest)


def test_call_that_kills(guest):
    """init faults at the same place in an operator's call: that call is refused."""
    before = services(guest)
    injector = Injector(guest, 1)
    injector.type("kill vfs\r")
    fault_at(injector, "control_call", 3)
    assert "request crashes the service" in guest.prompt()
    unchanged(guest, before)


def test_a_second_look_is_told_from_a_crash(guest):
    """init refuses a request: at the second look, as every server; services says so."""
    for restart, said in ((1, "a second look at a call"), (2, "crashed; the log has more")):
        if restart == 1:
            assert guest.cmd("swap init /boot/bin/watch.elf") == "swap: init: not supported"
        else:
            fault_at(Injector(guest, 1), "notify_event", 1)
        guest.expect_in_log(rf"service init: {said}; restart {restart}")
        row = next(row for row in guest.table("services") if row[0] == "init")
        assert row[3] == str(restart) and " ".join(row).endswith(said), row
