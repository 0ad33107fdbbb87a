# SPDX-License-Identifier: MIT
"""./run --demo recovery: the guest downloads a file while its servers are killed, one a second.

The host serves the file. The kills come from a script at the guest's second terminal, which tells
the host of each. Nothing is taken on trust at the end: the guest's checksum of what it has must be
that of the file, and `services` must show every kill."""
from __future__ import annotations

import argparse
import hashlib
import http.server
import os
import random
import re
import subprocess
import sys
import threading
import time

import machine
from qmp import Qmp

VICTIMS = ("net", "vfs", "e1000", "console", "init", "devmgr", "proc", "aiproxy")
MEGABYTE = 1 << 20
PIECE = 8192
PAUSE = 1.0  # seconds from kill to kill, and for one part of the file
TRIES = 20


class Host(http.server.ThreadingHTTPServer):
    """What the guest fetches: the script of kills, the file, and answers that keep both in step.
    The file has a part more than there are kills, and a part takes as long as a kill's pause; no
    part is more than two ahead of the kills. `said` is told what happens."""

    daemon_threads = True

    def __init__(self, data: bytes, kills: int, said) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.data, self.kills, self.said = data, kills, said
        self.victims = [VICTIMS[i % len(VICTIMS)] for i in range(kills)]
        self.changed = threading.Condition()
        self.seen: list[str] = []  # paths that have been asked for, in order
        self.url = f"http://10.0.2.2:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """A guest that leaves is no error."""

    def see(self, path: str) -> None:
        """Notes a request."""
        with self.changed:
            self.seen.append(path)
            done = self.done()
            self.changed.notify_all()
        if path.startswith("/killed/"):
            self.said(f"killed {path.split('/')[2]} ({done} of {self.kills})")

    def done(self) -> int:
        """Kills that have been made."""
        return sum(path.startswith("/killed/") for path in self.seen)

    def wait(self, condition, seconds: float) -> bool:
        """Waits until the condition is true."""
        with self.changed:
            return self.changed.wait_for(condition, seconds)

    def script(self) -> bytes:
        """What runs at the second terminal."""
        lines = [f"httpget {self.url}/ready", f"httpget {self.url}/begun"]
        for victim in self.victims:
            lines += [f"sleep {PAUSE}", f"kill {victim}", f"httpget {self.url}/killed/{victim}"]
        return "\n".join(lines + [""]).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    """One request of the guest."""

    def log_message(self, *_):
        """Says nothing."""

    def do_GET(self):  # pylint: disable=invalid-name
        """See Host."""
        host = self.server
        host.see(self.path)
        if self.path == "/file":
            self.head(len(host.data))
            self.send_file(host)
            return
        if self.path == "/begun":
            host.wait(lambda: "/file" in host.seen, 600)
        answer = host.script() if self.path == "/kills" else b""
        self.head(len(answer))
        self.wfile.write(answer)

    def head(self, length: int) -> None:
        """The answer's first lines."""
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def send_file(self, host: Host) -> None:
        """Part by part."""
        part = -(-len(host.data) // (host.kills + 1))
        start = time.monotonic()
        for at in range(0, len(host.data), PIECE):
            number = at // part
            host.wait(lambda: host.done() + 2 > number, 600)
            time.sleep(max(0.0, start + at / part * PAUSE - time.monotonic()))
            self.wfile.write(host.data[at:at + PIECE])


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ./run that are the demonstration's."""
    parser.add_argument("--demo", choices=["recovery"])
    parser.add_argument("--demo-size", type=machine.number(1, 64), default=16, metavar="MB")
    parser.add_argument("--demo-kills", type=machine.number(1, 100), default=16, metavar="N")
    parser.add_argument("--demo-spoil", action="store_true")


class Demo:
    """`typist` is at COM1 (run.Typist); `qmp` is the path of the machine's control socket."""

    def __init__(self, typist, qmp: str, args: argparse.Namespace) -> None:
        self.typist, self.qmp, self.kills = typist, qmp, args.demo_kills
        data = bytearray(random.Random(1).randbytes(args.demo_size * MEGABYTE))
        self.digest = hashlib.sha256(data).hexdigest()
        if args.demo_spoil:
            data[len(data) // 2] ^= 1
        self.host = Host(bytes(data), args.demo_kills, typist.say)

    def command(self, line: str) -> str:
        """Types a line at the prompt; what it prints."""
        self.typist.type(line)
        if not self.typist.until_prompt():
            raise RuntimeError("the machine is gone")
        return self.typist.said

    def start_killer(self) -> None:
        """Fetches the script, as soon as the network is up, and starts it at the second terminal."""
        for _ in range(TRIES):
            self.command(f"httpget {self.host.url}/kills > /tmp/kills")
            if "/kills" in self.host.seen:
                break
            self.command("sleep 1")
        qmp = Qmp(self.qmp)
        for _ in range(TRIES):
            qmp.key("alt", "f2")
            qmp.type("\nrun /tmp/kills\n")
            if self.host.wait(lambda: "/ready" in self.host.seen, 15):
                break
        else:
            raise RuntimeError("the script of kills does not start")
        qmp.key("alt", "f1")
        qmp.close()

    def restarts(self) -> dict[str, int]:
        """RESTARTS of each service."""
        rows = [line.split() for line in self.command("services").splitlines()]
        return {row[0]: int(row[3]) for row in rows if len(row) > 8 and row[3].isdigit()}

    def play(self) -> str:
        """Plays it; what went wrong, or nothing."""
        if not self.typist.until_prompt():
            return "the machine is gone"
        self.start_killer()
        before = self.restarts()
        said = self.command(f"httpget -p {self.host.url}/file > /tmp/download")
        if "bytes in" not in said:
            return "the download failed"
        if not self.host.wait(lambda: self.host.done() == self.kills, 600):
            return f"only {self.host.done()} of {self.kills} kills were made"
        said = self.command("run /boot/bin/busybox sha256sum /tmp/download")
        after = self.restarts()
        for name in VICTIMS:
            wanted = self.host.victims.count(name)
            if after.get(name, 0) - before.get(name, 0) < wanted:
                return f"{name} was killed {wanted} times, and services does not show it"
        found = re.search(r"\b[0-9a-f]{64}\b", said)
        if not found:
            return "there is no checksum"
        return "" if found.group() == self.digest else \
            f"the checksum is {found.group()} and should be {self.digest}"


def run_demo(args: argparse.Namespace, config: machine.Config, work: str, make_typist) -> int:
    """Boots, plays, switches off and gives the verdict. make_typist: of COM1 and the process."""
    com1 = machine.Socket(os.path.join(work, "com1"))
    config.com1, config.qmp = com1.backend, os.path.join(work, "qmp")
    process = subprocess.Popen(machine.command(config, work), stdin=subprocess.DEVNULL,
                               preexec_fn=machine.end_with_parent)
    try:
        typist = make_typist(com1, process)
        demo = Demo(typist, config.qmp, args)
        wrong = demo.play()
        typist.type("poweroff")
        typist.until_end()
        process.wait(timeout=30)
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        wrong = str(error)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if wrong:
        print(f"\ndemo: FAILED: {wrong}")
        return 1
    print(f"\ndemo: passed: {args.demo_size} MiB came whole through {args.demo_kills} kills, "
          f"SHA-256 {demo.digest}")
    sys.stdout.flush()
    return 0
