# SPDX-License-Identifier: MIT
"""The shell comes up on every supported machine, with every server running."""
import re

import pytest

from harness.expected import SERVICES, assert_files, assert_running, memory_total

# machine, processor, processors, MB, NIC: every value of each column, and the corners together.
BIOS = [
    ("pc", "qemu64", 1, 32, "e1000"),
    ("q35", "qemu64", 1, 32, "e1000e"),
    ("q35", "qemu64", 2, 64, "e1000"),
    ("pc", "max", 2, 128, "e1000e"),
    ("q35", "max", 4, 256, "e1000e"),
    ("pc", "qemu64", 4, 512, "e1000"),
    ("pc", "qemu64", 8, 1024, "e1000e"),
    ("q35", "max", 8, 3072, "e1000"),
    ("q35", "qemu64", 3, 4096, "e1000e"),
    ("pc", "max", 1, 8192, "e1000"),
]
UEFI = [
    ("q35", "qemu64", 1, 64, "e1000"),
    ("pc", "max", 2, 128, "e1000e"),
    ("q35", "max", 4, 1024, "e1000e"),
    ("pc", "qemu64", 8, 8192, "e1000"),
]


def name(values):
    """Test ids such as q35-max-4-256-e1000e."""
    return "-".join(str(value) for value in values)


def check(guest, smp, mem):
    """What must hold on every machine."""
    messages = guest.boot()
    assert guest.directory == "/"
    assert "PANIC" not in messages and "panic" not in messages
    assert_running(guest, SERVICES)
    assert_files(guest)
    total = memory_total(guest)
    assert 0.75 * mem < total <= mem, f"{total} of {mem} MB"
    assert re.search(rf"memory, {smp} CPU", guest.cmd("log")), "not every processor was started"
    guest.send("poweroff\r")
    assert guest.wait_end() == 0


@pytest.mark.parametrize("values", BIOS, ids=name)
def test_bios(machine, values):
    model, cpu, smp, mem, nic = values
    check(machine(machine=model, cpu=cpu, smp=smp, mem=mem, nic=nic), smp, mem)


@pytest.mark.parametrize("values", UEFI, ids=name)
def test_uefi(machine, values):
    model, cpu, smp, mem, nic = values
    check(machine(machine=model, cpu=cpu, smp=smp, mem=mem, nic=nic, uefi=True), smp, mem)


@pytest.mark.parametrize("uefi", [False, True], ids=["bios", "uefi"])
def test_usb_stick(machine, uefi):
    """The same image, written to a stick."""
    guest = machine(usb_stick=True, uefi=uefi)
    guest.boot()
    assert_running(guest, SERVICES)


def test_repeated_boots(machine):
    """Five boots; the campaign of a hundred is the long test."""
    boots(machine, 5)


@pytest.mark.long
def test_hundred_boots(machine):
    """A boot that fails once in a hundred is a bug."""
    boots(machine, 100)


def boots(machine, count):
    """Boots again and again, with 1 to 4 processors on both machines."""
    for number in range(count):
        guest = machine(smp=1 + number % 4, machine=["q35", "pc"][number % 2])
        guest.boot()
        assert guest.cmd("echo here") == "here"
        guest.stop()
