#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes a C file with a stripped program as an array: embed.py OBJCOPY PROGRAM OUTPUT"""
import os
import subprocess
import sys

objcopy, program, output = sys.argv[1:]
stripped = output + ".stripped"
subprocess.run([objcopy, "--strip-all", program, stripped], check=True)
with open(stripped, "rb") as file:
    data = file.read()
os.unlink(stripped)
with open(output, "w", encoding="ascii") as file:
    file.write("extern const unsigned char actor_file[];\nextern const unsigned long actor_file_size;\n")
    file.write("const unsigned char actor_file[] = {" + ",".join(map(str, data)) + "};\n")
    file.write("const unsigned long actor_file_size = sizeof actor_file;\n")
