# SPDX-License-Identifier: MIT
"""What commits cost a TCP transfer, and how long one stands still when its stack is killed. Under
-icount one instruction is one nanosecond of guest time, also in captures and in the log; with a
peer outside, guest time stands still while the guest is idle."""
import os
import re
import statistics
import struct
import subprocess

import pytest

import machine as tools
from harness.clients import Worker
from harness.peer import GREETING, PORT, Killer, Peer, load
from harness.web import checksum, curl, fill, online
from report import publish

ICOUNT = "shift=0,sleep=on"
NANOSECONDS = 10 ** 9
TRANSFER_MB = 16
KILLS = 60
KILL_PAUSE_US = 6000
DRIVER_KILLS = 9


def kernel_without_commits(folder):
    """The same kernel, built so that it copies nothing."""
    build = os.path.join(folder, "build")
    for words in (["meson", "setup", build, "--cross-file", "cross/x86_64-elf.ini",
                   "-Dunit_tests=false", "-Diso=false", "-Dcommits=false"],
                  ["ninja", "-C", build, "microkernel/axolotl.elf"]):
        done = subprocess.run(words, cwd=tools.ROOT, check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout[-3000:]
    return os.path.join(build, "microkernel", "axolotl.elf")


def busy_ms(guest):
    """CPU time of all tasks, the kernel's work for them included; dirty pages."""
    rows = [row for row in guest.table("cat /proc/tasks")[1:] if row]
    counters = dict(row for row in guest.table("cat /proc/counters") if len(row) == 2)
    return sum(int(row[4]) for row in rows), int(counters["dirty_pages"])


def transfer(guest, web, folder, megabytes):
    """Milliseconds and dirty pages of a download into a file, and of its way back."""
    wanted = fill(web.folder / "big", megabytes << 20, 1)
    first = busy_ms(guest)
    guest.cmd(f"httpget http://10.0.2.2:{web.port}/big > /tmp/big", timeout=600)
    second = busy_ms(guest)
    curl(guest, "/tmp/big", folder / "back")
    third = busy_ms(guest)
    assert checksum(folder / "back") == wanted
    return tuple(zip(*([b - a for a, b in zip(*pair)]
                       for pair in ((first, second), (second, third)))))


@pytest.mark.parametrize("megabytes", [TRANSFER_MB, pytest.param(64, marks=pytest.mark.long)])
def test_commits_and_throughput(machine, web, tmp_path, capsys, megabytes):
    """The same transfer with a kernel that does not commit: throughput in per cent of its."""
    spent = {}
    for name, replace in (("with", {}), ("without", {"kernel": kernel_without_commits(tmp_path)})):
        guest = machine(forward=(80,), icount=ICOUNT, replace=replace)
        guest.boot()
        online(guest)
        spent[name], pages = transfer(guest, web, tmp_path, megabytes)
        assert all(pages) if name == "with" else not any(pages), pages
        guest.stop()
    names = ("tcp_receive_percent", "tcp_send_percent")
    publish(capsys, {name: (round(with_ms * 1000 / megabytes), round(100 * without_ms / with_ms, 1))
                     for name, with_ms, without_ms in zip(names, spent["with"], spent["without"])},
            {name: (85, None, None) for name in names}, ("kins/MiB", "percent"))


def frames(capture):
    """(time in ns, frame) of a capture."""
    with open(capture, "rb") as file:
        data = file.read()
    at = 24
    while at + 16 <= len(data):
        seconds, micros, length = struct.unpack_from("<III", data, at)
        yield seconds * NANOSECONDS + micros * 1000, data[at + 16:at + 16 + length]
        at += 16 + length


def segments(capture):
    """(time, host's port, payload) of TCP segments with data from the guest's listener."""
    for when, frame in frames(capture):
        if frame[12:14] != b"\x08\0" or frame[23] != 6:
            continue
        total, = struct.unpack_from(">H", frame, 16)
        tcp = 14 + (frame[14] & 15) * 4
        source, target = struct.unpack_from(">HH", frame, tcp)
        payload = frame[tcp + (frame[tcp + 12] >> 4) * 4:14 + total]
        if source == PORT and payload:
            yield when, target, payload


def blackouts(sent, kills):
    """For each kill inside the transfer, the time between the segments around it."""
    for kill in kills:
        before = [when for when in sent if when <= kill]
        after = [when for when in sent if when > kill]
        if before and after:
            yield after[0] - before[-1]


def test_blackout(machine, tmp_path, capsys):
    """A transfer to the host while net is killed again and again; then restarts of the driver."""
    capture = str(tmp_path / "frames.pcap")
    guest = machine(forward=(PORT,), icount=ICOUNT, replace=load(tmp_path), capture=capture)
    guest.boot()
    online(guest)
    clock = int(Peer(guest, "time").rest())
    bulk = Peer(guest, f"make {TRANSFER_MB << 20} 1")
    assert bulk.exactly(1)
    killer = Killer(guest, "net", KILLS, KILL_PAUSE_US)
    reader = Worker(bulk.rest)
    killer.done()
    log = guest.cmd("log")
    reader.done()
    assert "net: new instance" not in log
    found = list(segments(capture))
    offset = next(when for when, _, payload in found if payload == b"%d\n" % clock) - clock
    ports = [port for _, port, _ in found]
    port = max(set(ports), key=ports.count)
    sent = [when for when, to, payload in found if to == port and payload != GREETING]
    kills = [offset + int(seconds) * NANOSECONDS + int(micros) * 1000 for seconds, micros in
             re.findall(r"\[ *(\d+)\.(\d{6})\] init: service net: killed", log)]
    gaps = list(blackouts(sent, kills))
    assert len(kills) == KILLS and len(gaps) >= 50, (len(kills), len(gaps))
    restarts = []
    for _ in range(DRIVER_KILLS):
        guest.cmd("kill e1000")
        while not (row := re.search(r"^e1000 .* (\d+)us ", guest.cmd("services"), re.M)):
            pass
        restarts.append(1000 * int(row[1]))
    publish(capsys, {"blackout_net": (round(statistics.median(gaps)), max(gaps)),
                     "restart_e1000": (round(statistics.median(restarts)), max(restarts))},
            {"blackout_net": (None, None, None), "restart_e1000": (300_000, None, None)}, ("median", "most"))
