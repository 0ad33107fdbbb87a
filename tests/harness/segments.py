# SPDX-License-Identifier: MIT
"""TCP as a capture shows it, and what a guest whose servers die must never send."""
import collections
import struct

FIN, SYN, RST, ACK = 1, 2, 4, 16
TCP = 6
MASK = 0xffffffff
GUEST, HOST = True, False

# end: the length of the capture with this frame; mine: the guest has sent it; packet: from the IP
# header on.
Segment = collections.namedtuple("Segment", "end mine ports seq ack flags window data packet")


def frames(path):
    """(length of the capture with it, frame) of each frame that is there whole."""
    with open(path, "rb") as file:
        capture = file.read()
    at = 24
    while at + 16 <= len(capture):
        size, = struct.unpack_from("<8xI", capture, at)
        at += 16 + size
        if at <= len(capture):
            yield at, capture[at - size:at]


def segments(path, mac):
    """The segments to and from the guest with this address of its card (IPv4, no fragments)."""
    mac = bytes.fromhex(mac.replace(":", ""))
    for end, frame in frames(path):
        if frame[12:14] != b"\x08\0" or frame[23] != TCP:
            continue
        mine = frame[6:12] == mac
        packet = frame[14:14 + struct.unpack_from(">H", frame, 16)[0]]
        start = (packet[0] & 15) * 4
        source, target, seq, ack, offset, flags, window = \
            struct.unpack_from(">HHIIBBH", packet, start)
        yield Segment(end, mine, (source, target) if mine else (target, source), seq, ack, flags,
                      window, packet[start + (offset >> 4) * 4:], packet)


class Connection:
    """What has been seen of one. Numbers count from each side's first."""

    def __init__(self):
        self.first = {}  # each side's first number
        self.acked = 0  # by the guest
        self.opened = False  # the handshake is over
        self.fins = {}  # each side's number behind its last
        self.over = set()  # whose last number the other has acknowledged
        self.window = 1  # the guest's
        self.sent = bytearray()  # by the guest; what is not there yet reads as zero
        self.known = bytearray()  # which of these are there
        self.packets = set()  # of the guest

    @property
    def state(self):
        """As a person would call it."""
        if not self.opened:
            return "being set up"
        if self.over == {GUEST, HOST}:
            return "over"
        if self.fins:
            return ("half-closed by the guest" if HOST not in self.fins else
                    "half-closed by the host" if GUEST not in self.fins else "closing")
        return "established" if self.window else "window closed"

    def add(self, segment):
        """Takes a segment; what is wrong with it, or nothing."""
        side = segment.mine
        if segment.flags & SYN:
            first = self.first.setdefault(side, segment.seq)
            if first != segment.seq:
                return "begins again with another number"
        if segment.flags & ACK and segment.ack == self.fins.get(not side):
            self.over.add(not side)
        if segment.flags & FIN:
            self.fins[side] = (segment.seq + len(segment.data) + 1) & MASK
        self.opened = self.opened or len(self.first) == 2 and not segment.flags & SYN
        return self.check(segment) if side == GUEST else ""

    def check(self, segment):
        """What the guest says now against what it has said."""
        if segment.flags & RST:
            # Nobody has it any more, and an acknowledgement came twice.
            return "" if self.state == "over" else "is reset"
        self.window = segment.window
        again, wrong = segment.packet in self.packets, ""
        self.packets.add(segment.packet)
        if segment.flags & ACK and HOST in self.first:
            acked = (segment.ack - self.first[HOST]) & MASK
            # The driver's next life sends again what its last one may have sent.
            if acked < self.acked and not again:
                wrong = f"has acknowledged {self.acked} and now {acked}"
            self.acked = max(self.acked, acked)
        if segment.data and GUEST in self.first:
            at = (segment.seq - self.first[GUEST] - 1) & MASK
            wrong = self.check_data(at, segment.data) or wrong
        return wrong

    def check_data(self, at, data):
        """A number stands for one byte for ever."""
        end = at + len(data)
        if end > len(self.sent):
            self.sent.extend(bytes(end - len(self.sent)))
            self.known.extend(bytes(end - len(self.known)))
        wrong = [at + i for i, (old, known, new) in
                 enumerate(zip(self.sent[at:end], self.known[at:end], data)) if known and old != new]
        self.sent[at:end], self.known[at:end] = data, b"\1" * len(data)
        return f"has sent byte {wrong[0]} differently" if wrong else ""


class Connections:
    """All connections of a capture. `wrong` says what the guest should not have sent."""

    def __init__(self, path, mac, deaths=()):
        """`deaths`: how long the capture was at each; `states` counts what met one."""
        self.now, self.wrong, self.states = {}, [], collections.Counter()
        self.count, deaths = 0, list(deaths)
        for segment in segments(path, mac):
            while deaths and deaths[0] < segment.end:
                deaths.pop(0)
                self.states.update({connection.state for connection in self.now.values()})
            self.add(segment)

    def add(self, segment):
        """One more segment."""
        connection = self.now.get(segment.ports)
        opens = segment.flags & SYN and not segment.flags & ACK
        if connection is None or opens and connection.state == "over":
            connection = self.now[segment.ports] = Connection()
            self.count += 1
        wrong = connection.add(segment)
        if wrong:
            self.wrong.append(f"{segment.ports} {connection.state}, {segment.end}: {wrong}")
