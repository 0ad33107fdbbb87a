# SPDX-License-Identifier: MIT
"""The host's end of the program `peer` (tests/recovery/peer.c)."""
import functools
import re
import socket
import threading
import time

from harness.archive import archive_with, program

PORT = 7
PUT_PORT = 81
GREETING = b"peer\n"
MANIFEST = """
service peer
    kind program
    restart never
    priority 26
    memory 3M
    system info
    use net badge 7
    use init badge 7 operator
"""


def load(folder, manifest=str):
    """What to replace so that `peer` runs; `manifest` maps the rest of that."""
    return {"peer": program("peer"),
            "boot.tar": archive_with(str(folder), lambda text: manifest(text) + MANIFEST)}


@functools.lru_cache(256)
def digest(data):
    """FNV-1a, 64 bits."""
    value = 0xcbf29ce484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return value


@functools.lru_cache(256)
def sequence(count, state):
    """What `make` sends."""
    data = bytearray(count)
    for i in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) & 0xffffffffffffffff
        data[i] = state >> 56
    return bytes(data)


class Peer:
    """One connection; an error or a reset raises OSError. Nothing is sent before the guest's
    greeting: QEMU's user network forgets what it has of ours when the guest's SYN and ACK come
    twice, as they must when packets are lost."""

    def __init__(self, guest, order, timeout=300):
        self.socket = socket.create_connection((guest.address, guest.port[PORT]),
                                               timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert self.exactly(len(GREETING)) == GREETING
        self.send(order.encode() + b"\n")

    def send(self, data):
        """Sends all bytes."""
        self.socket.sendall(data)

    def end(self):
        """No more bytes from us."""
        self.socket.shutdown(socket.SHUT_WR)

    def exactly(self, count):
        """That many bytes."""
        data = bytearray()
        while len(data) < count:
            piece = self.socket.recv(min(65536, count - len(data)))
            assert piece, f"the connection ended after {len(data)} of {count} bytes"
            data += piece
        return bytes(data)

    def rest(self):
        """All bytes to the end of the connection."""
        data = bytearray()
        while piece := self.socket.recv(65536):
            data += piece
        self.socket.close()
        return bytes(data)


def ask(guest, order):
    """A whole conversation of one line; the answer as text."""
    return Peer(guest, order).rest().decode()


class Killer(threading.Thread):
    """Kills from inside the guest, on a thread above all services."""

    def __init__(self, guest, name, count, pause_us, turns=0):
        super().__init__(daemon=True)
        self.guest, self.order = guest, f"kill {name} {count} {pause_us} {turns}"
        self.answer = None
        self.start()

    def run(self):
        """Runs the order."""
        self.answer = ask(self.guest, self.order)

    def done(self):
        """Waits for the last kill; none may have failed."""
        self.join(600)
        assert self.answer == "0\n", f"{self.order}: {self.answer}"


def accounts(guest):
    """Bytes and handles of each service, and free memory."""
    return ask(guest, "account")


def quiet(guest):
    """The accounts when ended connections are forgotten: every state that they are seen in, since
    a frame may be on the way."""
    deadline = time.monotonic() + 120
    states = r"\b(SYN|ESTABLISHED|FIN_WAIT|CLOS|LAST_ACK|TIME_WAIT)"
    while re.search(states, connections := guest.cmd("netstat")):
        assert time.monotonic() < deadline, connections
        time.sleep(1)
    return {accounts(guest) for _ in range(20)}


def level(rounds):
    """Whether the last of these results of quiet() is as one before it: the accounts to the byte,
    and no less memory is free. (The kernel's objects, the same ones, may lie in some pages more or
    less. What a leak takes never comes back.)"""
    *before, last = [[state.split("free ") for state in states] for states in rounds]
    return any(now == then and int(free) >= int(was)
               for now, free in last for states in before for then, was in states)
