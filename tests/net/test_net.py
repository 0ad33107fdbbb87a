# SPDX-License-Identifier: MIT
"""The network as real peers see it: QEMU's user network, the host's curl, tshark on the frames."""
import http.client
import os
import random
import re
import socket
import subprocess
import threading
import time

import pytest
from harness.web import Web
from wire import BAD_FRAMES, NameServer, assert_clean, tshark

BIG = 10 * 1024 * 1024
NICS = ["e1000", "e1000e"]


@pytest.fixture(scope="module", name="folder")
def files_on_the_host(tmp_path_factory):
    """A folder with files of telling sizes."""
    folder = tmp_path_factory.mktemp("www")
    for name, size in (("empty", 0), ("one", 1), ("odd", 1461), ("big", BIG)):
        (folder / name).write_bytes(random.Random(size).randbytes(size))
    return folder


@pytest.fixture(name="web")
def web_server(folder):
    """A web server on the host."""
    server = Web(folder)
    yield server
    server.stop()


def url(guest, path):
    """The guest's httpd as the host sees it."""
    return f"http://127.0.0.1:{guest.port[80]}{path}"


def curl(guest, path, *options, body=None):
    """Runs curl; returns what it printed by --write-out."""
    words = ["curl", "--silent", "--noproxy", "*", "--max-time", "300", "--path-as-is",
             "--write-out", "%{http_code} %{size_download} %{num_connects}",
             "--output", str(body or os.devnull), *options, url(guest, path)]
    done = subprocess.run(words, check=False, text=True, capture_output=True)
    assert done.returncode == 0, f"curl: {done.returncode} {done.stdout} {done.stderr}"
    return done.stdout.split()


def wait_httpd(guest):
    """Waits until httpd answers."""
    end = time.monotonic() + 120
    while subprocess.run(["curl", "--silent", "--noproxy", "*", "--max-time", "10", "--output",
                          os.devnull, url(guest, "/")], check=False).returncode != 0:
        assert time.monotonic() < end, "httpd never answers"
        time.sleep(0.5)


def fetch(guest, web, name):
    """Has the guest get a file from the host's server."""
    text = guest.cmd(f"httpget http://10.0.2.2:{web.port}/{name} > /tmp/{name}", timeout=300)
    assert "bytes" in text, text


@pytest.mark.parametrize("nic", NICS)
def test_addresses_ping_and_transfers(machine, web, folder, tmp_path, nic):
    capture = str(tmp_path / "capture.pcap")
    guest = machine(nic=nic, forward=(80,), capture=capture)
    guest.boot()
    for name in ("one", "odd", "big"):  # the first of them waits for DHCP
        fetch(guest, web, name)
    info = guest.cmd("netinfo")
    assert re.search(r"eth0: up, link up, mac 52:54:00:12:34:56, mtu 1500", info)
    assert re.search(r"ip 10\.0\.2\.15 mask 255\.255\.255\.0 gateway 10\.0\.2\.2 dns 10\.0\.2\.3 "
                     r"\(DHCP\)", info)
    ping = guest.cmd("ping -c 3 10.0.2.2")
    assert [int(seq) for seq in re.findall(r"from 10\.0\.2\.2: seq=(\d)", ping)] == [1, 2, 3]
    assert "3 received" in ping
    assert re.search(r"10\.0\.2\.2\s+52:55:0a:00:02:02", guest.cmd("arp"))
    for name in ("one", "odd", "big"):
        body = tmp_path / name
        size = os.path.getsize(folder / name)
        assert curl(guest, f"/tmp/{name}", body=body) == ["200", str(size), "1"]
        assert body.read_bytes() == (folder / name).read_bytes()
    assert "retransmitted=0" in guest.cmd("netstat")
    guest.stop()
    assert_clean(capture)


def test_names(machine):
    names = NameServer({"axolotl.test": "10.1.2.3"})
    guest = machine()
    guest.boot()
    guest.cmd("ping -c 1 10.0.2.2")  # DHCP is through, and won't change what follows
    assert guest.cmd("netinfo 10.0.2.15 255.255.255.0 10.0.2.2 10.0.2.2") == ""
    assert guest.cmd("dns axolotl.test") == "axolotl.test -> 10.1.2.3"
    names.names["axolotl.test"] = "10.3.2.1"
    assert guest.cmd("dns axolotl.test") == "axolotl.test -> 10.1.2.3", "not from the cache"
    assert "not found" in guest.cmd("dns nobody.test")
    assert guest.cmd("dns localhost") == "localhost -> 127.0.0.1"
    names.stop()


def test_unreachable_and_refused(machine):
    guest = machine()
    guest.boot()
    assert "100% lost" in guest.cmd("ping -c 1 10.0.2.77")
    assert "3 received" in guest.cmd("ping -c 3 127.0.0.1")
    assert "refused" in guest.cmd("httpget http://127.0.0.1:9/")
    assert "ip 10.0.2.15" in guest.cmd("netinfo")
    for bad in ("999.1.1.1 255.255.255.0", "10.0.2.15 255.0.255.0", "224.0.0.1 255.255.255.0"):
        assert guest.cmd(f"netinfo {bad}") != ""
    assert "ip 10.0.2.15" in guest.cmd("netinfo")


@pytest.mark.parametrize("nic", NICS)
def test_ipv6(machine, folder, nic):
    """An address from the router, neighbours, ping, and a file from the host's loopback."""
    web = Web(folder, "::1")
    guest = machine(nic=nic)
    guest.boot()
    assert "2 received" in guest.cmd("ping -c 2 fec0::2")
    info = guest.cmd("ifconfig eth0")
    assert "ip6 fe80::5054:ff:fe12:3456/64 preferred" in info
    assert re.search(r"ip6 fec0::5054:ff:fe12:3456/64 (tentative|preferred)", info)
    assert "router fe80::2" in info
    assert re.search(r"^fec0::2 .*52:56:00:00:00:02 eth0", guest.cmd("arp"), re.M)
    assert re.search(r"^default6 +via fe80::2 +eth0", guest.cmd("route"), re.M)
    assert "1 received" in guest.cmd("ping -c 1 fe80::2%eth0")
    assert "1 received" in guest.cmd("ping -c 1 ::1")
    text = guest.cmd(f"httpget http://[fec0::2]:{web.port}/odd > /tmp/odd", timeout=300)
    assert "1461 bytes" in text
    assert guest.cmd("dns -6 localhost") == "localhost -> ::1"
    assert guest.cmd("ifconfig add fd00::7/64") == ""
    assert "ip6 fd00::7/64" in guest.cmd("ifconfig")
    assert guest.cmd("ifconfig del fd00::7") == ""
    assert "fd00::7" not in guest.cmd("ifconfig")
    web.stop()


def talk(guest, text):
    """Sends bytes to httpd and returns all that comes."""
    with socket.create_connection(("127.0.0.1", guest.port[80]), timeout=60) as peer:
        peer.sendall(text)
        peer.shutdown(socket.SHUT_WR)
        parts = []
        while part := peer.recv(65536):
            parts.append(part)
    return b"".join(parts).decode("latin-1")


def test_httpd(machine, web, tmp_path, folder):
    guest = machine(forward=(80,))
    guest.boot()
    fetch(guest, web, "odd")
    wait_httpd(guest)
    whole = (folder / "odd").read_bytes()
    body = tmp_path / "part"
    assert curl(guest, "/tmp/odd", "--range", "100-199", body=body)[0] == "206"
    assert body.read_bytes() == whole[100:200]
    assert curl(guest, "/tmp/odd", "--range", "-61", body=body)[0] == "206"
    assert body.read_bytes() == whole[-61:]
    assert curl(guest, "/tmp/odd", "--range", "5000-")[0] == "416"
    assert curl(guest, "/tmp/odd", "--head")[:2] == ["200", "0"]
    assert curl(guest, "/tmp/absent")[0] == "404"
    assert curl(guest, "/tmp/odd/")[0] == "404"
    assert curl(guest, "/tmp")[0] == "301"
    assert curl(guest, "/tmp/", body=body)[0] == "200"
    assert b'href="./odd"' in body.read_bytes()
    assert curl(guest, "/tmp/%6fdd")[:2] == ["200", "1461"]
    assert curl(guest, "/tmp/odd", "--data", "x")[0] == "405"
    for path in ("/../tmp/odd", "/tmp/../../tmp/odd", "/%2e%2e/tmp/odd", "/tmp%2fodd", "/a%00"):
        assert curl(guest, path)[0] == "400", path
    request = b"GET /tmp/odd HTTP/1.1\r\nHost: x\r\n\r\n"
    answers = talk(guest, request * 3)  # one connection, all requests at once
    assert answers.count("HTTP/1.1 200 OK") == 3
    assert "HTTP/1.1 400" in talk(guest, b"nonsense\r\n\r\n")
    assert "HTTP/1.1 505" in talk(guest, b"GET / HTTP/3.0\r\n\r\n")
    assert "HTTP/1.1 431" in talk(guest, b"GET / HTTP/1.1\r\nX: " + b"a" * 9000)
    assert curl(guest, "/proc/version")[0] == "200"


def test_many_at_once(machine, web, folder, tmp_path):
    """More clients than workers, some of which say nothing."""
    guest = machine(forward=(80,))
    guest.boot()
    fetch(guest, web, "big")
    wait_httpd(guest)
    silent = [socket.create_connection(("127.0.0.1", guest.port[80])) for _ in range(6)]
    loads = [subprocess.Popen(["curl", "--silent", "--noproxy", "*", "--max-time", "300",
                               "--output", str(tmp_path / f"copy{i}"), url(guest, "/tmp/big")])
             for i in range(8)]
    assert [load.wait() for load in loads] == [0] * 8
    whole = (folder / "big").read_bytes()
    for i in range(8):
        assert (tmp_path / f"copy{i}").read_bytes() == whole
    for connection in silent:
        connection.close()
    crashes = {row[0]: row[4] for row in guest.table("services")}
    assert (crashes["net"], crashes["httpd"], crashes["vfs"]) == ("0", "0", "0")


class Download(threading.Thread):
    """Reads a file over one connection, slowly enough for things to happen meanwhile."""

    def __init__(self, guest, path, seconds, size):
        super().__init__(daemon=True)
        self.guest, self.path = guest, path
        self.pause = seconds * 32768 / size
        self.half, self.more = size // 2, threading.Event()  # the rest is read when it is set
        self.status, self.body, self.error = 0, b"", None

    def run(self):
        """The transfer."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.guest.port[80], timeout=200)
            connection.request("GET", self.path)
            answer = connection.getresponse()
            self.status = answer.status
            while part := answer.read(32768):
                self.body += part
                time.sleep(self.pause)
                if len(self.body) >= self.half:
                    self.more.wait(300)
        except (OSError, http.client.HTTPException) as error:
            self.error = error


@pytest.mark.parametrize("nic,victim,pause", [
    ("e1000", "net", 0.3), ("e1000", "vfs", 0.3), ("e1000", "e1000", 2), ("e1000e", "net", 0.3),
    ("e1000e", "e1000", 2)])
def test_connection_survives_kills(machine, web, folder, tmp_path, nic, victim, pause):
    """10 MB in one TCP connection, while a server is killed again and again."""
    capture = str(tmp_path / "capture.pcap")
    guest = machine(nic=nic, forward=(80,), capture=capture)
    guest.boot()
    fetch(guest, web, "big")
    wait_httpd(guest)
    load = Download(guest, "/tmp/big", 6, BIG)
    load.start()
    kills = 0
    while load.is_alive():
        assert "killed" in guest.cmd(f"kill {victim}")
        kills += 1
        if kills == 3:
            load.more.set()
        load.join(pause)
    assert (load.error, load.status) == (None, 200)
    assert load.body == (folder / "big").read_bytes()
    row = next(row for row in guest.table("services") if row[0] == victim)
    assert row[1] == "running" and int(row[3]) == kills and row[4] == "0", row
    load = Download(guest, "/tmp/big", 0, BIG)
    load.more.set()
    load.run()
    assert (load.error, load.status) == (None, 200)
    assert load.body == (folder / "big").read_bytes()
    guest.stop()
    assert tshark(capture, "tcp.srcport == 80 && tcp.flags.reset == 1") == []
    assert tshark(capture, f"eth.src == 52:54:00:12:34:56 && ({BAD_FRAMES})") == []
