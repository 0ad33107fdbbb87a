# SPDX-License-Identifier: MIT
"""The real servers are upgraded to builds with another layout and back while clients use them."""
import re

import pytest

from harness.archive import archive_with, program
from harness.expected import services


def upgrade(guest, name, build, state):
    """Orders an upgrade and says how the state must have gone over."""
    output = guest.cmd(f"upgrade {name} /boot/bin/{build}.elf")
    assert re.search(rf"^{name}: version \d, {state}$", output, re.M), output


@pytest.mark.parametrize("smp", [1, 2])
def test_file_server(machine, tmp_path, smp):
    """filework counts its operations and kills vfs all the time; see there."""
    guest = machine(replace={"filework": program("filework"),
                             "boot.tar": archive_with(tmp_path, files=["vfs2"])},
                    entry=2, nic="none", smp=smp)
    guest.boot()
    guest.cmd("mkdir /tmp/d")
    guest.cmd("echo kept > /tmp/d/file")
    guest.cmd("cd /tmp/d")
    upgrades = 0
    while "ok 5 -" not in guest.console_text() or upgrades < 4:
        upgrade(guest, "vfs", ("vfs2", "vfs")[upgrades % 2], "state kept by records")
        upgrades += 1
        assert guest.directory == "/tmp/d"
        assert "kept" in guest.cmd("cat file").splitlines()
    text = guest.console_text()
    assert not re.findall(r"^.*(?:# wrong|\bnot ok).*$", text, re.M), text[-3000:]
    assert re.findall(r"\bok (\d) - ", text) == ["1", "2", "3", "4", "5"]
    row = services(guest)["vfs"]
    assert row[1:3] == ["running", str(upgrades + 1)]
