# SPDX-License-Identifier: MIT
"""Kills while TCP connections are in every state: no byte is lost or doubled, none is reset."""
import re
import threading
import time

import pytest

from harness.peer import PORT, Killer, Peer, accounts, ask, digest, load, sequence
from harness.web import Web, checksum, curl, fill, online

MEGABYTE = 1 << 20
SERVERS = ["net", "e1000", "vfs", "devmgr"]


@pytest.fixture
def web(tmp_path):
    """An HTTP server on the host."""
    server = Web(tmp_path / "web")
    yield server
    server.stop()


def boot(machine, tmp_path, **options):
    """A machine with `peer`, online."""
    guest = machine(forward=(80, PORT), replace=load(tmp_path), **options)
    guest.boot()
    online(guest)
    return guest


@pytest.mark.parametrize("server", SERVERS)
def test_receive_to_a_file(machine, web, tmp_path, server):
    guest = boot(machine, tmp_path, smp=2)
    expected = fill(web.folder / "big", 6 * MEGABYTE, server)
    killer = Killer(guest, server, 40, 40000)
    while killer.is_alive():
        output = guest.cmd(f"httpget http://10.0.2.2:{web.port}/big > /tmp/big", timeout=300)
        assert output.startswith(f"{6 * MEGABYTE} bytes"), output
        curl(guest, "/tmp/big", tmp_path / "back")
        assert checksum(tmp_path / "back") == expected
    killer.done()


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
    assert peer.exactly(len(data)) == data
    sender.done()
    peer.end()
    assert peer.rest() == b""


def upload(guest, data):
    """The answer comes over a half-closed connection."""
    peer = Peer(guest, "sum")
    peer.send(data)
    peer.end()
    assert peer.rest().decode() == f"{len(data)} {digest(data):016x}\n"


def download(guest, count, seed):
    """Bytes of a known sequence."""
    assert Peer(guest, f"make {count} {seed}").rest() == sequence(count, seed)


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
        assert self.peer.rest().decode() == f"{len(self.data)} {digest(self.data):016x}\n"


def traffic(guest):
    """All other kinds of connections at once."""
    workers = [Worker(echo, guest, sequence(MEGABYTE, 1)),
               Worker(upload, guest, sequence(2 * MEGABYTE, 2)),
               Worker(download, guest, 2 * MEGABYTE, 3),
               Worker(short_ones, guest, 20, 4)]
    for worker in workers:
        worker.done()


def quiet(guest):
    """The accounts when ended connections are forgotten: every state that they are seen in, since
    a frame may be on the way."""
    deadline = time.monotonic() + 120
    states = r"\b(SYN|ESTABLISHED|FIN_WAIT|CLOS|LAST_ACK|TIME_WAIT)"
    while re.search(states, connections := guest.cmd("netstat")):
        assert time.monotonic() < deadline, connections
        time.sleep(1)
    return {accounts(guest) for _ in range(20)}


@pytest.mark.parametrize("server", ["net", "e1000"])
@pytest.mark.parametrize("smp", [1, 2])
def test_every_state_of_a_connection(machine, tmp_path, server, smp):
    guest = boot(machine, tmp_path, smp=smp)
    held = Held(guest, sequence(8 * MEGABYTE, 5))
    killer = Killer(guest, server, 60, 30000)
    while killer.is_alive():
        traffic(guest)
    killer.done()
    Killer(guest, server, 3, 0).done()  # one right after the other
    held.finish()


def test_kills_cost_nothing(machine, tmp_path):
    """Memory of each service to the byte, its handles, the free memory: after a round of 350 kills
    they are as before it. (The first rounds may make net touch more of its blocks than before.)"""
    guest = boot(machine, tmp_path, smp=2, ai="echo")
    traffic(guest)
    rounds = [quiet(guest)]
    while len(rounds) < 2 or not rounds[-1] & rounds[-2]:
        assert len(rounds) < 6, "\n\n".join(sorted(state)[0] for state in rounds)
        for server in SERVERS + ["console", "aiproxy", "init"]:
            Killer(guest, server, 50, 1000).done()
        rounds.append(quiet(guest))
