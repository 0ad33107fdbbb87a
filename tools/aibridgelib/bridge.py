# SPDX-License-Identifier: MIT
"""The bridge's loop: one pipe, one link, a thread for each question that is being answered."""

import codecs
import os
import select
import socket
import struct
import sys
import termios
import threading
import time
import tty

from . import link as links
from .backends import BackendError, Cut, one_line

PENDING_MAX = 65536  # bytes of an answer that wait for the guest before its backend is held up
EMPTY = "(empty response)"
MORE, CUT = 1, 1
LINE_PROMPT = b"ASK "


def log(text):
    print(f"aibridge: {text}", file=sys.stderr, flush=True)


class Answer:
    """One question's answer as it grows. Shared between its thread and the loop."""

    def __init__(self, backend, prompt, wake):
        self.backend = backend
        self.prompt = prompt
        self.wake = wake
        self.cancelled = threading.Event()
        self.changed = threading.Condition()
        self.text = bytearray()
        self.begun = False
        self.ended = False
        self.cut = False
        self.error = None
        self.blank = ""  # white space at the end, held back
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def cancel(self):
        self.cancelled.set()
        with self.changed:
            self.changed.notify()

    def take(self, size):
        """Up to size bytes, whole characters."""
        with self.changed:
            end = min(size, len(self.text))
            while 0 < end < len(self.text) and self.text[end] & 0xC0 == 0x80:
                end -= 1
            piece = bytes(self.text[:end])
            del self.text[:end]
            self.changed.notify()
            return piece

    def _put(self, piece):
        piece = self.blank + piece if self.begun else piece.lstrip()
        solid = piece.rstrip()
        self.blank = piece[len(solid) :]
        if not solid:
            return
        self.begun = True
        with self.changed:
            while len(self.text) > PENDING_MAX and not self.cancelled.is_set():
                self.changed.wait()
            self.text += solid.encode(errors="replace")
        self.wake()

    def _run(self):
        answer = self.backend.answer(self.prompt, self.cancelled)
        error = None
        try:
            for piece in answer:
                if self.cancelled.is_set():
                    break
                self._put(piece)
        except Cut:
            self.cut = True
        except BackendError as failure:
            error = str(failure)
        except Exception as failure:  # a bug of ours must not leave the guest waiting
            error = f"{self.backend.name} backend failed: {type(failure).__name__}: {failure}"
        finally:
            answer.close()
        if error is None and not self.begun:
            self._put(EMPTY)
        with self.changed:
            self.error = error
            self.ended = True
        self.wake()


class Bridge:
    def __init__(self, backend, line_max=480, verbose=False, now=None):
        self.backend = backend
        self.line_max = line_max
        self.verbose = verbose
        self.link = links.Link(backend.name, time.monotonic() if now is None else now)
        self.answers = {}  # by question number
        self.prompts = {}  # prompts of which more pieces are to come
        self.line_answer = None
        self.lines = []
        self.replies = 0
        self.last_end = None  # the final message of the last answer is under way
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(self.wake_write, False)

    def wake(self):
        try:
            os.write(self.wake_write, b"w")
        except BlockingIOError:
            pass

    def note(self, text):
        if self.verbose:
            log(text)

    # ---- events

    def receive(self, data, now):
        for event in self.link.receive(data, now):
            if isinstance(event, links.SessionBegun):
                self.note(f"session {event.session:08x}")
                self._drop()
            elif isinstance(event, links.Line):
                self.lines.append(event.text)
            else:
                self._message(event.payload)

    def _drop(self):
        for answer in self.answers.values():
            answer.cancel()
        self.answers.clear()
        self.prompts.clear()
        self.last_end = None

    def disconnected(self):
        """Lines have no memory: nobody is left to hear their answers."""
        if self.line_answer is not None:
            self.line_answer.cancel()
        self.line_answer = None
        self.lines.clear()

    def close(self):
        """Ends what is running, so that no command outlives the bridge."""
        answers = [*self.answers.values(), *([self.line_answer] if self.line_answer else [])]
        for answer in answers:
            answer.cancel()
        for answer in answers:
            answer.thread.join(1.0)

    def _message(self, payload):
        if len(payload) < 5:
            return
        kind, number = payload[:1], struct.unpack_from("<I", payload, 1)[0]
        if kind == b"C":
            self.note(f"question {number} cancelled")
            self.prompts.pop(number, None)
            answer = self.answers.pop(number, None)
            if answer is not None:
                answer.cancel()
        elif kind == b"Q" and len(payload) > 5:
            prompt = self.prompts.pop(number, b"") + payload[6:]
            if payload[5] & MORE:
                self.prompts[number] = prompt
            else:
                self.note(f"question {number}: {len(prompt)} bytes")
                text = prompt.decode(errors="replace")
                self.answers[number] = Answer(self.backend, text, self.wake)

    # ---- answers

    def pump(self, now):
        """Hands on what the answers have."""
        if self.last_end is not None and self.link.data is not self.last_end:
            self.last_end = None
            self.replies += 1
        for number in list(self.answers):
            if not self.link.can_send():
                break
            message = self._next(number)
            if message is not None:
                self.link.send(message)
                if number not in self.answers:
                    self.last_end = message
        self._pump_line(now)

    def _next(self, number):
        answer = self.answers[number]
        ended = answer.ended  # before the text is looked at
        text = answer.take(links.MESSAGE_MAX - 5)
        if text:
            return struct.pack("<BI", ord("T"), number) + text
        if not ended:
            return None
        del self.answers[number]
        if answer.error is not None:
            self.note(f"question {number} failed: {answer.error}")
            text = one_line(answer.error).encode(errors="replace")[: links.MESSAGE_MAX - 5]
            return struct.pack("<BI", ord("E"), number) + text
        self.note(f"question {number} answered")
        return struct.pack("<BIB", ord("F"), number, CUT if answer.cut else 0)

    def _pump_line(self, now):
        if self.line_answer is None and self.lines:
            line = self.lines.pop(0)
            if not line.startswith(LINE_PROMPT):
                self._reply_line(f"ERR unknown command: {line.decode(errors='replace')}", now)
                return
            prompt = line.removeprefix(LINE_PROMPT).decode(errors="replace").strip()
            self.note(f"line: {len(prompt)} characters")
            self.line_text = ""
            self.line_decoder = codecs.getincrementaldecoder("utf-8")("replace")
            self.line_answer = Answer(self.backend, prompt, self.wake)
        answer = self.line_answer
        if answer is None:
            return
        ended = answer.ended
        self.line_text += self.line_decoder.decode(answer.take(PENDING_MAX * 2))
        self.line_text = self.line_text[: 16 * self.line_max]
        if ended:
            self.line_answer = None
            text = self.line_text if answer.error is None else "ERR " + answer.error
            self._reply_line(text, now)
            self.replies += 1

    def _reply_line(self, text, now):
        data = one_line(text).encode(errors="replace")[: self.line_max]
        self.link.send_line(data.decode(errors="ignore").encode() or EMPTY.encode(), now)

    # ---- the pipe

    def run(self, pipe, once=False):
        """Serves one connection; True when --once is fulfilled, False when the pipe has ended."""
        self.link.reconnected(time.monotonic())
        output = b""
        while True:
            now = time.monotonic()
            self.pump(now)
            while not output:
                output = self.link.transmit(now)
                if not output:
                    break
                output = pipe.write(output)
            if once and self.replies and not output:
                return True
            timeout = max(0.0, min(60.0, self.link.deadline(now) - now))
            readable, writable, _ = select.select(
                [pipe.file, self.wake_read], [pipe.file] if output else [], [], timeout
            )
            if self.wake_read in readable:
                os.read(self.wake_read, 4096)
            if writable:
                output = pipe.write(output)
            if pipe.file in readable:
                data = pipe.read()
                if not data:
                    self.disconnected()
                    return False
                self.receive(data, time.monotonic())


class Pipe:
    """A connected socket or an open serial line."""

    def __init__(self, file):
        self.file = file
        if isinstance(file, socket.socket):
            file.setblocking(False)
            self._read, self._write = lambda: file.recv(4096), file.send
        else:
            os.set_blocking(file, False)
            self._read, self._write = lambda: os.read(file, 4096), lambda data: os.write(file, data)

    def read(self):
        """b'' when the other side is gone."""
        try:
            return self._read()
        except (ConnectionError, OSError) as error:
            if isinstance(error, BlockingIOError):
                raise
            return b""

    def write(self, data):
        """Writes what it can, returns the rest."""
        try:
            return data[self._write(data) :]
        except BlockingIOError:
            return data
        except OSError:
            return b""  # read() will say so

    def close(self):
        if isinstance(self.file, socket.socket):
            self.file.close()
        else:
            os.close(self.file)


def open_socket(path, timeout):
    """Connects, trying for timeout seconds (0: for ever). Raises OSError of the last attempt."""
    end = time.monotonic() + timeout
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # What lies in the buffer when the guest stands still is stale when it goes on.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        try:
            connection.connect(path)
            return Pipe(connection)
        except OSError:
            connection.close()
            if timeout and time.monotonic() >= end:
                raise
        time.sleep(0.1)


def open_device(path):
    """A serial line at 115200 8N1 without flow control."""
    file = os.open(path, os.O_RDWR | os.O_NOCTTY)
    if os.isatty(file):
        tty.setraw(file, termios.TCSANOW)
        modes = termios.tcgetattr(file)
        modes[2] = termios.CS8 | termios.CREAD | termios.CLOCAL
        modes[4] = modes[5] = termios.B115200
        termios.tcsetattr(file, termios.TCSANOW, modes)
    return Pipe(file)
