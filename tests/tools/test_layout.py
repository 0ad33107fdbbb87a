# SPDX-License-Identifier: MIT
"""The layout number and the table of gates, on small programs."""
import os
import re
import struct
import subprocess
import sys

import pytest

import machine

TOOLS = os.path.join(machine.ROOT, "tools")
PREFIX = "x86_64-linux-gnu-"
PROGRAM = """
#include <ipc/actor.h>
ACTOR_IMAGE("small", 0, VERSION, "small/1");
MORE
typedef int callback(int);
ARENA callback *kept;
ARENA int number;
static int one(int n) { return n + 1; }
static int two(int n) { return n * 2; }
static callback *const constants[] = {one, two};
int _start(int n) {
    kept = n & 1 ? one : two;
    return kept(n) + (constants[n & 1] == kept) + one(n);
}
"""
GATES = "gate one\ngate two\n"
MOVING = "__attribute__((used, retain, section(\".text.start\"))) int moving(int n) " \
    "{ return n * n * n + 7; }"


def run(*words):
    """A command that must succeed."""
    subprocess.run(words, check=True, capture_output=True, text=True, cwd=machine.ROOT)


@pytest.fixture(name="build")
def fixture_build(tmp_path):
    """A function that builds the program and returns its path without a suffix."""
    def build(name, gates=GATES, program=PROGRAM, more="", version=1, options=()):
        path = str(tmp_path / name)
        with open(path + ".c", "w", encoding="ascii") as file:
            file.write(program.replace("MORE", more).replace("VERSION", str(version)))
        with open(path + ".asm", "w", encoding="ascii") as file:
            file.write('%include "libipc/include/ipc/gates.inc"\n' + gates)
        includes = [f"-I{folder}" for folder in ("abi", "common/include", "libipc/include")]
        run(PREFIX + "gcc", "-std=c17", "-O2", "-g", "-ffreestanding", "-fno-stack-protector",
            "-fpie", "-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-mno-red-zone",
            "-fno-inline", "-ffunction-sections", *includes, *options, "-c", path + ".c", "-o",
            path + ".o")
        run("nasm", "-f", "elf64", f"-I{machine.ROOT}/", path + ".asm", "-o", path + "_gates.o")
        joined = subprocess.run([sys.executable, f"{TOOLS}/gates.py", PREFIX + "ld",
                                 path + "_gated.o", path + ".o", path + "_gates.o"],
                                capture_output=True, text=True, check=False)
        if joined.returncode != 0:
            raise ValueError(joined.stderr)
        run(PREFIX + "ld", "-static", "--gc-sections", "--no-relax", "-T", "libipc/user.ld",
            path + "_gated.o", "-o", path + ".elf")
        run(sys.executable, f"{TOOLS}/layout.py", PREFIX + "objcopy", path + ".elf", path + ".bin")
        return path
    return build


def number(path):
    """The layout number in the note."""
    with open(path + ".bin", "rb") as file:
        data = file.read()
    return struct.unpack_from("<Q", data, data.index(b"Axolotl\0") + 8)[0]


def symbols(path):
    """Addresses by name."""
    text = subprocess.run(["nm", path + ".elf"], check=True, capture_output=True, text=True).stdout
    return {name: int(value, 16) for value, name in re.findall(r"^(\w+) \w (\S+)$", text, re.M)}


def test_moved_functions_keep_the_layout(build):
    """Another version, compiled otherwise, with a function before all others."""
    first = build("first")
    second = build("second", more=MOVING, version=2, options=("-Os",))
    before, after = symbols(first), symbols(second)
    assert before["one"] != after["one"] and before["two"] != after["two"]
    assert before["gate_one"] == after["gate_one"] and before["gate_two"] == after["gate_two"]
    assert number(first) == number(second) != 0


def test_code_and_constants_have_the_gates(build):
    """No address of a function is left but in the gates themselves."""
    path = build("first")
    code = subprocess.run(["objdump", "-d", path + ".elf"], check=True, capture_output=True,
                          text=True).stdout
    taken = re.findall(r"lea .*# \w+ <(\w+)>", code)
    assert {"gate_one", "gate_two"} <= set(taken) and not {"one", "two"} & set(taken)
    assert re.search(r"call .*<one>", code)  # without a detour
    assert re.search(r"jmp .*<one>", code) and re.search(r"jmp .*<two>", code)
    table = symbols(path)
    run(PREFIX + "objcopy", "--strip-all", path + ".elf", path + ".stripped")
    with open(path + ".stripped", "rb") as file:
        data = file.read()
    assert struct.pack("<QQ", table["gate_one"], table["gate_two"]) in data
    assert struct.pack("<Q", table["one"]) not in data


@pytest.mark.parametrize("change", [
    {"gates": "gate two\ngate one\n"},
    {"gates": "gate _start\n" + GATES},
    {"gates": GATES + "gate _start\n"},
    {"program": PROGRAM.replace("int number", "long number")},
    {"program": PROGRAM.replace('"small", 0', '"small", 1')},
    {"program": PROGRAM.replace("ARENA int number;", "ARENA const char *number;"), "more": ""},
], ids=["order", "inserted", "appended", "type", "meaning", "constant"])
def test_what_makes_another_layout(build, change):
    assert number(build("first")) != number(build("second", **change))


def test_pointers_to_constants_still_tie_the_addresses(build):
    """There is no table for constants: whoever keeps one in the arena loses the arena with it."""
    program = PROGRAM.replace("ARENA int number;", "ARENA const char *number;")
    assert number(build("first", program=program)) != \
        number(build("second", program=program, more=MOVING))


def test_a_callback_without_a_gate_is_an_error(build):
    with pytest.raises(ValueError, match="code takes their address: two"):
        build("first", gates="gate one\n")


def test_a_gate_to_nowhere_is_an_error(build):
    with pytest.raises(subprocess.CalledProcessError):
        build("first", gates=GATES + "gate three\n")
