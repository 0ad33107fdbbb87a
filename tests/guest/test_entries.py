# SPDX-License-Identifier: MIT
"""The kernel's entries and exits, watched from outside while the program `guest` enters in every way
with odd flags: what the flags are inside, and an NMI at every instruction of the way in and out."""
import os
import re
import struct

import pytest

import machine as tools
from harness.archive import archive_with
from harness.traces import Symbols

PROGRAM = os.path.join(tools.BUILD, "boot", "guest.bin")
NULL = 0x80000000
NMI, PAGE_FAULT = 2, 14
# Words of struct exception_frame.
VECTOR, RIP, FRAME_WORDS = 15, 17, 22
TF, IF, DF, NT, AC = 0x100, 0x200, 0x400, 0x4000, 0x40000
SMEP, SMAP = 1 << 20, 1 << 21


def entering(machine, tmp_path, **options):
    """A machine with the program at work."""
    archive = archive_with(tmp_path, lambda old: old.replace(
        "service guest\n    kind program\n", "service guest\n    kind program\n    args entries\n"))
    guest = machine(replace={"guest": PROGRAM, "boot.tar": archive}, entry=2, gdb=True, **options)
    goes_on(guest)
    return guest


def goes_on(guest, lines=1):
    """Waits until the program has said as often that it is well."""
    for _ in range(lines):
        assert guest.expect(r"entries: \d+ rounds, (\d+) errors", timeout=300).group(1) == "0"


def stop_at(gdb, address):
    """Runs until the first processor is about to do that instruction."""
    gdb.breakpoint(address)
    while True:
        gdb.resume()
        assert gdb.wait(120), f"nobody comes by at {address:#x}"
        registers = gdb.registers()
        if registers["rip"] == address and gdb.cpu == 1:
            gdb.breakpoint(address, False)
            return registers


def way(gdb, first, lock_wait, wanted=lambda registers: True):
    """Addresses of the kernel from `first` until the next one in a program; wanted: what the
    registers must be at the start."""
    registers = stop_at(gdb, first)
    while not wanted(registers):
        registers = stop_at(gdb, first)
    addresses = {}
    while registers["cs"] & 3 == 0:
        addresses[registers["rip"]] = None
        gdb.step()
        registers = gdb.registers()
        if registers["rip"] == lock_wait:  # the other processor has the lock, and stands still
            return way(gdb, first, lock_wait, wanted)
    return list(addresses)


def nmi_at(guest, symbols, address):
    """An NMI before that instruction of the first processor; it must come, and come there."""
    gdb = guest.gdb
    stop_at(gdb, address)
    gdb.breakpoint(symbols.address("trap_kernel"))
    guest.qmp.command("inject-nmi")
    gdb.resume()
    assert gdb.wait(120), f"no NMI at {address:#x}"
    frame = struct.unpack(f"<{FRAME_WORDS}Q", gdb.read(gdb.registers()["rdi"], FRAME_WORDS * 8))
    gdb.breakpoint(symbols.address("trap_kernel"), False)
    assert (frame[VECTOR], frame[RIP]) == (NMI, address)


@pytest.mark.parametrize("smp", [1, 2])
def test_nmi_at_every_instruction(machine, tmp_path, smp):
    guest = entering(machine, tmp_path, smp=smp)
    symbols = Symbols(tools.KERNEL)
    entry = symbols.address("syscall_entry_smp" if smp > 1 else "syscall_entry_single")
    fault = symbols.address("vector_stubs") + 16 * PAGE_FAULT
    within = range(symbols.address("syscall_entry_single"), symbols.address("user_copy_fault"))
    wait = symbols.address("kernel_lock_wait")
    ways = [way(guest.gdb, entry, wait, lambda registers: registers["rax"] == NULL),
            way(guest.gdb, fault, wait), way(guest.gdb, symbols.address("kernel_exception"), wait)]
    places = sorted({address for one in ways for address in one if address in within})
    assert len(places) > 150
    for address in places:
        stop_at(guest.gdb, entry)  # the last NMI is over: its way back has some of the addresses
        nmi_at(guest, symbols, address)
    guest.gdb.resume()
    goes_on(guest, 2)
    for _ in range(300):
        guest.qmp.command("inject-nmi")
    goes_on(guest, 3)


def test_flags_inside(machine, tmp_path):
    """AC, DF, NT and TF of a program don't get in, by whichever way, and the kernel's own AC does not
    stay when its copy faults."""
    guest = entering(machine, tmp_path, cpu="max")
    symbols = Symbols(tools.KERNEL)
    control = int(re.search(r"CR4=([0-9a-f]+)", guest.qmp.monitor("info registers")).group(1), 16)
    assert control & SMEP and control & SMAP
    for name in ("enter_null", "trap_user", "trap_kernel", "enter_thread_yield"):
        for _ in range(20):
            flags = stop_at(guest.gdb, symbols.address(name))["rflags"]
            assert flags & (TF | IF | DF | NT | AC) == 0, f"{name}: {flags:#x}"
    guest.gdb.resume()
    goes_on(guest, 2)
