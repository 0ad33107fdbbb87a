# SPDX-License-Identifier: MIT
"""Servers die three times in a row, the second and third time while they start, and init while it
sees to it: what a person sees is as it was."""
import re

import pytest

from harness.injector import Injector
from harness.traces import KERNEL

LEFT, UP = "\x1b[D", "\x1b[A"
ENTRIES = 20
LINES = 60
SLOW = f"for n in $(seq {LINES}); do echo line $n; sleep 0.05; done"
WAIT = 60  # seconds that detect a hang


def die_in_a_row(injector, name):
    """It dies at the commit of a turn that has staged something, init with that death on its table,
    it again at its entry, twice."""
    program = injector.programs[name]
    assert injector.reach(name, *injector.staging, ring=KERNEL, wait=WAIT), f"{name} is idle"
    for who, place in ((name, program.commit), ("init", injector.programs["init"].commit),
                       (name, program.entry), (name, program.entry)):
        registers = injector.reach(who, place, wait=WAIT)
        assert registers, f"{who} does not come"
        injector.spoil(who, registers, "in a row")
    injector.leave()


def same_picture(guest, rows, attributes):
    """Waits until the screen is as it was."""
    guest.wait_rows(lambda now: now == rows and guest.screen_attributes() == attributes)


@pytest.fixture(name="start")
def a_machine(machine):
    """A function that boots one with a debugger; the machine and its injector."""
    def start(**options):
        guest = machine(machine="pc", nic="none", gdb=True, **options)
        guest.boot()
        return guest, Injector(guest, 1)
    return start


def test_screens_and_lines(start):
    """Two terminals with a line being typed in each, colours, history, the view of old lines."""
    guest, injector = start()
    for number in range(ENTRIES):
        guest.cmd(f"echo entry {number}")
    guest.cmd("cat /boot/manifest")
    guest.cmd(r"echo -e '\e[31mred\e[1;44mbright\e[0mplain'")
    guest.qmp.key("alt", "f2")
    guest.wait_screen(r"^axolotl:/\$$")
    guest.qmp.type("cd /tmp\n")
    guest.wait_screen(r"^axolotl:/tmp\$$")
    guest.qmp.type("echo second")
    second = guest.wait_screen(r"^axolotl:/tmp\$ echo second$"), guest.screen_attributes()
    die_in_a_row(injector, "console")
    same_picture(guest, *second)
    guest.qmp.key("alt", "f1")
    guest.wait_screen(r"^redbrightplain$")
    guest.send("echo half" + 4 * LEFT)
    first = guest.wait_screen(r"^axolotl:/\$ echo half$"), guest.screen_attributes()
    die_in_a_row(injector, "console")
    same_picture(guest, *first)
    guest.qmp.key("shift", "pgup")
    back = guest.wait_screen(r"lines back.* goes on$"), guest.screen_attributes()
    die_in_a_row(injector, "console")
    same_picture(guest, *back)
    guest.qmp.key("shift", "pgdn")
    same_picture(guest, *first)
    guest.send("X\r")  # where the cursor was left
    guest.expect(r"\nXhalf\r?\n")
    guest.prompt()
    guest.qmp.key("alt", "f2")
    same_picture(guest, *second)
    guest.qmp.type("!\n")
    guest.wait_screen(r"^second!$")
    guest.qmp.key("alt", "f1")
    guest.send((ENTRIES + 3) * UP + "\r")
    guest.expect(r"\nentry 0\r?\n")
    guest.prompt()
    rows = [row.split(None, 1)[1] for row in guest.cmd("history").splitlines()]
    assert rows[:ENTRIES] == [f"echo entry {number}" for number in range(ENTRIES)]
    assert rows[-3:] == ["echo Xhalf", "echo entry 0", "history"]


def test_an_answer_of_the_ai(start):
    """It goes on where it was on COM1 and on the screen, and none of it is lost or comes twice."""
    guest, injector = start(ai="command", ai_options=("--command", SLOW))
    guest.send("aiask stream\r")
    for number, name in ((8, "aiproxy"), (16, "console"), (24, "aiproxy"), (32, "console")):
        guest.expect(rf"line {number}\r?\n", timeout=WAIT)
        die_in_a_row(injector, name)
    guest.prompt()
    lines = guest.console_text().split("aiask stream\n", 1)[1].splitlines()
    wanted = [f"line {number}" for number in range(1, LINES + 1)]
    assert lines[:-1] == wanted
    guest.wait_rows(lambda rows: [row for row in rows if row][-11:] == wanted[-10:] + ["axolotl:/$"])
    log = guest.cmd("log")
    assert not re.findall(r".*(?:poisoned|new instance|cold start).*", log)
