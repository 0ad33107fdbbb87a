# SPDX-License-Identifier: MIT
"""The commands for gdb, in a gdb that is connected to a machine at work."""
import os
import re
import subprocess

import machine

COMMANDS = os.path.join(machine.ROOT, "tools", "gdb", "axolotl.py")


def ask(guest, *commands):
    """What gdb prints for each command, in lines, while the machine stands."""
    words = ["gdb", "-nx", "-batch", "-ex", f"target remote {guest.gdb_path}", "-x", COMMANDS]
    for command in commands:
        words += ["-ex", "echo ----\\n", "-ex", command]
    done = subprocess.run([*words, machine.KERNEL], check=False, text=True, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert "Python Exception" not in done.stdout, done.stdout
    shown = done.stdout.replace("[Inferior 1 (process 1) detached]\n", "")
    return [part.strip().splitlines() for part in shown.split("----\n")[1:]]


def test_objects(machine):
    """The shell waits in a call to vfs, which has gone on to the console; gdb shows both."""
    guest = machine(gdb=True)
    guest.boot()
    tasks, threads, handles, endpoints, current = ask(
        guest, "tasks", "threads", "handles vfs", "endpoints", "current")
    services = [row[0] for row in guest.table("services") if row[1] == "running"]
    names = {line.split()[1] for line in tasks[1:]}
    assert names >= set(services)
    vfs = next(line for line in tasks if line.split()[1] == "vfs")
    assert re.search(r"^\d+ +vfs +running +0 ", vfs), vfs
    shell = next(line for line in threads if line.split()[1] == "shell")
    assert " calling " in shell and re.search(r"0x[0-9a-f]+ .*(vfs|console)$", shell), shell
    assert any(re.search(r" receiving ", line) for line in threads if line.split()[1] == "vfs")
    count = int(vfs.split()[5])
    assert len(handles) - 1 == count > 3
    assert any(line.split()[1] == "endpoint" for line in handles[1:])
    assert any(re.search(r"\bconsole\b.* of (shell|vfs), attempt 0\) +accepted$", line)
               for line in endpoints), endpoints
    assert re.match(r"0 +(-|\d+) +\S+ +\d+$", current[1]), current
    assert guest.cmd("echo on") == "on"


def test_a_wrong_name_is_told(machine):
    guest = machine(gdb=True)
    guest.boot()
    wrong, missing = ask(guest, "handles nobody", "handles")
    assert wrong == ["no task is called 'nobody'; `tasks` lists them"]
    assert missing == ["`help handles` tells how it is used"]
