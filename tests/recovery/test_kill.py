# SPDX-License-Identifier: MIT
"""Kill, restart and swap each server: files stay, the next command works, nobody else notices."""
import pytest

from harness.expected import SERVICES, services

SERVERS = ["vfs", "console", "net", "e1000", "aiproxy", "devmgr"]
CONTENT = "kept through everything"


@pytest.fixture
def guest(machine):
    """A machine with network and AI, and a file that was written before."""
    booted = machine(ai="echo", smp=2)
    booted.boot()
    booted.cmd("mkdir /tmp/d")
    booted.cmd(f"echo {CONTENT} > /tmp/d/file")
    booted.cmd("cd /tmp/d")
    return booted


def restarts(guest):
    """Restarts of each service."""
    return {name: int(row[3]) for name, row in services(guest).items()}


def works(guest):
    """What must go on after any death."""
    assert guest.directory == "/tmp/d", "the shell started anew"
    assert guest.cmd("cat file") == CONTENT
    assert guest.cmd("echo more > second") == ""
    assert sorted(guest.cmd("ls").split()) == ["file", "second"]
    assert guest.cmd("rm second") == ""
    assert guest.cmd("aiask Are you there?") == "AI echo: Are you there?"
    assert "2 received" in guest.cmd("ping -c 2 10.0.2.2")


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("how", ["kill", "restart"])
def test_one(guest, how, server):
    works(guest)
    before = restarts(guest)
    for round_number in (1, 2, 3):
        guest.cmd(f"{how} {server}")
        works(guest)
        after = restarts(guest)
        assert after.pop(server) == before[server] + round_number
        assert after == {name: count for name, count in before.items() if name != server}
    assert services(guest)[server][1] == "running"


def test_all_in_turn(guest):
    for server in SERVERS * 2:
        guest.cmd(f"kill {server}")
    works(guest)
    table = services(guest)
    assert [name for name in SERVICES if table[name][1] != "running"] == []


def test_typed_ahead_survives_the_console(guest):
    """Keys typed before a kill of the console are read after it."""
    guest.send("kill console\recho typed ahead\r")
    guest.expect(r"\ntyped ahead\r?\n")
    guest.prompt()
    works(guest)


@pytest.mark.parametrize("server", SERVERS)
def test_swap_with_itself_keeps_the_state(guest, server):
    """The same program from a file takes the arena over as it is."""
    output = guest.cmd(f"swap {server} /boot/bin/{server}.elf")
    works(guest)
    row = services(guest)[server]
    assert row[1:3] == ["running", "2"], output
