# SPDX-License-Identifier: MIT
"""Peers on the host, and what tshark finds in a capture."""
import collections
import socket
import struct
import subprocess
import threading
import time

from harness.lan import GUEST_MAC

BAD_FRAMES = " || ".join([
    "_ws.malformed", "ip.checksum.status == 0", "tcp.checksum.status == 0",
    "udp.checksum.status == 0", "icmp.checksum.status == 0",
    "arp.duplicate-address-detected", "ip.bogus_header_length"])
REPEATED, ACK_REPEATED = "tcp.analysis.retransmission", "tcp.analysis.duplicate_ack"


def tshark(capture: str, display_filter: str, field: str = "") -> list[str]:
    """Frames that match, one line each; or that field of theirs."""
    # Not HTTP: it takes random bytes of a file, in segments sent again, for a header.
    words = ["tshark", "-r", capture, "-Y", display_filter, "--disable-protocol", "http"]
    words += ["-T", "fields", "-e", field] if field else []
    for layer in ("ip", "tcp", "udp"):
        words += ["-o", f"{layer}.check_checksum:TRUE"]
    done = subprocess.run(words, check=True, text=True, capture_output=True)
    return done.stdout.splitlines()


def assert_clean(capture: str) -> None:
    """Frames of the guest, and none of them bad or needless."""
    mine = f"eth.src == {GUEST_MAC}"
    assert len(tshark(capture, mine)) > 10
    assert tshark(capture, f"{mine} && ({BAD_FRAMES})") == []
    assert tshark(capture, f"{mine} && ({REPEATED} || tcp.analysis.zero_window)") == []
    # What the peer sends again is acknowledged again (RFC 9293, 3.10.7.4): its FIN, for example,
    # when both ends have closed at the same moment.
    theirs = collections.Counter(tshark(capture, f"!({mine}) && {REPEATED}", "tcp.stream"))
    acks = collections.Counter(tshark(capture, f"{mine} && {ACK_REPEATED}", "tcp.stream"))
    assert not acks - theirs, acks


class NameServer:
    """Answers A queries on the host's port 53 from a dictionary; NXDOMAIN for other names."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names
        self.asked: list[str] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        deadline = time.monotonic() + 300
        while True:
            try:
                self.socket.bind(("127.0.0.1", 53))
                break
            except OSError:  # another test has it
                assert time.monotonic() < deadline, "port 53 stays in use"
                time.sleep(0.2)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while True:
            query, sender = self.socket.recvfrom(512)
            if not query:
                return
            self.socket.sendto(self._answer(query), sender)

    def _answer(self, query: bytes) -> bytes:
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        question = query[12:at + 5]
        name = ".".join(labels)
        self.asked.append(name)
        known = name in self.names
        address = self.names.get(name) if query[at + 1:at + 3] == b"\0\1" else None
        head = query[:2] + struct.pack(">HHHHH", 0x8180 | (0 if known else 3), 1,
                                       1 if address else 0, 0, 0)
        if not address:
            return head + question
        return (head + question + b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4)
                + socket.inet_aton(address))

    def stop(self) -> None:
        """Ends the server; the port is free again."""
        self.socket.sendto(b"", ("127.0.0.1", 53))
        self.thread.join()
        self.socket.close()
