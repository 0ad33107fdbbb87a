# SPDX-License-Identifier: MIT
"""A telnet client: answers for the options, and reads what the shell shows."""
from __future__ import annotations

import re
import socket
import time

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
ECHO, GO_AHEAD, SIZE = 1, 3, 31
PROMPT = r"axolotl:(\S*)\$ $"


class Telnet:
    """One connection. `said` holds what the server has negotiated, in its order."""

    def __init__(self, address: str, port: int, size: tuple[int, int] | None = (80, 24)) -> None:
        self.socket = socket.create_connection((address, port), timeout=200)
        self.size = size
        self.text = ""
        self.said: list[tuple[int, int]] = []
        self.waiting = b""

    def send(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self.socket.sendall(data)

    def _option(self, verb: int, option: int) -> None:
        self.said.append((verb, option))
        if verb == WILL:
            self.send(bytes([IAC, DO if option in (ECHO, GO_AHEAD) else DONT, option]))
        elif verb == DO and option == SIZE and self.size:
            columns, rows = self.size
            size = columns.to_bytes(2, "big") + rows.to_bytes(2, "big")
            self.send(bytes([IAC, WILL, SIZE, IAC, SB, SIZE])
                      + size.replace(b"\xff", b"\xff\xff") + bytes([IAC, SE]))
        elif verb == DO:
            self.send(bytes([IAC, WILL if option == GO_AHEAD else WONT, option]))

    def _take(self) -> bool:
        """Takes one thing out of what has come; False: it is not complete."""
        data = self.waiting
        if not data:
            return False
        if data[0] == IAC:
            if len(data) < 2 or (data[1] in (DO, DONT, WILL, WONT) and len(data) < 3):
                return False
            if data[1] == IAC:
                self.text += "\xff"
                self.waiting = data[2:]
            else:
                self._option(data[1], data[2])
                self.waiting = data[3:]
            return True
        if data[0] == 13:
            if len(data) < 2:
                return False
            assert data[1] in (0, 10), "a bare CR"
            self.text += "\r\n" if data[1] == 10 else "\r"
            self.waiting = data[2:]
            return True
        self.text += chr(data[0])
        self.waiting = data[1:]
        return True

    def read(self) -> bool:
        """Reads what comes next; False at the end of the stream."""
        data = self.socket.recv(65536)
        self.waiting += data
        while self._take():
            pass
        return bool(data)

    def expect(self, pattern: str, timeout: float = 180) -> re.Match:
        """Reads until the text matches; the text up to there is used up."""
        end = time.monotonic() + timeout
        while (found := re.search(pattern, self.text)) is None:
            assert time.monotonic() < end, f"no {pattern!r} in {self.text!r}"
            assert self.read(), f"the end, and no {pattern!r} in {self.text!r}"
        self.text = self.text[found.end():]
        return found

    def cmd(self, line: str, timeout: float = 180) -> str:
        """Runs a command; its output."""
        self.send(line.encode() + b"\r\n")
        self.expect(re.escape(line) + r"\r?\n", timeout)
        end = time.monotonic() + timeout
        while (found := re.search(PROMPT, self.text)) is None:
            assert time.monotonic() < end, f"no prompt in {self.text!r}"
            assert self.read(), f"the end in {self.text!r}"
        output, self.text = self.text[:found.start()], ""
        return output.replace("\r\n", "\n").strip("\n")

    def ended(self) -> str:
        """Reads to the end of the stream; what came."""
        while self.read():
            pass
        return self.text

    def close(self) -> None:
        """Hangs up."""
        self.socket.close()
