# SPDX-License-Identifier: MIT
"""Kills while TCP connections are in every state: no byte is lost or doubled, none is reset."""

import pytest

from harness.clients import MEGABYTE, every_state, traffic
from harness.lan import Lan, fixed_address
from harness.peer import PORT, Killer, level, load, quiet
from harness.web import checksum, curl, fill, online

SERVERS = ["net", "e1000", "vfs", "devmgr"]

EVERYBODY = ["vfs", "net", "console", "aiproxy", "e1000", "devmgr", "init", "proc"]
KILLS = 1000


def boot(machine, tmp_path, **options):
    """A machine with `peer`, online."""
    guest = machine(forward=(80, PORT), replace=load(tmp_path), **options)
    guest.boot()
    online(guest)
    return guest


@pytest.mark.parametrize("server", SERVERS)
def test_receive_to_a_file(machine, web, tmp_path, server):
    guest = boot(machine, tmp_path, smp=2)
    expected = fill(web.folder / "big", 6 * MEGABYTE, server)
    killer = Killer(guest, server, 40, 40000)
    while killer.is_alive():
        output = guest.cmd(f"httpget http://10.0.2.2:{web.port}/big > /tmp/big", timeout=300)
        assert output.startswith(f"{6 * MEGABYTE} bytes"), output
        curl(guest, "/tmp/big", tmp_path / "back")
        assert checksum(tmp_path / "back") == expected
    killer.done()


@pytest.mark.parametrize("server", ["net", pytest.param("e1000", marks=pytest.mark.long)])
@pytest.mark.parametrize("smp", [1, 2])
def test_every_state_of_a_connection(machine, tmp_path, server, smp):
    every_state(boot(machine, tmp_path, smp=smp), server)


@pytest.mark.tap
@pytest.mark.parametrize("smp", [1, 2])
def test_every_state_of_a_connection_on_tap(machine, tmp_path, smp):
    """Kills of the driver. QEMU's user network loses bytes of its own when a handshake is hit."""
    lan = Lan(str(tmp_path))
    try:
        guest = machine(**lan.options(), forward=(PORT,), replace=load(tmp_path, fixed_address),
                        smp=smp)
        guest.boot()
        guest.expect_in_log("peer: ready")
        clients = lan.client("clients.every_state(guest, 'e1000')")
        assert clients.wait(timeout=600) == 0
        assert restarts(guest)["e1000"] == 63
    finally:
        lan.stop()


def restarts(guest):
    """Restarts of each service."""
    return {row[0]: int(row[3]) for row in guest.table("services")[1:] if row}


def work(guest):
    """Something with each server."""
    assert guest.cmd("echo kept > /tmp/file") == ""
    assert guest.cmd("cat /tmp/file") == "kept"
    assert guest.cmd("run /boot/bin/busybox echo word") == "word"
    assert "[e1000]" in guest.cmd("lspci")
    assert guest.cmd("aiask Who?") == "AI echo: Who?"
    assert "1 sent" in guest.cmd("ping -c 1 10.0.2.2")


def test_a_thousand_kills_cost_nothing(machine, tmp_path):
    """As fast as a program can, while a person works at COM1. Memory of each service, its handles,
    the free memory: a round ends as one before it. (The first make net touch more of its blocks.)"""
    guest = boot(machine, tmp_path, smp=2, ai="echo")
    traffic(guest)
    rounds, names = [quiet(guest)], ",".join(EVERYBODY)
    while not level(rounds):
        assert len(rounds) < 6, "\n\n".join(sorted(state)[0] for state in rounds)
        before = restarts(guest)
        killer = Killer(guest, names, KILLS, 0)
        while killer.is_alive():
            work(guest)
        killer.done()
        after = restarts(guest)
        assert {name: after[name] - before[name] for name in EVERYBODY} == \
            dict.fromkeys(EVERYBODY, KILLS // len(EVERYBODY))
        rounds.append(quiet(guest))
