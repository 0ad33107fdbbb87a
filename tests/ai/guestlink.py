# SPDX-License-Identifier: MIT
"""Drives build/servers/aiproxy/aiproxy_guest, the relay's C code as a program of the host."""
import os
import struct
import subprocess

import machine

PROGRAM = os.path.join(machine.BUILD, "servers", "aiproxy", "aiproxy_guest")
OK, E_STALE, E_BUSY, E_WOULD_BLOCK, E_IO = 0, -9, -16, -20, -70
NEVER = (1 << 64) - 1
CHUNK = 64  # bytes that one turn receives
FIFO = 16  # bytes that one turn sends


class GuestLink:
    """Times are seconds. A turn with crash=True is undone, as after a kill before its commit."""

    def __init__(self, epoch, now):
        self.process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.restart(epoch, now)

    def close(self):
        """Ends the program; a sanitizer's complaint is an error."""
        self.process.stdin.close()
        assert self.process.wait(10) == 0
        self.process.stdout.close()

    def _do(self, operation, now, data=b"", crash=False):
        head = struct.pack("<BBHIQ", ord(operation), crash, 0, len(data), int(now * 1e9))
        self.process.stdin.write(head + data)
        self.process.stdin.flush()
        status, length = struct.unpack("<iI", self.process.stdout.read(8))
        return status, self.process.stdout.read(length)

    def restart(self, epoch, now):
        """A cold start."""
        self._do("I", now, struct.pack("<I", epoch))

    def turn(self, data, now, room=FIFO, crash=False):
        """Takes bytes from the wire, gives bytes for it."""
        return self._do("T", now, struct.pack("<H", room) + data, crash)[1]

    def ask(self, account, prompt, now):
        """Status, badge."""
        status, data = self._do("A", now, struct.pack("<I", account) + prompt)
        return status, int.from_bytes(data, "little")

    def read(self, badge, size, now, crash=False):
        """Status, text."""
        return self._do("R", now, struct.pack("<QI", badge, size), crash)

    def drop(self, badge, now):
        """Closes the question."""
        return self._do("X", now, struct.pack("<Q", badge))[0]

    def deadline(self, now):
        """When a turn is due, in seconds; now if there is output."""
        output, data = self._do("D", now)
        value = int.from_bytes(data, "little")
        return now if output else float("inf") if value == NEVER else value / 1e9

    def status(self, now):
        """struct ai_status as a dictionary."""
        names = ("port", "link", "prompts", "responses", "errors", "pending", "tx_bytes",
                 "rx_bytes", "retransmits", "bad_frames")
        data = self._do("S", now)[1]
        values = dict(zip(names, struct.unpack_from("<10Q", data)))
        values["backend"] = data[80:112].rstrip(b"\0").decode()
        return values
