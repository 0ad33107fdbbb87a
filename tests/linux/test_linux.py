# SPDX-License-Identifier: MIT
"""Linux programs give the same output here as on Linux."""
import re
import time

import pytest

SH = "/boot/bin/busybox"
KILLS = 6  # conftest.py


def same(guest, programs, *words):
    """Runs the words here and there."""
    output, status = programs.on_host(words)
    found = guest.cmd("run " + " ".join(words))
    assert found.replace("\r", "") == output.rstrip("\n")
    assert guest.cmd("echo $?") == str(status)


@pytest.fixture
def linux(machine, programs):
    """A machine with the programs, working in /tmp."""
    guest = machine(replace={"boot.tar": programs.archive}, nic="none")
    guest.boot()
    guest.cmd("cd /tmp")
    return guest


def test_hello(linux, programs):
    same(linux, programs, "/boot/test/hello", "a", "bc")
    same(linux, programs, SH, "echo", "from", "busybox")


def test_end_by_a_signal_is_said(linux):
    assert linux.cmd(f"run {SH} sh -c 'kill -9 $$'") == f"run: {SH}: ended by signal 9"
    assert linux.cmd("echo $?") == "137"


def test_hundred_programs_leave_nothing_behind(linux):
    def free():
        return {row[0]: int(row[1]) for row in linux.table("cat /proc/meminfo")}["MemFree:"]

    hundred = f"run {SH} sh -c 'for i in $({SH} seq 100); do {SH} true; done'"
    linux.cmd(hundred)  # what is kept for good
    before = free()
    linux.cmd(hundred)
    deadline = time.monotonic() + 60
    while free() < before and time.monotonic() < deadline:
        pass  # the end of the last one may lag behind
    assert free() >= before


def times(guest):
    """Seconds that each Linux program which computes has used."""
    return {row[0]: row[6] for row in guest.table("ps")
            if row[1] == "linux" and row[2] in ("ready", "running")}


def test_thirty_loops_stop_nobody(linux):
    """All get their share of the one processor, and the shell answers."""
    linux.qmp.key("alt", "f2")
    linux.wait_rows(lambda rows: rows[1] == "axolotl:/$")
    linux.qmp.type(f"run {SH} sh -c 'for i in $({SH} seq 30); do while :; do :; done & done; echo a''ll; wait'\n")
    linux.wait_rows(lambda rows: "all" in rows)
    assert linux.cmd("echo here") == "here"
    first = times(linux)
    assert len(first) == 30
    waiting, deadline = set(first), time.monotonic() + 120
    while waiting and time.monotonic() < deadline:
        now = times(linux)
        waiting = {task for task in waiting if now[task] == first[task]}
    assert not waiting


@pytest.mark.parametrize("script", ["files", "shell", "procfs"])
def test_script(linux, programs, script):
    same(linux, programs, SH, "sh", f"/boot/test/{script}.sh")


@pytest.mark.parametrize("program", ["calls", "alarms"])
def test_system_calls(linux, programs, program):
    same(linux, programs, f"/boot/test/{program}")


def ash(guest, line, wanted):
    """Types a line at ash's prompt and waits for what it prints."""
    guest.send(line + "\r")
    guest.expect(wanted)
    guest.expect(r"# ")


def test_job_control(linux):
    """Ash on the console: signals from keys, stopping and going on."""
    linux.send("run /boot/bin/busybox ash\r")
    linux.expect(r"axolotl:/tmp# ")
    linux.send("sleep 1000\r")
    linux.expect("sleep 1000\r\n")
    until(linux, "\x03", r"\^C\r\naxolotl:/tmp# ")
    ash(linux, "echo =$?=", "=130=")
    linux.send("while :; do :; done\r")
    linux.expect("done\r\n")
    until(linux, "\x03", r"\^C\r\naxolotl:/tmp# ")
    linux.send("sleep 1000\r")
    linux.expect("sleep 1000\r\n")
    until(linux, "\x1a", r"Stopped +sleep 1000\r\naxolotl:/tmp# ")
    ash(linux, "jobs", "Stopped")
    ash(linux, "bg", "sleep 1000")
    ash(linux, "jobs", "Running")
    ash(linux, "kill %1; wait; echo over", "over\r\n")
    ash(linux, "stty -a | grep -c speed", "1\r\n")
    linux.send("echo rea''dy; cat\r")  # keys typed now are cooked
    linux.expect("ready\r\n")
    linux.send("line\x7f\x7fke\r")
    linux.expect("like\r\n")  # in the echo the n and e are still there
    linux.send("\x04")
    linux.expect("# ")
    linux.send("exit 5\r")
    linux.prompt()
    assert linux.cmd("echo $?") == "5"


def until(guest, key, wanted):
    """Types a key until it has had its effect: it may come before the program has been started."""
    for _ in range(60):
        guest.send(key)
        try:
            guest.expect(wanted, timeout=2)
            return
        except AssertionError:
            continue
    raise AssertionError(f"no {wanted!r} after {key!r}")


def test_missing_call_is_logged_once(linux):
    linux.cmd("run /boot/test/calls missing")
    linux.cmd("run /boot/test/calls missing")
    log = linux.cmd("log")
    assert len(re.findall(r"system call 175 \(init_module\) is not there", log)) == 1


@pytest.mark.parametrize("words,victim", [
    (SH + " sh /boot/test/busy.sh", "proc"), (SH + " sh /boot/test/busy.sh", "vfs"),
    (SH + " sh /boot/test/busy.sh", "console"), ("/boot/test/alarms busy", "proc")])
def test_nobody_notices_a_kill(machine, programs, words, victim):
    """A program forks, pipes and writes files, or has timers, while the server is killed from the
    next terminal; nothing it computes or sees is wrong."""
    guest = machine(replace={"boot.tar": programs.archive}, nic="none", smp=2)
    guest.boot()
    guest.cmd("cd /tmp")
    guest.send(f"run {words}\r")
    guest.expect(r"started\r?\n")
    guest.qmp.key("alt", "f2")
    guest.qmp.type(f"run /boot/test/kill-{victim}\n")
    guest.expect(r"(\d+) wrong, finished\r?\n")
    assert guest.console.match.group(1) == "0"
    guest.prompt()
    restarts = {row[0]: row[3] for row in guest.table("services")[1:]}
    assert int(restarts[victim]) >= KILLS
