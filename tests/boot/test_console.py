# SPDX-License-Identifier: MIT
"""The console: line editing, history, terminals, scrollback, colours, and that killing it loses
nothing."""
import threading
import time

import pytest

LEFT, RIGHT, UP, DOWN = "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B"
HOME, END, DELETE = "\x1b[H", "\x1b[F", "\x1b[3~"
KILL_CONSOLE = "kill console\n"


@pytest.fixture
def guest(machine):
    """A booted machine with a VGA text screen."""
    guest = machine(machine="pc", nic="none")
    guest.boot()
    return guest


def typed(guest, keys):
    """Types keys and Enter on COM1; returns the command's output."""
    guest.send(keys + "\r")
    guest.expect(r"\r?\n")
    return guest.prompt().strip("\n")


# ---- Line discipline on COM1 --------------------------------------------------------------------


EDITING = [
    ("echo ac" + LEFT + "b", "abc"),
    ("cho x" + HOME + "e" + END + "y", "xy"),
    ("cho x\x01e\x05y", "xy"),
    ("echo axb" + 2 * LEFT + DELETE, "ab"),
    ("echo abx\x7f", "ab"),
    ("echo abx\b", "ab"),
    ("echo ab cd" + 3 * LEFT + "\x0b", "ab"),
    ("wrong\x15echo right", "right"),
    ("echo one two \x17three", "one three"),
    ("echo one two\x17\x19!", "one two!"),
    ("echo ab" + 3 * LEFT + 2 * RIGHT + "-", "a-b"),
    ("echo \u00e9\u00e8" + LEFT + "\x7f!", "!\u00e8"),
]


def test_editing(guest):
    for keys, line in EDITING:
        assert typed(guest, keys) == line, repr(keys)


def test_history(guest):
    for number in range(20):
        assert guest.cmd(f"echo entry {number}") == f"entry {number}"
    assert typed(guest, 18 * UP) == "entry 2"
    assert typed(guest, 3 * UP + DOWN + "!") == "entry 19!"
    assert typed(guest, "echo typed" + 5 * UP + 5 * DOWN) == "typed"
    rows = guest.cmd("history").splitlines()
    assert rows[-1].split() == [str(len(rows)), "history"]
    assert [row.split(None, 1)[1] for row in rows[:20]] == [f"echo entry {n}" for n in range(20)]


def test_long_lines(guest):
    text = "".join(chr(ord("a") + n % 26) for n in range(900))
    assert typed(guest, "echo " + text) == text
    assert typed(guest, "echo " + text + 450 * LEFT + "|") == text[:450] + "|" + text[450:]
    # Beyond the limit of a line: the rest is dropped, the next line is whole.
    assert typed(guest, "echo " + 3 * text).startswith(text)
    assert guest.cmd("echo next") == "next"


def test_type_ahead(guest):
    guest.send("echo one\recho two\r\necho three\n")
    for word in ("one", "two", "three"):
        guest.expect(rf"echo {word}\r?\n{word}\r?\n")
    guest.prompt()
    assert guest.cmd("echo four") == "four"


def test_interrupt(guest):
    guest.send("echo never\x03")
    assert guest.prompt().endswith("^C\n")
    guest.send("sleep 1000\r")
    guest.expect(r"sleep 1000\r?\n")
    time.sleep(0.5)
    guest.send("\x03")
    assert guest.prompt() == "^C\n"
    assert guest.cmd("echo $?") == "130"
    guest.send("\x04")
    guest.prompt()
    assert guest.cmd("echo alive") == "alive"


def test_clear(guest):
    guest.cmd("echo old text")
    guest.send("half a line\x0c")
    # The line is on the screen before it is cleared, too: wait for the one in the first row.
    lines = guest.wait_rows(lambda rows: rows[1] == "axolotl:/$ half a line")
    assert not any("old text" in line for line in lines)


# ---- Screen and keyboard ------------------------------------------------------------------------


def test_colours(guest):
    guest.cmd(r"echo -e '\e[31mred\e[1;44mbright\e[0mplain'")
    wanted = "redbrightplain", b"\x04" * 3 + b"\x1c" * 6 + b"\x07" * 5
    # The screen may go on between the two looks.
    guest.wait_rows(lambda rows: wanted in [
        (row, colours[:14]) for row, colours in zip(rows, guest.screen_attributes())])


def test_cursor_sequences(guest):
    guest.cmd(r"echo -e '\e[2J\e[5;10Hhere\e[7;1H'")
    lines = guest.wait_screen(r"^         here$")
    assert lines[5] == "         here"  # below the status bar


def test_terminals_are_separate(guest):
    guest.cmd("echo on the first")
    guest.qmp.key("alt", "f2")
    lines = guest.wait_rows(lambda rows: rows[1] == "axolotl:/$")
    assert not any("on the first" in line for line in lines)
    guest.qmp.type("cd /tmp\n")
    guest.qmp.type("echo on the second\n")
    guest.wait_screen(r"^on the second$")
    guest.wait_screen(r"^axolotl:/tmp\$$")
    # COM1 stays with the first terminal, whatever is in front.
    assert guest.cmd("echo still here") == "still here"
    assert "on the second" not in guest.console_text()
    guest.qmp.key("alt", "f1")
    lines = guest.wait_screen(r"^still here$")
    assert not any("on the second" in line for line in lines)
    for number in range(3, 7):
        guest.qmp.key("alt", f"f{number}")
        guest.qmp.type(f"echo terminal {number}\n")
        guest.wait_screen(rf"^terminal {number}$")


def test_scrollback(guest):
    guest.cmd("cat /boot/manifest")
    guest.cmd("echo the last row")
    assert "service console" not in guest.wait_screen(r"^the last row$")
    for _ in range(20):
        guest.qmp.key("shift", "pgup")
    lines = guest.wait_screen(r" \d{3} lines back")
    assert "the last row" not in lines
    guest.qmp.type("x")  # any key returns
    guest.wait_screen(r"^axolotl:/\$ x$")
    guest.qmp.key("alt", "pgup")
    guest.wait_screen(r"lines back")
    guest.send("\x15echo done\r")
    guest.expect(r"\ndone\r?\n")
    guest.prompt()
    assert "done" not in guest.screen()  # new output leaves the view where it is
    for _ in range(2):
        guest.qmp.key("alt", "pgdn")
    guest.wait_screen(r"^done$")


def test_control_keys_of_the_keyboard(guest):
    guest.qmp.type("sleep 1000\n")
    guest.expect(r"sleep 1000\r?\n")
    time.sleep(0.5)
    guest.qmp.key("ctrl", "c")
    guest.prompt()
    guest.qmp.key("caps_lock")
    guest.qmp.type("echo Abc\n")
    guest.qmp.key("caps_lock")
    guest.expect(r"ECHO aBC\r?\n")
    assert "unknown command" in guest.prompt()


# ---- Absent hardware ----------------------------------------------------------------------------


def test_no_com1(machine):
    # The UART moves to where COM4 is, so that there is none at 0x3f8.
    guest = machine(machine="pc", nic="none", extra=["-global", "isa-serial.iobase=0x2e8"])
    guest.wait_screen(r"^axolotl:/\$$", timeout=180)
    guest.qmp.type("log\n")
    lines = guest.wait_screen(r"no COM1")
    assert sum("console: no COM1" in line for line in lines) >= 1
    guest.qmp.type("echo works\n")
    guest.wait_screen(r"^works$")


def test_no_keyboard(machine):
    guest = machine(machine="pc,i8042=off", nic="none")
    guest.boot()
    assert guest.cmd("log keyboard").count("no PS/2 keyboard controller") == 1
    assert guest.cmd("echo works") == "works"


def test_no_screen(machine):
    guest = machine(machine="pc", nic="none", vga="none")
    guest.boot()
    assert guest.cmd("log console").count("no screen") == 1
    assert guest.cmd("echo works") == "works"


# ---- Killed ---------------------------------------------------------------------------------------


def kill_from_second_terminal(guest):
    """Types a kill of the console at the second terminal."""
    guest.qmp.key("alt", "f2")
    guest.qmp.type(KILL_CONSOLE)
    guest.wait_screen(r"^console: killed$")
    guest.qmp.key("alt", "f1")


def test_killed_with_a_line_half_typed(guest):
    guest.cmd("echo before")
    guest.send("echo half")
    guest.expect("echo half")
    kill_from_second_terminal(guest)
    guest.wait_screen(r"^axolotl:/\$ echo half$")
    guest.wait_screen(r"^before$")
    guest.send(" and half\r")
    guest.expect(r"\nhalf and half\r?\n")
    guest.prompt()
    assert typed(guest, 2 * UP) == "before"
    assert "running" in next(row for row in guest.table("services") if row[0] == "console")


def test_killed_again_and_again_with_output_in_flight(guest):
    """Every byte of a long output comes once and in order, every typed key counts."""
    guest.cmd("cat /boot/manifest /boot/manifest /boot/manifest /boot/manifest > /tmp/part")
    guest.cmd("cat /tmp/part /tmp/part /tmp/part /tmp/part > /tmp/text")
    text = guest.cmd("cat /tmp/text")
    assert len(text) > 20000
    guest.qmp.key("alt", "f2")
    guest.qmp.type(KILL_CONSOLE)
    kills = 1
    end = threading.Event()

    def kill():
        nonlocal kills
        while not end.is_set():
            guest.qmp.key("up")
            guest.qmp.key("ret")
            kills += 1
            time.sleep(0.05)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        for _ in range(8):
            assert guest.cmd("cat /tmp/text") == text
        for number in range(20):
            line = f"typed while the console dies, line {number}"
            assert guest.cmd("echo " + line) == line
    finally:
        end.set()
        thread.join()
    guest.wait_screen(r"^axolotl:/\$$")
    row = next(row for row in guest.table("services") if row[0] == "console")
    assert row[3] == str(kills) and row[4] == "0", row
    assert kills > 5


@pytest.mark.parametrize("options", [dict(machine="q35", uefi=True),
                                     dict(machine="q35", video="1024x768x24"),
                                     dict(machine="pc", video="800x600x32"),
                                     dict(machine="pc", video="1280x1024x32")],
                         ids=["uefi", "24-bit", "800x600", "1280x1024"])
def test_framebuffer(machine, options):
    """Text, colours and the repaint after a restart, on framebuffers of all sizes and depths."""
    guest = machine(nic="none", **options)
    guest.boot()
    guest.cmd(r"echo -e '\e[7minverse\e[0m and \e[32mgreen\e[0m'")
    guest.wait_screen(r"^inverse and green$", framebuffer=True)
    before = guest.framebuffer()
    assert guest.cmd("kill console") == "console: killed"
    after = guest.wait_screen(r"^console: killed$", framebuffer=True)
    rows = before.index("inverse and green") + 1
    assert after[:rows] == before[:rows]
    with open(guest.picture(), "rb") as file:
        assert b"\x00\xaa\x00" in file.read()  # green
