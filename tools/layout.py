#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Strips a program, writes the layout number of its arena into its note and puts the names of its
functions behind it, for init's reports of faults (init/symbol.h).

    layout.py OBJCOPY PROGRAM.elf OUTPUT [--explain]

Two programs with the same name and the same number can take each other's arena over as it is. The
number is a hash of all that this depends on, and rather of too much than of too little:
  - the note's `meaning` (ipc/actor.h);
  - name, address and size of every variable in the arena;
  - every structure, union and enumeration of the program with its members (which of them lie in the
    heap of the arena cannot be seen from outside);
  - name and address of every gate (ipc/gates.inc), the table by which callbacks are called;
  - if a type that the arena's variables lead to has a pointer to constants, or to code in a program
    without gates: the address of every symbol outside the arena, and the constants themselves.
Programs without debug information or note are only stripped. --explain prints what is hashed."""
import hashlib
import re
import struct
import subprocess
import sys

ARENA = range(0x100000000000, 0x200000000000)
NOTE = struct.pack("<III8s", 8, 80, 1, b"Axolotl\0")
GATE = "gate_"
AGGREGATES = ("structure_type", "union_type", "enumeration_type")
QUALIFIERS = ("typedef", "const_type", "volatile_type", "restrict_type", "atomic_type")

HEAD = re.compile(r"^ *<([0-9a-f]+)><([0-9a-f]+)>: Abbrev Number: (\d+)(?: \(DW_TAG_(\w+)\))?")
ATTRIBUTE = re.compile(r"^ *<[0-9a-f]+> +DW_AT_(\w+) *: *(.*)$")
FORM = re.compile(r"^\([a-z_0-9]+\) ")  # newer versions of readelf say how a value is stored
STRING = re.compile(r"^\((?:(?:alt )?indirect [^)]*|offset: [^)]*)\): ")


class Entry:
    """One entry of the debug information."""

    def __init__(self, tag):
        self.tag = tag
        self.attributes = {}
        self.children = []

    def number(self, name, default=0):
        text = self.attributes.get(name, "").split("\t")[0].strip()
        try:
            return int(text.split()[0], 0)
        except (ValueError, IndexError):
            return default

    @property
    def name(self):
        return STRING.sub("", self.attributes.get("name", "")).strip()

    @property
    def address(self):
        """Of a variable with a fixed place, else 0. (One that only has a constant for its value, as
        a pointer to such a variable may, has no place.)"""
        location = self.attributes.get("location", "")
        found = re.search(r"DW_OP_addr: ([0-9a-f]+)\)?", location)
        return int(found.group(1), 16) if found and "DW_OP_stack_value" not in location else 0


class Types:
    """The debug information of a program, by `readelf`."""

    def __init__(self, path):
        text = subprocess.run(["readelf", "--debug-dump=info", "--wide", path], check=True,
                              capture_output=True, text=True, errors="replace").stdout
        self.entries = {}
        stack = []
        entry = None
        for line in text.splitlines():
            head = HEAD.match(line)
            if head:
                if head.group(4) is None:  # the end of a list of children
                    entry = None
                    continue
                depth = int(head.group(1), 16)
                entry = Entry(head.group(4))
                self.entries[int(head.group(2), 16)] = entry
                del stack[depth:]
                if stack:
                    stack[-1].children.append(entry)
                stack.append(entry)
            elif entry is not None and (found := ATTRIBUTE.match(line)):
                entry.attributes.setdefault(found.group(1), FORM.sub("", found.group(2)))

    def target(self, entry):
        found = re.match(r"<0x([0-9a-f]+)>", entry.attributes.get("type", ""))
        return self.entries.get(int(found.group(1), 16)) if found else None

    def describe(self, entry, whole=False):
        """A type as text; a named aggregate only by its name, unless `whole`."""
        if entry is None:
            return "void"
        tag = entry.tag
        if tag in QUALIFIERS:
            return self.describe(self.target(entry))
        if tag == "pointer_type":
            target = self.target(entry)
            while target is not None and target.tag in QUALIFIERS:
                target = self.target(target)
            return "*" + ("code" if target is not None and target.tag == "subroutine_type"
                          else self.describe(target))
        if tag == "array_type":
            counts = [child.number("count", child.number("upper_bound", -1) + 1)
                      for child in entry.children if child.tag == "subrange_type"]
            return self.describe(self.target(entry)) + "".join(f"[{n}]" for n in counts)
        if tag not in AGGREGATES:
            return f"{entry.name}:{entry.number('byte_size')}"
        if entry.name and not whole:
            return f"{tag} {entry.name}"
        members = []
        for child in entry.children:
            if child.tag == "enumerator":
                members.append(f"{child.name}={child.attributes.get('const_value', '').strip()}")
            elif child.tag == "member":
                bits = child.number("bit_size")
                members.append(f"{child.number('data_member_location')}"
                               + (f".{child.number('data_bit_offset')}:{bits}" if bits else "")
                               + f" {child.name} {self.describe(self.target(child))}")
        return f"{tag} {entry.name} {entry.number('byte_size')} {{{'; '.join(members)}}}"

    def all_aggregates(self):
        return sorted({self.describe(entry, True) for entry in self.entries.values()
                       if entry.tag in AGGREGATES and entry.name
                       and "declaration" not in entry.attributes})

    def pointers_out(self):
        """What the arena's variables lead to pointers to, of "code" and "constants"."""
        by_name = {entry.name: entry for entry in self.entries.values()
                   if entry.tag in AGGREGATES and "declaration" not in entry.attributes}
        found = set()
        seen = set()
        todo = [self.target(entry) for entry in self.entries.values()
                if entry.tag == "variable" and entry.address in ARENA]
        while todo:
            entry = todo.pop()
            if entry is None or id(entry) in seen:
                continue
            seen.add(id(entry))
            if entry.tag == "subroutine_type":
                found.add("code")
                continue
            if entry.tag == "pointer_type":
                target = self.target(entry)
                if target is not None and target.tag == "const_type":
                    found.add("constants")
                    continue
            if "declaration" in entry.attributes:
                todo.append(by_name.get(entry.name))
            todo.append(self.target(entry))
            todo += [self.target(child) for child in entry.children if child.tag == "member"]
        return found


def symbols(path):
    """(name, address, size) of every variable and function."""
    text = subprocess.run(["readelf", "--symbols", "--wide", path], check=True,
                          capture_output=True, text=True).stdout
    for line in text.splitlines():
        words = line.split()
        if len(words) == 8 and words[3] in ("OBJECT", "FUNC", "NOTYPE") and words[6] != "UND":
            yield words[7], int(words[1], 16), int(words[2], 0)


def section(path, objcopy, name):
    """The content of a section."""
    return subprocess.run([objcopy, "--dump-section", f"{name}=/dev/stdout", path, "/dev/null"],
                          check=True, capture_output=True).stdout


def facts(path, meaning, image):
    """What the number depends on, as lines."""
    types = Types(path)
    yield f"meaning {meaning}"
    table = sorted(set(symbols(path)), key=lambda symbol: (symbol[1], symbol[0]))
    for name, address, size in table:
        if address in ARENA:
            yield f"arena {name} {address:#x} {size}"
    yield from types.all_aggregates()
    gates = [symbol for symbol in table if symbol[0].startswith(GATE)]
    for name, address, _ in gates:
        yield f"{name} {address:#x}"
    pointers = types.pointers_out()
    if "constants" in pointers or "code" in pointers and not gates:
        for name, address, _ in table:
            if address not in ARENA:
                yield f"address {name} {address:#x}"
        yield f"constants {hashlib.sha256(image).hexdigest()}"


def constants(path):
    """The read-only data of a program."""
    text = subprocess.run(["readelf", "--sections", "--wide", path], check=True,
                          capture_output=True, text=True).stdout
    found = re.search(r"\] \.rodata +PROGBITS +[0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+)", text)
    if not found:
        return b""
    with open(path, "rb") as file:
        file.seek(int(found.group(1), 16))
        return file.read(int(found.group(2), 16))


def function_names(path):
    """Addresses and names of the functions, as init/symbol.h has them."""
    text = subprocess.run(["readelf", "--symbols", "--wide", path], check=True,
                          capture_output=True, text=True).stdout
    found = {}
    for words in map(str.split, text.splitlines()):
        if len(words) == 8 and words[6].isdigit() and (words[3] == "FUNC" or words[7] == "_start"):
            found[int(words[1], 16)] = words[7]
    table = names = b""
    for address, name in sorted(found.items()):
        table += struct.pack("<QQ", address, len(names))
        names += name.encode() + b"\0"
    return table + names + struct.pack("<II8s", len(found), len(names), b"AXOSYMB1")


def write_number(data, path):
    """Computes the layout number and puts it into the note, if the program has one."""
    at = data.find(NOTE)
    if at < 0:
        return
    at += len(NOTE)
    lines = list(facts(path, struct.unpack_from("<Q", data, at)[0], constants(path)))
    if "--explain" in sys.argv:
        print("\n".join(lines))
    number = int.from_bytes(hashlib.sha256("\n".join(lines).encode()).digest()[:8], "little") or 1
    struct.pack_into("<Q", data, at, number)


def main():
    objcopy, path, output = sys.argv[1:4]
    subprocess.run([objcopy, "--strip-all", path, output], check=True)
    with open(output, "rb") as file:
        data = bytearray(file.read())
    write_number(data, path)
    with open(output, "wb") as file:
        file.write(data + function_names(path))


if __name__ == "__main__":
    main()
