# SPDX-License-Identifier: MIT
"""Bugs instead of kills: single instructions of a server that works are changed, its messages, its
interrupts, its stack and its arena, and what comes of it is sorted. A change of text lasts until
the server dies, for its text is made anew then, or for one execution; whichever is drawn."""
import collections
import contextlib
import dataclasses
import os
import random
import re
import struct
import subprocess
import time

import machine
from harness import mutation
from harness.campaign import Campaign
from harness.injector import SERVICES, STEPS, event_of
from harness.peer import Peer

KINDS = [*mutation.KINDS, "message", "interrupt", "stack flip", "arena flip"]
TEXT = set(mutation.KINDS)
MESSAGE_WORDS = ["rdx", "r10", "r8", "r9", "r12", "r13"]
STORE = b"\xc6\x00"  # mov byte [rax], number
PAGE = 4096
ARENA = 0x100000000000  # abi.h
FAR_WAIT = 0.5  # seconds for a certain instruction to be executed
WATCH = 0.8  # seconds that the machine runs on after a fault
LOST = 90  # seconds after which a turn that does not end is given up
STRANGE = [0, 1 << 31, 1 << 32, 1 << 63, (1 << 64) - 1, ARENA]  # numbers that nobody expects

NOT_ACTIVATED, NOTHING, RECOVERED = "not activated", "no effect", "transparent"
ERROR, HANG, SILENT, DOWN = "error", "hang", "silent", "down"
STATUSES = "|".join(re.findall('"([a-z][a-z ,]+)"', open(
    os.path.join(machine.ROOT, "abi", "axolotl", "status.def"), encoding="ascii").read()))
RESULTS = [NOT_ACTIVATED, NOTHING, RECOVERED, ERROR, HANG, SILENT, DOWN]
MANIFESTED = RESULTS[2:]


def place_of(name, variable):
    """The address of a variable or a field of a service."""
    words = ["gdb", "-nx", "-batch", "-ex", f"print/d (unsigned long)&{variable}",
             os.path.join(machine.BUILD, "boot", name + ".elf")]
    found = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
    return int(found.split()[-1])


@dataclasses.dataclass
class Fault:
    """What was done, and what came of it."""
    service: str
    kind: str
    mode: str
    phase: str
    place: int
    function: str
    detail: str
    result: str
    died: list[str] = dataclasses.field(default_factory=list)  # services, in that order
    complaints: list[str] = dataclasses.field(default_factory=list)  # of clients, if it is the last


class Memory:
    """Memory of any task of a machine that stands, by way of its page tables."""

    def __init__(self, gdb):
        self.gdb = gdb

    @contextlib.contextmanager
    def physical(self):
        """Addresses are physical in here."""
        assert self.gdb.ask("Qqemu.PhyMemMode:1") == "OK"
        try:
            yield
        finally:
            assert self.gdb.ask("Qqemu.PhyMemMode:0") == "OK"

    def translate(self, space, address):
        """The physical address in the address space of a CR3; None: nothing is mapped there."""
        table = space & ~0xfff
        for shift in (39, 30, 21, 12):
            entry = struct.unpack("<Q", self.gdb.read(table + (address >> shift & 511) * 8, 8))[0]
            if not entry & 1:
                return None
            table = entry & 0xffffffffff000
            if entry & 0x80 and shift in (30, 21):
                return (table & -(1 << shift)) + (address & (1 << shift) - 1)
        return table + (address & 0xfff)

    def read(self, space, address, size):
        """Bytes of one page; None: nothing is mapped there."""
        with self.physical():
            place = self.translate(space, address)
            return None if place is None else self.gdb.read(place, size)

    def write(self, space, address, data):
        """Writes bytes, which may lie in two pages."""
        with self.physical():
            for i, byte in enumerate(data):
                self.gdb.write(self.translate(space, address + i), bytes([byte]))


class Faults:
    """Puts bugs into the servers of one machine. `list` has what was done."""

    def __init__(self, injector, seed, kinds=None):
        self.injector, self.gdb = injector, injector.gdb
        self.memory = Memory(self.gdb)
        self.random = random.Random(f"{seed} faults")
        self.kinds = kinds or KINDS
        self.code = {}
        self.seen = collections.defaultdict(set)  # functions of a service that work goes through
        self.list = []
        self.verbose = False

    def code_of(self, name):
        """The instructions of a service."""
        if name not in self.code:
            self.code[name] = mutation.Code(name)
        return self.code[name]

    def attack(self):
        """One fault, and a while to see what comes of it."""
        name, kind = self.random.choice(self.injector.services), self.random.choice(self.kinds)
        if name == "e1000" and kind == "arena flip":
            return  # it has none
        self.injector.names.clear()
        before = len(self.list)
        if kind in TEXT:
            self.change_text(name, kind)
        elif kind == "stack flip":
            self.flip_stack(name)
        elif kind == "arena flip":
            self.flip_arena(name)
        else:
            self.change_event(name, kind)
        if len(self.list) > before and self.verbose:
            print(f"{time.monotonic():.1f} {self.list[-1]}", flush=True)
        self.injector.leave()

    def note(self, name, kind, mode, phase, place, detail, result=NOTHING):
        """Adds a fault to the list."""
        function = self.injector.programs[name].function(place)
        self.list.append(Fault(name, kind, mode, phase, place, function, detail, result))
        return self.list[-1]

    # ---- Places -----------------------------------------------------------------------------

    def turn(self, name):
        """Runs to the start of a turn: registers and phase."""
        registers = self.injector.reach(name, self.injector.programs[name].turn)
        if registers is None:
            return None, ""
        return registers, event_of(registers)

    def walk(self, name, wanted=lambda address: True):
        """Into a turn, by a random number of instructions and on to one that is wanted."""
        registers, phase = self.turn(name)
        code, commit = self.code_of(name), self.injector.programs[name].commit
        rest = self.random.randrange(STEPS)
        while registers is not None and registers["rip"] != commit:
            index = code.index(registers["rip"])
            if index is not None:
                self.seen[name].add(code.instructions[index].function)
            if rest <= 0 and index is not None and wanted(index):
                return registers, phase
            rest -= 1
            if rest < -STEPS:
                break
            registers, _ = self.injector.walk(name, registers, 1, rest=0)
        return None, phase

    def far(self, name, kind):
        """To a random instruction, of the functions seen, that can have such a bug."""
        code = self.code_of(name)
        choice = [index for function in sorted(self.seen[name])
                  for index in code.functions[function]
                  if code.mutate(kind, index, self.random) is not None]
        if not choice:
            return None, None
        index = self.random.choice(choice)
        return self.injector.reach(name, code.addresses[index], wait=FAR_WAIT), index

    # ---- Text -------------------------------------------------------------------------------

    def change_text(self, name, kind):
        """A bug in an instruction that is about to be executed."""
        code = self.code_of(name)
        if self.random.random() < 0.5 or not self.seen[name]:
            registers, phase = self.walk(
                name, lambda index: code.mutate(kind, index, random.Random(1)) is not None)
            if registers is None:
                return
            index = code.index(registers["rip"])
        else:
            registers, index = self.far(name, kind)
            phase = "anywhere"
            if index is None:
                return
            if registers is None:
                self.note(name, kind, "", phase, code.addresses[index],
                          code.instructions[index].text, NOT_ACTIVATED)
                return
        old, new = code.instructions[index].code, code.mutate(kind, index, self.random)
        if new is None:
            return
        mode = self.random.choice(["once", "until death"])
        fault = self.note(name, kind, mode, phase, registers["rip"],
                          f"{code.instructions[index].text}: {old.hex()} {new.hex()}")
        if mode == "once" and kind == "removed":
            self.gdb.set_register("rip", registers["rip"] + len(old))
            self.watch(fault)
            return
        self.memory.write(registers["cr3"], registers["rip"], new)
        if mode == "once":
            self.gdb.step()
            self.memory.write(registers["cr3"], registers["rip"], old)
            self.watch(fault)
            return
        if not self.watch(fault):
            present = self.memory.read(registers["cr3"], registers["rip"], 1)
            if present is not None:
                self.memory.write(registers["cr3"], registers["rip"], old)

    # ---- Data -------------------------------------------------------------------------------

    def flip_stack(self, name):
        """A bit of the innermost half kilobyte of the stack."""
        registers, phase = self.walk(name)
        if registers is None:
            return
        place = registers["rsp"] + self.random.randrange(512)
        byte = self.memory.read(registers["cr3"], place, 1)
        if byte is None:
            return
        bit = self.random.randrange(8)
        self.memory.write(registers["cr3"], place, bytes([byte[0] ^ 1 << bit]))
        self.watch(self.note(name, "stack flip", "once", phase, registers["rip"],
                             f"bit {bit} at rsp + {place - registers['rsp']}"))

    def used_place(self, space):
        """A random byte of the arena near which there is something; None: there is nothing."""
        ends = []
        with self.memory.physical():
            for page in range(ARENA, ARENA + (4 << 20), PAGE):
                place = self.memory.translate(space, page)
                if place is None:
                    break
                data = self.gdb.read(place, 2048) + self.gdb.read(place + 2048, 2048)
                ends += [page + line for line in range(0, PAGE, 64) if any(data[line:line + 64])]
        return self.random.choice(ends) + self.random.randrange(64) if ends else None

    def flip_arena(self, name):
        """A wild write: the server itself stores a byte that differs in a bit."""
        registers, phase = self.walk(name)
        place = self.used_place(registers["cr3"]) if registers else None
        if place is None:
            return
        bit = self.random.randrange(8)
        byte = self.memory.read(registers["cr3"], place, 1)[0] ^ 1 << bit
        if self.execute_store(name, registers, place, byte):
            self.watch(self.note(name, "arena flip", "once", phase, registers["rip"],
                                 f"bit {bit} at {place:#x}"))

    def store(self, name, variable, offset, byte):
        """The server stores a byte in a variable or a field, in the middle of a turn; False: it has none."""
        registers, phase = self.turn(name)
        if registers is None:
            return False
        place = place_of(name, variable) + offset
        if not self.execute_store(name, registers, place, byte):
            return False
        return self.watch(self.note(name, "arena flip", "once", phase, registers["rip"],
                                    f"{byte:#x} at {place:#x}"))

    def execute_store(self, name, registers, place, byte):
        """Lets the server, which stands there, execute a store, then go on. The debugger itself
        can't write so that the page counts as changed."""
        here, code = registers["rip"], STORE + bytes([byte])
        old = self.gdb.read(here, len(code))
        self.memory.write(registers["cr3"], here, code)
        self.gdb.set_register("rax", place)
        self.gdb.step()
        if self.gdb.registers()["rip"] != here + len(code) \
                and self.injector.reach(name, here + len(code), wait=LOST) is None:
            return False
        self.memory.write(registers["cr3"], here, old)
        self.gdb.set_register("rax", registers["rax"])
        self.gdb.set_register("rip", here)
        return True

    def change_event(self, name, kind):
        """A word of a message that came, or notification bits that nobody has set."""
        wanted = ("notification",) if kind == "interrupt" else ("call", "reply")
        for _ in range(8):
            registers, phase = self.turn(name)
            if registers is None:
                return
            if phase in wanted:
                break
        else:
            return
        if kind == "interrupt":
            register, value = "rdi", registers["rdi"] | self.random.getrandbits(64)
        else:
            words = registers["rsi"] >> 32 & 0x7f
            names = MESSAGE_WORDS[:max(1, min(words, 6))]
            register = self.random.choice(names + ["rsi"])
            value = registers[register] ^ 1 << self.random.randrange(64)
            if register != "rsi" and self.random.random() < 0.5:
                value = self.random.choice(STRANGE)
        self.gdb.set_register(register, value)
        self.watch(self.note(name, kind, "once", phase, registers["rip"],
                             f"{register} {registers[register]:#x} to {value:#x}"))

    # ---- What comes of it -------------------------------------------------------------------

    def watch(self, fault):
        """Lets the machine run until the turn has ended, and a while longer. True: the server has
        died. The machine stands afterwards."""
        commit = self.injector.programs[fault.service].commit
        entries = {name: self.injector.programs[name].entry for name in SERVICES}
        places = {commit, *entries.values()}  # several programs begin at the same address
        for address in places:
            self.gdb.breakpoint(address)
        ended, end = False, time.monotonic() + LOST  # for the turn to end
        while (rest := end - time.monotonic()) > 0:
            self.gdb.resume()
            if not self.gdb.wait(rest):
                self.gdb.stop()
                break
            died = [name for name, address in entries.items()
                    if name not in fault.died and self.injector.is_at(name, address)]
            fault.died += died
            if not ended and (fault.service in died or self.injector.is_at(fault.service, commit)):
                ended, end = True, time.monotonic() + WATCH
                if commit not in entries.values():
                    self.gdb.breakpoint(commit, False)
                    places.discard(commit)
        for address in places:
            self.gdb.breakpoint(address, False)
        if fault.service in fault.died:
            fault.result = RECOVERED
        elif not ended:
            fault.result = HANG
        return fault.service in fault.died


def kernel_log(gdb):
    """The kernel's ring of log lines."""
    gdb.stop()
    symbols = subprocess.run(["nm", machine.KERNEL], check=True, stdout=subprocess.PIPE, text=True)
    ring, size = int(re.search(r"([0-9a-f]+) b ring$", symbols.stdout, re.M).group(1), 16), 32768
    data = b"".join(gdb.read(ring + at, 2048) for at in range(0, size, 2048))
    gdb.resume()
    lines = data.replace(b"\0", b"").decode("utf-8", "replace").splitlines()
    return "\n".join(sorted(line for line in lines if line.startswith("[")))


class FaultCampaign(Campaign):
    """The clients of a campaign at work while bugs are put in. Its last fault's result is what the
    clients have seen."""

    def __init__(self, start, folder, seed, services=None, kinds=None, **options):
        options.setdefault("smp", 1)
        super().__init__(start, folder, seed, services, **options)
        self.faults = Faults(self.injector, seed, kinds)
        self.injector.kills = self.faults.list  # so many of them end the run
        self.devices = self.guest.cmd("lspci")

    def kill(self, _number):
        """No operator's kills: the device manager has something to do in their place."""
        found = self.guest.cmd("lspci")
        assert found == self.devices, f"typed 'lspci', got {found!r}"

    def work(self, count, seconds):
        """Puts faults in, until there are so many, the time is over, or a client complains."""
        self.run(count, seconds, self.attack)
        if self.complaints and self.faults.list:
            self.faults.list[-1].result = self.judge()
            self.faults.list[-1].complaints = self.complaints
        return self.faults.list

    def attack(self):
        """One fault; a server that does not come back is a complaint of its own."""
        self.faults.attack()
        if self.faults.list and self.faults.list[-1].result == HANG:
            self.complaints.append(f"hangs: {self.faults.list[-1].service}")
            self.ended.set()

    def judge(self):
        """What the complaints mean."""
        text = "\n".join(self.complaints)
        first = self.complaints[0]
        if "KERNEL PANIC" in self.guest.console_text() or "QEMU is gone" in text \
                or self.guest.process.poll() is not None:
            return DOWN
        if not self.alive():
            return DOWN
        if re.search(r"ConnectionResetError|BrokenPipe|connection ended|wrong: .*\(-\d+\)|curl: \(|: ("
                     + STATUSES + ")", first):
            return ERROR
        if re.search('hangs|timed out|no prompt|no .\\\\', first):
            return HANG
        return SILENT

    def alive(self):
        """Whether somebody can still work with the machine, at COM1 or from the network."""
        try:
            self.guest.send("\x03\r")
            self.guest.prompt(60)
            self.look()
            return True
        except (AssertionError, OSError):
            pass
        try:
            return "init" in Peer(self.guest, "account", 60).rest().decode()
        except (AssertionError, OSError):
            return False

    def look(self):
        """Lets the console's log say how things stand."""
        for line in ("services", "ifconfig", "netstat"):
            with contextlib.suppress(AssertionError, OSError):
                self.guest.cmd(line, timeout=20)

    def tell(self):
        """Keeps the kernel's log, which is read without the machine's help."""
        log = kernel_log(self.guest.gdb)
        with open(os.path.join(self.guest.work, "kernel.log"), "w", encoding="utf-8") as file:
            file.write(log)
        self.complaints += re.findall(r".*(?:service|abort|peer: |PANIC).*", log)[-20:]

    def check_services(self):
        """All run. What they have died of is what was done to them."""
        for row in self.guest.table("services"):
            if row and row[0] in SERVICES:
                assert row[1] == "running", " ".join(row)


def tables(faults):
    """Rows of text: for each kind of fault, then for each server, how often it came to what."""
    return table(faults, "kind", KINDS) + [""] + table(faults, "service", SERVICES)


def table(faults, column, names):
    """Rows of text, one for each value of a field of Fault."""
    head = [column, "injected", "activated", "manifested", *RESULTS[2:]]
    rows = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for kind in [*names, "all"]:
        mine = [fault for fault in faults if kind in (getattr(fault, column), "all")]
        count = collections.Counter(fault.result for fault in mine)
        numbers = [len(mine), len(mine) - count[NOT_ACTIVATED],
                   sum(count[result] for result in MANIFESTED),
                   *(count[result] for result in RESULTS[2:])]
        if mine:
            rows.append(f"| {kind} | " + " | ".join(str(number) for number in numbers) + " |")
    return rows
