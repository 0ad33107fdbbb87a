# SPDX-License-Identifier: MIT
"""The harness itself."""
import socket

import pytest

from harness.guest import Console, Guest, plain


def test_plain_text_of_a_terminal():
    assert plain("ab\bc\r\n") == "ac\n"
    assert plain("\b\bx\x1b[7Dyz\b\b") == "x"


@pytest.fixture
def wire(tmp_path):
    """A guest's COM1 without a machine: what is sent here is what it has printed."""
    guest = Guest(str(tmp_path / "guest"))
    ours, theirs = socket.socketpair()
    guest.console = Console(theirs.fileno(), timeout=5, encoding="utf-8")
    guest.log = open(guest.log_path, "w", encoding="utf-8")
    guest.socket = theirs
    yield guest, ours
    ours.close()
    guest.stop()


def test_a_log_line_within_a_prompt(wire):
    guest, com1 = wire
    com1.sendall(b"one\r\naxolotl:/t[    1.000001] net: up\r\nmp$ [   10.000002] net: down\r\n")
    assert guest.prompt(5) == "one\n[    1.000001] net: up\n"
    assert guest.directory == "/tmp"


def test_a_prompt_that_is_drawn_again(wire):
    guest, com1 = wire
    com1.sendall(b"axolotl:/$ two\r\naxolotl:/d$ ")
    assert guest.prompt(5) == "axolotl:/$ two\n"
    assert guest.directory == "/d"
