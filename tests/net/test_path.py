# SPDX-License-Identifier: MIT
"""A path that becomes narrower while data is on its way: a router of Linux's between the guest and
its peer."""
import hashlib
import random

import pytest
from wire import BAD_FRAMES, tshark

from harness.lan import HOST4, TAP, Lan, leased

SIZE = 1024 * 1024
FAR4, FAR6 = "10.10.0.2", "fd10::2"
ADDRESS6 = "fd09::5054:ff:fe12:3456"

# Asks for a file, takes the first part, waits for a word, takes the rest; prints its checksum.
# A small buffer, so that most of the file is still at the other side by then.
FETCH = """
import hashlib, socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
peer = socket.socket(family)
peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
peer.connect((sys.argv[1], 80))
peer.sendall(b"GET /tmp/big HTTP/1.0\\r\\n\\r\\n")
text = b""
while len(text) < 100000:
    text += peer.recv(4096)
print("begun", flush=True)
sys.stdin.readline()
while part := peer.recv(65536):
    text += part
print(hashlib.sha256(text.partition(b"\\r\\n\\r\\n")[2]).hexdigest(), flush=True)
"""


@pytest.mark.parametrize("far, narrow", [(FAR4, 1300), (FAR4, 552), (FAR4, 300), (FAR6, 1280)])
def test_the_path_becomes_narrow(machine, tmp_path, far, narrow):
    """What was sent too large comes again in pieces that fit; the file is whole."""
    capture, folder = str(tmp_path / "capture.pcap"), tmp_path / "www"
    folder.mkdir()
    (folder / "big").write_bytes(random.Random(7).randbytes(SIZE))
    lan = Lan(str(tmp_path))
    try:
        lan.dnsmasq()
        lan.web(str(folder))
        peer = lan.beyond(FAR4, FAR6)
        guest = machine(netdev=TAP, prefix=lan.prefix, capture=capture)
        guest.boot()
        ours = leased(guest)
        assert "1 received" in guest.cmd(f"ping -c 1 {far}")
        guest.cmd(f"httpget http://{HOST4}:8000/big > /tmp/big", timeout=280)
        script = lan.start(*peer, "python3", "-c", FETCH, ADDRESS6 if ":" in far else ours)
        assert script.stdout.readline() == "begun\n"
        lan.run("ip", "link", "set", "far0", "mtu", str(narrow))
        script.stdin.write("\n")
        script.stdin.flush()
        assert script.stdout.readline().strip() == hashlib.sha256(
            (folder / "big").read_bytes()).hexdigest()
        guest.stop()
    finally:
        lan.stop()
    told = "icmpv6.type == 2" if ":" in far else "icmp.type == 3 && icmp.code == 4"
    assert tshark(capture, told) != [], "no router has complained"
    sent = f"tcp.srcport == 80 && eth.src == 52:54:00:12:34:56 && ip{'v6' * (':' in far)}"
    assert tshark(capture, f"{sent} && frame.len == {max(narrow, 552) + 14}") != []
    assert tshark(capture, f"eth.src == 52:54:00:12:34:56 && ({BAD_FRAMES})") == []
