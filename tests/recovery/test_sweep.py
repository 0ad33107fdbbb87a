# SPDX-License-Identifier: MIT
"""Each server is killed at every system call of every operation's turn, at its commit and at places
in between, and in its recovery; the operation is done once, with the right answer."""
import os
import re
import subprocess

import pytest

import machine as tools
from harness.archive import programs
from harness.campaign import sabotage
from harness.sweep import END, IDLE, SERVERS, Point, Sweep, modules, operations, report
from harness.web import online

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "sweep", "sweep_linux.c")
# One operation of each server, in whose turn it dies before it is killed again.
DYING = [("vfs", "OPEN"), ("net", "SEND"), ("console", "SIZE"), ("aiproxy", "STATUS"),
         ("devmgr", "LIST"), ("init", "INFO"), ("proc", "RUN"), ("e1000", "an interrupt")]


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
    print("\n".join(report(sweep)))


def sweep_all(machine, tmp_path, seed, number, linux=False):
    """All rows; what was swept, and what was refused with its reason."""
    sweep = boot(machine, tmp_path, seed, linux)
    for row in sweep.rows:
        sweep.sweep_row(row, number)
    finish(sweep, linux)
    assert len(sweep.missed) * 20 <= len(sweep.kills), sweep.missed
    swept = {(kill.row.protocol, kill.row.name) for kill in sweep.kills}
    return swept, sweep.refused


def covered(machine, tmp_path, seed, number):
    """Both programs; every operation of every protocol header is swept or refused by one of them."""
    native, refused = sweep_all(machine, tmp_path, seed, number)
    linux, more = sweep_all(machine, tmp_path, seed, number, linux=True)
    swept = {pair for pair in native | linux if pair[0]}
    refused = {pair: why for pair, why in {**refused, **more}.items() if pair not in swept}
    print("not swept:", refused)
    assert swept | set(refused) == operations()
    assert set(refused) == {("init", "POWER")}, refused


def test_sample(machine, tmp_path):
    """One point of each operation."""
    covered(machine, tmp_path, 1, 1)


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


def recovery(machine, tmp_path, number):
    """Kills twice and three times in a row, in the recovery of each server."""
    sweep = boot(machine, tmp_path, 2)
    for server, name in DYING:
        row = next(row for row in sweep.rows if (row.server, row.name) == (server, name))
        sweep.round(row)
        sweep.sweep_recovery(row, number)
    finish(sweep)


@pytest.mark.long
def test_recovery(machine, tmp_path):
    recovery(machine, tmp_path, 1)


@pytest.mark.long
def test_recovery_at_every_point(machine, tmp_path):
    recovery(machine, tmp_path, None)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_every_point(machine, tmp_path, seed):
    covered(machine, tmp_path, seed, None)


def test_a_kernel_that_does_not_roll_back_is_noticed(machine, tmp_path):
    """mkdir before the commit: without a roll back the folder is there when the call comes again."""
    sweep = boot(machine, tmp_path, 3)
    row = next(row for row in sweep.rows if row.name == "MKDIR")
    aim = sweep.aim(row, Point("commit, before", sweep.servers["vfs"].commit, 1, 0))
    assert sweep.round(row, aim) == 1
    sabotage(sweep.guest, "arena_rollback")
    sweep.come_back()
    with pytest.raises(AssertionError, match="mkdir.*is not 0"):
        sweep.round(row, aim)
