# SPDX-License-Identifier: MIT
"""Kills while TCP connections are in every state: no byte is lost or doubled, none is reset."""

import pytest

from harness.clients import MEGABYTE, Held, traffic
from harness.peer import PORT, Killer, load, quiet, sequence
from harness.web import checksum, curl, fill, online

SERVERS = ["net", "e1000", "vfs", "devmgr"]


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


@pytest.mark.parametrize("server", ["net", "e1000"])
@pytest.mark.parametrize("smp", [1, 2])
def test_every_state_of_a_connection(machine, tmp_path, server, smp):
    guest = boot(machine, tmp_path, smp=smp)
    held = Held(guest, sequence(8 * MEGABYTE, 5))
    killer = Killer(guest, server, 60, 30000, turns=15)
    while killer.is_alive():
        traffic(guest)
    killer.done()
    Killer(guest, server, 3, 0).done()  # one right after the other
    held.finish()


def test_kills_cost_nothing(machine, tmp_path):
    """Memory of each service to the byte, its handles, the free memory: after a round of 350 kills
    they are as before it. (The first rounds may make net touch more of its blocks than before.)"""
    guest = boot(machine, tmp_path, smp=2, ai="echo")
    traffic(guest)
    rounds = [quiet(guest)]
    while len(rounds) < 2 or not rounds[-1] & rounds[-2]:
        assert len(rounds) < 6, "\n\n".join(sorted(state)[0] for state in rounds)
        for server in SERVERS + ["console", "aiproxy", "init"]:
            Killer(guest, server, 50, 1000).done()
        rounds.append(quiet(guest))
