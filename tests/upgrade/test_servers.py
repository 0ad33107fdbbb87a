# SPDX-License-Identifier: MIT
"""The real servers are upgraded to builds with another layout and back while clients use them."""
import re
import socket
import subprocess
import time

import pytest

import machine as machines
from harness.archive import archive_with, programs, program
from harness.expected import services
from harness.web import fill, online


MEGABYTE = 1 << 20


def upgrade(guest, name, build, state):
    """Orders an upgrade and says how the state must have gone over."""
    output = guest.cmd(f"upgrade {name} /boot/bin/{build}.elf")
    assert re.search(rf"^{name}: version \d, {state}$", output, re.M), output


@pytest.mark.parametrize("smp", [1, 2])
def test_file_server(machine, tmp_path, smp):
    """filework counts its operations and kills vfs all the time; see there."""
    guest = machine(replace={"filework": program("filework"),
                             "boot.tar": archive_with(tmp_path, files=programs("vfs2"))},
                    entry=2, nic="none", smp=smp)
    guest.boot()
    guest.cmd("mkdir /tmp/d")
    guest.cmd("echo kept > /tmp/d/file")
    guest.cmd("cd /tmp/d")
    upgrades = 0
    while "ok 5 -" not in guest.console_text() or upgrades < 4:
        upgrade(guest, "vfs", ("vfs2", "vfs")[upgrades % 2], "state kept by records")
        upgrades += 1
        assert guest.directory == "/tmp/d"
        assert "kept" in guest.cmd("cat file").splitlines()
    text = guest.console_text()
    assert not re.findall(r"^.*(?:# wrong|\bnot ok).*$", text, re.M), text[-3000:]
    assert re.findall(r"\bok (\d) - ", text) == ["1", "2", "3", "4", "5"]
    row = services(guest)["vfs"]
    assert row[1:3] == ["running", str(upgrades + 1)]


def request(connection, path):
    """Asks for a file; the body's length and what has come of it."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: guest\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(4096)
        assert piece, head
        head += piece
    head, body = head.split(b"\r\n\r\n", 1)
    return int(re.search(rb"(?i)content-length: (\d+)", head).group(1)), body


def receive(connection, body, length):
    """Reads on until `length` bytes are there."""
    while len(body) < length:
        piece = connection.recv(min(1 << 16, length - len(body)))
        assert piece, f"the connection ended after {len(body)} bytes"
        body += piece
    return body


def functions(build):
    """Addresses of a program's functions."""
    text = subprocess.run(["nm", f"{machines.BUILD}/boot/{build}.elf"], check=True,
                          capture_output=True, text=True).stdout
    return {name: value for value, name in re.findall(r"^(\w+) [tT] (\w+)$", text, re.M)}


def test_moved():
    """What the next test upgrades to has every callback in another place, and the gates in theirs."""
    now, then = functions("net"), functions("net2")
    gates = [name for name in now if name.startswith("gate_")]
    assert len(gates) > 30
    assert [name for name in gates if now[name] != then[name]] == []
    callbacks = [name.removeprefix("gate_") for name in gates]
    assert [name for name in callbacks if now[name] == then[name]] == []


@pytest.mark.parametrize("smp", [1, 2])
def test_network_server(machine, web, tmp_path, smp):
    """One connection, in the middle of a file, goes on through builds of the same and of another
    layout, and takes requests afterwards."""
    guest = machine(replace={"boot.tar": archive_with(tmp_path, files=programs("net2", "net3"))},
                    forward=(80,), smp=smp, mem=256)
    guest.boot()
    online(guest)
    fill(web.folder / "big", 20 * MEGABYTE, "upgrade")
    expected = (web.folder / "big").read_bytes()
    guest.cmd(f"httpget http://10.0.2.2:{web.port}/big > /tmp/big", timeout=300)
    guest.cmd("echo small > /tmp/small")
    with socket.create_connection(("127.0.0.1", guest.port[80]), timeout=300) as connection:
        length, body = request(connection, "/tmp/big")
        assert length == len(expected)
        for build, state in (("net2", "state kept"), ("net3", "state kept by records"),
                             ("net", "state kept by records")):
            upgrade(guest, "net", build, state)
            body = receive(connection, body, len(body) + MEGABYTE)
        assert receive(connection, body, length) == expected
        upgrade(guest, "net", "net3", "state kept by records")
        assert request(connection, "/tmp/small") == (6, b"small\n")
    assert services(guest)["net"][1:3] == ["running", "5"]
    assert "net, version 3: state taken over by records" in guest.cmd("log")
    output = guest.cmd(f"httpget http://10.0.2.2:{web.port}/big > /tmp/again", timeout=300)
    assert "20971520 bytes" in output
    assert "2 received" in guest.cmd("ping -c 2 10.0.2.2")


def page_up_to(guest, text):
    """Pages back on the screen until the text is there."""
    shown = guest.screen()
    while not any(row.startswith(text) for row in shown):
        before, shown = shown, []
        guest.qmp.key("shift", "pgup")
        guest.wait_rows(lambda rows, old=before: rows[0] != old[0] and "lines back" in rows[0])
        while shown != (shown := guest.screen()):
            pass  # it is being painted


@pytest.mark.parametrize("smp, iommu", [(1, True), (2, False)])
def test_the_others(machine, tmp_path, smp, iommu):
    """Console, AI relay and device manager go to another layout and back; what was typed, asked
    and given stays."""
    guest = machine(replace={"boot.tar": archive_with(
        tmp_path, files=programs("console2", "aiproxy2", "devmgr2"))},
                    ai="echo", smp=smp, iommu=iommu)
    guest.boot()
    online(guest)
    owners = [row for row in guest.cmd("lspci").splitlines() if "[e1000]" in row]
    assert guest.cmd("aiask Before?") == "AI echo: Before?"
    guest.cmd("echo a line for the scrollback")
    for number in range(40):
        guest.cmd(f"echo {number}")
    for build in ("2", ""):
        for name in ("console", "aiproxy", "devmgr"):
            # The next command is typed while the upgrade is under way.
            guest.send(f"upgrade {name} /boot/bin/{name}{build}.elf\recho typed ahead\r")
            guest.expect(rf"{name}: version \d, state kept by records")
            guest.expect(r"\ntyped ahead\r?\n")
            guest.prompt()
        assert guest.cmd("aiask After?") == "AI echo: After?"
        assert "2 received" in guest.cmd("ping -c 2 10.0.2.2")
        assert [row for row in guest.cmd("lspci").splitlines() if "[e1000]" in row] == owners
        guest.cmd("kill e1000")
        assert "2 received" in guest.cmd("ping -c 2 10.0.2.2")
        assert ("DMA: behind the IOMMU" in guest.cmd("lspci -v")) is iommu
    guest.send("\x1b[A\r")  # the last line of the history
    guest.expect(r"lspci -v\r?\n")
    guest.prompt()
    page_up_to(guest, "a line for the scrollback")
    table = services(guest)
    assert {name: table[name][1:3] for name in ("console", "aiproxy", "devmgr")} == \
        dict.fromkeys(("console", "aiproxy", "devmgr"), ["running", "3"])


def test_an_answer_goes_on(machine, tmp_path):
    """Upgrades while an answer streams: every line is there once."""
    go_on = tmp_path / "go on"
    wait = f"until [ -e '{go_on}' ]; do sleep 0.1; done"
    slow = f"for n in $(seq 100); do [ $n != 99 ] || {wait}; echo line $n; sleep 0.03; done"
    guest = machine(replace={"boot.tar": archive_with(tmp_path, files=programs("aiproxy2"))},
                    ai="command", ai_options=("--command", slow), nic="none")
    guest.boot()
    while "frames" not in guest.cmd("aistatus"):
        time.sleep(0.2)
    guest.cmd("aiask -n stream")
    output, builds = "", ("aiproxy2", "aiproxy")
    upgrades = 0
    while "line 100" not in output:
        upgrade(guest, "aiproxy", builds[upgrades % 2], "state kept by records")
        upgrades += 1
        if upgrades == 2:
            go_on.touch()
        output += guest.cmd("aipoll") + "\n"
    assert re.findall(r"\d+", output) == [str(n) for n in range(1, 101)]
