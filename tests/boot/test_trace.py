# SPDX-License-Identifier: MIT
"""The kernel's trace: what it shows of a command, and its file for Chrome and Perfetto."""
import json
import re
import subprocess

import pytest

from harness.web import online

ROW = r" *(\d+)\.(\d{9}) +(\d+)  (.{12}|\S{13,23}) (\S.*)"


@pytest.fixture(params=[1, 2], ids=["one", "two"])
def guest(machine, request):
    """A booted machine whose web server the host reaches, with one or two processors."""
    guest = machine(smp=request.param, forward=(80,))
    guest.boot()
    return guest


def rows(text):
    """(ns, processor, task, what) of each line, below the heading."""
    lines = text.splitlines()
    assert lines[0].split() == ["TIME", "CPU", "TASK", "WHAT"], lines[0]
    matches = [re.fullmatch(ROW, line) for line in lines[1:]]
    assert all(matches), [line for line, match in zip(lines[1:], matches) if not match]
    return [(int(m[1]) * 10**9 + int(m[2]), int(m[3]), m[4].strip(), m[5]) for m in matches]


def fetch(guest, path):
    """The events of a file, as a viewer reads it."""
    assert guest.cmd(f"trace json {path}") == ""
    online(guest)
    done = subprocess.run(["curl", "--silent", "--fail", "--noproxy", "*", "--max-time", "100",
                           f"http://127.0.0.1:{guest.port[80]}{path}"], check=True,
                          capture_output=True)
    return json.loads(done.stdout)["traceEvents"]


def check_events(events):
    """Times never fall and what begins ends, inside of what began before. Returns (process, thread,
    name, from, to) of each that did, and the processes' names."""
    names, last, stacks, spans, waiting = {}, 0, {}, [], {}
    for event in events:
        place = event["pid"], event["tid"]
        if event["ph"] == "M":
            if event["name"] == "process_name":
                names[event["pid"]] = event["args"]["name"]
            continue
        assert event["ts"] >= last, event
        last = event["ts"]
        if event["ph"] == "B":
            stacks.setdefault(place, []).append(event)
            assert place[0] != 0 or len(stacks[place]) == 1, "a processor runs one thread"
        elif event["ph"] == "E":
            begin = stacks[place].pop()
            spans.append((*place, begin["name"], begin["ts"], last))
        elif event["ph"] == "b":
            assert event["id"] not in waiting
            waiting[event["id"]] = event
        elif event["ph"] == "e":
            assert waiting.pop(event["id"])["ts"] <= last
        else:
            assert event["ph"] == "i", event
    assert not any(stacks.values()) and not waiting
    return spans, names


def check_calls(spans, names):
    """Each call of the shell to vfs has a turn of vfs inside it."""
    calls = [span for span in spans if names[span[0]] == "shell" and span[2] == "call vfs"]
    turns = [span for span in spans if names[span[0]] == "vfs" and span[2] == "takes a call of shell"]
    assert calls and len({call[1] for call in calls}) == 1
    for call in calls:
        assert any(call[3] <= turn[3] <= turn[4] <= call[4] for turn in turns), call
    return calls


def test_trace(guest):
    guest.cmd("trace on")
    assert guest.cmd("ls /boot")
    guest.cmd("echo text > /tmp/file")
    guest.cmd("trace off")
    text = guest.cmd("trace -n 100000")
    found = rows(text)
    assert [row[0] for row in found] == sorted(row[0] for row in found)
    assert {row[1] for row in found} <= set(range(guest.config.smp))
    for task, what in [("shell", r"calls vfs, operation \d+"), ("vfs", "takes a call of shell"),
                       ("vfs", r"commits [1-9]\d* pages, took \d+\.\d{3} us"), ("vfs", "runs"),
                       ("vfs", r"answers shell, OK, took \d+\.\d{3} us"),
                       ("shell", "calls console, .*"), ("console", r"is notified, bits 0x\w+"),
                       ("-", "idle"), (".*", r"interrupt, vector \d+")]:
        assert any(re.fullmatch(task, row[2]) and re.fullmatch(what, row[3]) for row in found), what
    assert guest.cmd("trace -n 100000") == text, "it goes on after its end"
    assert rows(guest.cmd("trace")) == found[-40:]
    spans, names = check_events(fetch(guest, "/tmp/trace.json"))
    check_calls(spans, names)
    assert names[0] == "processors" and {"shell", "vfs", "console", "init"} <= set(names.values())
    guest.cmd("trace drop")
    assert "nothing is recorded" in guest.cmd("trace")


def test_kill(guest):
    """Whatever ends in the middle of something: its calls and turns end too."""
    guest.cmd("trace on")
    guest.cmd("kill vfs")
    guest.cmd("ls /boot")
    guest.cmd("kill devmgr")
    guest.cmd("lspci")
    guest.cmd("run /boot/bin/busybox true")
    spans, names = check_events(fetch(guest, "/tmp/while.json"))  # while it goes on
    check_calls(spans, names)
    guest.cmd("trace off")
    found = rows(guest.cmd("trace -n 100000"))
    for task in "vfs", "devmgr":
        assert any(row[2] == task and row[3].startswith("is reset") for row in found), task
    assert any(re.fullmatch(r"ends, -?\d+", row[3]) for row in found), "the Linux program"
    spans, names = check_events(fetch(guest, "/tmp/trace.json"))
    check_calls(spans, names)


def test_other_terminals(machine):
    """Only the first terminal's shell may look."""
    guest = machine(machine="pc", nic="none")
    guest.boot()
    guest.qmp.key("alt", "f2")
    guest.wait_screen(r"^axolotl:/\$$")
    for number, action in enumerate(("on", "off", "drop", "")):
        guest.qmp.type(f"trace {action}\necho {number} failed $?\n")
        lines = guest.wait_screen(rf"^{number} failed 1$")
        wrong = "trace: this shell may not trace, the first terminal's may"
        assert lines.count(wrong) == number + 1, lines
    assert "nothing is recorded" in guest.cmd("trace")
