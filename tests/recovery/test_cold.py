# SPDX-License-Identifier: MIT
"""vfs loses its state in the running system: who relied on it is told, and everybody goes on."""
import os
import socket
import subprocess
import threading
import urllib.error
import urllib.request

import machine as tools
from harness.expected import assert_files, services
from harness.web import curl, fill, online

MEGABYTE = 1 << 20
INSTANCES = 2  # the first gets the state by records; if it dies at its start it is the last
SAME_FAULTS = 3  # poison a call, or make a new instance if it is none
POISONINGS = 3  # make a new instance


def address_of(program, symbol):
    """The address of a function."""
    words = subprocess.run(["nm", os.path.join(tools.BUILD, "boot", program + ".elf")], check=True,
                           stdout=subprocess.PIPE, text=True).stdout.split()
    return int(words[words.index(symbol) - 2], 16)


def spoil(guest, server, symbol, times, begin):
    """Sends the server to a bad address whenever it comes to a function; begin() makes it come."""
    gdb, address = guest.gdb, address_of(server, symbol)
    gdb.breakpoint(address)
    gdb.resume()
    begin()
    for _ in range(times):
        while True:
            assert gdb.wait(60), f"{server} does not come to {symbol}"
            if gdb.registers()["rip"] == address and gdb.task() == server:
                break
            gdb.resume()
        gdb.set_register("rip", 0x1230)
        gdb.resume()
    gdb.stop()
    gdb.breakpoint(address, False)
    gdb.resume()


class Reader:
    """Asks httpd for a file and reads some of it; the rest waits in the guest."""

    def __init__(self, guest, path):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.socket.settimeout(300)
        self.socket.connect(("127.0.0.1", guest.port[80]))
        self.socket.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        self.count = len(self.socket.recv(4096))

    def rest(self):
        """Reads to the end of the connection; the number of bytes in all."""
        while piece := self.socket.recv(65536):
            self.count += len(piece)
        self.socket.close()
        return self.count


def test_vfs_starts_afresh(machine, web, tmp_path):
    guest = machine(forward=(80,), gdb=True)
    guest.boot()
    online(guest)
    fill(web.folder / "big", 8 * MEGABYTE, 1)
    guest.cmd(f"httpget http://10.0.2.2:{web.port}/big > /tmp/big", timeout=300)
    guest.cmd("mkdir /tmp/d")
    guest.cmd("cd /tmp/d")
    reader = Reader(guest, "/tmp/big")
    spoil(guest, "vfs", "_start", SAME_FAULTS + 1, lambda: guest.send("kill vfs\r"))
    guest.prompt()
    # The shell: what is gone is said to be gone, the rest works.
    assert guest.directory == "/tmp/d"
    assert "not found" in guest.cmd("ls")
    assert "not found" in guest.cmd("cat /tmp/big")
    row = services(guest)["vfs"]
    assert row[1:3] == ["running", "1"] and int(row[4]) == SAME_FAULTS + 1, row
    guest.expect_in_log(r"service vfs: .*; L4 cold start")
    guest.cmd("cd /")
    assert_files(guest)
    # httpd: the file in work can't be sent to its end; the next request is served.
    assert reader.rest() < 8 * MEGABYTE, "a lost file was sent to its end"
    guest.cmd("echo new > /tmp/note")
    curl(guest, "/tmp/note", tmp_path / "note")
    assert (tmp_path / "note").read_text() == "new\n"
    for name in ("httpd", "shell", "net", "console"):
        assert services(guest)[name][3:5] == ["0", "0"]


def test_an_open_file_is_lost_and_said_to_be(machine, web):
    """The shell writes to a file that goes away under it."""
    guest = machine(forward=(80,), gdb=True)
    guest.boot()
    online(guest)
    fill(web.folder / "big", MEGABYTE, 2)
    guest.send(f"httpget http://10.0.2.2:{web.port}/slow/big > /tmp/x\r")
    assert web.asked.wait(120)
    errors = []

    def ask():
        """Each of these requests is poisoned; the third poisoning makes a new instance."""
        for number in range(INSTANCES * POISONINGS):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{guest.port[80]}/{number}", timeout=100)
            except urllib.error.HTTPError as error:
                errors.append(error.code)

    client = threading.Thread(target=ask)
    spoil(guest, "vfs", "dispatch", INSTANCES * SAME_FAULTS * POISONINGS, client.start)
    client.join()
    assert errors == [500] * (INSTANCES * POISONINGS)
    web.go.set()
    assert "/tmp/x: service lost its state" in guest.prompt()
    guest.expect_in_log(r"service vfs: .*in call 1; L2 new instance")
    assert_files(guest)
