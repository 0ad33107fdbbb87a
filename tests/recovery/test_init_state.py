# SPDX-License-Identifier: MIT
"""init is killed at each start by its own state, or again and again at the same place: the kernel
drops the state, init finds its services by the kernel's objects, and nothing else is restarted."""
import pytest

from harness.expected import services
from harness.injector import Injector
from harness.traces import Program

WRONG = b"\xa5" * 4096
NOWHERE = 0x1234
FOUND = r"init: state lost; (\d+) services found again by the kernel's objects"


@pytest.fixture(name="guest", params=[1, 2])
def fixture_guest(request, machine):
    """A machine in which files and a connection are in use."""
    guest = machine(forward=(80,), ai="echo", gdb=True, smp=request.param)
    guest.boot()
    guest.cmd("echo kept > /tmp/file")
    guest.cmd("cd /tmp")
    return guest


def spoil_state(injector):
    """Writes nonsense over the state; it is found at the next start at the latest."""
    init = injector.programs["init"]
    assert injector.reach("init", init.turn, wait=60)
    assert injector.gdb.write(init.address("init"), WRONG)
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
