# SPDX-License-Identifier: MIT
"""Both ends of the AI link in one clock that only moves when told: the relay's C code, the bridge's
Python code, and between them a serial line that loses, changes, doubles and invents bytes."""
import random
import types

from aibridgelib import bridge as bridges
from aibridgelib.backends import BackendError
from guestlink import CHUNK, E_IO, E_WOULD_BLOCK, FIFO, OK, GuestLink

STEP = 0.005
BYTES_PER_STEP = 58  # 115200 baud


def answer_for(prompt):
    """What the simulated backend says: many characters of all lengths, or an error."""
    rng = random.Random(prompt)
    if rng.random() < 0.1:
        return None
    return "AI: " + "".join(rng.choice("abc \nüß€🦎") for _ in range(rng.choice((0, 5, 300, 3000, 12000)))) + "."


class InstantAnswer:
    """Stands in for bridge.Answer: no thread, the text comes in pieces as it is taken."""

    log = []  # (bridge's number, prompt) of each start

    def __init__(self, backend, prompt, _wake):
        InstantAnswer.log.append((backend.number, prompt))
        self.error = None
        text = answer_for(prompt)
        if text is None:
            self.error, text = "no luck", "some text"
        self.left = text.encode()
        self.rng = random.Random(prompt)
        self.ended = False
        self.cut = False

    def take(self, size):
        """Now and then nothing, as if the backend were thinking."""
        if self.left and self.rng.random() < 0.7:
            return b""
        end = min(size, len(self.left), self.rng.choice((4, 20, size)))
        while 0 < end < len(self.left) and self.left[end] & 0xC0 == 0x80:
            end -= 1
        piece, self.left = self.left[:end], self.left[end:]
        self.ended = not self.left
        return piece

    def cancel(self):
        """Nothing runs."""


class Wire:
    """One direction of the line."""

    def __init__(self, rng, noise):
        self.rng, self.noise, self.bytes = rng, noise, bytearray()

    def put(self, data):
        """Bytes enter and meet their fate."""
        if not self.noise:
            self.bytes += data
            return
        for byte in data:
            chance = self.rng.random() / self.noise
            if chance >= 1:
                self.bytes.append(byte)
            elif chance < 0.4:
                self.bytes.append(byte ^ (1 << self.rng.randrange(8)))
            elif chance < 0.6:
                self.bytes += bytes((byte, byte))
            elif chance < 0.75:
                self.bytes += bytes((byte, self.rng.choice((0x0D, 0x0A, 0xF8, 0xF9, 0xFA, 0x41))))
            elif chance < 0.78:
                del self.bytes[self.rng.randrange(len(self.bytes) + 1):]

    def get(self, size):
        """Bytes leave."""
        data = bytes(self.bytes[:size])
        del self.bytes[:size]
        return data


class Terminal:
    """A host that speaks the line form only."""

    def __init__(self):
        self.input, self.output = b"", b""

    def receive(self, data, _now):
        """Answers whole lines."""
        self.input += data
        while b"\n" in self.input:
            line, self.input = self.input.split(b"\n", 1)
            assert line.startswith(b"ASK "), line
            self.output += b"line: " + line[4:] + b"\r\n"

    def pump(self, _now):
        """Nothing waits."""

    def transmit(self, _now):
        """All that is said."""
        output, self.output = self.output, b""
        return output


class Simulation:
    """Faults are probabilities; noise per byte, the others per step or turn."""

    def __init__(self, seed, noise=0.0, crash=0.0, host="bridge"):
        self.rng = random.Random(seed)
        self.now = 1000.0
        self.crash = crash
        self.to_host, self.to_guest = Wire(self.rng, noise), Wire(self.rng, noise)
        self.guest = GuestLink(self.rng.getrandbits(32), self.now)
        self.pending = b""  # bytes a crashed turn has read: the kernel gives them again
        self.output = b""
        self.bridges = 0
        self.host = None
        self.reading = True
        self.questions = {}  # badge -> [prompt, text, result]
        self.set_host(host)

    def set_host(self, kind):
        """The old host is killed where it stands."""
        self.output = b""
        self.bridges += 1
        if kind == "bridge":
            backend = types.SimpleNamespace(name="sim", number=self.bridges)
            self.host = bridges.Bridge(backend, 1 << 20, now=self.now)
            self.host.link.rng = self.rng
            self.host.link.reconnected(self.now)
        else:
            self.host = Terminal() if kind == "terminal" else None

    def cut(self):
        """The connection drops and comes back: bytes under way are lost."""
        self.to_host.bytes.clear()
        self.to_guest.bytes.clear()
        self.output = b""
        self.host.disconnected()
        self.host.link.reconnected(self.now)

    def ask(self, prompt, account=1):
        """Asks; the badge."""
        status, badge = self.guest.ask(account, prompt.encode(), self.now)
        assert status == OK, status
        self.questions[badge] = [prompt, b"", None]
        return badge

    def step(self):
        """One step of the clock."""
        self.now += STEP
        self._step_host()
        self._step_guest()
        self._step_readers()

    def _step_host(self):
        data = self.to_host.get(BYTES_PER_STEP)
        if self.host is None:
            return
        if data:
            self.host.receive(data, self.now)
        self.host.pump(self.now)
        while len(self.output) < BYTES_PER_STEP:
            more = self.host.transmit(self.now) if isinstance(self.host, Terminal) \
                else self.host.link.transmit(self.now)
            if not more:
                break
            self.output += more
        self.to_guest.put(self.output[:BYTES_PER_STEP])
        self.output = self.output[BYTES_PER_STEP:]

    def _step_guest(self):
        self.pending += self.to_guest.get(BYTES_PER_STEP)
        sent = 0
        while sent < BYTES_PER_STEP:
            data = self.pending[:CHUNK]
            if not data and self.guest.deadline(self.now) > self.now:
                break
            if self.rng.random() < self.crash:
                self.guest.turn(data, self.now, crash=True)
                continue
            self.pending = self.pending[len(data):]
            out = self.guest.turn(data, self.now)
            self.to_host.put(out)
            sent += max(len(out), 1)

    def _step_readers(self):
        if not self.reading:
            return
        for badge, question in self.questions.items():
            while question[2] is None:
                size = self.rng.choice((4, 100, 4096))
                if self.rng.random() < self.crash:
                    self.guest.read(badge, size, self.now, crash=True)
                status, text = self.guest.read(badge, max(size, 300), self.now)
                if status == E_WOULD_BLOCK:
                    break
                if status == OK and text:
                    question[1] += text
                else:
                    question[2] = (status, text)
                    self.guest.drop(badge, self.now)

    def run(self, seconds):
        """Lets time pass."""
        end = self.now + seconds
        while self.now < end:
            self.step()

    def finish(self, seconds):
        """Lets time pass until every question has its end."""
        end = self.now + seconds
        while any(question[2] is None for question in self.questions.values()):
            assert self.now < end, "questions without an end"
            self.step()

    def close(self):
        """Ends the guest program."""
        self.guest.close()


def expected(prompt, line=False):
    """Result and text of a question that nothing disturbs, in frames or in line form."""
    text = answer_for(prompt)
    if line:
        text = None if text is None else " ".join(text.split())
        return ((E_IO, b"no luck"), b"") if text is None else ((OK, b""), text.encode())
    return ((E_IO, b"no luck"), b"some text") if text is None else ((OK, b""), text.encode())


__all__ = ["BackendError", "FIFO", "InstantAnswer", "Simulation", "answer_for", "bridges",
           "expected"]
