# SPDX-License-Identifier: MIT
"""The screen and the keyboard: VGA text, the framebuffer of BIOS and of UEFI."""
import re
import subprocess

import pytest

import machine as tools

PROMPT = r"^axolotl:/\$( .)?$"  # the cursor, where it is drawn
MODES = {
    "vga": dict(machine="pc"),
    "bios-framebuffer": dict(machine="q35", video="1024x768x32"),
    "uefi-framebuffer": dict(machine="q35", uefi=True),
}


@pytest.fixture(params=MODES)
def screen(request, machine):
    """A booted machine and whether it has a framebuffer."""
    guest = machine(**MODES[request.param])
    guest.boot()
    return guest, request.param != "vga"


def test_prompt_is_on_the_screen(screen):
    guest, framebuffer = screen
    lines = guest.wait_screen(PROMPT, framebuffer)
    assert any("Axolotl" in line for line in lines), "no banner"


def test_serial_commands_show_on_the_screen(screen):
    guest, framebuffer = screen
    assert guest.cmd("echo The quick brown fox, 0123456789!") == "The quick brown fox, 0123456789!"
    lines = guest.wait_screen(r"^The quick brown fox, 0123456789!$", framebuffer)
    assert any(line.endswith("$ echo The quick brown fox, 0123456789!") for line in lines)


def test_keyboard_types(screen):
    guest, framebuffer = screen
    guest.qmp.type("echo Typed_on: PS/2 (keys)\n")
    guest.wait_screen(r"^Typed_on: PS/2 \(keys\)$", framebuffer)
    guest.expect(r"\nTyped_on: PS/2 \(keys\)\r?\n")


def test_keyboard_editing(screen):
    """Left, Home, End, Delete, Backspace and history from the keyboard."""
    guest, framebuffer = screen
    guest.qmp.type("cho abbd")
    guest.qmp.key("home")
    guest.qmp.type("e")
    guest.qmp.key("end")
    guest.qmp.key("left")
    guest.qmp.key("backspace")
    guest.qmp.type("c\n")
    guest.wait_screen(r"^abcd$", framebuffer)
    guest.expect(r"\nabcd\r?\n")
    guest.qmp.key("up")
    guest.qmp.type("e\n")
    guest.wait_screen(r"^abcde$", framebuffer)
    guest.expect(r"\nabcde\r?\n")


def test_scrolls(screen):
    guest, framebuffer = screen
    for number in range(60):
        guest.cmd(f"echo line {number}")
    lines = guest.wait_screen(r"^line 59$", framebuffer)
    assert "line 0" not in lines
    shown = [line for line in lines if line.startswith("line ")]
    assert shown == [f"line {n}" for n in range(60 - len(shown), 60)]


@pytest.mark.parametrize("register,vector", [("rip", 14), ("rsp", 8)], ids=["jump", "stack"])
@pytest.mark.parametrize("mode", ["vga", "uefi-framebuffer"])
def test_exception_in_the_kernel(machine, mode, register, vector):
    """A wild jump in a system call, and a lost stack: the double fault has one of its own."""
    guest = machine(smp=2, gdb=True, **MODES[mode])
    guest.boot()
    symbols = subprocess.run(["nm", tools.KERNEL], check=True, text=True, stdout=subprocess.PIPE)
    place = int(re.search(r"^(\w+) T sys_system_info$", symbols.stdout, re.M).group(1), 16)
    nowhere = 0xffffffff90000010
    guest.gdb.breakpoint(place)
    guest.gdb.resume()
    guest.send("mem\r")
    assert guest.gdb.wait(60)
    task = guest.gdb.task()
    guest.gdb.breakpoint(place, False)
    guest.gdb.set_register(register, nowhere)
    guest.gdb.resume()
    guest.expect(r"\*\*\* END OF PANIC \*\*\*")
    text = guest.console_text()
    for wanted in (rf"^Exception {vector} in the kernel, error code 0x\w+, address 0xffffffff900000",
                   rf"^CPU \d, task {task}$", rf"\b{register.upper()} {nowhere:016x}\b",
                   r"^RAX [0-9a-f]{16} RBX [0-9a-f]{16} RCX ", r"^User: rip 0000",
                   r"\bCR2 ffffffff900000",
                   r"^  ffffffff802[0-9a-f]{5} syscall_entry_smp\+0x"):
        assert re.search(wanted, text, re.M), wanted
        guest.wait_screen(wanted, mode != "vga")


@pytest.mark.parametrize("mode", MODES)
def test_panic_shows_registers_and_backtrace(machine, mode):
    """Without init there is nothing to run: the one panic that the outside can cause."""
    guest = machine(without=["init"], **MODES[mode])
    guest.expect(r"\*\*\* END OF PANIC \*\*\*")
    text = guest.console_text()
    assert "no boot module is named init" in text
    assert re.search(r"\bRSP ffffffff[0-9a-f]{8}\b", text)
    assert re.search(r"CR3 [0-9a-f]{16}\b", text)
    assert re.search(r"^CPU 0, task none$", text, re.M)
    assert re.search(r"^  ffffffff8[0-9a-f]{7} kernel_main\+0x[0-9a-f]+$", text, re.M)
    lines = guest.wait_screen(r"KERNEL PANIC", mode != "vga")
    for wanted in (r"no boot module is named init", r"RSP ffffffff", r"kernel_main\+0x",
                   r"CPU 0, task none"):
        assert any(re.search(wanted, line) for line in lines), wanted
