# SPDX-License-Identifier: MIT
"""Kills while a host fetches ten megabytes: the connection goes on, byte for byte."""
import time

import pytest

from harness.web import checksum, curl, fill, online

MEGABYTE = 1 << 20


@pytest.mark.parametrize("server", ["net", "e1000", "vfs", "devmgr"])
def test_kill_during_a_transfer(machine, web, tmp_path, server):
    """The connection goes on through five kills, byte for byte."""
    guest = machine(forward=(80,), smp=2)
    guest.boot()
    online(guest)
    expected = fill(web.folder / "big", 10 * MEGABYTE, server)
    guest.cmd(f"httpget http://10.0.2.2:{web.port}/big > /tmp/big", timeout=300)
    client = curl(guest, "/tmp/big", tmp_path / "back", background=True)
    for _ in range(5):
        time.sleep(0.3)
        guest.cmd(f"kill {server}")
    assert client.wait(timeout=300) == 0, client.stderr.read()
    assert checksum(tmp_path / "back") == expected
    assert "2 received" in guest.cmd("ping -c 2 10.0.2.2")
