# SPDX-License-Identifier: MIT
"""Each server is killed at every system call of every operation's turn, at its commit and at places
in between, and in its recovery; the operation is done once, with the right answer."""
import collections
import os
import re
import subprocess

import pytest

import machine as tools
from harness.archive import programs
from harness.campaign import sabotage
from harness.sweep import END, IDLE, SERVERS, Point, Sweep, modules, operations
from harness.web import online

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "sweep", "sweep_linux.c")
# One operation of each server, in whose turn it dies before it is killed again.
DYING = {"vfs": "OPEN", "net": "SEND", "console": "SIZE", "aiproxy": "STATUS", "devmgr": "LIST",
         "init": "INFO", "proc": "RUN", "e1000": "an interrupt"}
LINUX = "proc by a Linux program"


def boot(machine, tmp_path, seed, linux=False):
    """A machine with a sweep that is to begin; the program is the native or the Linux one."""
    path, files = None, programs("httpd", "devmgr")
    if linux:
        path = str(tmp_path / "sweep_linux")
        subprocess.run(["musl-gcc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-static",
                        "-I", os.path.join(tools.ROOT, "abi"),
                        "-I", os.path.join(tools.ROOT, "libipc", "include"), "-o", path, SOURCE],
                       check=True)
        files = {"test/sweep": path}
    guest = machine(replace=modules(tmp_path, files), ai="echo", gdb=True, smp=1)
    guest.boot()
    online(guest)
    guest.qmp.key("alt", "f6")
    if linux:
        guest.send("run /boot/test/sweep\r")
    return Sweep(guest, seed, path)


def finish(sweep, linux=False):
    """The machine goes on; nothing died but what was killed, and nothing was lost."""
    sweep.leave(END if linux else IDLE)
    if linux:
        sweep.guest.prompt()
    killed = {name: sum(kill.server == name for kill in sweep.kills) for name in SERVERS}
    table = {row[0]: row for row in sweep.guest.table("services")}
    for name in set(SERVERS) - {"init"}:  # whose deaths it does not count itself
        assert table[name][1] == "running" and int(table[name][4]) == killed[name], table[name]
    log = sweep.guest.cmd("log")
    assert not re.findall(r".*; L[1-4] .*", log)
    rows = {kill.row for kill in sweep.kills}
    print(f"{len(rows)} rows | {sum(sweep.traces.values())} points | {len(sweep.kills)} kills")
    places = collections.Counter((kill.server, kill.event, kill.what) for kill in sweep.kills)
    print("\n".join(f"{count} {' '.join(place)}" for place, count in sorted(places.items())))


def sweep_all(machine, tmp_path, number, servers=None, linux=False):
    """All rows, or those of these servers."""
    sweep = boot(machine, tmp_path, 1, linux)
    for row in sweep.rows:
        if servers is None or row.server in servers:
            sweep.sweep_row(row, number)
    finish(sweep, linux)
    return sweep


def test_sample(machine, tmp_path):
    """One point of each row. Every operation of every protocol header is swept or refused by one of
    the programs."""
    sweeps = [sweep_all(machine, tmp_path, 1, linux=linux) for linux in (False, True)]
    swept = {(kill.row.protocol, kill.row.name) for sweep in sweeps for kill in sweep.kills}
    refused = {pair for sweep in sweeps for pair in sweep.refused} - swept
    assert {pair for pair in swept if pair[0]} | refused == operations()
    assert refused == {("init", "POWER")}


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS + [LINUX])
def test_every_point(machine, tmp_path, server):
    """All points of all rows of a server."""
    linux = server == LINUX
    sweep = sweep_all(machine, tmp_path, None, None if linux else [server], linux)
    assert len(sweep.missed) * 20 <= len(sweep.kills), sweep.missed


def power_off(machine, tmp_path, number):
    """init is killed at a point of the order to switch off; the machine is off nevertheless."""
    sweep = boot(machine, tmp_path, number)
    row = next(row for row in sweep.rows if row.name == "INFO")
    server = sweep.servers["init"]
    points = [Point("start", server.turn, 0, 0), Point("commit, before", server.commit, 1, 0),
              *[Point("within", server.turn, 0, steps) for steps in range(20, 400, 40)]]
    aim = sweep.aim(row)._replace(label=5, point=points[number % len(points)])
    sweep.gdb.stop()
    sweep.guest.send("poweroff\r")  # arrives when the machine goes on
    assert sweep.reach(aim)
    sweep.spoil(row, aim, sweep.reach_point(aim))
    sweep.release()
    assert sweep.guest.process.wait(120) == 0


def test_power(machine, tmp_path):
    power_off(machine, tmp_path, 1)


@pytest.mark.long
@pytest.mark.parametrize("number", range(12))
def test_power_at_every_point(machine, tmp_path, number):
    power_off(machine, tmp_path, number)


def recovery(machine, tmp_path, number, servers):
    """Kills twice and three times in a row, in the recovery of each server."""
    sweep = boot(machine, tmp_path, 2)
    for server in servers:
        row = next(row for row in sweep.rows if (row.server, row.name) == (server, DYING[server]))
        sweep.round(row)
        sweep.sweep_recovery(row, number)
    finish(sweep)
    return sweep


def test_recovery(machine, tmp_path):
    recovery(machine, tmp_path, 1, SERVERS)


@pytest.mark.long
@pytest.mark.parametrize("server", SERVERS)
def test_recovery_at_every_point(machine, tmp_path, server):
    sweep = recovery(machine, tmp_path, None, [server])
    assert len(sweep.missed) * 20 <= len(sweep.kills), sweep.missed


@pytest.mark.parametrize("server, name", [
    ("vfs", "MKDIR"), ("net", "SEND"), ("console", "WAIT_INTERRUPT"), ("aiproxy", "ASK"),
    ("init", "KILL"), ("proc", "WRITE")])
def test_a_kernel_that_does_not_roll_back_is_noticed(machine, tmp_path, server, name):
    """A kill before the commit: the call comes again to a server that has done it already."""
    sweep = boot(machine, tmp_path, 3, linux=server == "proc")
    row = next(row for row in sweep.rows if (row.server, row.name) == (server, name))
    aim = sweep.aim(row, Point("commit, before", sweep.servers[server].commit, 1, 0))
    sweep.insist(row, aim)
    sabotage(sweep.guest, "arena_rollback")
    sweep.come_back()
    with pytest.raises(AssertionError, match=" is not "):
        sweep.insist(row, aim)
