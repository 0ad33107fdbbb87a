# SPDX-License-Identifier: MIT
"""Time goes on in a machine to which its host gives no processor. init must not take who was at
work then for one that computes for ever."""
import signal
import time

import pytest

from harness.archive import archive_with, programs
from harness.expected import assert_files, services
from harness.injector import Injector

LOOP = b"\xeb\xfe"  # a jump to itself
STOP = 7  # seconds: more than a turn or an export may take


class Looper:
    """vfs, or what exports its state, comes to an address and loops there until it is let go."""

    def __init__(self, guest, address):
        self.guest, self.address, self.injector = guest, address, Injector(guest, 1)

    def begin(self):
        """It loops as soon as the machine goes on."""
        assert self.injector.reach("vfs", self.address, wait=60)
        self.code = self.guest.gdb.read(self.address, len(LOOP))
        assert self.guest.gdb.write(self.address, LOOP)

    def stop(self):
        """The host stops the machine for a while; init looks at everybody after that. The machine
        gets no further than to init's look when this program itself is stopped."""
        gdb, tick = self.guest.gdb, self.injector.programs["init"].address("supervise_tick")
        gdb.breakpoint(tick)
        gdb.resume()
        while self.guest.qmp.command("query-status")["status"] != "running":
            if gdb.wait(0.01):  # somebody is at that address already
                gdb.registers()
                gdb.resume()
        self.guest.process.send_signal(signal.SIGSTOP)
        time.sleep(STOP)
        self.guest.process.send_signal(signal.SIGCONT)
        gdb.stop()
        gdb.breakpoint(tick, False)
        for _ in range(2):  # the look is over when the next one begins
            assert self.injector.reach("init", tick, wait=60)

    def end(self):
        """It goes on."""
        assert self.injector.reach("vfs", self.address, wait=60)
        assert self.guest.gdb.write(self.address, self.code)
        self.injector.leave()


@pytest.fixture(name="guest")
def a_machine(machine, tmp_path):
    """With a program to upgrade vfs to, by records."""
    guest = machine(gdb=True, smp=2, replace={
        "boot.tar": archive_with(str(tmp_path), files=programs("vfs2"))})
    guest.boot()
    return guest


def test_a_turn(guest):
    vfs = Injector(guest, 1).programs["vfs"]
    looper = Looper(guest, vfs.turn)
    looper.begin()
    looper.stop()
    looper.end()
    assert_files(guest)
    assert services(guest)["vfs"][3:5] == ["0", "0"], guest.cmd("log")


@pytest.mark.parametrize("stopped", [True, False])
def test_an_export(guest, stopped):
    """And one that does compute for ever is given up."""
    guest.cmd("echo kept > /tmp/file")
    looper = Looper(guest, Injector(guest, 1).programs["vfs"].address("records_begin"))
    looper.injector.type("upgrade vfs /boot/bin/vfs2.elf\r")
    looper.begin()
    if stopped:
        looper.stop()
        looper.end()
    else:
        looper.injector.leave()
    guest.expect(r"\r?\n")
    assert guest.prompt().strip("\n") == (
        "vfs: version 2, state kept by records" if stopped else
        "upgrade: vfs: the new program did not come up (export: timed out); version 1 goes on")
    assert guest.cmd("cat /tmp/file") == "kept"
    assert services(guest)["vfs"][1] == "running"
