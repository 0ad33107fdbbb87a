# SPDX-License-Identifier: MIT
"""The kill-point sweep: a program in the guest does one operation of a server again and again
(tests/recovery/sweep); the debugger kills the server at each system call of that turn, before and
after it, around the commit, at each function it enters and at instructions in between."""
import collections
import glob
import os
import random
import re
import socketserver
import struct
import threading
import time

import machine
from harness.archive import archive_with, program
from harness.traces import SYSCALL, USER, Program, Symbols, instructions

SERVERS = ["vfs", "net", "console", "aiproxy", "devmgr", "proc", "init", "e1000"]
MANIFEST = """
service sweep
    kind program
    restart never
    priority 13
    memory 4M
    use vfs badge 15
    use console badge 5
    use net badge 0x20f
    use devmgr badge 15
    use aiproxy badge 15
    use proc badge 15
    use init badge 15 operator
"""
EVENTS = ["none", "cancel", "close", "reply", "notification", "call"]
CALL, NOTIFY, START = EVENTS.index("call"), EVENTS.index("notification"), -1
DEATH = 0x7001  # label of the kernel's call when a thread has faulted
MAGIC = 0x7065657773
ROOT_BADGE, DRIVER_BADGE = 1 << 63, 0x100
INTERRUPT, CABLE = 2, 3  # enum sweep_wish
IDLE, END = 2 ** 64 - 1, 2 ** 64 - 2
STATE = "<6Q120s"  # struct sweep_state
ROW = "<6Q"  # struct sweep_row
SLICE = 0.2  # seconds from a wish until it is done: the guest waits then
HANG = 120  # seconds for a round
TRACES = 4  # of a turn
TRIES = 4  # rounds in which a point may be missed
STRANGERS = 5  # stops of other tasks until the breakpoints are taken away
FEW = 24  # functions with breakpoints, which make a machine slow, in a long turn
LOUD = 250  # stops in a traced turn from which on only system calls count

Row = collections.namedtuple("Row", "index server protocol name kind label")
# A place in a turn: the `count`-th time at an address, then `steps` instructions on.
Point = collections.namedtuple("Point", "what address count steps")
# A kill that is to happen: in the next turn of a server that begins with such an event.
Aim = collections.namedtuple("Aim", "server kind label driver point")
Kill = collections.namedtuple("Kill", "row server event what function")


class Hang(AssertionError):
    """The guest does not get on."""


def operations():
    """Every operation of every protocol header: (protocol, NAME)."""
    found = set()
    for path in glob.glob(os.path.join(machine.ROOT, "libipc", "include", "proto", "*.h")):
        with open(path, encoding="utf-8") as file:
            names = re.findall(r"\bOP\(\d+, (\w+),", file.read())
        found |= {(os.path.basename(path)[:-2], name) for name in names}
    return found


class Echo(socketserver.ThreadingTCPServer):
    """Sends back what comes."""

    daemon_threads = allow_reuse_address = True

    class Handler(socketserver.BaseRequestHandler):
        """One connection, which the guest ends by a reset."""

        def handle(self):
            try:
                while data := self.request.recv(65536):
                    self.request.sendall(data)
            except OSError:
                pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Echo.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def modules(folder, files=None):
    """The program `sweep`, on the sixth terminal in place of the shell there."""
    def manifest(text):
        return re.sub(r"service shell6\n(?:    .*\n)*", "", text) + MANIFEST
    return {"sweep": program("sweep"), "boot.tar": archive_with(str(folder), manifest, files)}


class Sweep:
    """Sweeps in one machine. `kills` is the list of those that took effect."""

    def __init__(self, guest, seed, path=None):
        self.guest, self.gdb = guest, guest.gdb
        self.guest.qmp.socket.settimeout(HANG)
        self.random = random.Random(seed)
        self.program = Symbols(path or os.path.join(machine.BUILD, "boot", "sweep.elf"))
        self.servers = {name: Program(name) for name in SERVERS}
        self.switches = instructions(machine.KERNEL, "mov +%rax,%cr3")  # of address spaces
        assert self.switches == instructions(machine.KERNEL, r"mov +%\w+,%cr3")
        self.kills, self.traces, self.refused, self.missed = [], {}, {}, []
        self.row = None  # of the round
        self.over = True  # the round: the program is at its point
        self.set = set()  # breakpoints
        self.echo = Echo()
        self.asked = 0  # when
        self.deadline = 0  # of the round
        self.cable = True  # it is plugged in
        self.wanted = []  # what the guest waits for: enum sweep_wish
        self.point, self.wish = (self.program.places.get(name)
                                 for name in ("sweep_point", "sweep_wish"))
        self.come_back()
        self.write("port", self.echo.server_address[1])
        self.rows = self.table()

    # ---- The program in the guest -------------------------------------------------------------

    def state(self):
        """Its struct sweep_state as a tuple; the last is the text."""
        data = self.gdb.read(self.program.address("sweep"), struct.calcsize(STATE))
        values = struct.unpack(STATE, data)
        return values[:-1] + (values[-1].split(b"\0", 1)[0].decode("latin-1"),)

    def write(self, field, value):
        """Sets a field of the state."""
        offset = 8 * ["magic", "wanted", "port", "rounds", "failures", "refused"].index(field)
        assert self.gdb.write(self.program.address("sweep") + offset, struct.pack("<Q", value))

    def string(self, address):
        """Text in its memory."""
        return self.gdb.read(address, 64).split(b"\0", 1)[0].decode()

    def table(self):
        """Its rows."""
        where = self.program.places
        count = struct.unpack("<Q", self.gdb.read(where["sweep_row_count"], 8))[0]
        rows = []
        for index in range(count):
            data = self.gdb.read(where["sweep_rows"] + index * struct.calcsize(ROW), 48)
            server, protocol, name, kind, label, _ = struct.unpack(ROW, data)
            rows.append(Row(index, self.string(server), self.string(protocol), self.string(name),
                            kind, label))
        return rows

    def is_program(self):
        """Whether the address space is the program's."""
        data = self.gdb.read(self.program.address("sweep"), 8)
        return len(data) == 8 and struct.unpack("<Q", data)[0] == MAGIC

    # ---- Running to a place -------------------------------------------------------------------

    def breakpoints(self, wanted):
        """These and no others."""
        wanted = set(wanted) | {self.point, self.wish} - {None}
        for address in self.set - wanted:
            self.gdb.breakpoint(address, False)
        for address in wanted - self.set:
            self.gdb.breakpoint(address)
        self.set = wanted

    def act(self):
        """What the guest waits for. Keys come in one piece: a stop in between would lose some."""
        what = self.wanted.pop(0)
        if what == CABLE:
            self.cable = not self.cable
            self.guest.qmp.monitor(f"set_link net0 {'on' if self.cable else 'off'}")
            return
        codes = [("ctrl", "c")] if what == INTERRUPT else [("k",), ("e",), ("y",), ("ret",)]
        events = []
        for code in codes:
            for down in (True, False):
                for key in code if down else reversed(code):
                    events.append({"type": "key", "data": {"down": down,
                                                           "key": {"type": "qcode", "data": key}}})
        try:
            self.guest.qmp.command("input-send-event", events=events)
        except RuntimeError:  # the machine has just stopped
            self.wanted.insert(0, what)

    def proceed(self, server, space=None):
        """Runs until the server is at a breakpoint, or the program is: (its name, registers). Pages
        with breakpoints are slow in all tasks, so if others come by them again and again they are
        away until the server, whose address space may be known, is switched to."""
        meant, strangers = self.set, 0
        while time.monotonic() < self.deadline:
            if not self.gdb.running:
                self.gdb.resume()
            if self.wanted and time.monotonic() > self.asked + SLICE:
                self.act()
            if not self.gdb.wait(SLICE):
                continue
            registers = self.gdb.registers()
            address = registers["rip"]
            if registers["cs"] & 3 != USER:
                if address in self.switches and space in (None, registers["rax"]):
                    self.breakpoints(meant)
            elif address in (self.point, self.wish) and self.is_program():
                if address == self.wish:
                    self.wanted.append(registers["rdi"])
                    self.asked = time.monotonic()
                else:
                    self.over = True
                    return "program", registers
            elif server and address in meant:
                if registers["cr3"] == space or space is None and self.gdb.task() == server:
                    return server, registers
                strangers += 1
                if strangers % STRANGERS == 0:
                    self.breakpoints(self.switches)
        self.gdb.stop()
        raise Hang(f"{self.row}: the guest does not get on: {self.last()}")

    def begins(self, aim, registers):
        """Whether the turn that begins here is the one aimed at."""
        if registers["rax"] != aim.kind:
            return False
        if aim.kind == NOTIFY:
            return bool(registers["rdi"] & aim.label)
        if aim.kind != CALL:
            return True
        badge = registers["rdi"]
        driver = bool(badge & ROOT_BADGE and badge & DRIVER_BADGE) and aim.server == "net"
        return registers["rsi"] & 0xffff == aim.label and driver == aim.driver

    def reach(self, aim):
        """Runs to the beginning of the turn; None: the round is over without it."""
        server = self.servers[aim.server]
        self.breakpoints([server.entry if aim.kind == START else server.turn])
        while True:
            who, registers = self.proceed(aim.server)
            if who == "program":
                return None
            if aim.kind == START or self.begins(aim, registers):
                return registers

    def reach_point(self, aim):
        """Runs on to the point; None: the turn is over without it."""
        server, point = self.servers[aim.server], aim.point
        count = point.count
        self.breakpoints({point.address, server.turn})
        if point.what == "commit, after":
            self.breakpoints({server.turn})
        registers = self.gdb.registers()
        while count:
            who, registers = self.proceed(aim.server, registers["cr3"])
            if who == "program":
                return None
            if registers["rip"] == point.address:
                count -= 1
            elif registers["rip"] == server.turn:
                return None
        for _ in range(point.steps):
            if registers["rip"] in server.calls:
                break
            self.gdb.step()
            now = self.gdb.registers()
            if now["cr3"] != registers["cr3"] or now["cs"] & 3 != USER:  # an interrupt
                self.breakpoints({registers["rip"]})
                who, now = self.proceed(aim.server, registers["cr3"])
                if who == "program":
                    return None
            registers = now
        return registers

    # ---- Turns --------------------------------------------------------------------------------

    def trace(self, aim, functions):
        """Where a turn comes by: its points, in order, with these functions of the server."""
        server = self.servers[aim.server]
        self.breakpoints(server.calls | set(functions))
        seen, points, entered = collections.Counter(), [], set()
        space = self.gdb.registers()["cr3"]
        begin = server.entry if aim.kind == START else server.turn
        points.append(Point("start", begin, 0, 0))
        for number in range(20 * LOUD):
            if number == LOUD:
                self.breakpoints(server.calls)
            who, registers = self.proceed(aim.server, space)
            address = registers["rip"]
            if who == "program":
                break
            seen[address] += 1
            if address == server.commit:
                points.append(Point("commit, before", address, seen[address], 0))
                points.append(Point("commit, after", server.turn, 1, 0))
                break
            if address in server.calls:
                points.append(Point("system call, before", address, seen[address], 0))
                points.append(Point("system call, after", address + len(SYSCALL), seen[address], 0))
            elif address not in entered:
                entered.add(address)
                points.append(Point("function", address, seen[address], 0))
        return points

    def sampled(self, points, number):
        """Points some instructions behind others."""
        inner = [point for point in points if point.what != "commit, after"]
        return [point._replace(what="within", steps=self.random.randint(1, 30))
                for point in self.random.choices(inner, k=number)]

    def spoil(self, row, aim, registers):
        """Sends the server to nowhere."""
        function = self.servers[aim.server].function(registers["rip"])
        self.gdb.set_register("rip", 0x1000 + self.random.randrange(0xe000))
        event = "start-up" if aim.kind == START else EVENTS[aim.kind]
        self.kills.append(Kill(row, aim.server, event, aim.point.what, function))

    def finish(self, row):
        """Runs to the end of the round, and sees what it found."""
        self.breakpoints([])
        if not self.over:
            self.proceed(None)
        _, _, _, rounds, failures, refused, text = self.state()
        self.rounds += 1
        assert rounds == self.rounds, f"{row}: {rounds} rounds, not {self.rounds}"
        if refused:
            self.refused[row.protocol, row.name] = text
            self.write("refused", 0)
        assert not failures, f"{row}: {text}: {self.last()}"

    def last(self):
        """The last kills."""
        return [tuple(kill[1:]) for kill in self.kills[-4:]]

    def aim(self, row, point=None):
        """At the turn that the row is about."""
        return Aim(row.server, row.kind, row.label, row.protocol == "netif", point)

    def begin(self, row, aims):
        """A round of this row from now on. The servers aimed at are killed, one after another; how
        many were. A turn may not come in this round, or take another way than by the point."""
        self.row, self.over = row, False
        self.write("wanted", row.index)
        self.deadline = time.monotonic() + HANG
        for done, aim in enumerate(aims):
            registers = self.reach(aim) and self.reach_point(aim)
            if registers is None:
                return done
            self.spoil(row, aim, registers)
        return len(aims)

    def round(self, row, *aims):
        """The row once, with these kills; whether all of them were done."""
        done = self.begin(row, aims)
        self.finish(row)
        return done == len(aims)

    def insist(self, row, *aims):
        """Rounds until one had all these kills."""
        end = time.monotonic() + HANG
        while not self.round(row, *aims):
            assert time.monotonic() < end, f"{row}: no such turn: {aims[-1]}"

    def discover(self, row, *aims, functions):
        """Rounds with these kills, but for the last, until its turn has come: the turn's points."""
        end, points = time.monotonic() + HANG, None
        while points is None:
            assert time.monotonic() < end, f"{row}: no such turn: {aims[-1]}"
            if self.begin(row, aims[:-1]) == len(aims) - 1 and self.reach(aims[-1]):
                points = self.trace(aims[-1], functions)
            self.finish(row)
        return points

    # ---- Sweeps -------------------------------------------------------------------------------

    def points_of(self, points, number, within):
        """These and `within` sampled ones, at random if `number` of them are enough."""
        points = points + self.sampled(points, within)
        return points if number is None else self.random.sample(points, len(points))

    def parts(self, server, number):
        """The server's functions in parts; if not all of its points matter, one part."""
        functions = self.servers[server].addresses
        parts = [functions[part::len(functions) // FEW + 1]
                 for part in range(len(functions) // FEW + 1)]
        return parts if number is None else [self.random.choice(parts)]

    def sweep_row(self, row, number=None, within=10):
        """Kills the server at all points of the row's turn, or at `number` of them. The shortest of
        some turns is the plain one: others do work that has just become due besides."""
        self.round(row)  # what happens once only; whether it refuses
        if (row.protocol, row.name) in self.refused:
            return
        turns = [self.servers[row.server].addresses] * TRACES
        points = min((self.discover(row, self.aim(row), functions=functions)
                      for functions in (turns if number is None else self.parts(row.server, number))),
                     key=len)
        self.traces[row] = len(points)
        killed = 0
        for point in self.points_of(points, number, within):
            killed += self.strike(row, self.aim(row, point))
            if killed == number:
                break
        if not killed:  # the start is on every way
            self.insist(row, self.aim(row, points[0]))
        print(self.line(row), flush=True)

    def line(self, row):
        """What was done with a row."""
        kills = sum(kill.row == row for kill in self.kills)
        missed = sum(other == row for other, _ in self.missed)
        return (f"{row.server} | {row.protocol} {row.name} | {self.traces.get(row, 0)} points | "
                f"{kills} kills | {missed} missed")

    def strike(self, row, *aims):
        """Whether a round with all these kills was had, among a few."""
        for _ in range(TRIES):
            if self.round(row, *aims):
                return True
        self.missed.append((row, aims[-1].point))
        return False

    def sweep_recovery(self, row, number=None):
        """Kills the server in the row's turn; its next life, between entry and first event, at each
        point; and the one after that at another. init at each point of the turn in which it
        hears of the death, and in its own start after that."""
        first = self.aim(row, Point("start", self.servers[row.server].turn, 0, 0))
        start = Aim(row.server, START, 0, False, None)
        chains = [[first, start]]
        if row.server != "init":
            chains.append([first, Aim("init", CALL, DEATH, False, None)])
        for chain in chains:
            points = dict.fromkeys(point for part in self.parts(chain[-1].server, number)
                                   for point in self.discover(row, *chain, functions=part))
            points, killed = list(points), 0
            for point in self.points_of(points, number, 5):
                last = chain[-1]._replace(point=point)
                again = Aim(last.server, START, 0, False,
                            Point("start-up", self.servers[last.server].entry, 0,
                                  self.random.choice([0, 9, 99])))
                killed += (self.strike(row, *chain[:-1], last) and
                           self.strike(row, *chain[:-1], last, again))
                if killed == number:
                    break
            assert killed, f"{row}: no way to {chain[-1]}"
            self.traces[row] = self.traces.get(row, 0) + len(points)
        print(self.line(row), flush=True)

    def release(self):
        """Lets the machine run, without breakpoints."""
        for address in self.set:
            self.gdb.breakpoint(address, False)
        self.set = set()
        self.gdb.resume()

    def leave(self, wanted=IDLE):
        """The same; the program idles, or ends."""
        self.write("wanted", wanted)
        self.release()

    def come_back(self):
        """Stops where the next round can begin."""
        self.gdb.stop()
        self.breakpoints([])
        self.deadline = time.monotonic() + HANG
        self.proceed(None)
        self.rounds = self.state()[3]
