# SPDX-License-Identifier: MIT
"""Linux programs on the network: busybox's wget, nc and httpd as they are."""
import hashlib
import os
import socket
import sys
import threading

import pytest

import machine as tools
from harness.clients import MEGABYTE
from harness.web import Web, curl, exchange, fill, online

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "net"))
from wire import NameServer  # noqa: E402

SH = "/boot/bin/busybox"
KILLS = 6  # conftest.py


@pytest.fixture
def web(tmp_path):
    """An HTTP server on the host."""
    server = Web(tmp_path / "web")
    yield server
    server.stop()


@pytest.fixture
def linux(machine, programs):
    """A function that boots a machine with the programs, online, working in /tmp."""

    def boot(**options):
        guest = machine(replace={"boot.tar": programs.archive}, **options)
        guest.boot()
        online(guest)
        guest.cmd("cd /tmp")
        return guest

    return boot


def test_nobody_notices_a_kill(linux, web):
    """wget fetches 10 MB again and again while net is killed from the next terminal."""
    guest = linux(smp=2)
    expected = fill(web.folder / "big", 10 * MEGABYTE, "net")
    guest.qmp.key("alt", "f2")
    guest.send(f"run {SH} sh /boot/test/fetch.sh http://10.0.2.2:{web.port}/big {expected}\r")
    guest.expect(r"started\r?\n")
    guest.qmp.type("run /boot/test/kill-net\n")
    guest.expect(r"(\d+) wrong, finished\r?\n")
    assert guest.console.match.group(1) == "0"
    guest.prompt()
    restarts = {row[0]: row[3] for row in guest.table("services")[1:]}
    assert int(restarts["net"]) >= KILLS


def test_names(linux, web):
    """The C library's resolver finds net's name servers."""
    guest = linux()
    (web.folder / "page").write_text("by its name\n")
    names = NameServer({"axolotl.test": "10.0.2.2"})
    assert guest.cmd("netinfo 10.0.2.15 255.255.255.0 10.0.2.2 10.0.2.2") == ""
    assert guest.cmd(f"run {SH} cat /etc/resolv.conf") == "nameserver 10.0.2.2"
    assert guest.cmd(f"run {SH} wget -q -O - http://axolotl.test:{web.port}/page") == "by its name"
    assert "axolotl.test" in names.asked
    expected = fill(web.folder / "big", MEGABYTE, "wget")
    assert "saved" in guest.cmd(f"run {SH} wget http://axolotl.test:{web.port}/big")
    assert guest.cmd(f"run {SH} sha256sum big").startswith(expected)
    assert "bad address" in guest.cmd(f"run {SH} wget -q -O - http://nobody.test/")
    output = guest.cmd(f"run {SH} nslookup axolotl.test")
    assert "Address: 10.0.2.2" in output, output
    names.stop()


def test_nc_and_httpd(linux, web):
    """Both directions of nc; httpd serves several at once."""
    guest = linux(forward=(80, 9000), without=("httpd",))
    listener = socket.create_server(("127.0.0.1", 0))

    def answer():
        with listener.accept()[0] as peer:
            text = b""
            while part := peer.recv(4096):
                text += part
            peer.sendall(text.upper())

    thread = threading.Thread(target=answer)
    thread.start()
    port = listener.getsockname()[1]
    output = guest.cmd(f"run {SH} sh -c 'seq 1 20000 | nc 10.0.2.2 {port} | md5sum'")
    assert output.startswith(hashlib.md5(numbers(20000)).hexdigest()), output
    thread.join()
    listener.close()
    guest.send(f"run {SH} sh -c 'seq 1 20000 | nc -l -p 9000 > got; md5sum < got'\r")
    expected = numbers(20000)
    assert exchange(guest.port[9000], b"from the host\n" * 1000, len(expected)) == expected
    assert hashlib.md5(b"from the host\n" * 1000).hexdigest() in guest.prompt()
    assert guest.cmd(f"run {SH} httpd -h /boot/bin") == ""
    expected = open(os.path.join(tools.ROOT, "subprojects/busybox-static/bin/busybox"), "rb").read()
    clients = [curl(guest, "/busybox", f"{guest.work}/{i}", background=True) for i in range(4)]
    for i, client in enumerate(clients):
        assert client.wait() == 0, client.stderr.read()
        with open(f"{guest.work}/{i}", "rb") as file:
            assert file.read() == expected


def numbers(count):
    """What seq 1 COUNT prints."""
    return "".join(f"{i}\n" for i in range(1, count + 1)).encode()


@pytest.mark.parametrize("name", ["sockets", "events"])
def test_socket_calls(linux, programs, name):
    """System calls and their errors, on the loopback interface: as on the host."""
    guest = linux(smp=2)
    output, status = programs.on_host([f"/boot/test/{name}"])
    assert guest.cmd(f"run /boot/test/{name}") == output.rstrip("\n")
    assert guest.cmd("echo $?") == str(status)
