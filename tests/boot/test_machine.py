# SPDX-License-Identifier: MIT
"""Missing devices, power, idling, and the GRUB menu."""
import re
import time

import pytest

from harness.expected import NETWORK, SERVICES, assert_files, assert_running, services

LOCAL = [name for name in SERVICES if name not in NETWORK]


def once(text, pattern):
    """The one line that matches: a missing device is reported, and only once."""
    lines = [line for line in text.splitlines() if re.search(pattern, line, re.I)]
    assert len(lines) == 1, f"{pattern}: {lines}"
    return lines[0]


def test_no_nic(machine):
    guest = machine(nic="none")
    guest.boot()
    assert_running(guest, LOCAL)
    assert_files(guest)
    once(guest.cmd("log"), r"no device for driver e1000")
    assert "10.0.2.2: network is down" in guest.cmd("ping -c 1 10.0.2.2")


def test_unknown_nic(machine):
    guest = machine(nic="rtl8139")
    guest.boot()
    assert_running(guest, LOCAL)
    assert "10ec:8139" in guest.cmd("lspci")
    once(guest.cmd("log"), r"10ec:8139.*no driver for this network card")


def test_no_com2(machine):
    guest = machine()
    guest.boot()
    assert_running(guest, SERVICES)
    once(guest.cmd("log"), r"no COM2")
    assert guest.cmd("aiask hello") == "aiask: aiproxy: unavailable"


@pytest.mark.parametrize("model", ["pc", "q35"])
def test_no_keyboard(machine, model):
    guest = machine(machine=f"{model},i8042=off")
    guest.boot()
    assert_running(guest, SERVICES)
    once(guest.cmd("log"), r"no (PS/2 )?keyboard|no PS/2")
    assert_files(guest)


def test_no_vga(machine):
    guest = machine(vga="none")
    guest.boot()
    assert_running(guest, SERVICES)
    once(guest.cmd("log"), r"no screen|no VGA")
    assert_files(guest)


def test_idle_uses_little_cpu(machine):
    guest = machine(smp=2)
    guest.boot()
    time.sleep(3)
    before, start = guest.cpu_seconds(), time.monotonic()
    time.sleep(15)
    share = (guest.cpu_seconds() - before) / (time.monotonic() - start)
    assert share < 0.05, f"idle uses {share:.1%} of a CPU"


def test_uptime_keeps_pace(machine):
    """The guest's clock against the host's, over ten seconds; a slow answer widens the bounds."""
    guest = machine()
    guest.boot()

    def uptime():
        before = time.monotonic()
        return before, float(guest.cmd("cat /proc/uptime").split()[0]), time.monotonic()

    asked, first, answered = uptime()
    time.sleep(10)
    asked_again, second, answered_again = uptime()
    assert asked_again - answered - 0.1 < second - first < answered_again - asked + 0.1


@pytest.mark.parametrize("uefi", [False, True], ids=["bios", "uefi"])
@pytest.mark.parametrize("model", ["pc", "q35"])
def test_reboot(machine, model, uefi):
    guest = machine(machine=model, uefi=uefi)
    guest.boot()
    guest.send("reboot\r")
    assert guest.wait_end() == 0


def test_poweroff_and_reboot(machine):
    again = machine(reboot=True)
    again.boot()
    again.cmd("echo gone > /tmp/file")
    again.send("reboot\r")
    again.prompt()
    assert "gone" not in again.cmd("cat /tmp/file")
    again.send("poweroff\r")
    assert again.wait_end() == 0


def test_menu_without_network(machine):
    guest = machine(entry=1)
    guest.boot()
    assert_running(guest, LOCAL)
    table = services(guest)
    for name in NETWORK:
        assert name not in table or "running" not in table[name]


def test_menu_verbose(machine):
    """The log goes to COM1 also after the console has started."""
    texts = []
    for entry in (0, 2):
        guest = machine(entry=entry)
        guest.boot()
        assert_running(guest, SERVICES)
        guest.send("poweroff\r")
        assert guest.wait_end() == 0
        texts.append(guest.console_text())
    assert "memory: 0x" not in texts[0]
    ranges = re.findall(r"memory: 0x(\w{12}) to 0x(\w{12})\r?$", texts[1], re.M)
    total = re.search(r"memory: (\d+) KiB, \d+ modules, BIOS", texts[1]).group(1)
    assert sum(int(end, 16) - int(start, 16) for start, end in ranges) // 1024 == int(total)
    assert ranges == sorted(ranges) and len(ranges) > 1
    assert "init: power off" not in texts[0]
    assert "init: power off" in texts[1]


MENU = ["Axolotl", "Axolotl without network", "Axolotl with a verbose log on the serial line",
        "Rescue: init and console only"]


def test_menu_rescue(machine):
    """The last of the four entries, chosen with keys."""
    guest = machine(machine="pc", menu_seconds=600)
    rows = guest.wait_rows(lambda rows: any("The highlighted entry" in row for row in rows))
    assert [row.strip(" *│") for row in rows if "│" in row and row.strip(" *│")] == MENU
    for number in range(1, 4):
        guest.qmp.key("down")
        guest.wait_rows(lambda rows, wanted="*" + MENU[number]: any(wanted in row for row in rows))
    guest.qmp.key("ret")
    guest.boot()
    assert_running(guest, ["console", "shell"])
    table = services(guest)
    for name in ("vfs", "net", "aiproxy", "e1000"):
        assert name not in table or "running" not in table[name]
    assert guest.cmd("ls /") == "ls: this shell has no access to vfs"
