# SPDX-License-Identifier: MIT
"""tools/aibridge as a process: both forms, all backends, against a mock of both HTTP interfaces."""
import os
import random
import select
import signal
import socket
import subprocess
import sys
import time

import pytest
from guestlink import CHUNK, E_IO, E_WOULD_BLOCK, FIFO, OK, GuestLink
from mockapi import KEY, PIECES, TIMEOUT, WHOLE, MockApi

import machine

BRIDGE = os.path.join(machine.ROOT, "tools", "aibridge")
ENVIRONMENT = {**os.environ, "OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY, "NO_PROXY": "*"}


class Port:
    """QEMU's side of COM2: listens, starts bridges, passes bytes, maybe with noise."""

    def __init__(self, folder):
        self.path = str(folder / "com2")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)
        self.listener.settimeout(20)
        self.pipe = self.bridge = self.guest = None
        self.rng, self.noise = random.Random(1), 0.0
        self.input = b""

    def start(self, *options, environment=ENVIRONMENT):
        """Starts a bridge and waits for its connection."""
        self.bridge = subprocess.Popen(
            [sys.executable, BRIDGE, "--socket", self.path, "--connect-timeout", "3", *options],
            env=environment, stderr=subprocess.PIPE)
        self.pipe, _ = self.listener.accept()
        self.pipe.settimeout(20)

    def kill(self):
        """Kills the bridge where it stands."""
        if self.bridge:
            self.bridge.kill()
            self.bridge.wait()
            self.bridge.stderr.close()
            self.pipe.close()
            self.bridge = self.pipe = None

    def close(self):
        """Ends everything."""
        self.kill()
        if self.guest:
            self.guest.close()
        self.listener.close()

    # ---- the guest in line form, as a stupid old one would be

    def line(self, text):
        """Sends a line, returns the answer; CR is ignored."""
        self.pipe.sendall(text.encode() + b"\n")
        while b"\n" not in self.input:
            data = self.pipe.recv(4096)
            assert data, "the bridge has gone"
            self.input += data.replace(b"\r", b"")
        line, self.input = self.input.split(b"\n", 1)
        return line.decode()

    # ---- the guest's real code

    def noisy(self, data):
        """Bytes as they arrive."""
        if not self.noise:
            return data
        return bytes(byte ^ (self.rng.random() < self.noise) << self.rng.randrange(8)
                     for byte in data if self.rng.random() >= self.noise)

    def pump(self):
        """What the machine does in a few milliseconds."""
        now = time.monotonic()
        if self.guest is None:
            self.guest = GuestLink(self.rng.getrandbits(32), now)
        if self.pipe and select.select([self.pipe], [], [], 0.005)[0]:
            try:
                self.input += self.noisy(self.pipe.recv(4096))
            except ConnectionResetError:
                pass
        while self.input or self.guest.deadline(now) <= now:
            data, self.input = self.input[:CHUNK], self.input[CHUNK:]
            out = self.guest.turn(data, now, FIFO)
            if self.pipe and out:
                try:
                    self.pipe.sendall(self.noisy(out))
                except OSError:
                    pass

    def wait_link(self, link=2, seconds=20):
        """Waits until the guest has found what the host speaks."""
        end = time.monotonic() + seconds
        self.pump()
        while self.guest.status(time.monotonic())["link"] != link:
            assert time.monotonic() < end, "no link"
            self.pump()

    def begin(self, prompt):
        """Asks in frames or as the link is."""
        self.pump()
        status, badge = self.guest.ask(1, prompt.encode(), time.monotonic())
        assert status == OK
        return badge

    def finish(self, badge, seconds=40, until=None):
        """Reads: the answer, and the error's text or None. until: stop at this text."""
        answer = b""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.pump()
            status, text = self.guest.read(badge, 4096, time.monotonic())
            if status == E_WOULD_BLOCK:
                continue
            if status == OK and text:
                answer += text
                if until and until in answer.decode():
                    return answer.decode(), None
                continue
            self.guest.drop(badge, time.monotonic())
            assert status in (OK, E_IO)
            return answer.decode(), text.decode() if status == E_IO else None
        raise AssertionError(f"no end of the answer after {answer!r}")

    def ask(self, prompt, seconds=40):
        """A question from beginning to end."""
        return self.finish(self.begin(prompt), seconds)


@pytest.fixture
def port(tmp_path):
    """A Port that is closed at the end."""
    opened = Port(tmp_path)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def api():
    """The mock of both HTTP interfaces."""
    with MockApi() as server:
        yield server


# ---- Line form


def test_line_echo(port):
    port.start()
    assert port.line("ASK hello") == "AI echo: hello"
    assert port.line("ASK a  b\tc ") == "AI echo: a b c"
    assert port.line("ASK grüße 🦎") == "AI echo: grüße 🦎"
    assert port.line("TELL x") == "ERR unknown command: TELL x"
    time.sleep(1.5)  # knocks in between do not disturb
    assert port.line("ASK again") == "AI echo: again"


def test_line_is_cut_between_characters(port):
    port.start("--backend", "command", "--command", "printf 'ä%.0s' $(seq 400)")
    assert port.line("ASK x") == "ä" * 240
    port.kill()
    port.start("--max-response-bytes", "14")
    assert port.line("ASK aaaa€") == "AI echo: aaaa"


def test_line_command(port):
    port.start("--backend", "command", "--command", "cat; echo; echo '  two  '")
    assert port.line("ASK one") == "one two"


@pytest.mark.parametrize("command,seconds,answer", [
    ("exit 3", "60", "ERR command exited 3"),
    ("echo no luck >&2; exit 1", "60", "ERR command exited 1: no luck"),
    ("true", "60", "(empty response)"),
    ("sleep 60", "0.3", "ERR command timed out after 0.3s"),
    ("exec >&-; sleep 60", "0.3", "ERR command timed out after 0.3s"),
])
def test_line_command_errors(port, command, seconds, answer):
    port.start("--backend", "command", "--command", command, "--command-timeout", seconds)
    assert port.line("ASK x") == answer
    assert port.line("ASK x") == answer


def test_line_errors_of_options(port):
    port.start("--backend", "command")
    assert port.line("ASK x") == "ERR command backend requires --command"
    port.kill()
    environment = {k: v for k, v in ENVIRONMENT.items() if k != "OPENAI_API_KEY"}
    port.start("--backend", "openai", environment=environment)
    assert port.line("ASK x") == "ERR missing $OPENAI_API_KEY"
    port.kill()
    port.start("--backend", "anthropic", "--anthropic-key-env", "NO_SUCH_KEY")
    assert port.line("ASK x") == "ERR missing $NO_SUCH_KEY"


def test_line_http(port, api):
    port.start(*api.options("openai"))
    assert port.line("ASK tell") == " ".join(WHOLE.split())
    assert port.line("ASK limit") == "ERR OpenAI HTTP 429: Rate limit reached for requests"


def test_once(port):
    port.start("--once")
    assert port.line("ASK only") == "AI echo: only"
    assert port.bridge.wait(10) == 0


def test_once_in_frames(port):
    port.start("--once")
    port.wait_link()
    assert port.ask("only") == ("AI echo: only", None)
    end = time.monotonic() + 10
    while port.bridge.poll() is None and time.monotonic() < end:
        port.pump()
    assert port.bridge.returncode == 0


def test_connects_late_and_gives_up(tmp_path):
    path = str(tmp_path / "none")
    began = time.monotonic()
    result = subprocess.run([sys.executable, BRIDGE, "--socket", path, "--connect-timeout", "0.5"],
                            check=False, stderr=subprocess.PIPE, text=True)
    assert result.returncode == 1
    assert result.stderr == f"aibridge: cannot open {path}: No such file or directory\n"
    assert time.monotonic() - began >= 0.5


def test_connects_again(port):
    port.start()
    assert port.line("ASK one") == "AI echo: one"
    port.pipe.close()
    port.pipe, _ = port.listener.accept()
    port.pipe.settimeout(20)
    port.input = b""
    assert port.line("ASK two") == "AI echo: two"
    port.pipe.close()
    port.listener.close()
    os.unlink(port.path)
    assert port.bridge.wait(20) == 0


def test_signal_ends_it_with_its_command(port, tmp_path):
    mark = tmp_path / "pid"
    port.start("--backend", "command", "--command", f"echo $$ > {mark}; sleep 60")
    port.pipe.sendall(b"ASK x\n")
    while not mark.exists() or not mark.read_text():
        time.sleep(0.05)
    port.bridge.send_signal(signal.SIGTERM)
    assert port.bridge.wait(10) == 0
    with pytest.raises(ProcessLookupError):
        for _ in range(100):
            os.kill(int(mark.read_text()), 0)
            time.sleep(0.05)


@pytest.mark.parametrize("options", [
    ["--backend", "oracle"], ["--openai-base-url", "ftp://x"], ["--command-timeout", "-1"],
    ["--max-response-bytes", "0"], ["--device", "/dev/null"]])
def test_bad_options(options):
    result = subprocess.run([sys.executable, BRIDGE, "--socket", "x", *options], check=False,
                            stderr=subprocess.PIPE, text=True)
    assert result.returncode == 2 and "aibridge: error:" in result.stderr


# ---- Frames


def test_frames_echo(port):
    port.start()
    port.wait_link()
    assert port.guest.status(time.monotonic())["backend"] == "echo"
    assert port.ask("hello") == ("AI echo: hello", None)
    long = "grüße 🦎 " * 700
    assert port.ask(long) == (("AI echo: " + long).rstrip(), None)


def test_frames_under_noise(port):
    port.noise = 0.0002
    port.start()
    port.wait_link()
    for number in range(6):
        prompt = f"noise {number} " + "x" * 900
        assert port.ask(prompt, 90) == ("AI echo: " + prompt, None)
    assert port.guest.status(time.monotonic())["bad_frames"] > 0


def test_frames_stream(port, tmp_path):
    """The first text is there before the backend has ended."""
    go_on = tmp_path / "go"
    port.start("--backend", "command", "--command",
               f"echo one; until [ -e '{go_on}' ]; do sleep 0.1; done; echo two")
    port.wait_link()
    badge = port.begin("x")
    assert port.finish(badge, until="one")[0] == "one"
    go_on.touch()
    assert port.finish(badge)[0].strip() == "two"


def test_frames_large_answer(port):
    port.start("--backend", "command", "--command", "seq 1 40000")
    port.wait_link()
    answer, error = port.ask("count", 120)
    assert error is None
    assert answer == "\n".join(str(n) for n in range(1, 40001))


def test_frames_errors(port):
    port.start("--backend", "command", "--command", "echo partly; echo why >&2; exit 4")
    port.wait_link()
    assert port.ask("x") == ("partly", "command exited 4: why")
    assert port.ask("y") == ("partly", "command exited 4: why")


def test_bridge_killed_in_mid_answer(port):
    port.start("--backend", "command", "--command", "echo begun; sleep 30")
    port.wait_link()
    badge = port.begin("x")
    port.finish(badge, until="begun")
    port.kill()
    answer, error = port.finish(badge, 15)
    assert answer == "" and "gone" in error
    port.start()
    port.wait_link()
    assert port.ask("works") == ("AI echo: works", None)


def test_bridge_restarted_in_mid_answer(port):
    port.start("--backend", "command", "--command", "echo begun; sleep 30")
    port.wait_link()
    badge = port.begin("x")
    port.finish(badge, until="begun")
    port.kill()
    port.start()
    answer, error = port.finish(badge, 15)
    assert answer == "" and "restarted" in error
    assert port.ask("works") == ("AI echo: works", None)


def test_bridge_restarted_between_questions(port):
    port.start()
    port.wait_link()
    for number in range(3):
        port.kill()
        port.start()
        assert port.ask(f"at once {number}") == (f"AI echo: at once {number}", None)


def test_cancel_ends_the_command(port, tmp_path):
    mark = tmp_path / "pid"
    port.start("--backend", "command", "--command", f"echo $$ > {mark}; echo begun; sleep 60")
    port.wait_link()
    badge = port.begin("x")
    port.finish(badge, until="begun")
    port.guest.drop(badge, time.monotonic())
    end = time.monotonic() + 10
    while time.monotonic() < end:
        port.pump()
        try:
            os.kill(int(mark.read_text()), 0)
        except ProcessLookupError:
            return
    raise AssertionError("the command runs on")


# ---- The two HTTP interfaces


@pytest.mark.parametrize("backend", ["openai", "anthropic"])
@pytest.mark.parametrize("stream", [True, False])
def test_http(port, api, backend, stream):
    label = {"openai": "OpenAI", "anthropic": "Anthropic"}[backend]
    port.start(*api.options(backend), *([] if stream else ["--no-stream"]))
    port.wait_link()
    assert port.ask("tell me") == (WHOLE, None)
    path, headers, body = api.requests[-1]
    assert body.get("stream", False) == stream
    if backend == "openai":
        assert path == "/v1/responses" and headers["Authorization"] == "Bearer " + KEY
        assert body["input"] == "tell me" and body["max_output_tokens"] == 1024
    else:
        assert path == "/v1/messages"
        assert {name.lower(): value for name, value in headers.items()}["x-api-key"] == KEY
        assert body["messages"] == [{"role": "user", "content": "tell me"}]
        assert body["max_tokens"] == 1024
    assert body["model"]
    part = "".join(PIECES[:2]).rstrip() if stream and backend == "openai" else \
        PIECES[0].rstrip() if stream else ""
    assert port.ask("empty") == ("(empty response)", None)
    assert port.ask("cut") == (WHOLE + " [...]", None)
    assert port.ask("limit") == ("", f"{label} HTTP 429: Rate limit reached for requests")
    assert port.ask("html") == ("", f"{label} HTTP 502: <h1>Bad Gateway</h1>")
    assert port.ask("slow") == ("", f"{label} timed out after {TIMEOUT:.1f}s")
    assert port.ask("hangup") == ("", f"{label} connection broke in mid-answer")
    answer, error = port.ask("badjson")
    assert WHOLE.startswith(answer) and len(answer) < len(WHOLE)
    assert error == f"{label} sent an answer that is not valid JSON"
    answer, error = port.ask("fail")
    assert error == f"{label}: The model broke"
    answer, error = port.ask("filter")
    assert error and label in error
    if stream:
        assert port.ask("error") == ("", f"{label}: Something went wrong")
        assert port.ask("broken") == (part, f"{label} connection broke in mid-answer")
        assert port.ask("stall") == (part, f"{label} timed out after {TIMEOUT:.1f}s")
    else:
        assert port.ask("odd") == ("", f"{label} sent an answer of unknown form")
    assert port.ask("and still") == (WHOLE, None)


@pytest.mark.parametrize("backend", ["openai", "anthropic"])
def test_http_streams(port, api, backend):
    port.start(*api.options(backend))
    port.wait_link()
    api.server.go.clear()
    badge = port.begin("patient")
    assert WHOLE not in port.finish(badge, until=PIECES[0].strip())[0]
    api.server.go.set()
    port.finish(badge)


def test_http_options(port, api):
    port.start("--backend", "openai", "--openai-base-url", api.url + "/v1/", "--openai-key-env",
               "MY_KEY", "--openai-model", "some-model", "--openai-max-output-tokens", "77",
               environment={**ENVIRONMENT, "MY_KEY": "wrong"})
    port.wait_link()
    assert port.ask("x") == ("", "OpenAI HTTP 401: Incorrect API key provided.")
    assert api.requests[-1][2]["model"] == "some-model"
    assert api.requests[-1][2]["max_output_tokens"] == 77


def test_http_nobody_there(port):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    port.start("--backend", "anthropic", "--anthropic-base-url", f"http://127.0.0.1:{number}")
    port.wait_link()
    answer, error = port.ask("x")
    assert answer == "" and error.startswith("Anthropic connection failed:")
