# SPDX-License-Identifier: MIT
"""What the peers of a guest see on the wire while net and the driver die again and again: no reset,
and nothing acknowledged that was not committed. The peer is Linux, which forgets what was
acknowledged. net dies when all of a turn is done but the commit, and the driver right after it at
times: the packets of that turn are gone then, and an acknowledgement that was let out too early
shows as one that is taken back."""
import os
import threading

import pytest

from harness.clients import Worker
from harness.injector import Injector, kernel_symbol
from harness.lan import GUEST_MAC, HOST4, Lan, fixed_address
from harness.peer import PORT, load
from harness.segments import Connections
from harness.web import fill

SIZE = 100000
KILLS = 40  # of net
TURNS = 6  # of net between two deaths, at least: no call may meet its end six times
WAIT = 60  # seconds that detect a hang
MOST = 10  # turns, until a broken kernel is noticed
RETURN = b"\xc3"
STATES = {"being set up", "established", "half-closed by the host", "window closed"}

# Every kind of connection until its input ends; says so when all bytes were right.
CLIENTS = f"""
ended = threading.Event()
def answered_at_an_end(seed):
    "The host has nothing more to say, and the guest has much."
    peer = Peer(guest, f"make {SIZE} {{seed}}")
    peer.end()
    clients.same(peer.rest(), sequence({SIZE}, seed))
def again(work):
    number = 0
    while not ended.is_set():
        number += 1
        work(number % 8)
held = clients.Held(guest, sequence(4 << 20, 1))
workers = [clients.Worker(again, work) for work in (
    lambda seed: clients.echo(guest, sequence({SIZE}, seed)),
    lambda seed: clients.upload(guest, sequence({SIZE}, seed)), answered_at_an_end,
    lambda seed: clients.short_ones(guest, 5, seed))]
print("at work", flush=True)
sys.stdin.read()
ended.set()
for worker in workers:
    worker.done()
held.finish()
print("all right", flush=True)
"""
# One connection, to the guest.
SENDER = """
peer = Peer(guest, "sum")
print("at work", flush=True)
while True:
    peer.send(bytes(65536))
"""


@pytest.fixture(name="wire")
def a_wire(machine, tmp_path):
    """A machine on a TAP device, and what its clients and killers need."""
    lan = Lan(str(tmp_path))
    yield Wire(lan, machine, tmp_path)
    lan.stop()


class Wire:
    """The machine, its clients and its deaths."""

    clients = None

    def __init__(self, lan, machine, folder):
        self.lan, self.capture = lan, str(folder / "capture.pcap")
        (folder / "www").mkdir()
        fill(folder / "www" / "file", SIZE, "wire")
        lan.web(str(folder / "www"))
        self.guest = machine(
            **lan.options(), forward=(PORT,), capture=self.capture, gdb=True, smp=2,
            replace=load(folder, fixed_address))
        self.guest.boot()
        self.guest.expect_in_log("peer: ready")
        self.injector = Injector(self.guest, 1)
        net = self.injector.programs["net"]
        self.turns = [net.address("tcp_receive"), net.address("tcp_enqueue_flags")]
        self.deaths, self.ended = [], threading.Event()

    def start(self, script):
        """Starts clients in the namespace."""
        self.clients = self.lan.client(script)
        assert self.clients.stdout.readline() == "at work\n"

    def fetch(self):
        """Connections that the guest begins."""
        while not self.ended.is_set():
            output = self.guest.cmd(f"httpget http://{HOST4}:8000/file > /tmp/file", timeout=300)
            assert output.startswith(f"{SIZE} bytes"), output

    def kill(self, number):
        """net dies at the commit of a turn that takes in a segment, every second time of one that
        sends a SYN or a FIN; every third time the driver dies too, before net is back."""
        injector = self.injector
        if injector.reach("net", self.turns[number % 2]) and injector.kill_at_commit("net"):
            self.deaths.append(os.path.getsize(self.capture))
            if number % 3 == 0:
                injector.kill_at_commit("e1000")
            self.get_on()
        injector.leave()

    def get_on(self):
        """Lets net do some turns."""
        for _ in range(TURNS):
            self.injector.reach("net", self.injector.programs["net"].turn)

    def lose_turn(self):
        """A broken kernel: it commits all of a turn of net's but the arena, and then net dies. The
        turn takes in bytes and acknowledges them. Whether there was one."""
        injector, gdb, net = self.injector, self.guest.gdb, self.injector.programs["net"]
        acknowledges = net.address("tcp_send_empty_ack")
        lost = injector.reach("net", net.address("on_receive")) and \
            injector.reach("net", acknowledges, net.commit, wait=WAIT)["rip"] == acknowledges
        if lost:
            assert injector.reach("net", net.commit, wait=WAIT)
            commit = kernel_symbol("arena_commit")
            code = gdb.read(commit, len(RETURN))
            assert gdb.write(commit, RETURN)
            registers = injector.reach("net", net.turn, wait=WAIT)
            assert gdb.write(commit, code) and registers
            injector.spoil("net", registers, "turn")
            self.get_on()
        injector.leave()
        return lost

    def seen(self):
        """The capture so far."""
        return Connections(self.capture, GUEST_MAC, self.deaths)

    def finish(self, fetcher):
        """All clients end well."""
        self.ended.set()
        output, _ = self.clients.communicate(timeout=300)
        assert output == "all right\n" and self.clients.returncode == 0
        fetcher.done()


def test_no_reset_and_no_early_acknowledgement(wire):
    wire.start(CLIENTS)
    fetcher, number = Worker(wire.fetch), 0
    while len(wire.deaths) < KILLS:
        assert wire.clients.poll() is None, "the clients have ended"
        wire.kill(number)
        number += 1
    wire.finish(fetcher)
    seen = wire.seen()
    assert not seen.wrong, "\n".join(seen.wrong[:20])
    assert STATES <= set(seen.states), seen.states
    assert seen.count >= KILLS / 4
    killed = wire.injector.count()
    assert killed["net"] == KILLS and killed["e1000"] >= KILLS / 10, killed


def test_early_acknowledgements_are_noticed(wire):
    """A turn lets out what it has to say and dies; what it has done is not kept."""
    wire.start(SENDER)
    lost = 0
    while not any("has acknowledged" in line for line in wire.seen().wrong):
        assert lost < MOST, "an acknowledgement that is taken back goes unnoticed"
        lost += bool(wire.lose_turn())
