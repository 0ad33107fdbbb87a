#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Joins a program's objects and lets its callbacks be reached through its table of gates.

    gates.py LD OUTPUT.o OBJECT...

One object has the gates (libipc/include/ipc/gates.inc): a jump to a function at an address that
stays when functions move. Wherever code or data has the address of a function with a gate, this
puts the gate's, so that all pointers to one function are equal. It is an error if code takes the
address of a function without a gate: the pointer could get into the arena. Tables of constants may
have such addresses; they are used where they stand. Direct calls are left alone. Functions of
libraries, which are linked later, are not looked at."""
import struct
import subprocess
import sys

PREFIX = "gate_"
SECTION = ".text.gates"
FUNCTION, SECTION_SYMBOL = 2, 3
R_64, R_PC32, R_GOTPCREL, R_PLT32, R_GOTPCRELX, R_REX_GOTPCRELX = 1, 2, 9, 4, 41, 42
RELATIVE = (R_PC32, R_PLT32, R_GOTPCREL, R_GOTPCRELX, R_REX_GOTPCRELX)
SYMTAB, RELA, ALLOC = 2, 4, 2


class Object:
    """A relocatable ELF64 file in memory."""

    def __init__(self, data):
        self.data = bytearray(data)
        offset, = struct.unpack_from("<Q", data, 40)
        count, names = struct.unpack_from("<HH", data, 60)
        fields = [struct.unpack_from("<IIQQQQIIQQ", data, offset + 64 * i) for i in range(count)]
        self.sections = [dict(zip(("name", "type", "flags", "address", "offset", "size", "link",
                                   "info", "align", "entry"), row)) for row in fields]
        for section in self.sections:
            section["name"] = self.text(self.sections[names], section["name"])
        table = next(s for s in self.sections if s["type"] == SYMTAB)
        self.symbols = []
        for at in range(table["offset"], table["offset"] + table["size"], 24):
            name, info, _, section, value, _ = struct.unpack_from("<IBBHQQ", data, at)
            self.symbols.append((self.text(self.sections[table["link"]], name), info & 15, section,
                                 value))

    def text(self, section, at):
        """A string of a string table."""
        start = section["offset"] + at
        return self.data[start:self.data.index(0, start)].decode()

    def relocations(self):
        """(section, where the entry lies in the file, offset, type, symbol, addend) of what is
        loaded."""
        for table in self.sections:
            if table["type"] != RELA:
                continue
            section = self.sections[table["info"]]
            if section["flags"] & ALLOC == 0:
                continue
            for at in range(table["offset"], table["offset"] + table["size"], 24):
                offset, kind, symbol, addend = struct.unpack_from("<QIIq", self.data, at)
                yield section, at, offset, kind, symbol, addend


def is_branch(data, section, offset):
    """Whether the four bytes belong to a direct jump or call, not to an operand `x(%rip)`."""
    return data[section["offset"] + offset - 1] & 0xc7 != 5


def rewire(elf):
    """Puts gates for functions; the names of functions that code takes the address of without."""
    gates = {name[len(PREFIX):]: index for index, (name, _, section, _) in enumerate(elf.symbols)
             if name.startswith(PREFIX) and elf.sections[section]["name"] == SECTION}
    functions = {}  # (section, value): name
    owners = {}
    for index, (name, kind, section, value) in enumerate(elf.symbols):
        if kind == FUNCTION:
            functions[section, value] = name
            if name in owners and name in gates:
                sys.exit(f"gates.py: two functions are called {name}")
            owners[name] = index
    missing = set()
    for section, at, offset, kind, symbol, addend in elf.relocations():
        name, symbol_kind, where, value = elf.symbols[symbol]
        if section["name"] == SECTION:
            if name in owners:  # of one file alone, perhaps: it is no undefined symbol any more
                struct.pack_into("<II", elf.data, at + 8, kind, owners[name])
            continue
        text = section["name"].startswith(".text")
        if kind != R_64 and (kind not in RELATIVE or not text or
                             is_branch(elf.data, section, offset)):
            continue  # in constants, relative ones are tables of switches
        start = addend + (4 if kind in RELATIVE else 0)
        if symbol_kind == SECTION_SYMBOL:
            name = functions.get((where, start))
        elif start != 0 or (where != 0 and functions.get((where, value)) != name):
            name = None
        if name in gates:
            addend = -4 if kind in RELATIVE else 0
            struct.pack_into("<IIq", elf.data, at + 8, kind, gates[name], addend)
        elif name in owners and (text or section["name"].startswith(".arena")):
            missing.add(name)
    return missing


def main():
    ld, output, *objects = sys.argv[1:]
    subprocess.run([ld, "-r", "-o", output, *objects], check=True)
    with open(output, "rb") as file:
        elf = Object(file.read())
    missing = rewire(elf)
    if missing:
        sys.exit("gates.py: without a gate, though code takes their address: "
                 + " ".join(sorted(missing)))
    with open(output, "wb") as file:
        file.write(elf.data)


if __name__ == "__main__":
    main()
