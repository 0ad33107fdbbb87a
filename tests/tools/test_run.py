# SPDX-License-Identifier: MIT
"""./run as a user sees it: from a terminal, from a script, with its options."""
import os
import re
import socket
import subprocess
import urllib.request

import pexpect
import pytest

import machine
from harness.guest import PROMPT, free_ports

RUN = os.path.join(machine.ROOT, "run")


def script(lines, *options):
    """Runs lines through ./run and returns the finished process."""
    return subprocess.run([RUN, *options], input=lines, text=True, capture_output=True,
                          check=False, timeout=600)


def test_script_types_lines_and_powers_off():
    done = script("echo one\necho two > /tmp/f\ncat /tmp/f\n")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^axolotl:/\$ echo one\none\naxolotl:/\$ echo two > /tmp/f\n"
                     r"axolotl:/\$ cat /tmp/f\ntwo\naxolotl:/\$ poweroff\n", done.stdout, re.M)
    assert "\x1b" not in done.stdout


def test_one_line_without_newline():
    done = script("echo here", "--smp", "2", "--machine", "pc", "--nic", "e1000e", "--mem", "64")
    assert done.returncode == 0, done.stderr
    assert "\nhere\naxolotl:/$ poweroff\n" in done.stdout
    assert "2 CPU" in done.stdout or "2 CPU" in script("log", "--smp", "2").stdout


def test_build_only_says_what_was_built():
    done = script("", "--build-only")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"built \S*axolotl\.iso \(\d+\.\d MiB\)\n", done.stdout), done.stdout


def test_no_lines_just_boots():
    done = script("", "--uefi", "--nic", "none")
    assert done.returncode == 0, done.stderr
    assert "axolotl:/$ poweroff\n" in done.stdout


def test_reboot_goes_on():
    done = script("reboot\necho again\n")
    assert done.returncode == 0, done.stderr
    assert "\nagain\n" in done.stdout.split("$ reboot\n")[1]


def test_append_reaches_the_kernel():
    """The word "verbose" sends the log to COM1 also while the console runs."""
    assert "init: power off" in script("", "--append", "{ it's \"odd\" } verbose").stdout
    assert "init: power off" not in script("").stdout


def test_ai_echo():
    done = script("aiask Is anybody there?\n")
    assert done.returncode == 0, done.stderr
    assert "\nAI echo: Is anybody there?\n" in done.stdout


def test_a_hang_is_noticed():
    done = script("sleep 1000\n", "--timeout", "8")
    assert done.returncode == 1
    assert "nothing printed for 8 s" in done.stderr


@pytest.fixture
def terminal():
    """./run on a pseudo-terminal."""
    port, = free_ports(1)
    child = pexpect.spawn(RUN, ["--port", f"{port}:80"], timeout=180, encoding="utf-8",
                          dimensions=(40, 100))
    child.port = port
    yield child
    child.close(force=True)


def test_terminal_session(terminal):
    terminal.expect(PROMPT)
    terminal.send("echo from a terminal\r")
    terminal.expect(r"\nfrom a terminal\r+\n")
    terminal.expect(PROMPT)
    with urllib.request.urlopen(f"http://127.0.0.1:{terminal.port}/", timeout=60) as answer:
        assert answer.status == 200
    leave(terminal)


def leave(child):
    """Ctrl-A X."""
    child.send("\x01x")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


@pytest.mark.parametrize("target", ["qemu", "qemu-uefi"])
def test_meson_targets(target):
    """`meson compile` gives its targets no input; keys come from the terminal all the same."""
    child = pexpect.spawn("meson", ["compile", "-C", machine.BUILD, target], timeout=180,
                          encoding="utf-8", dimensions=(40, 100))
    child.expect(PROMPT)
    child.send("version\r")
    child.expect(r"\nAxolotl \d\S* x86-64\r+\n")
    child.expect(PROMPT)
    leave(child)


def test_port_in_use_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = script("", "--port", f"{taken.getsockname()[1]}:80")
    assert done.returncode == 1
    assert "Could not set up host forwarding rule" in done.stderr
    assert "QEMU did not start" in done.stderr and "Traceback" not in done.stderr
