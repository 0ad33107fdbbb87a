# SPDX-License-Identifier: MIT
"""Kills servers from outside: the debugger takes the instruction pointer of a server away at a
chosen instruction. What it does is a function of its seed and of where the machine stands."""
import collections
import random
import struct
import time

import machine
from harness.traces import KERNEL, SYSCALL, USER, Program, Symbols, Traces

SERVICES = ["vfs", "net", "console", "aiproxy", "e1000", "devmgr", "init"]
OFTEN = {"vfs": 4, "net": 4, "console": 3, "e1000": 3, "aiproxy": 3, "devmgr": 1, "init": 1}
STAGING = ["staged_effect"]  # the kernel's functions that add to a turn's outputs
EVENTS = ["none", "cancel", "close", "reply", "notification", "call"]
CALL = EVENTS.index("call")
WAIT = 0.7  # seconds for a server to come by before another one is tried
SHORT_WAIT = 0.1
GAP = 0.05  # seconds between attacks, on average
AFTER_RECORD = 0.5  # seconds of running after a standstill
ABSENT = 10  # attacks that then pass it by
STEPS = 400  # at most, from the start of a life
SAME_CALL = 3  # kills in the same call; the ladder poisons it at six
CONTEXT_RIP = 112  # struct arch_context
CPU_CURRENT = 8  # struct arch_cpu

# Where and in what a server was killed; taken: it worked on a call; inside: in a commit or a copy.
Kill = collections.namedtuple("Kill", "service phase place function taken inside",
                              defaults=(False, False))


def kernel_symbol(name):
    """The address of a function of the kernel."""
    return Symbols(machine.KERNEL).address(name)


def event_of(registers):
    """The kind of event that a turn starts with."""
    return EVENTS[registers["rax"]] if registers["rax"] < len(EVENTS) else "receive"


def at(registers, address):
    """Whether this is in a program, at the address."""
    return (registers["rip"], registers["cs"] & 3) == (address, USER)


class Injector:
    """Kills in one machine. `kills` is the list of those done."""

    def __init__(self, guest, seed, services=None, traces=None):
        self.gdb = guest.gdb
        self.random = random.Random(seed)
        self.programs = {name: Program(name) for name in SERVICES}
        self.traces = traces or Traces()
        self.staging = [self.traces.kernel.address(name) for name in STAGING]
        self.names = {}  # cr3 to service
        self.absent = collections.Counter()  # attacks to come without that service
        self.calls = {}  # service to the token of the last call it was killed in, and how often
        self.services = services or SERVICES
        self.kills, self.verbose = [], False
        self.guest = guest
        self.gdb.resume()

    def type(self, keys):
        """Types on COM1 and lets the machine stand, so that what it does about it can be reached."""
        self.gdb.stop()
        self.guest.send(keys)

    # ---- Coming to an instruction -----------------------------------------------------------

    def is_at(self, name, address, ring=USER):
        """The registers of the processor that stopped, if it is this server's, in this ring, at the
        address; else None."""
        return self.is_at_any(name, {(address, ring)})

    def is_at_any(self, name, places):
        """As is_at; places are addresses with their rings."""
        registers = self.gdb.registers()
        if (registers["rip"], registers["cs"] & 3) not in places:
            return None
        space = registers["cr3"]
        if space not in self.names:
            self.names[space] = self.gdb.task()
        return registers if self.names[space] == name else None

    def reach(self, name, *addresses, ring=USER, wait=WAIT):
        """Runs until the server is at one of the addresses; its registers, None: it did not come.
        The machine stands afterwards in either case."""
        return self.reach_any(name, {(address, ring) for address in addresses}, wait)

    def reach_any(self, name, places, wait=WAIT):
        """As reach; places are addresses with their rings."""
        self.gdb.stop()
        for address, _ in places:
            self.gdb.breakpoint(address)
        registers, end = None, time.monotonic() + wait
        while registers is None:
            self.gdb.resume()
            if not self.gdb.wait(max(0.001, end - time.monotonic())):
                self.gdb.stop()
                break
            registers = self.is_at_any(name, places)
        for address, _ in places:
            self.gdb.breakpoint(address, False)
        return registers

    def walk(self, name, registers, steps, rest=0.5):
        """So many instructions of its own on, to its commit at most. Returns the registers and, if
        the server was in the kernel on the way there, in which kind of entry; it goes no further
        than that with probability `rest`."""
        space = registers["cr3"]
        for _ in range(steps):
            before = registers["rip"]
            if before == self.programs[name].commit:
                return registers, "commit"
            self.gdb.step()
            registers = self.gdb.registers()
            if registers["cs"] & 3 == USER and registers["cr3"] == space:
                continue
            # In the kernel: what comes now takes effect when it returns, if it does.
            called = self.gdb.read(before, 2) == SYSCALL
            registers = self.reach(name, before + 2 if called else before)
            if registers is None or self.random.random() < rest:
                return registers, "system call" if called else "interrupt"
        return registers, ""

    # ---- Killing ----------------------------------------------------------------------------

    def kill_at(self, name, registers, phase):
        """Kills the server where it stands, after a walk."""
        steps = self.random.choice([int(STEPS ** self.random.random()) - 1,
                                    self.random.randrange(STEPS)])
        registers, way = self.walk(name, registers, steps)
        return registers is not None and self.spoil(name, registers, way or phase)

    def spoil(self, name, registers, phase, inside=False):
        """Sends the server to nowhere: at once, or when the kernel returns to it. The kernel does
        not stop on its way, so what was ordered within a commit or a copy comes right after it."""
        nowhere = 0x1000 + self.random.randrange(0xe000)
        symbols = self.programs[name]
        if registers["cs"] & 3 == USER:
            self.gdb.set_register("rip", nowhere)
        else:
            symbols = self.traces.kernel
            current = self.gdb.read(registers["gs_base"] + CPU_CURRENT, 8)
            context = struct.unpack("<Q", current)[0]
            assert self.gdb.write(context + CONTEXT_RIP, struct.pack("<Q", nowhere))
        place = registers["rip"]
        self.kills.append(Kill(name, phase, place, symbols.function(place),
                               phase.startswith(EVENTS[CALL]), inside))
        if self.verbose:
            print(f"{time.monotonic():.3f} {self.kills[-1]}", flush=True)
        return True

    def arrive(self, name):
        """The start of a turn, rather one with a call than another; None: it did not come, or has
        been killed in this call often enough."""
        for _ in range(8):
            registers = self.reach(name, self.programs[name].turn, wait=SHORT_WAIT)
            if registers is None:
                self.absent[name] = 1 + self.random.randrange(ABSENT)
                return None
            if registers["rax"] == CALL:
                token, count = self.calls.get(name, (0, 0))
                again = registers["r14"] == token
                if not again or count < SAME_CALL:
                    self.calls[name] = (registers["r14"], count + 1 if again else 1)
                    return registers
            elif self.random.random() < 0.3:
                return registers
        return None

    def kill_in_turn(self, name):
        """Kills in a turn: at any instruction of one that was recorded, in the kernel too, or when
        all is done and only the commit is missing."""
        registers = self.arrive(name)
        if registers is None:
            return False
        phase = event_of(registers)
        turn, key = self.programs[name].turn, (name, phase)
        if self.random.random() < 0.2:
            return self.kill_at_commit(name, phase)
        if self.traces.wanted(key, self.random):
            self.traces.record(self.gdb, key, registers, turn, self.random)
            self.leave()
            time.sleep(AFTER_RECORD)
            return False
        instant = self.traces.choose(key, self.random)
        if instant is None:
            return self.spoil(name, registers, phase)
        end = (self.programs[name].commit if instant.ring == USER else turn, USER)
        for _ in range(1 + min(instant.again, self.random.randrange(8)) if instant.far else 0):
            registers = self.reach_any(name, {(instant.rip, instant.ring), end}, SHORT_WAIT)
            if registers is None:
                return False
            if at(registers, turn):  # another turn has begun
                return self.spoil(name, registers, event_of(registers))
            if at(registers, end[0]):
                return self.spoil(name, registers, phase + ", all but commit")
        way = f", {instant.part}" if instant.part else ""
        return self.spoil(name, registers, phase + way)

    def kill_inside(self, name):
        """Kills in a commit or a copy, in whatever turn the next one is made there."""
        registers, turn = self.arrive(name), self.programs[name].turn
        instant = self.traces.choose_inside(name, self.random)
        if registers is None or instant is None:
            return False
        phase = ""
        for _ in range(8):
            if registers is None:
                return False
            if not at(registers, turn):
                return self.spoil(name, registers, f"{phase}, {instant.part}", inside=True)
            phase = event_of(registers)
            registers = self.reach_any(name, {(instant.rip, KERNEL), (turn, USER)}, SHORT_WAIT)
        return False

    def kill_at_commit(self, name, phase="turn", wait=WAIT):
        """Kills at the system call that would have been the commit."""
        registers = self.reach(name, self.programs[name].commit, wait=wait)
        return registers is not None and self.spoil(name, registers, phase + ", all but commit")

    def kill_after_staging(self, name):
        """Kills at the commit of a turn that has staged an output: nobody may see that one."""
        return self.reach(name, *self.staging, ring=KERNEL, wait=SHORT_WAIT) is not None \
            and self.kill_at_commit(name, "staged")

    def kill_in_start(self, name):
        """Kills between the entry and the first event."""
        registers = self.reach(name, self.programs[name].entry)
        return registers is not None and self.kill_at(name, registers, "start")

    def attack(self):
        """One kill; perhaps more while it recovers, and perhaps one of its supervisor."""
        self.absent -= collections.Counter(self.absent.keys())
        names = [name for name in self.services if not self.absent[name]] or self.services
        name = self.random.choices(names, [OFTEN[name] for name in names])[0]
        kill, = self.random.choices(
            [self.kill_in_turn, self.kill_inside, self.kill_after_staging], [65, 25, 10])
        if kill(name):
            if name != "init" and self.random.random() < 0.15:
                self.kill_in_turn("init")
            if name == "e1000" and self.random.random() < 0.5:
                self.kill_in_turn("devmgr")
            for _ in range(2):
                if self.random.random() < 0.15:
                    self.kill_in_start(name)
            self.leave()
            time.sleep(self.random.expovariate(1 / GAP))
        else:
            self.leave()

    def sweep(self, name):
        """Kills one instruction later in a call's turn than the last time, when the turn that met
        that one has been committed and another one, so that the supervisor sees no rapid deaths."""
        for _ in range(3):
            registers = self.reach(name, self.programs[name].turn)
        if registers is not None and registers["rax"] == EVENTS.index("call"):
            registers, _ = self.walk(name, registers, len(self.kills), rest=0)
            if registers is not None:
                self.spoil(name, registers, "call, swept")
        self.leave()

    def leave(self):
        """Lets the machine run."""
        self.gdb.stop()
        self.gdb.resume()

    def count(self):
        """Kills of each service."""
        return collections.Counter(kill.service for kill in self.kills)
