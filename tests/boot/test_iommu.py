# SPDX-License-Identifier: MIT
"""DMA behind an IOMMU (QEMU's intel-iommu) and without one: what a card reaches, and when."""
import os
import re
import socket
import struct
import time

import pytest

from harness.expected import services
from harness.guest import free_ports
from harness.injector import kernel_symbol

CARDS = {"e1000": "e1000", "e1000e": "e1000", "virtio-net-pci": "virtio_net"}
PAGE = 4096
SPARE = 96 << 20  # a frame that nobody has so early: they are given out from the bottom
CANARY = bytes(range(256)) * (PAGE // 256)
RING_ADDRESS, RING_LENGTH = 0x2800, 0x2808  # registers of the e1000, receive ring
BUS_MASTER = 4
FRAME = b"\xff" * 6 + bytes.fromhex("525400000099") + b"\x88\xb5" + b"frame" * 40


def pings(guest):
    assert "2 received" in guest.cmd("ping -c 2 10.0.2.2")


def ring(guest):
    """Address and size of the card's receive ring."""
    found = re.search(r"BAR 0: memory at (0x[0-9a-f]+)", guest.cmd("lspci -v"))
    registers = int(found.group(1), 16)

    def read(offset):
        return int(guest.qmp.monitor(f"xp /1wx {registers + offset:#x}").split()[-1], 16)

    return read(RING_ADDRESS), read(RING_LENGTH)


def memory(guest, address, size):
    return guest.qmp.memory(address, size, os.path.join(guest.work, "memory"))


@pytest.mark.parametrize("nic", CARDS)
def test_network(machine, nic):
    """Every card works through the IOMMU, after the deaths of all concerned too."""
    guest = machine(iommu=True, nic=nic)
    guest.boot()
    guest.expect_in_log(r"devmgr: IOMMU: a device reaches its driver's memory only")
    guest.expect_in_log(rf"{CARDS[nic]}: .* DMA confined, link up")
    guest.expect_in_log(r"address 10\.0\.2\.15/24")
    assert "DMA: behind the IOMMU" in guest.cmd("lspci -v")
    for name in (CARDS[nic], "devmgr", CARDS[nic], "net"):
        guest.cmd(f"kill {name}")
        pings(guest)
    assert "blocked" not in guest.cmd("log")


def test_behind_bridges(machine):
    """A bridge to conventional PCI takes the card's accesses for its own."""
    guest = machine(iommu=True, nic="none", extra=[
        "-netdev", "user,id=card", "-device", "pcie-root-port,id=root1,slot=1,chassis=1",
        "-device", "pcie-pci-bridge,id=bridge,bus=root1",
        "-device", "e1000,bus=bridge,addr=5,netdev=card"])
    guest.boot()
    guest.expect_in_log(r"e1000: .* DMA confined, link up")
    guest.expect_in_log(r"address 10\.0\.2\.15/24")
    guest.cmd("kill e1000")
    pings(guest)


def test_switched_off(machine):
    """A word on the command line keeps the IOMMU out of it."""
    guest = machine(iommu=True, append="noiommu")
    guest.boot()
    guest.expect_in_log("devmgr: noiommu: devices reach all memory")
    guest.expect_in_log(r"e1000: .* DMA not confined, link up")
    assert "DMA: reaches all memory" in guest.cmd("lspci -v")


def test_past_the_iommu(machine):
    """A virtio device that was not told to use the IOMMU works, and the log says what it is."""
    guest = machine(iommu=True, nic="none",
                    extra=["-netdev", "user,id=card", "-device", "virtio-net-pci,netdev=card"])
    guest.boot()
    guest.expect_in_log(r"virtio_net: .* DMA past the IOMMU, link up")
    guest.expect_in_log(r"address 10\.0\.2\.15/24")
    pings(guest)


@pytest.mark.parametrize("iommu", [True, False])
def test_wrong_address(machine, iommu):
    """The driver gives its card memory that is not its own: with an IOMMU nothing happens to it,
    and the log names the card; without one it is overwritten, as this test then sees."""
    guest = machine(iommu=iommu, gdb=True)
    guest.boot()
    guest.expect_in_log(r"address 10\.0\.2\.15/24")
    pings(guest)
    start, size = ring(guest)
    guest.gdb.write_physical(SPARE, CANARY)
    for slot in range(start, start + size, 16):
        guest.gdb.write_physical(slot, struct.pack("<Q", SPARE))
    guest.gdb.resume()
    guest.cmd("ping -c 2 10.0.2.2")
    if iommu:
        line = guest.expect_in_log("blocked")
        assert re.search(rf"devmgr: 00:02\.0 Intel 82540EM gigabit Ethernet \[e1000\]: write to "
                         rf"{SPARE:#x} blocked, reason 5, 1 so far", line), line
    assert (memory(guest, SPARE, PAGE) == CANARY) is iommu
    for name in ("devmgr", "e1000"):  # the manager's state is as good as before the report
        guest.cmd(f"kill {name}")
    pings(guest)
    assert services(guest)["devmgr"][1:5] == ["running", "1", "1", "0"]


@pytest.mark.parametrize("iommu", [True, False])
def test_frames_of_the_dead(machine, iommu):
    """The machine stands at the moment when the dead driver's rings were freed and nothing is new
    yet; frames keep coming. The card writes nothing, since bus mastering is off. Switched on by
    force, it still reaches nothing behind an IOMMU, and without one what is not its own any more."""
    here, there = free_ports(2)
    guest = machine(iommu=iommu, nic="e1000", gdb=True, netdev=[
        "-netdev", f"socket,id=net0,udp=127.0.0.1:{here},localaddr=127.0.0.1:{there}"])
    guest.boot()
    guest.expect_in_log(r"e1000: .* link up")
    start, size = ring(guest)
    gdb = guest.gdb
    freed = kernel_symbol("image_load")
    gdb.breakpoint(freed)
    gdb.resume()
    guest.send("kill e1000\r")
    assert gdb.wait(60), "the driver was not reset"
    gdb.breakpoint(freed, False)
    before = memory(guest, start, size)
    assert before.strip(b"\0"), "the ring is empty"
    code = gdb.read(freed, 2)

    def deliver():
        """Frames arrive while the processor does nothing."""
        assert gdb.write(freed, b"\xeb\xfe")
        gdb.resume()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            for _ in range(50):
                wire.sendto(FRAME, ("127.0.0.1", there))
                time.sleep(0.01)
        gdb.stop()
        assert gdb.write(freed, code)
        return memory(guest, start, size)

    assert deliver() == before
    guest.qmp.monitor("o/l 0xcf8 0x80001004")
    on = int(guest.qmp.monitor("i/h 0xcfc").split()[-1], 16)
    assert on & BUS_MASTER == 0
    guest.qmp.monitor(f"o/h 0xcfc {on | BUS_MASTER:#x}")
    assert (deliver() == before) is iommu
    if iommu:  # without one the frames of somebody else are spoilt by now
        guest.qmp.monitor(f"o/h 0xcfc {on:#x}")
        gdb.resume()
        guest.prompt()
        guest.expect_in_log(r"00:02\.0 .* (read of|write to) 0x[0-9a-f]+ blocked")
        deadline = time.monotonic() + 60
        while (log := guest.cmd("log")).count("DMA confined, link up") < 2:
            assert time.monotonic() < deadline, log
        assert "blocked" not in log.rsplit("link up", 1)[1]
