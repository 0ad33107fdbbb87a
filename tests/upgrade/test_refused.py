# SPDX-License-Identifier: MIT
"""A program that can't be the service does not become it: by swap, by upgrade or from the boot menu."""
import re

from harness.archive import archive_with, program
from harness.expected import services

SERVERS = {"console": "tty/1", "vfs": "file/1", "devmgr": "pci/1", "net": "net/2 netif/2",
           "aiproxy": "ai/1", "e1000": "netif-driver/2", "proc": "proc/1"}


def test_another_protocol(machine, tmp_path):
    """Every server by every other; nothing has happened to any of them."""
    guest = machine(replace={"boot.tar": archive_with(
        tmp_path, files={"bin/console2.elf": program("console2")})})
    guest.boot()
    guest.cmd("echo kept > /tmp/file")
    before = services(guest)
    for server, needed in SERVERS.items():
        for other, spoken in SERVERS.items():
            if other == server:
                continue
            order = ("swap", "upgrade")[other == "net"]
            assert guest.cmd(f"{order} {server} /boot/bin/{other}.elf").splitlines() == [
                f"{order}: {server}: refused: {other} speaks {spoken}, needed: {needed}"]
        assert guest.cmd(f"swap {server} /boot/bin/shell.elf") == \
            f"swap: {server}: refused: the program has no note that says what it speaks, " \
            f"needed: {needed}"
    assert guest.cmd("upgrade e1000 /boot/bin/virtio_net.elf") == \
        "upgrade: e1000: refused: the file holds virtio_net, not e1000: that is a swap"
    after = services(guest)
    assert {name: row[1:5] for name, row in after.items()} == \
        {name: row[1:5] for name, row in before.items()}
    assert guest.cmd("cat /tmp/file") == "kept"
    assert re.search(r"service vfs: upgrade refused: net speaks net/2 netif/2, needed: file/1",
                     guest.cmd("log"))
    # And one that suits is still taken.
    assert guest.cmd("swap console /boot/bin/console2.elf") == \
        "console: version 2, state kept by records"


def test_a_program_that_the_shell_cannot_hold(machine):
    """Its account is full then; it says so and goes on."""
    guest = machine(nic="none")
    guest.boot()
    guest.cmd("cd /tmp")
    assert guest.cmd("swap vfs /boot/bin/busybox") == "swap: /boot/bin/busybox: account exhausted"
    assert guest.directory == "/tmp"


def test_from_the_boot_menu(machine):
    """Modules of the wrong kind: the services are missing, with the reason, and the rest works."""
    guest = machine(replace={"aiproxy": program("devmgr"), "proc": program("shell")}, nic="none")
    guest.boot()
    table = {row[0]: row for row in guest.table("services") if row}
    assert table["aiproxy"][1] == table["proc"][1] == "missing"
    assert table["vfs"][1] == "running"
    log = guest.cmd("log")
    assert "service aiproxy: devmgr speaks pci/1, needed: ai/1" in log
    assert "service proc: the program has no note that says what it speaks, needed: proc/1" in log
    assert guest.cmd("swap aiproxy /boot/bin/aiproxy.elf").startswith("swap: aiproxy: ")
