# SPDX-License-Identifier: MIT
"""The harness itself."""
import socket
import types

import pytest

from harness.guest import Console, Guest, plain
from harness.traces import KEPT, TRIES, Instant, Traces


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


def trace(part, number):
    """Of a turn that came so far."""
    return [Instant(number, 0, part, False, 0)]


def test_a_turn_is_recorded_until_its_traces_are_whole():
    """An interrupt may have ended a trace before the turn's commit."""
    traces, key, always = Traces(), ("vfs", "call"), types.SimpleNamespace(random=lambda: 0)
    for number in range(KEPT + 1):
        assert traces.wanted(key, always)
        traces.keep(key, trace("system call", number))
    assert traces.kept[key] == [trace("system call", number) for number in range(KEPT)]
    for number in range(KEPT):
        assert traces.wanted(key, always)
        traces.keep(key, trace("commit", number))
        assert traces.kept[key] == [trace("commit", whole) for whole in range(number + 1)]
    assert not traces.wanted(key, always)


def test_a_turn_that_never_commits_is_recorded_a_few_times():
    traces, key, always = Traces(), ("init", "receive"), types.SimpleNamespace(random=lambda: 0)
    while traces.wanted(key, always):
        traces.keep(key, trace("", traces.tries[key]))
        assert traces.tries[key] <= TRIES
    assert len(traces.kept[key]) == KEPT
