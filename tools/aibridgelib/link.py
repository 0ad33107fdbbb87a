# SPDX-License-Identifier: MIT
"""Host end of the link: sessions, exactly-once messages, the line form. Pure: bytes, messages and
the time go in and out by calls, events come back from receive()."""

import random
import struct
from dataclasses import dataclass

from . import frames
from .frames import Frame

VERSION = 1
KNOCK = b"\r\r\r"
KNOCK_TIME = 1.0
POLL_TIME = 1.0
QUIET_TIME = 5.0
REPEAT_TIMES = (0.5, 1.0, 2.0)
BUSY_TIME = 2.0
MESSAGE_MAX = frames.PAYLOAD_MAX
LINE_MAX = 4096
NEVER = float("inf")


@dataclass
class SessionBegun:
    """A new session; whatever was going on in an older one is void."""

    session: int


@dataclass
class Message:
    """A message of the guest, delivered once."""

    payload: bytes


@dataclass
class Line:
    """A line of a guest that has no session. send_line() must follow."""

    text: bytes


class Link:
    def __init__(self, backend, now):
        self.backend = backend.encode()[:31]
        self.decoder = frames.Decoder()
        self.session = None
        self.epoch = None
        self.heard = -NEVER
        self.line = bytearray()
        self.lines_open = 0  # lines of the guest not yet answered
        self.line_output = bytearray()
        self.knock_at = now
        self.welcome_due = False
        self.events = []
        self._clear()

    def _clear(self):
        self.received = 0
        self.acknowledge_due = False
        self.sequence = 0
        self.data = None
        self.data_due = False
        self.data_busy = False
        self.data_at = NEVER
        self.data_tries = 0
        self.sent_at = -NEVER

    # ---- what the guest says

    def reconnected(self, now):
        """The pipe is new: half-received things are void, the session goes on."""
        self.decoder = frames.Decoder()
        self.line.clear()
        self.line_output.clear()
        self.lines_open = 0
        self.knock_at = now
        self.data_due = self.data is not None

    def receive(self, data, now):
        """Takes bytes, returns the events that they make."""
        self.events = []
        for item in self.decoder.feed(data):
            if isinstance(item, Frame):
                self.line.clear()
                self._frame(item, now)
            else:
                self._text(item, now)
        return self.events

    def alive(self, now):
        return self.session is not None and now - self.heard < QUIET_TIME

    def _text(self, byte, now):
        if self.alive(now) or byte == 0x0D:
            return
        if byte != 0x0A:
            if len(self.line) < LINE_MAX:
                self.line.append(byte)
            return
        text = bytes(self.line).strip()
        self.line.clear()
        if text:
            self.lines_open += 1
            self.events.append(Line(text))

    def _frame(self, frame, now):
        if frame.type == frames.HELLO:
            self._hello(frame, now)
        elif frame.type in (frames.DATA, frames.ACKNOWLEDGE):
            if self.session is None or frame.session != self.session:
                self.knock_at = min(self.knock_at, now)
                return
            self.heard = now
            self._acknowledged(frame, now)
            if frame.type == frames.DATA:
                self._data(frame)
            if frame.flags & frames.POLL:
                self.acknowledge_due = True

    def _hello(self, frame, now):
        if self.lines_open or len(frame.payload) < 1 or frame.payload[0] != VERSION:
            return
        if self.session is None or frame.session != self.epoch:
            self.epoch = frame.session
            previous = self.session
            while self.session == previous:
                self.session = random.SystemRandom().getrandbits(32)
            self._clear()
            self.events.append(SessionBegun(self.session))
        self.heard = now
        self.welcome_due = True

    def _acknowledged(self, frame, now):
        if self.data is None:
            return
        if frame.acknowledge == self.sequence:
            self.data = None
            self.data_due = self.data_busy = False
            self.data_at = NEVER
        elif frame.flags & frames.BUSY:
            self.data_busy = True
            self.data_at = now + BUSY_TIME
        elif self.data_busy:
            self.data_busy = False
            self.data_due = True

    def _data(self, frame):
        if frame.sequence == self.received:
            self.acknowledge_due = True
        elif frame.sequence == (self.received + 1) & 0xFFFF:
            self.received = frame.sequence
            self.acknowledge_due = True
            self.events.append(Message(frame.payload))

    # ---- what we say

    def can_send(self):
        return self.session is not None and self.data is None

    def send(self, message):
        assert self.can_send() and len(message) <= MESSAGE_MAX
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.data = message
        self.data_due = True
        self.data_tries = 0

    def send_line(self, text, now):
        """Answers the oldest open line."""
        if self.lines_open:
            self.lines_open -= 1
            self.line_output += text.replace(b"\n", b" ") + b"\n"
            self.knock_at = now + KNOCK_TIME

    def transmit(self, now):
        """The next bytes for the pipe; to be called when the last have gone, until empty."""
        self._tick(now)
        if self.line_output:
            output = bytes(self.line_output)
            self.line_output.clear()
            return output
        if self.welcome_due:
            self.welcome_due = False
            payload = struct.pack("<BI", VERSION, self.session) + self.backend
            return Frame(frames.WELCOME, session=self.epoch, payload=payload).encode()
        if now >= self.knock_at and not self.alive(now) and not self.lines_open:
            self.knock_at = now + KNOCK_TIME
            return KNOCK
        if self.session is not None:
            return self._transmit_session(now)
        return b""

    def _tick(self, now):
        if now >= self.data_at:
            self.data_at = NEVER
            self.data_due = self.data is not None

    def _transmit_session(self, now):
        poll = self.alive(now) and now >= self.sent_at + POLL_TIME
        if not (self.data_due or self.acknowledge_due or poll):
            return b""
        frame = Frame(
            frames.ACKNOWLEDGE,
            flags=frames.POLL if poll else 0,
            acknowledge=self.received,
            session=self.session,
        )
        if self.data_due:
            frame.type, frame.sequence, frame.payload = frames.DATA, self.sequence, self.data
            self.data_due = False
            wait = REPEAT_TIMES[min(self.data_tries, len(REPEAT_TIMES) - 1)]
            self.data_at = now + (BUSY_TIME if self.data_busy else wait)
            self.data_tries += 1
        self.acknowledge_due = False
        self.sent_at = now
        return frame.encode()

    def deadline(self, now):
        """When transmit() may have something although nothing happens."""
        if self.alive(now):
            return min(self.data_at, self.sent_at + POLL_TIME, self.heard + QUIET_TIME)
        return min(self.data_at, NEVER if self.lines_open else self.knock_at)
