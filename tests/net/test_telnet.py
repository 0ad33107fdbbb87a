# SPDX-License-Identifier: MIT
"""telnetd: shells over TCP, which live as long as their connection, whoever is killed meanwhile."""
import os
import re
import socket
import struct
import sys
import time

import pexpect
import pytest

from harness.telnet import DO, ECHO, GO_AHEAD, IAC, SIZE, WILL, Telnet

BUSYBOX = os.path.join(os.path.dirname(__file__), "../../subprojects/busybox-static/bin/busybox")
SESSIONS = 4
LINE = "the quick brown fox jumps over the lazy dog"


@pytest.fixture(name="up")
def boots_with_telnetd(machine):
    """A function that boots a machine and starts telnetd."""
    def up(**options):
        guest = machine(forward=(23,), **options)
        guest.boot()
        assert {row[0]: row[1] for row in guest.table("services")}["telnetd"] == "stopped"
        assert not re.search(r":23\b", guest.cmd("netstat"))
        assert guest.cmd("restart telnetd") == "telnetd: restarted"
        guest.expect_in_log("telnetd: shells at port 23")
        assert re.search(r":23\b", guest.cmd("netstat"))
        return guest
    return up


def connect(guest, **options):
    """A client at its first prompt."""
    client = Telnet(guest.address, guest.port[23], **options)
    client.expect(r"axolotl:/\$ $")
    return client


def held(guest):
    """telnetd's memory and handles, and the number of its shells."""
    tasks = guest.cmd("ps")
    memory = {row[0]: row[6] for row in guest.table("services")}["telnetd"]
    handles = re.search(r" telnetd +\w+ +\d+ +\d+ +(\d+) ", tasks).group(1)
    return memory, handles, tasks.count("telnet shell")


def wait_held(guest, wanted):
    """Waits until all that sessions had is given back."""
    end = time.monotonic() + 180
    while (now := held(guest)) != wanted:
        assert time.monotonic() < end, f"{now} is held, not {wanted}"
        time.sleep(0.2)


def idle(guest):
    """What is held without a session; the first one has loaded the shell's program."""
    client = connect(guest)
    client.send(b"exit\r\n")
    client.ended()
    end = time.monotonic() + 180
    while held(guest)[2] != 0:
        assert time.monotonic() < end, "the shell stays"
        time.sleep(0.2)
    return held(guest)


def test_a_session(up):
    """Options, lines, keys that interrupt, the end."""
    guest = up()
    before = idle(guest)
    client = connect(guest, size=(100, 30))
    assert client.said == [(WILL, ECHO), (WILL, GO_AHEAD), (DO, GO_AHEAD), (DO, SIZE)]
    assert client.cmd("version").startswith("Axolotl ")
    assert client.cmd("mkdir /tmp/there") == ""
    client.send(b"cd /tmp/there\r\0")
    client.expect(r"axolotl:/tmp/there\$ $")
    client.send(b"echo typo\x7fe")
    client.send(bytes([IAC, 247]) + b"o; x\x15echo whole\r\n")  # erase character; Ctrl-U
    client.expect(r"\nwhole\r\naxolotl:/tmp/there\$ $")
    for interrupt in (b"\3", bytes([IAC, 244]), bytes([IAC, 243])):
        client.send(b"sleep 100000\r\n")
        client.expect(r"sleep 100000\r\n")
        client.send(interrupt)
        client.expect(r"\^C\r\naxolotl:/tmp/there\$ $")
        assert client.cmd("echo $?").endswith("130")
    client.send(bytes([IAC, 246]))  # are you there?
    client.expect(r"\[Yes\]")
    assert held(guest)[2] == 1
    client.send(b"exit\r\n")
    client.ended()
    wait_held(guest, before)


def test_many_sessions_and_what_they_leave(up):
    """Each has a shell of its own; one more has to wait; however they end, nothing is left."""
    guest = up()
    before = idle(guest)
    clients = [connect(guest) for _ in range(SESSIONS)]
    for number, client in enumerate(clients):
        assert client.cmd(f"mkdir /tmp/{number}") == ""
        client.send(f"cd /tmp/{number}\r\n".encode())
    for number, client in enumerate(clients):
        client.expect(rf"axolotl:/tmp/{number}\$ $")
    assert held(guest)[2] == SESSIONS
    late = Telnet(guest.address, guest.port[23])
    clients[0].send(b"exit\r\n")
    clients[0].ended()
    late.expect(r"axolotl:/\$ $")
    late.send(b"sleep 100000\r\n")  # in the middle of a command
    late.expect(r"sleep 100000\r\n")
    late.close()
    clients[1].close()
    reset = struct.pack("ii", 1, 0)
    clients[2].socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    clients[2].close()
    clients[3].send(b"log\r\n" * 50)  # and never reads what that brings
    clients[3].close()
    wait_held(guest, before)


@pytest.mark.parametrize("victim", ["net", "e1000", "init", "vfs", "telnetd"])
def test_a_kill_goes_unnoticed(up, victim):
    """Text on its way, keys that were typed, a command that waits: all of it goes on."""
    guest = up()
    before = idle(guest)
    client = connect(guest)
    client.cmd(f"echo {LINE} > /tmp/a")
    for _ in range(5):
        client.cmd("cat /tmp/a /tmp/a /tmp/a /tmp/a > /tmp/b")
        client.cmd("mv /tmp/b /tmp/a")
    client.send(b"cat /tmp/a\r\n")
    client.expect(r"cat /tmp/a\r\n")
    lines = 0
    for _ in range(4):
        guest.cmd(f"kill {victim}")
        for _ in range(200):
            client.expect(rf"^{LINE}\r\n")
            lines += 1
    while lines < 4 ** 5:
        client.expect(rf"^{LINE}\r\n")
        lines += 1
    client.expect(r"^axolotl:/\$ $")
    client.send(b"sleep 100000\r\n")
    client.expect(r"sleep 100000\r\n")
    guest.cmd(f"kill {victim}")
    client.send(b"\3")
    client.expect(r"\^C\r\naxolotl:/\$ $")
    client.send(b"echo one ")
    client.expect("echo one $")
    guest.cmd(f"kill {victim}")
    client.send(b"two\r\n")
    client.expect(r"\none two\r\naxolotl:/\$ $")
    assert client.cmd(f"kill {victim}") == f"{victim}: killed"
    client.send(b"exit\r\n")
    client.ended()
    wait_held(guest, before)
    second = connect(guest)  # and there will be others
    assert second.cmd("echo here") == "here"


def test_with_a_client_of_debians(up):
    """busybox's telnet, which negotiates by itself."""
    guest = up()
    client = pexpect.spawn(BUSYBOX, ["telnet", guest.address, str(guest.port[23])],
                           encoding="utf-8", timeout=180, dimensions=(30, 90))
    client.logfile_read = sys.stdout
    client.expect(r"axolotl:/\$ ")
    client.send("echo one two\r")
    client.expect(r"echo one two\r\none two\r\n")
    client.send("sleep 100000\r")
    client.expect(r"sleep 100000\r\n")
    client.send("\3")
    client.expect(r"\^C\r\naxolotl:/\$ ")
    client.send("exit\r")
    client.expect("Connection closed by foreign host")
    client.close()
