# SPDX-License-Identifier: MIT
"""Instructions that turns consist of: recorded once by single steps, chosen from ever after by
breakpoints."""
import bisect
import collections
import hashlib
import json
import os
import re
import subprocess

import machine

SYSCALL = b"\x0f\x05"
KERNEL, USER = 0, 3  # rings
LONGEST = 400  # instructions of a turn that are looked at, unless more are asked for
KEPT = 3  # whole traces of each kind
TRIES = 12  # at most, to record so many
SAMPLE = 200  # instants that are kept of each part of a trace
# Functions of the kernel, and what an instruction in one of them, or below it, is part of.
PARTS = {"actor_commit": "commit", "arena_commit": "commit", "staged_commit": "commit",
         "task_copy": "copy"}

# far: not the first of its turn; again: how often the turn has been at this instruction before.
Instant = collections.namedtuple("Instant", "rip ring part far again")


def instructions(path, pattern):
    """Addresses of such instructions of a program."""
    code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return {int(at, 16) for at in re.findall(rf"^ *([0-9a-f]+):\s+{pattern}", code, re.M)}


class Symbols:
    """Functions and data of a program."""

    def __init__(self, path):
        lines = subprocess.run(["nm", "-n", path], check=True, stdout=subprocess.PIPE,
                               text=True).stdout
        table = [(int(address, 16), kind, name) for address, kind, name in
                 re.findall(r"^([0-9a-f]+) (\w) (\w[\w.]*)$", lines, re.M)]
        self.places = {name: address for address, _, name in reversed(table)}
        self.addresses = [address for address, kind, _ in table if kind in "tT"]
        self.names = [name for _, kind, name in table if kind in "tT"]

    def address(self, name):
        """Where a function or a variable starts; of several the first."""
        return self.places[name]

    def function(self, address):
        """The name of the function at an address."""
        index = bisect.bisect_right(self.addresses, address) - 1
        return self.names[index] if index >= 0 else "?"


class Program(Symbols):
    """Addresses in one server's program: system calls, and where turns begin and end."""

    def __init__(self, name):
        path = os.path.join(machine.BUILD, "boot", name + ".elf")
        super().__init__(path)
        self.entry = self.address("_start")
        self.calls = instructions(path, "syscall")
        receive = self.address("event_receive")
        self.commit = min(at for at in self.calls if at >= receive)
        self.turn = self.commit + len(SYSCALL)


class Traces:
    """Traces of all kinds of turns; those of one machine serve the next, too."""

    def __init__(self, longest=LONGEST):
        self.longest = longest
        self.closed = False  # nothing more is recorded
        self.kernel = Symbols(machine.KERNEL)
        # Where the registers are not saved yet, or loaded already.
        self.ways = range(self.kernel.address("syscall_entry_single"),
                          self.kernel.address("user_copy"))
        self.parts = {self.kernel.address(name): part for name, part in PARTS.items()}
        self.kept = collections.defaultdict(list)
        self.tries = collections.Counter()  # how many were recorded of each kind

    @staticmethod
    def build():
        """What tells one build from another."""
        folder = os.path.join(machine.BUILD, "boot")
        paths = [machine.KERNEL] + [os.path.join(folder, name) for name in sorted(os.listdir(folder))
                                    if name.endswith(".elf")]
        digest = hashlib.sha256()
        for path in paths:
            with open(path, "rb") as file:
                digest.update(file.read())
        return digest.hexdigest()

    def load(self, path):
        """Takes what a campaign with this build has saved, if there is any; nothing is recorded
        after that."""
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                saved = json.load(file)
            if saved["build"] == self.build():
                for service, phase, traces in saved["kept"]:
                    self.kept[service, phase] = [[Instant(*i) for i in trace] for trace in traces]
                self.closed = True

    def save(self, path):
        """For load()."""
        with open(f"{path}.{os.getpid()}", "w", encoding="utf-8") as file:
            json.dump({"build": self.build(),
                       "kept": [[*key, traces] for key, traces in self.kept.items()]}, file)
        os.replace(file.name, path)

    @staticmethod
    def whole(trace):
        """Whether it comes to its commit; an interrupt may end it before."""
        return any(instant.part == "commit" for instant in trace)

    def wanted(self, key, random):
        """Whether another trace of this kind is of use."""
        whole = sum(map(self.whole, self.kept[key]))
        if self.closed or whole == KEPT or self.tries[key] == TRIES:
            return False
        return not self.tries[key] or random.random() < (0.05 if whole else 0.5)

    def record(self, gdb, key, registers, turn, random):
        """Steps through a turn from its start, through the kernel too, to where the next one starts
        or another task goes on. The other processors stand still meanwhile. A trace that is not
        whole is kept until there is one that is."""
        space, trace, seen = registers["cr3"], [], collections.Counter()
        part, depth = "", 0
        for _ in range(self.longest):
            rip, ring = registers["rip"], registers["cs"] & 3
            if registers["cr3"] != space or trace and (rip, ring) == (turn, USER):
                break
            if ring == KERNEL and self.kernel.function(rip) == "kernel_lock_wait":
                break  # for a processor that stands still
            if ring == USER or part and registers["rsp"] > depth:
                part = ""
            if ring == KERNEL and not part and rip in self.parts:
                part, depth = self.parts[rip], registers["rsp"]
            if rip not in self.ways:
                trace.append(Instant(rip, ring, "" if ring == USER else part or "system call",
                                     bool(trace), seen[rip]))
            seen[rip] += 1
            gdb.step()
            registers = gdb.registers()
        parts = collections.defaultdict(list)
        for instant in trace:
            parts[instant.part].append(instant)
        self.keep(key, [instant for part in parts.values() for instant in
                        random.sample(part, min(SAMPLE, len(part)))])

    def keep(self, key, trace):
        """Takes a trace in."""
        kept = self.kept[key] + [trace]
        self.kept[key] = [one for one in kept if self.whole(one)] or kept[:KEPT]
        self.tries[key] += 1

    def choose(self, key, random):
        """An instant of such a turn, not in a commit or a copy; one in seven in the kernel. None:
        no such turn was recorded."""
        if not self.kept[key]:
            return None
        trace = random.choice(self.kept[key])
        part = "" if random.random() < 0.85 else "system call"
        return random.choice([i for i in trace if i.part == part] or trace[:1])

    def choose_inside(self, name, random):
        """An instant of a service in a commit or a copy, each of the two as often; or None."""
        found = [[i for (service, _), traces in self.kept.items() if service == name
                  for trace in traces for i in trace if i.part == part]
                 for part in ("commit", "copy")]
        found = [instants for instants in found if instants]
        return random.choice(random.choice(found)) if found else None
