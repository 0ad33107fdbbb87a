# SPDX-License-Identifier: MIT
"""The host's Linux stack and Debian's servers as peers, over a TAP device in a namespace."""
import hashlib
import os
import random
import re
import time

import pytest
from wire import BAD_FRAMES, tshark

from harness.lan import GUEST_MAC, HOST4, HOST6, TAP, Lan, leased, wait_line

SIZE = 1024 * 1024


@pytest.fixture(name="lan")
def a_lan(tmp_path):
    """A Lan."""
    work = tmp_path / "lan"
    work.mkdir()
    lan = Lan(str(work))
    yield lan
    lan.stop()


@pytest.fixture(name="folder")
def host_files(tmp_path):
    """A folder with a large file."""
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "big").write_bytes(random.Random(7).randbytes(SIZE))
    return folder


@pytest.fixture(name="up")
def boots_on_lan(lan, machine):
    """A function that boots a machine on the network and waits for both addresses."""
    def up(rates=None, **options):
        log = lan.dnsmasq()
        netdev = lan.bad_wire(**rates) if rates else TAP
        guest = machine(netdev=netdev, prefix=lan.prefix, **options)
        guest.boot()
        guest.cmd(f"ping -c 1 {HOST4}")
        guest.cmd(f"ping -c 1 {HOST6}")
        return guest, log
    return up


ADDRESS6 = "fd09::5054:ff:fe12:3456"


def test_addresses_and_names(up, lan, tmp_path):
    """DHCP, SLAAC, ARP, neighbour discovery, ping both ways, DNS."""
    capture = str(tmp_path / "capture.pcap")
    guest, log = up(capture=capture)
    ip = leased(guest)
    assert ip.startswith("10.9.0.5") or ip == "10.9.0.60"
    for host in (ip, ADDRESS6):
        for size in ("56", "56", "56", "4000", "4000"):  # for the second answer ping waits a second
            lan.run("ping", "-c", "1", "-W", "60", "-s", size, host)
    assert "3 received" in guest.cmd(f"ping -c 3 -i 0.1 {HOST4}")
    assert "2 received" in guest.cmd(f"ping -c 2 -s 5000 {HOST6}")
    assert "round trip min/avg/max" in guest.cmd(f"ping -c 2 -s 3000 {HOST4}")
    assert guest.cmd("dns four.test") == "four.test -> 10.9.0.4"
    assert guest.cmd("dns alias.test") == "alias.test -> 10.9.0.4"
    assert guest.cmd("dns six.test") == "six.test -> fd09::6"
    assert guest.cmd("dns -6 both.test") == "both.test -> fd09::77"
    assert guest.cmd("dns -4 both.test") == "both.test -> 10.9.0.77"
    assert "not found" in guest.cmd("dns -6 four.test")
    # A host that is not sure of the guest's address asks for it, and is a neighbour again.
    lan.run("ip", "neigh", "replace", ip, "lladdr", GUEST_MAC, "dev", "tap0")
    assert guest.cmd("arp -d 10.9.0.1") == ""
    assert "10.9.0.1 " not in guest.cmd("arp")
    acknowledged = open(log, encoding="utf-8").read().count("DHCPACK")
    assert guest.cmd("ifconfig eth0 dhcp") == ""  # renews
    end = time.monotonic() + 60
    while open(log, encoding="utf-8").read().count("DHCPACK") == acknowledged:
        assert time.monotonic() < end, "the lease is never renewed"
        time.sleep(0.2)
    assert leased(guest) == ip
    assert guest.cmd("ifconfig eth0 release") == ""
    wait_line(log, "DHCPRELEASE")
    assert "(static)" in guest.cmd("ifconfig eth0")
    guest.cmd("ifconfig eth0 dhcp")
    leased(guest)
    assert "1 received" in guest.cmd(f"ping -c 1 {HOST4}")
    assert guest.cmd("ifconfig eth0 down") == ""
    assert "eth0: down" in guest.cmd("ifconfig eth0")
    assert lan.run("ping", "-c", "1", "-W", "1", ADDRESS6, check=False).returncode != 0
    assert guest.cmd("ifconfig eth0 up") == ""
    assert "1 received" in guest.cmd(f"ping -c 1 {HOST4}")
    guest.stop()
    assert tshark(capture, f"eth.src == 52:54:00:12:34:56 && ({BAD_FRAMES})") == []


MDNS = """
import socket, struct, sys
query = struct.pack(">6H", 7, 0, 1, 0, 0, 0) + b"\\7axolotl\\5local\\0" + struct.pack(">HH", 1, 1)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.9.0.1"))
s.settimeout(60)
s.sendto(query, ("224.0.0.251", 5353))
answer, peer = s.recvfrom(512)
print(socket.inet_ntoa(answer[-4:]), peer[0])
"""

SNTP = """
import socket, struct, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", 123))
print("ready", flush=True)
while True:
    query, peer = s.recvfrom(512)
    now = struct.pack(">II", 3913056000, 0)
    s.sendto(bytes([0x24, 1, 0, 0]) + bytes(20) + query[40:48] + now + now, peer)
    print("asked", flush=True)
"""


@pytest.mark.parametrize("nic", ["e1000", "e1000e", "virtio-net-pci"])
def test_name_on_the_link_and_time(up, lan, nic):
    """mDNS asked by a plain resolver, through the card's filter; SNTP from the server that DHCP
    names; a file, whose checksums the card may have looked at."""
    wait_line(lan.spawn("python3", "-c", SNTP), "ready")
    guest, _ = up(nic=nic)
    name = "eth1" if nic.startswith("virtio") else "eth0"
    ip = leased(guest, name)
    assert checksum(lan, f"http://{ip}/proc/version")
    assert lan.run("python3", "-c", MDNS).stdout.split() == [ip, ip]
    guest.expect_in_log(r"net: clock set by 10\.9\.0\.1")
    assert guest.cmd("date").startswith("2024-01-01 00:0")


def checksum(lan, url):
    """Fetches with curl in the namespace."""
    path = os.path.join(lan.work, "body")
    lan.run("curl", "--silent", "--show-error", "--max-time", "280", "--output", path, url)
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


SPOILT = {
    "loss": {"loss": 0.02},
    "late": {"late": 0.05},
    "double": {"double": 0.05, "loss": 0.01},
    "damage": {"damage": 0.01},
}


@pytest.mark.parametrize("kind", sorted(SPOILT))
def test_transfers_on_a_bad_link(up, lan, folder, kind):
    """A file in and out, while frames both ways are lost, late, doubled or damaged."""
    lan.web(str(folder))
    guest, _ = up(rates=SPOILT[kind])
    ip = leased(guest)
    text = guest.cmd(f"httpget http://{HOST4}:8000/big > /tmp/big", timeout=280)
    assert f"{SIZE} bytes" in text, text
    wanted = hashlib.sha256((folder / "big").read_bytes()).hexdigest()
    assert checksum(lan, f"http://{ip}/tmp/big") == wanted
    assert checksum(lan, f"http://[{ADDRESS6}]/tmp/big") == wanted


def test_scans_do_no_harm(up, lan):
    """nmap's scans, and it finds what is there."""
    guest, _ = up()
    ip = leased(guest)
    found = lan.run("nmap", "-n", "-sS", "-p", "1-1000", "--privileged", ip, timeout=280).stdout
    assert re.search(r"^80/tcp +open", found, re.M), found
    assert "999 closed" in found.replace("tcp ports (reset)", "closed") or "Not shown: 999" in found
    lan.run("nmap", "-n", "-sU", "-p", "50-80", "--privileged", "--max-retries", "1", ip,
            timeout=280)
    lan.run("nmap", "-n", "-O", "--privileged", "-p", "79-81", ip, timeout=280)
    assert checksum(lan, f"http://{ip}/proc/version")
    crashes = {row[0]: row[4] for row in guest.table("services")}
    assert (crashes["net"], crashes["httpd"]) == ("0", "0")


def test_vanishing_peer_and_floods(up, lan):
    """SYNs from nobody, RSTs, and a peer that goes away in the middle: service goes on."""
    guest, _ = up()
    ip = leased(guest)
    lan.run("nping", "--privileged", "--tcp", "--flags", "syn", "-p", "80", "--rate", "2000",
            "-c", "3000", "--source-ip", "10.9.0.99", "--send-eth", "--dest-mac",
            "52:54:00:12:34:56", "-q", ip, timeout=200, check=False)
    lan.run("nping", "--privileged", "--tcp", "--flags", "rst", "-p", "80", "--rate", "2000",
            "-c", "2000", "--send-eth", "--dest-mac", "52:54:00:12:34:56", "-q", ip, timeout=200,
            check=False)
    assert checksum(lan, f"http://{ip}/proc/version")
    lan.run("timeout", "-s", "KILL", "1", "curl", "--silent", "--limit-rate", "1000",
            f"http://{ip}/proc/version", check=False)
    assert checksum(lan, f"http://[{ADDRESS6}]/proc/version")
    crashes = {row[0]: row[4] for row in guest.table("services")}
    assert (crashes["net"], crashes["httpd"]) == ("0", "0")


# Opens many connections, asks once over each, holds them all, asks again; prints how many answered.
MANY = """
import resource, selectors, socket, sys
host, count = sys.argv[1], int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
request = b"GET /proc/version HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"
connections = [socket.create_connection((host, 80), timeout=200) for _ in range(count)]
for _ in range(2):
    for connection in connections:
        connection.sendall(request)
    answers = 0
    for connection in connections:
        text = b""
        while b"Axolotl" not in text:
            part = connection.recv(4096)
            if not part:
                break
            text += part
        answers += text.startswith(b"HTTP/1.1 200")
    print(answers, flush=True)
sys.stdin.readline()
"""


def test_thousand_connections(up, lan, tmp_path):
    """A thousand at once in 128 MB; they hold memory of net's and httpd's only, and give it back."""
    guest, _ = up(mem=128)
    ip = leased(guest)
    used = [int(re.search(r"memory (\d+) of", guest.cmd("netstat -s")).group(1))]
    script = lan.start("python3", "-c", MANY, ip, "990")
    assert [script.stdout.readline().strip() for _ in range(2)] == ["990", "990"]
    counters = guest.cmd("netstat -s")
    assert int(re.search(r"sockets (\d+) of", counters).group(1)) >= 991
    used.append(int(re.search(r"memory (\d+) of", counters).group(1)))
    assert (used[1] - used[0]) / 990 < 2048, f"bytes of net's for each connection: {used}"
    crashes = {row[0]: row[4] for row in guest.table("services")}
    assert (crashes["net"], crashes["httpd"]) == ("0", "0")
    script.kill()
    end = time.monotonic() + 120
    while int(re.search(r"sockets (\d+) of", guest.cmd("netstat -s")).group(1)) > 1:
        assert time.monotonic() < end, "the connections of a dead peer stay"
        time.sleep(1)
    assert checksum(lan, f"http://{ip}/proc/version")
