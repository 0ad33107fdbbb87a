# SPDX-License-Identifier: MIT
"""Frames that scapy makes, while a connection is open: nonsense of every kind, and routers that lie
about its path."""
import hashlib
import random

from test_path import FETCH, SIZE
from wire import BAD_FRAMES, tshark

from harness.lan import GUEST_MAC, HOST4, TAP, Lan, leased

# Waits for a frame of the connection; then lies about it, then sends nonsense.
FORGE = """
import logging, random, sys
logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.all import (ARP, DNS, ICMP, IP, TCP, UDP, DHCP, BOOTP, Ether, ICMPv6EchoRequest,
    ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6PacketTooBig, IPv6, IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop, conf, fuzz, raw, sniff)
mac, ip, ip6 = sys.argv[1:]
random.seed(1)
wire = conf.L2socket(iface="tap0")
print("ready", flush=True)
seen = sniff(opened_socket=wire, count=1, lfilter=lambda p: TCP in p and p[TCP].sport == 80)[0]
def lie(sequence, source=ip, port=80, mtu=600, spoil=0):
    about = raw(IP(src=source, dst="10.9.0.1", len=1500, flags="DF", proto=6))
    about += raw(TCP(sport=port, dport=seen[TCP].dport, seq=sequence % 2**32))[:8]
    packet = Ether(raw(Ether(dst=mac) / IP(src="10.9.0.7", dst=ip)
                       / ICMP(type=3, code=4, nexthopmtu=mtu) / about))
    packet[ICMP].chksum ^= spoil
    wire.send(packet)
now = seen[TCP].seq
for far in (-2**30, -2**24, 2**24, 2**30):
    lie(now + far)
for _ in range(3):
    lie(now, port=81)
    lie(now, source="10.9.0.8")
    lie(now, mtu=1500)
    lie(now, spoil=0x100)
kinds = [lambda: IP(dst=ip) / fuzz(TCP(dport=80)), lambda: IP(dst=ip) / fuzz(TCP()),
         lambda: IP(dst=ip) / fuzz(UDP()), lambda: IP(dst=ip) / fuzz(ICMP()),
         lambda: fuzz(IP(dst=ip)) / TCP(dport=80, flags="S"), lambda: fuzz(ARP(pdst=ip)),
         lambda: IP(dst=ip) / UDP(sport=53, dport=53) / fuzz(DNS()),
         lambda: IP(dst=ip) / UDP(sport=67, dport=68) / fuzz(BOOTP()) / DHCP(options=["end"]),
         lambda: IPv6(dst=ip6) / fuzz(ICMPv6ND_NS()), lambda: IPv6(dst=ip6) / fuzz(ICMPv6ND_NA()),
         lambda: IPv6(dst=ip6) / fuzz(ICMPv6EchoRequest()), lambda: IPv6(dst=ip6) / fuzz(TCP()),
         lambda: IPv6(dst=ip6) / fuzz(ICMPv6PacketTooBig()) / fuzz(IPv6()) / fuzz(TCP()),
         lambda: IPv6(dst=ip6) / fuzz(IPv6ExtHdrFragment()) / fuzz(UDP()),
         lambda: IPv6(dst=ip6) / fuzz(IPv6ExtHdrHopByHop()) / fuzz(UDP())]
for number in range(3000):
    frame = bytearray(raw(Ether(dst=mac) / kinds[number % len(kinds)]()))
    if number % 3 == 0:
        frame[random.randrange(14, len(frame))] ^= 1 << random.randrange(8)
    if number % 5 == 0:
        frame = frame[:random.randrange(14, len(frame))]
    wire.send(Ether(bytes(frame)))
print("done", flush=True)
"""


def test_lies_and_nonsense_do_no_harm(machine, tmp_path):
    """The open connection goes on in segments of full size, new ones come; nobody has crashed."""
    capture, folder = str(tmp_path / "capture.pcap"), tmp_path / "www"
    folder.mkdir()
    (folder / "big").write_bytes(random.Random(7).randbytes(SIZE))
    lan = Lan(str(tmp_path))
    try:
        lan.dnsmasq()
        lan.web(str(folder))
        guest = machine(netdev=TAP, prefix=lan.prefix, capture=capture)
        guest.boot()
        ours = leased(guest)
        guest.cmd(f"httpget http://{HOST4}:8000/big > /tmp/big", timeout=280)
        script = lan.start("python3", "-c", FETCH, ours)
        assert script.stdout.readline() == "begun\n"
        forger = lan.start("/usr/bin/python3", "-c", FORGE, GUEST_MAC, ours,
                           "fd09::5054:ff:fe12:3456")
        assert forger.stdout.readline() == "ready\n"
        assert forger.stdout.readline() == "done\n"
        script.stdin.write("\n")
        script.stdin.flush()
        wanted = hashlib.sha256((folder / "big").read_bytes()).hexdigest()
        assert script.stdout.readline().strip() == wanted
        lan.run("curl", "--silent", "--fail", "--max-time", "280", "--output", "/dev/null",
                f"http://{ours}/proc/version")
        crashes = {row[0]: row[4] for row in guest.table("services")}
        assert (crashes["net"], crashes["e1000"], crashes["httpd"]) == ("0", "0", "0")
        guest.stop()
    finally:
        lan.stop()
    assert len(tshark(capture, "icmp.type == 3 && icmp.code == 4")) >= 16
    assert tshark(capture, "tcp.srcport == 80 && tcp.len == 560") == [], "a liar was believed"
    assert tshark(capture, f"eth.src == {GUEST_MAC} && ({BAD_FRAMES})") == []
