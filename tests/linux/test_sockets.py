# SPDX-License-Identifier: MIT
"""Linux programs on the network: busybox's wget, nc and httpd as they are."""
import pytest

from harness.clients import MEGABYTE
from harness.web import Web, fill, online

SH = "/boot/bin/busybox"
KILLS = 6  # conftest.py


@pytest.fixture
def web(tmp_path):
    """An HTTP server on the host."""
    server = Web(tmp_path / "web")
    yield server
    server.stop()


@pytest.fixture
def linux(machine, programs):
    """A function that boots a machine with the programs, online, working in /tmp."""

    def boot(**options):
        guest = machine(replace={"boot.tar": programs.archive}, **options)
        guest.boot()
        online(guest)
        guest.cmd("cd /tmp")
        return guest

    return boot


def test_wget(linux, web):
    guest = linux()
    expected = fill(web.folder / "big", MEGABYTE, "wget")
    output = guest.cmd(f"run {SH} wget http://10.0.2.2:{web.port}/big")
    assert "saved" in output, output
    assert guest.cmd(f"run {SH} sha256sum big").startswith(expected)


@pytest.mark.parametrize("victim", ["net"])
def test_nobody_notices_a_kill(linux, web, victim):
    """wget fetches 10 MB again and again while the server is killed from the next terminal."""
    guest = linux(smp=2)
    expected = fill(web.folder / "big", 10 * MEGABYTE, victim)
    guest.qmp.key("alt", "f2")
    guest.send(f"run {SH} sh /boot/test/fetch.sh http://10.0.2.2:{web.port}/big {expected}\r")
    guest.expect(r"started\r?\n")
    guest.qmp.type(f"run /boot/test/kill-{victim}\n")
    guest.expect(r"(\d+) wrong, finished\r?\n")
    assert guest.console.match.group(1) == "0"
    guest.prompt()
    restarts = {row[0]: row[3] for row in guest.table("services")[1:]}
    assert int(restarts[victim]) >= KILLS
