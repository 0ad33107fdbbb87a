#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes the kernel's symbol table as C, from the output of the first link.

symbols.py NM ELF OUTPUT    functions only, sorted by address. The table lies behind the text, so
the second link does not move any of them.
"""
import subprocess
import sys

nm, elf, output = sys.argv[1:]
start = None
functions = {}
for line in subprocess.check_output([nm, elf], text=True).splitlines():
    address, kind, name = line.split(" ", 2) if not line.startswith(" ") else ("0", "U", "")
    if name == "image_start":
        start = int(address, 16)
    if kind in "tT" and "." not in name.split(".")[0][:1] and not name.startswith("..@"):
        functions.setdefault(int(address, 16), name)
lines = []
names = []
offset = 0
for address in sorted(functions):
    name = functions[address]
    lines.append(f"    {{0x{address - start:x}, {offset}}},")
    names.append(f'    "{name}\\0"')
    offset += len(name) + 1
place = '__attribute__((section(".symbols")))'
with open(output, "w") as file:
    file.write('#include "symbols.h"\n\n')
    file.write(f"const uint32_t symbol_count {place} = {len(lines)};\n")
    file.write(f"const struct symbol symbol_table[] {place} = {{\n" + "\n".join(lines) + "\n};\n")
    file.write(f"const char symbol_names[] {place} =\n" + "\n".join(names) + ";\n")
