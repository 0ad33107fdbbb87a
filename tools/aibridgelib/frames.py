# SPDX-License-Identifier: MIT
"""Frames of the AI link: encoding, and a decoder that finds its way again after any garbage."""

import struct
import zlib
from dataclasses import dataclass

START, END, ESCAPE, ESCAPE_XOR = 0xF8, 0xF9, 0xFA, 0x40
ESCAPED = frozenset((0x0A, 0x0D, START, END, ESCAPE))
HEADER = struct.Struct("<BBHHI")
PAYLOAD_MAX = 480
BODY_MIN = HEADER.size + 4
BODY_MAX = HEADER.size + PAYLOAD_MAX + 4

HELLO, WELCOME, DATA, ACKNOWLEDGE = b"HWDA"
POLL, BUSY = 1, 2


@dataclass
class Frame:
    type: int
    flags: int = 0
    sequence: int = 0
    acknowledge: int = 0
    session: int = 0
    payload: bytes = b""

    def encode(self):
        body = HEADER.pack(self.type, self.flags, self.sequence, self.acknowledge, self.session)
        body += self.payload
        body += struct.pack("<I", zlib.crc32(body))
        wire = bytearray((START,))
        for byte in body:
            if byte in ESCAPED:
                wire += bytes((ESCAPE, byte ^ ESCAPE_XOR))
            else:
                wire.append(byte)
        wire.append(END)
        return bytes(wire)


def parse(body):
    """The frame in a decoded body, None if it is damaged."""
    if not BODY_MIN <= len(body) <= BODY_MAX:
        return None
    if zlib.crc32(body[:-4]) != struct.unpack("<I", body[-4:])[0]:
        return None
    fields = HEADER.unpack_from(body)
    if fields[0] not in b"HWDA":
        return None
    return Frame(*fields, bytes(body[HEADER.size : -4]))


class Decoder:
    """feed() yields frames, and bytes that stand outside frames as numbers."""

    OUTSIDE, INSIDE, IN_ESCAPE, SKIPPING = range(4)

    def __init__(self):
        self.state = self.OUTSIDE
        self.body = bytearray()
        self.bad = 0

    def feed(self, data):
        for byte in data:
            if byte in (START, END, 0x0A, 0x0D):
                yield from self._boundary(byte)
            elif self.state == self.OUTSIDE:
                if byte != ESCAPE:
                    yield byte
            elif self.state != self.SKIPPING:
                self._collect(byte)

    def _boundary(self, byte):
        frame = parse(self.body) if byte == END and self.state == self.INSIDE else None
        if self.state != self.OUTSIDE and frame is None:
            self.bad += 1
        self.state = self.INSIDE if byte == START else self.OUTSIDE
        self.body.clear()
        if frame is not None:
            yield frame
        elif byte in (0x0A, 0x0D):
            yield byte

    def _collect(self, byte):
        if self.state == self.IN_ESCAPE:
            byte ^= ESCAPE_XOR
            self.state = self.INSIDE if byte in ESCAPED else self.SKIPPING
        elif byte == ESCAPE:
            self.state = self.IN_ESCAPE
            return
        if len(self.body) == BODY_MAX:
            self.state = self.SKIPPING
        if self.state == self.INSIDE:
            self.body.append(byte)
