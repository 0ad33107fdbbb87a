# SPDX-License-Identifier: MIT
"""Questions asked in the shell of a booted machine: every backend, a bare terminal, kills."""
import re
import time

import pytest
from mockapi import KEY, TIMEOUT, WHOLE, MockApi
from unixsocket import connect


@pytest.fixture
def keys(monkeypatch):
    """What the bridges of this test find in their environment."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "*")


def status(guest):
    """aistatus as a dictionary."""
    return dict(re.findall(r"(\w+)=(\S+)", guest.cmd("aistatus")))


def wait_link(guest, link, seconds=60):
    """Waits until the guest has found what the host speaks."""
    end = time.monotonic() + seconds
    while status(guest)["link"] != link:
        assert time.monotonic() < end, f"the link is never {link}"
        time.sleep(0.5)


def start_bridge(guest, backend="echo", *options):
    """Starts another bridge and waits until it is found."""
    guest.stop_bridge()
    guest.ai, guest.ai_options = backend, options
    guest.start_bridge()
    wait_link(guest, "frames")


def command(words):
    """Options of a command backend."""
    return ("--command", words)


class Terminal:
    """A person at a bare terminal on COM2."""

    def __init__(self, guest):
        self.socket = connect(guest.com2_path, 60)

    def read_line(self):
        """One line with its end, byte for byte."""
        line = b""
        while not line.endswith(b"\n"):
            byte = self.socket.recv(1)
            assert byte, "QEMU has gone"
            line += byte
        return line

    def say(self, data):
        """Types."""
        self.socket.sendall(data)

    def close(self):
        """Unplugs."""
        self.socket.close()


def test_echo(machine):
    guest = machine(ai="echo")
    guest.boot()
    wait_link(guest, "frames")
    assert guest.cmd("aiask hello there") == "AI echo: hello there"
    assert guest.cmd("aiask grüße 🦎") == "AI echo: grüße 🦎"
    long = "word " * 30
    assert guest.cmd("aiask " + long).replace("\n", "") == ("AI echo: " + long).strip()
    counters = status(guest)
    assert counters["backend"] == "echo" and counters["available"] == "1"
    assert counters["prompts"] == counters["responses"] == "3" and counters["errors"] == "0"


def test_poll(machine):
    guest = machine(ai="command", ai_options=command("sleep 1; cat"))
    guest.boot()
    wait_link(guest, "frames")
    guest.cmd("aiask -n later")
    end = time.monotonic() + 30
    output = ""
    while "later" not in output:
        assert time.monotonic() < end
        output = guest.cmd("aipoll")
        time.sleep(0.3)


def test_command_streams_any_length(machine, tmp_path):
    guest = machine(ai="command", ai_options=command("seq 1 9000"))
    guest.boot()
    wait_link(guest, "frames")
    assert guest.cmd("aiask count").split() == [str(n) for n in range(1, 9001)]
    start_bridge(guest, "command", *command("echo partly; echo why >&2; exit 4"))
    output = guest.cmd("aiask x")
    assert "partly" in output and "command exited 4: why" in output
    go_on = tmp_path / "go"
    wait = f"until [ -e '{go_on}' ]; do sleep 0.1; done"
    start_bridge(guest, "command", *command(f"echo first; {wait}; echo second"))
    guest.send("aiask x\r")
    guest.expect("first")
    go_on.touch()
    guest.expect("second")
    guest.prompt()


@pytest.mark.parametrize("backend", ["openai", "anthropic"])
def test_http(machine, keys, backend):
    with MockApi() as api:
        guest = machine(ai=backend, ai_options=tuple(api.options(backend)[2:]))
        guest.boot()
        wait_link(guest, "frames")
        assert guest.cmd("aiask tell me").splitlines() == WHOLE.splitlines()
        assert "HTTP 429: Rate limit reached" in guest.cmd("aiask limit")
        assert f"timed out after {TIMEOUT:.1f}s" in guest.cmd("aiask slow")
        output = guest.cmd("aiask broken")
        assert "Axolotls" in output and "broke in mid-answer" in output
        assert "not valid JSON" in guest.cmd("aiask badjson")
        assert guest.cmd("aiask and again").splitlines() == WHOLE.splitlines()
        assert len(api.requests) == 6


def test_killed_in_mid_answer(machine):
    """Four kills while an answer streams: every line is there once."""
    slow = "for n in $(seq 200); do echo line $n; sleep 0.03; done"
    guest = machine(ai="command", ai_options=command(slow), smp=2)
    guest.boot()
    wait_link(guest, "frames")
    guest.cmd("aiask -n stream")
    output = ""
    for _ in range(4):
        time.sleep(1)
        assert "killed" in guest.cmd("kill aiproxy")
        output += guest.cmd("aipoll") + "\n"
    end = time.monotonic() + 60
    while "line 200" not in output:
        assert time.monotonic() < end, output[-200:]
        output += guest.cmd("aipoll") + "\n"
        time.sleep(0.5)
    assert re.findall(r"\d+", output) == [str(n) for n in range(1, 201)]
    counters = status(guest)
    assert counters["prompts"] == counters["responses"] == "1"


def test_bridge_killed_and_restarted(machine):
    guest = machine(ai="command", ai_options=command("echo begun; sleep 60"))
    guest.boot()
    wait_link(guest, "frames")
    guest.send("aiask x\r")
    guest.expect("begun")
    guest.stop_bridge()
    assert "gone" in guest.prompt(60)
    start_bridge(guest, "command", *command("echo begun; sleep 60"))
    guest.send("aiask x\r")
    guest.expect("begun")
    guest.stop_bridge()
    guest.ai, guest.ai_options = "echo", ()
    guest.start_bridge()
    assert "restarted" in guest.prompt(60)
    assert guest.cmd("aiask works") == "AI echo: works"
    guest.stop_bridge()
    guest.start_bridge()
    assert guest.cmd("aiask at once") == "AI echo: at once"


def test_bridge_absent(machine):
    guest = machine(com2=True)
    guest.boot()
    began = time.monotonic()
    output = guest.cmd("aiask anyone?", timeout=90)
    assert "bridge" in output
    assert time.monotonic() - began > 5
    counters = status(guest)
    assert counters["link"] == "none" and counters["available"] == "0"
    start_bridge(guest)
    assert guest.cmd("aiask now?") == "AI echo: now?"
    assert status(guest)["available"] == "1"


def test_no_com2(machine):
    guest = machine()
    guest.boot()
    assert "unavailable" in guest.cmd("aistatus")
    assert "unavailable" in guest.cmd("aiask x")
    assert guest.cmd("log").count("no COM2") == 1
    assert "running" in next(line for line in guest.cmd("services").splitlines()
                             if line.startswith("aiproxy"))


def test_bare_terminal(machine):
    guest = machine(com2=True)
    guest.boot()
    wait_link(guest, "none")
    terminal = Terminal(guest)
    for number in range(3):
        guest.send(f"aiask   question   {number} \r")
        assert terminal.read_line() == f"ASK question {number}\n".encode()
        terminal.say(f"AI echo: question {number}\n".encode())
        assert f"AI echo: question {number}" in guest.prompt()
    guest.send("aiask fail\r")
    assert terminal.read_line() == b"ASK fail\n"
    terminal.say(b"ERR command failed: no\r\n")
    assert "command failed: no" in guest.prompt()
    guest.send("aiask typed\r")
    assert terminal.read_line() == b"ASK typed\n"
    for byte in b"slowly\r":
        terminal.say(bytes((byte,)))
        time.sleep(0.05)
    assert "slowly" in guest.prompt()
    guest.cmd("aiask -n killed")
    assert terminal.read_line() == b"ASK killed\n"
    terminal.say(b"half ")
    time.sleep(0.5)
    guest.cmd("kill aiproxy")
    terminal.say(b"an answer\n")
    time.sleep(0.5)
    guest.cmd("kill aiproxy")
    assert "half an answer" in guest.cmd("aipoll")
    assert status(guest)["link"] == "line" and status(guest)["available"] == "1"
    long = guest.cmd("aiask " + "x" * 241)
    assert long.endswith("aiask: PROMPT is too long: 240 bytes at most without a bridge")
    terminal.close()
    start_bridge(guest)
    assert guest.cmd("aiask bridge") == "AI echo: bridge"


def test_answer_cannot_control_the_terminal(machine):
    script = r"printf 'a\033[2Jb\007c\233d\r\n'"
    guest = machine(ai="command", ai_options=command(script))
    guest.boot()
    wait_link(guest, "frames")
    guest.send("aiask x\r")
    guest.expect(r"x\r?\n")
    raw = guest.expect(r"a([^\n]*)d").group(1)
    assert "\x1b[2J" not in raw and "\x07" not in raw and "[2Jb" in raw
    guest.prompt()
