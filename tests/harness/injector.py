# SPDX-License-Identifier: MIT
"""Kills servers from outside: the debugger takes the instruction pointer of a server away at a
chosen instruction. What it does is a function of its seed and of where the machine stands."""
import bisect
import collections
import os
import random
import re
import subprocess
import time

import machine

SERVICES = ["vfs", "net", "console", "aiproxy", "e1000", "devmgr", "init"]
STAGING = ["staged_add", "staged_effect"]  # the kernel's functions that add to a turn's outputs
EVENTS = ["none", "cancel", "close", "reply", "notification", "call"]
KERNEL, USER = 0, 3  # rings
WAIT = 0.7  # seconds for a server to come by before another one is tried
STEPS = 400  # at most, from the start of a turn or a life
SYSCALL = b"\x0f\x05"

Kill = collections.namedtuple("Kill", "service phase place function")


def kernel_symbol(name):
    """The address of a function of the kernel."""
    words = subprocess.run(["nm", machine.KERNEL], check=True, stdout=subprocess.PIPE,
                           text=True).stdout.split()
    return int(words[words.index(name) - 2], 16)


class Program:
    """Addresses in one server's program."""

    def __init__(self, name):
        path = os.path.join(machine.BUILD, "boot", name + ".elf")
        symbols = subprocess.run(["nm", "-n", path], check=True, stdout=subprocess.PIPE,
                                 text=True).stdout
        table = re.findall(r"^([0-9a-f]+) [tT] (\w+)$", symbols, re.M)
        self.addresses = [int(address, 16) for address, _ in table]
        self.names = [symbol for _, symbol in table]
        self.entry = self.address("_start")
        code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        receive = code[code.index("<event_receive>:"):]
        self.turn = int(re.search(r"([0-9a-f]+):\s+syscall", receive).group(1), 16) + 2

    def address(self, function):
        """Where a function begins."""
        return self.addresses[self.names.index(function)]

    def function(self, address):
        """The name of the function at an address."""
        index = bisect.bisect_right(self.addresses, address) - 1
        return self.names[index] if index >= 0 else "?"


class Injector:
    """Kills in one machine. `kills` is the list of those that took effect."""

    def __init__(self, guest, seed, services=None):
        self.gdb = guest.gdb
        self.random = random.Random(seed)
        self.programs = {name: Program(name) for name in SERVICES}
        self.staging = [kernel_symbol(name) for name in STAGING]
        self.names = {}  # cr3 to service
        self.services = services or SERVICES
        self.kills, self.verbose = [], False
        self.gdb.resume()

    # ---- Coming to an instruction -----------------------------------------------------------

    def is_at(self, name, address, ring=USER):
        """Whether the processor that stopped is this server's, in this ring, at the address."""
        registers = self.gdb.registers()
        if registers["rip"] != address or registers["cs"] & 3 != ring:
            return None
        space = registers["cr3"]
        if space not in self.names:
            self.names[space] = self.gdb.task()
        return registers if self.names[space] == name else None

    def reach(self, name, *addresses, ring=USER, wait=WAIT):
        """Runs until the server is at one of the addresses; its registers, None: it did not come,
        and nobody else did for `wait` seconds. The machine stands afterwards in either case."""
        self.gdb.stop()
        for address in set(addresses):
            self.gdb.breakpoint(address)
        registers = None
        for _ in range(2000):
            self.gdb.resume()
            if not self.gdb.wait(wait):
                self.gdb.stop()
                break
            if registers := next(filter(None, (self.is_at(name, a, ring) for a in addresses)),
                                 None):
                break
        for address in set(addresses):
            self.gdb.breakpoint(address, False)
        return registers

    def walk(self, name, registers, steps, rest=0.5):
        """So many instructions of its own on, to its commit at most. Returns the registers and, if
        the server was in the kernel on the way there, in which kind of entry; it goes no further
        than that with probability `rest`."""
        space = registers["cr3"]
        for _ in range(steps):
            before = registers["rip"]
            if before == self.programs[name].turn - len(SYSCALL):
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

    def spoil(self, name, registers, phase):
        """Sends the server to nowhere."""
        function = self.programs[name].function(registers["rip"])
        self.gdb.set_register("rip", 0x1000 + self.random.randrange(0xe000))
        self.kills.append(Kill(name, phase, registers["rip"], function))
        if self.verbose:
            print(f"{time.monotonic():.1f} {self.kills[-1]}", flush=True)
        return True

    def kill_in_turn(self, name):
        """Kills in a turn: within some hundred instructions of its start, or when all is done and
        only the commit is missing."""
        turn = self.programs[name].turn
        registers = self.reach(name, turn)
        if registers is None:
            return False
        kind = registers["rax"]
        phase = EVENTS[kind] if kind < len(EVENTS) else "receive"
        if self.random.random() < 0.4:
            return self.kill_at_commit(name, phase)
        return self.kill_at(name, registers, phase)

    def kill_at_commit(self, name, phase="turn"):
        """Kills at the system call that would have been the commit."""
        registers = self.reach(name, self.programs[name].turn - len(SYSCALL))
        return registers is not None and self.spoil(name, registers, phase + ", commit")

    def kill_after_staging(self, name):
        """Kills at the commit of a turn that has staged an output: nobody may see that one."""
        return self.reach(name, *self.staging, ring=KERNEL) is not None \
            and self.kill_at_commit(name, "staged")

    def kill_in_start(self, name):
        """Kills between the entry and the first event."""
        registers = self.reach(name, self.programs[name].entry)
        return registers is not None and self.kill_at(name, registers, "start")

    def attack(self):
        """One kill; perhaps more while it recovers, and perhaps one of its supervisor."""
        name = self.random.choice(self.services)
        kill = self.kill_after_staging if self.random.random() < 0.2 else self.kill_in_turn
        if kill(name):
            if name != "init" and self.random.random() < 0.15:
                self.kill_in_turn("init")
            for _ in range(2):
                if self.random.random() < 0.25:
                    self.kill_in_start(name)
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


def table(kills, failed=()):
    """The result as rows of text: service, phase, kills, transparent, failed."""
    total = collections.Counter((kill.service, kill.phase) for kill in kills)
    bad = collections.Counter((kill.service, kill.phase) for kill in failed)
    rows = ["| service | killed in | kills | transparent | failed |", "| --- | --- | --- | --- | --- |"]
    for service, phase in sorted(total, key=lambda key: (SERVICES.index(key[0]), key[1])):
        count, wrong = total[service, phase], bad[service, phase]
        rows.append(f"| {service} | {phase} | {count} | {count - wrong} | {wrong} |")
    rows.append(f"| all | | {len(kills)} | {len(kills) - len(failed)} | {len(failed)} |")
    return rows
