# SPDX-License-Identifier: MIT
"""No server at work has an address of its program in its arena, but for those of its gates: a
build in which everything has moved can take the arena over."""
import re
import struct
import subprocess

import pytest

import machine as machines
from harness.injector import Injector
from harness.traces import Program
from harness.web import curl, fill, online

ARENA, PROGRAM = 0x100000000000, 0xfffc0000000
PIECE, PIECES = 1024, 2048
WORK = {"vfs": "ls /", "net": "ping -c 1 10.0.2.2", "console": "echo word", "aiproxy": "aiask Who?",
        "devmgr": "lspci", "proc": "run /boot/bin/busybox true"}


def gates_of(name):
    """The addresses of a program's gates."""
    path = f"{machines.BUILD}/boot/{name}.elf"
    text = subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout
    return {int(value, 16) for value in re.findall(r"^(\w+) T gate_", text, re.M)}


def arena(gdb):
    """The arena of the task that runs: (offset, word) of all pages that are mapped."""
    for start in range(0, PIECES * PIECE, PIECE):
        data = gdb.read(ARENA + start, PIECE)
        yield from zip(range(start, start + len(data), 8),
                       struct.unpack(f"<{len(data) // 8}Q", data))


@pytest.fixture(name="guest")
def fixture_guest(machine, web, tmp_path):
    """A machine in which every server has done something."""
    guest = machine(forward=(80,), ai="echo", gdb=True)
    guest.boot()
    online(guest)
    fill(web.folder / "big", 1 << 20, "arenas")
    guest.cmd(f"httpget http://10.0.2.2:{web.port}/big > /tmp/big", timeout=300)
    curl(guest, "/tmp/big", tmp_path / "back")
    for command in WORK.values():
        guest.cmd(command)
    return guest


def test_arenas_hold_gates_only(guest):
    injector = Injector(guest, 1)
    injector.programs = {name: Program(name) for name in WORK}
    for name, command in WORK.items():
        injector.type(command + "\r")
        assert injector.reach(name, injector.programs[name].turn, wait=60), name
        gates = gates_of(name)
        words = list(arena(injector.gdb))
        injector.leave()
        guest.prompt()
        assert sum(word != 0 for _, word in words) > 10, name
        words = [(at, word) for at, word in words if PROGRAM <= word < ARENA]
        strays = [f"{name} has {injector.programs[name].function(word)} ({word:#x}) at {at:#x}"
                  for at, word in words if word not in gates]
        assert not strays, "\n".join(strays[:20])
        assert (len(words) > 10) == (name == "net"), (name, len(words))
