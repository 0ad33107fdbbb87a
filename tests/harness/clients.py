# SPDX-License-Identifier: MIT
"""Clients on the host that know what every byte must be. Each raises when it is not so."""
import threading

from harness.peer import Killer, Peer, ask, digest, sequence

MEGABYTE = 1 << 20


def same(got, wanted):
    """Says where two sequences begin to differ."""
    if got != wanted:
        at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b),
                  min(len(got), len(wanted)))
        raise AssertionError(f"{len(got)} instead of {len(wanted)}, the first difference at {at}: "
                             f"{got[at:at + 40]!r} instead of {wanted[at:at + 40]!r}")


class Worker(threading.Thread):
    """Runs a function; done() raises what it raised."""

    def __init__(self, function, *arguments):
        super().__init__(daemon=True)
        self.function, self.arguments, self.error = function, arguments, None
        self.start()

    def run(self):
        try:
            self.function(*self.arguments)
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error

    def done(self):
        """Waits for its end."""
        self.join(300)
        assert not self.is_alive(), f"{self.function.__name__} hangs"
        if self.error:
            raise self.error


def echo(guest, data):
    """Everything comes back, while more is on the way."""
    peer = Peer(guest, "echo")
    sender = Worker(peer.send, data)
    same(peer.exactly(len(data)), data)
    sender.done()
    peer.end()
    assert peer.rest() == b""


def upload(guest, data):
    """The answer comes over a half-closed connection."""
    peer = Peer(guest, "sum")
    peer.send(data)
    peer.end()
    same(peer.rest().decode(), f"{len(data)} {digest(data):016x}\n")


def download(guest, count, seed):
    """Bytes of a known sequence."""
    same(Peer(guest, f"make {count} {seed}").rest(), sequence(count, seed))


def short_ones(guest, count, seed):
    """Connections that are made, used and ended."""
    for number in range(count):
        upload(guest, sequence(number * 37 % 3000, seed + number))


class Held:
    """A connection whose receiver does not read: its window closes."""

    def __init__(self, guest, data):
        self.guest, self.data = guest, data
        self.peer = Peer(guest, "hold")
        assert self.peer.exactly(5) == b"held\n"
        self.sender = Worker(self.peer.send, data)

    def finish(self):
        """Lets it read."""
        assert self.sender.is_alive(), "the window never closed"
        assert ask(self.guest, "go") == "0\n"
        self.sender.done()
        self.peer.end()
        same(self.peer.rest().decode(), f"{len(self.data)} {digest(self.data):016x}\n")


def traffic(guest):
    """All other kinds of connections at once."""
    workers = [Worker(echo, guest, sequence(MEGABYTE, 1)),
               Worker(upload, guest, sequence(2 * MEGABYTE, 2)),
               Worker(download, guest, 2 * MEGABYTE, 3),
               Worker(short_ones, guest, 20, 4)]
    for worker in workers:
        worker.done()


def every_state(guest, server):
    """Connections in every state while a server dies."""
    held = Held(guest, sequence(8 * MEGABYTE, 5))
    killer = Killer(guest, server, 60, 30000, turns=15)
    while killer.is_alive():
        traffic(guest)
    killer.done()
    Killer(guest, server, 3, 0).done()  # one right after the other
    held.finish()
