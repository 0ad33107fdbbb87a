#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The part of ./run after the build: starts the AI bridge and QEMU. The options are in ./run."""
from __future__ import annotations

import argparse
import os
import re
import select
import subprocess
import sys
import tempfile
import threading

import demo
import machine

BRIDGE = os.path.join(machine.ROOT, "tools", "aibridge")
# The prompt, and lines of a verbose log that came after it: they share COM1 with the console.
PROMPT = re.compile(rb"axolotl:/[^\r\n]*?[$#] (\[ *\d+\.\d{6}\] [^\r\n]*\r?\n)*$")
POWEROFF_SECONDS = 30  # from the prompt after poweroff to the end
ESCAPES = re.compile(rb"\x1b(\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[=>78])")


def parse() -> argparse.Namespace:
    parser = machine.Parser(prog="./run", add_help=False)
    machine.add_options(parser)
    parser.add_argument("--ai", default="echo", metavar="BACKEND")
    parser.add_argument("--ai-option", action="append", default=[], metavar="WORD")
    parser.add_argument("--timeout", type=machine.number(1, kind=float), default=120)
    parser.add_argument("--build-only", action="store_true")
    demo.add_options(parser)
    parser.add_argument("--check-options", action="store_true", help="do nothing else")
    args = parser.parse_args()
    if args.uefi and args.mem < 64:
        parser.error(f"argument --mem: {args.mem} is not at least 64, which UEFI needs")
    if args.iommu and args.machine != "q35":
        parser.error("argument --iommu: only the machine q35 has one")
    if args.demo and args.nic == "none":
        parser.error("argument --demo: it needs a network card")
    if args.display and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        parser.error("argument --display: there is no graphical session here")
    if args.ai != "none":
        check = subprocess.run([*bridge_command(args, "none"), "--check-options"], check=False,
                               text=True, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if check.returncode:
            parser.error(check.stderr.strip().splitlines()[-1].replace("error: ", ""))
    return args


def bridge_command(args: argparse.Namespace, path: str) -> list[str]:
    """The AI bridge for a COM2 at a socket."""
    return [sys.executable, BRIDGE, "--socket", path, "--backend", args.ai, *args.ai_option]


def start_bridge(args: argparse.Namespace, path: str) -> subprocess.Popen | None:
    """The bridge connects to QEMU's socket as soon as it is there and after every loss."""
    if args.ai == "none":
        return None
    with open(os.path.join(machine.BUILD, "aibridge.log"), "wb") as log:
        return subprocess.Popen(
            bridge_command(args, path), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, preexec_fn=machine.end_with_parent)


class Typist:
    """Types lines at the prompt of a machine whose COM1 is a socket; copies what it prints."""

    returns = b""  # what becomes of a carriage return where there is no terminal
    said = ""  # the end of what came before the last prompt, with the line typed

    def __init__(self, com1: machine.Socket, process: subprocess.Popen, timeout: float) -> None:
        self.timeout = timeout
        self.tail = self.cut = b""
        self.socket = com1.accept(process)

    def until_prompt(self) -> bool:
        """Copies output until the prompt stands at the end of it; False: the machine is gone."""
        while True:
            ready, _, _ = select.select([self.socket], [], [], self.timeout)
            if not ready:
                raise TimeoutError(f"nothing printed for {self.timeout:g} s")
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:  # it went with unread input of ours
                data = b""
            if not data:
                return False
            self.show(data)
            self.tail = (self.tail + data)[-4096:]
            if PROMPT.search(ESCAPES.sub(b"", self.tail)) and self.quiet():
                self.said = ESCAPES.sub(b"", self.tail).decode(errors="replace")
                self.tail = b""
                return True

    def until_end(self) -> None:
        """Copies output until the machine is gone."""
        while self.until_prompt():
            self.timeout = min(self.timeout, POWEROFF_SECONDS)

    def show(self, data: bytes) -> None:
        """Copies to standard output; to a file or pipe without escape sequences."""
        if not sys.stdout.isatty():
            data, self.cut = self.cut + data, b""
            rest = data.rfind(b"\x1b")
            if data.endswith(b"\r"):
                data, self.cut = data[:-1], b"\r"
            elif rest >= 0 and not ESCAPES.match(data, rest) and len(data) - rest < 16:
                data, self.cut = data[:rest], data[rest:]
            data = ESCAPES.sub(b"", data).replace(b"\r\n", b"\n").replace(b"\r", self.returns)
        self.write(data)

    def write(self, data: bytes) -> None:
        """To standard output."""
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    def quiet(self) -> bool:
        """A prompt that is being redrawn is followed by more at once."""
        ready, _, _ = select.select([self.socket], [], [], 0.1)
        return not ready

    def type(self, line: str) -> None:
        """Types a line and Enter."""
        self.socket.sendall(line.encode() + b"\r")


class Player(Typist):
    """For a demonstration: it says things of its own, from other threads too, and where there is no
    terminal the progress bar is one line after another."""

    returns = b"\n"
    last = b"\n"
    output = threading.Lock()

    def say(self, text: str) -> None:
        """Prints a line between the guest's."""
        self.write((b"\r\x1b[K" if sys.stdout.isatty() else b"\n") + text.encode() + b"\n")

    def write(self, data: bytes) -> None:
        """Without empty lines, unless on a terminal."""
        with self.output:
            if not sys.stdout.isatty():
                data = re.sub(rb"\n\n+", b"\n", self.last + data)[1:]
            self.last = data[-1:] or self.last
            super().write(data)


def run_script(config: machine.Config, work: str, timeout: float) -> int:
    """Types the lines of standard input, then poweroff."""
    com1 = machine.Socket(os.path.join(work, "com1"))
    config.com1 = com1.backend
    process = subprocess.Popen(machine.command(config, work), stdin=subprocess.DEVNULL,
                               preexec_fn=machine.end_with_parent)
    try:
        typist = Typist(com1, process, timeout)
        lines = [line.rstrip("\r\n") for line in sys.stdin] + ["poweroff"]
        for line in lines:
            if not typist.until_prompt():
                break
            typist.type(line)
        typist.until_end()
        sys.stdout.buffer.write(b"\n")
        return process.wait(timeout=30)
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        print(f"\nrun: {error}; stopping the machine", file=sys.stderr)
        return 1
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def main() -> int:
    args = parse()
    if args.check_options:
        return 0
    if not os.path.exists(machine.ISO):
        print(f"run: {machine.ISO} was not built", file=sys.stderr)
        return 1
    if args.build_only:
        size = os.path.getsize(machine.ISO) / 2**20
        print(f"built {os.path.relpath(machine.ISO)} ({size:.1f} MiB)")
        return 0
    with tempfile.TemporaryDirectory(prefix="axolotl-run-") as work:
        config = machine.from_options(args)
        config.iso = machine.make_variant(os.path.join(work, "axolotl.iso"), append=args.append,
                                          timeout=1 if args.display else 0)
        ai = os.path.join(work, "com2")
        bridge = start_bridge(args, ai)
        if args.ai != "none":
            config.com2 = f"unix:{ai},server=on,wait=off"
        if args.debug:
            print(f"run: waiting for: gdb {os.path.relpath(machine.KERNEL)} -ex 'target remote :1234' "
                  f"-x {os.path.relpath(os.path.join(machine.ROOT, 'tools/gdb/axolotl.py'))}",
                  file=sys.stderr)
        try:
            if args.demo:
                return demo.run_demo(args, config, work, lambda com1, process: Player(
                    com1, process, args.timeout))
            if sys.stdin.isatty():
                print("run: Ctrl-A X leaves QEMU", file=sys.stderr)
                return subprocess.run(machine.command(config, work), check=False,
                                      preexec_fn=machine.end_with_parent).returncode
            return run_script(config, work, args.timeout)
        except KeyboardInterrupt:
            return 130
        finally:
            if bridge:
                bridge.terminate()
                bridge.wait()


if __name__ == "__main__":
    sys.exit(main())
