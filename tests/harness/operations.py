# SPDX-License-Identifier: MIT
"""What the kernel's instructions do: loads, stores, and the expensive operations among them. Steps
with the debugger from one reading of the clock in a measuring program to a later one."""
import collections
import re
import subprocess

import machine
from harness.traces import Symbols, instructions

KERNEL_HALF = 1 << 63

# What is counted; a repeated string instruction counts once for each step, as QEMU runs it.
Operations = collections.namedtuple(
    "Operations", "instructions loads stores cr3 msr fpu", defaults=(0,) * 6)

MEMORY = r"[-0-9a-fx%a-z:]*\(%?[^)]*\)|%gs:0x[0-9a-f]+"
READ_ONLY = r"(cmp|test|bt|jmp|i?mul|i?div|ltr|lgdt|lidt|ldmxcsr|verw|f?xrstor)[bwlq]?"
WRITE_ONLY = r"(mov(?!s[bl]|z)\w*|set\w+|pop)"


def operations_of(text):
    """What one instruction, as objdump prints it, does; none of its operands is implicit but the
    stack's and a string's."""
    name, _, operands = re.sub(r"^(lock|rep\w*|data16|cs|notrack) +", "", text).partition(" ")
    operands = re.split(r"\s*[#<]", operands.strip())[0]
    parts = re.findall(rf"(?:{MEMORY}|[^,])+", operands)
    memory = [bool(re.search(MEMORY, part)) for part in parts]
    loads = stores = 0
    if re.match(r"(lea|nop|prefetch|invlpg|clflush|endbr)", name):
        pass
    elif re.match(r"movs[bwlq]$", name) and "(%rsi)" in operands:
        loads = stores = 1
    elif re.match(r"stos", name):
        stores = 1
    elif re.match(r"push|call", name):
        loads, stores = int(any(memory)), 1
    elif re.match(r"pop|ret|leave", name):
        loads, stores = 1, int(any(memory))
    elif re.match(r"iret", name):
        loads = 5
    elif any(memory):
        to = memory[-1] and len(parts) > 0 and not re.fullmatch(READ_ONLY, name)
        loads = int(not (to and re.fullmatch(WRITE_ONLY, name)))
        stores = int(to or name.startswith("xchg"))
    return Operations(1, loads, stores, int(bool(re.match(r"mov +\S+,%cr3", text))),
                      int(bool(re.match(r"wr(msr|fsbase|gsbase)", name))),
                      int(bool(re.match(r"f?x(save|rstor)", name))))


class Stepper:
    """Steps through a program's measured paths in a machine that stands at its start."""

    def __init__(self, gdb, program):
        self.gdb, self.program = gdb, program
        path = f"{machine.BUILD}/boot/{program}.elf"
        self.symbols = Symbols(path)
        self.clocks = sorted(instructions(path, "rdtsc"))
        text = subprocess.run(["objdump", "-Dw", "-j", ".text", "--no-show-raw-insn",
                               machine.KERNEL], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        code = re.findall(r"^([0-9a-f]+):\t(.*?) *$", text, re.M)
        self.kernel = {int(at, 16): operations_of(text) for at, text in code}
        self.repeated = {int(at, 16) for at, text in code if text.startswith("rep")}

    def clock(self, function, index):
        """The address of a function's reading of the clock; the first has index 0."""
        return [at for at in self.clocks if self.symbols.function(at) == function][index]

    def skip(self, address, count):
        """Runs until the program has come to the address for the count-th time."""
        self.gdb.breakpoint(address)
        while count > 0:
            self.gdb.resume()
            assert self.gdb.wait(300), f"{self.program} does not come to {address:#x}"
            self.gdb.registers()  # so that it goes on from here
            count -= self.gdb.task() in (self.program, "")  # its clones have no startup block
        self.gdb.breakpoint(address, False)

    def count(self, clocks):
        """Steps over so many readings of the clock; what the kernel did until the last."""
        total, at = Operations(), None
        while clocks > 0:
            self.gdb.step()
            before, at = at, self.gdb.register("rip")
            if at == before and at not in self.repeated:
                continue  # a step may end before the instruction
            if at >= KERNEL_HALF:
                total = Operations(*map(sum, zip(total, self.kernel[at])))
            clocks -= at in self.clocks
        return total
