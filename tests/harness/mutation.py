# SPDX-License-Identifier: MIT
"""Bugs for programs that exist: changes of single machine instructions, as fault injection has made
them since Ng and Chen, and Nooks. Which bytes mean what: Intel SDM, volume 2, chapter 2."""
import bisect
import collections
import os
import re
import subprocess

import machine

KINDS = ["source", "destination", "removed", "condition", "pointer", "loop", "text flip"]

Instruction = collections.namedtuple("Instruction", "address code text function")

PREFIXES = set(b"\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3")
ARITHMETIC = [8 * i for i in range(8)]  # add or adc sbb and sub xor cmp: r/m,r r,r/m
COMPARE = 0x38
# Operation codes, those of two bytes with 0x0f in front, by what their register fields are.
REG_IS_SOURCE = {op + i for op in ARITHMETIC for i in (0, 1)} | {0x84, 0x85, 0x88, 0x89} \
    | {COMPARE + 2, COMPARE + 3}
REG_IS_DESTINATION = {op + i for op in ARITHMETIC if op != COMPARE for i in (2, 3)} \
    | {0x63, 0x69, 0x6b, 0x8a, 0x8b, 0x8d, 0xfaf, 0xfb6, 0xfb7, 0xfbe, 0xfbf} \
    | set(range(0xf40, 0xf50))
RM_IS_SOURCE = REG_IS_DESTINATION - {0x8d} | {COMPARE, COMPARE + 1, 0x84, 0x85}
RM_IS_DESTINATION = {op + i for op in ARITHMETIC if op != COMPARE for i in (0, 1)} \
    | {0x80, 0x81, 0x83, 0x88, 0x89, 0xc0, 0xc1, 0xc6, 0xc7, 0xd0, 0xd1, 0xd2, 0xd3, 0xfe, 0xff} \
    | set(range(0xf90, 0xfa0))
HAS_MODRM = REG_IS_SOURCE | REG_IS_DESTINATION | RM_IS_SOURCE | RM_IS_DESTINATION \
    | {0xf6, 0xf7, 0x8f} | set(range(0xf10, 0xf18)) | set(range(0xf28, 0xf30)) \
    | {0xf6e, 0xf6f, 0xf7e, 0xf7f, 0xfd6}
UNEQUAL = {2: 6, 6: 2, 3: 7, 7: 3, 12: 14, 14: 12, 13: 15, 15: 13}  # b be, ae a, l le, ge g
NEAR = 4  # instructions before a jump in which its comparison may stand


class Parts:
    """Where the parts of an instruction's code lie."""

    def __init__(self, code):
        at = 0
        while code[at] in PREFIXES:
            at += 1
        if code[at] & 0xf0 == 0x40:
            at += 1  # REX
        self.opcode_at = at
        self.opcode = code[at]
        if self.opcode == 0x0f:
            at += 1
            self.opcode, self.opcode_at = 0xf00 | code[at], at
        self.modrm_at = at + 1 if self.opcode in HAS_MODRM else 0
        modrm = code[self.modrm_at]
        self.mod, self.reg, self.rm = modrm >> 6, modrm >> 3 & 7, modrm & 7
        if not self.modrm_at:
            self.mod = -1
        self.sib = self.mod in (0, 1, 2) and self.rm == 4
        self.displacement_at = self.modrm_at + (2 if self.sib else 1)
        relative = self.mod == 0 and self.rm == 5
        bare = self.sib and self.mod == 0 and code[self.modrm_at + 1] & 7 == 5
        self.displacement_size = 4 if self.mod == 2 or relative or bare else 1 if self.mod == 1 \
            else 0

    def is_condition(self):
        """A conditional jump, set or move."""
        return 0x70 <= self.opcode < 0x80 or 0xf40 <= self.opcode < 0xf50 \
            or 0xf80 <= self.opcode < 0xfa0


def with_field(code, at, shift, random):
    """Another register in a field of three bits."""
    change = random.randrange(1, 8) << shift
    return code[:at] + bytes([code[at] ^ change]) + code[at + 1:]


def with_number(code, at, size, value):
    """Another number in the code; None when it is too large."""
    try:
        return code[:at] + value.to_bytes(size, "little", signed=True) + code[at + size:]
    except OverflowError:
        return None


def number(code, at, size):
    """A signed number in the code."""
    return int.from_bytes(code[at:at + size], "little", signed=True)


def change_register(code, random, reg, rm, opcodes):
    """Changes a register that has the role for which reg and rm are the sets of codes."""
    parts = Parts(code)
    if parts.opcode in opcodes:
        return with_field(code, parts.opcode_at, 0, random)
    places = [3] if parts.opcode in reg else []
    if parts.opcode in rm and parts.mod == 3 \
            and not (parts.opcode in (0x80, 0x81, 0x83) and parts.reg == 7) \
            and not (parts.opcode == 0xff and parts.reg > 1):
        places.append(0)
    return with_field(code, parts.modrm_at, random.choice(places), random) if places else None


def change_source(code, random):
    """A source register."""
    return change_register(code, random, REG_IS_SOURCE, RM_IS_SOURCE, range(0x50, 0x58))


def change_destination(code, random):
    """A destination register."""
    return change_register(code, random, REG_IS_DESTINATION, RM_IS_DESTINATION,
                           [*range(0x58, 0x60), *range(0xb8, 0xc0)])


def remove(code, _random):
    """Nothing in its place."""
    return b"\x90" * len(code)


def invert(code, random):  # pylint: disable=unused-argument
    """The opposite condition."""
    parts = Parts(code)
    if not parts.is_condition():
        return None
    at = parts.opcode_at
    return code[:at] + bytes([code[at] ^ 1]) + code[at + 1:]


def change_pointer(code, random):
    """An address off by a little, or from another register."""
    parts = Parts(code)
    if parts.mod not in (0, 1, 2):
        return None
    size = parts.displacement_size
    if size:
        off = random.choice([1, 2, 4, 8, 16, 64]) * random.choice([1, -1])
        value = number(code, parts.displacement_at, size)
        return with_number(code, parts.displacement_at, size, value + off)
    if parts.sib:
        return with_field(code, parts.modrm_at + 1, random.choice([0, 3]), random)
    register = random.choice([r for r in (0, 1, 2, 3, 6, 7) if r != parts.rm])
    at = parts.modrm_at
    return code[:at] + bytes([code[at] & 0xf8 | register]) + code[at + 1:]


def flip(code, random):
    """A bit of the code."""
    bit = random.randrange(len(code) * 8)
    return code[:bit // 8] + bytes([code[bit // 8] ^ 1 << bit % 8]) + code[bit // 8 + 1:]


CHANGES = {"source": change_source, "destination": change_destination, "removed": remove,
           "condition": invert, "pointer": change_pointer, "text flip": flip}


class Code:
    """The instructions of one server, and the bugs they can be given."""

    def __init__(self, name):
        path = os.path.join(machine.BUILD, "boot", name + ".elf")
        text = subprocess.run(["objdump", "-dw", "-j", ".text", path], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        self.instructions, function = [], ""
        for line in text.splitlines():
            if head := re.match(r"[0-9a-f]+ <(\S+)>:$", line):
                function = head.group(1)
            elif row := re.match(r" *([0-9a-f]+):\t((?:[0-9a-f]{2} )+) *\t?(.*)$", line):
                self.instructions.append(Instruction(
                    int(row.group(1), 16), bytes.fromhex(row.group(2)), row.group(3), function))
        self.addresses = [each.address for each in self.instructions]
        self.loops = {}  # index of an instruction that bounds a loop to its jump
        self.functions = collections.defaultdict(list)  # name to indices
        for index, each in enumerate(self.instructions):
            if not re.match(r"(data16|cs|nop|xchg +%ax,%ax|endbr|\(bad\))", each.text):
                self.functions[each.function].append(index)
            self.find_loop(index, each)

    def find_loop(self, index, jump):
        """A conditional jump back in its function bounds a loop, with its comparison."""
        row = re.match(r"j(?!mp)\w+ +([0-9a-f]+) <([^+>]+)", jump.text)
        if not row or row.group(2) != jump.function or int(row.group(1), 16) >= jump.address:
            return
        self.loops[index] = index
        for before in range(index - 1, max(index - NEAR, 0), -1):
            if re.match(r"cmp\w? +\$", self.instructions[before].text):
                self.loops[before] = index
                break

    def index(self, address):
        """The instruction at an address; None: there is none."""
        at = bisect.bisect_left(self.addresses, address)
        return at if at < len(self.addresses) and self.addresses[at] == address else None

    def change_loop(self, index, random):
        """A loop that ends a turn too early or too late, or somewhere."""
        code = self.instructions[index].code
        parts = Parts(code)
        if parts.is_condition():
            at = parts.opcode_at
            other = UNEQUAL.get(code[at] & 15)
            return None if other is None else code[:at] + bytes([code[at] & 0xf0 | other]) \
                + code[at + 1:]
        size = 1 if parts.opcode in (0x80, 0x83, 0x3c) else min(4, len(code) - 1)
        at = len(code) - size
        value = number(code, at, size)
        return with_number(code, at, size, value + random.choice([1, -1, 1, -1, 7, 100]))

    def mutate(self, kind, index, random):
        """The instruction with a bug of that kind; None: it can't have one."""
        each = self.instructions[index]
        if re.match(r"(data16|cs|nop|xchg +%ax,%ax|endbr|\(bad\))", each.text):
            return None
        if kind == "loop":
            return self.change_loop(index, random) if index in self.loops else None
        code = CHANGES[kind](each.code, random)
        return code if code != each.code else None
