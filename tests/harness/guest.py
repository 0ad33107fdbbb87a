# SPDX-License-Identifier: MIT
"""A machine under test: boots, types at the prompt, reads consoles and screens."""
from __future__ import annotations

import collections
import os
import re
import socket
import subprocess
import sys
import time

import pexpect
from pexpect import fdpexpect

import machine
from harness.gdb import Gdb
from harness.screen import VGA_TEXT, Font, attributes_of_vga, text_of_picture, text_of_vga
from qmp import Qmp

ESCAPE = r"\x1b(?:\[[0-9;?=]*[A-Za-z]|[()][A-Z0-9]|[=>78])"
PANIC_END = r"END OF PANIC \*\*\*\r?\n"  # whole: a test may look for a part of it
LOG_LINE = r"\[ *\d+\.\d{6}\] "
# With a verbose log the kernel prints whole lines on COM1, between any two bytes of the console.
LOG_WITHIN = rf"(?<=[^\r\n]){LOG_LINE}[^\r\n]*\r?\n"
PROMPT = rf"axolotl:(?:{ESCAPE})*(/[^\r\n\x1b]*?)(?:{ESCAPE})*[$#](?:{ESCAPE})* (?:{ESCAPE})*"
FONT = os.environ.get("AXOLOTL_FONT", "/usr/share/consolefonts/Uni2-VGA16.psf.gz")
BRIDGE = os.path.join(machine.ROOT, "tools", "aibridge")

PROBES = collections.deque(maxlen=64)  # of free_ports; the oldest are of machines that have ended

# Time-outs detect hangs; they measure nothing. Two busy cores may be very slow.
BOOT_SECONDS = 180
COMMAND_SECONDS = 120


def free_ports(count: int) -> list[int]:
    """TCP ports that are free on the loopback interface, each another one. They stay bound, so that
    nobody else is given them; QEMU, which sets SO_REUSEADDR, may listen there all the same."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
    PROBES.extend(probes)
    return [probe.getsockname()[1] for probe in probes]


def plain(text: str) -> str:
    """Text without escape sequences and carriage returns."""
    text = re.sub(ESCAPE, "", text).replace("\r", "")
    while "\b" in text:
        text = re.sub("[^\b]?\b", "", text, count=1)
    return text


class Console(fdpexpect.fdspawn):
    """A connection to COM1. QEMU leaving with input of ours unread is an end like any other."""

    def read_nonblocking(self, size=1, timeout=None):
        """As fdspawn's."""
        try:
            return super().read_nonblocking(size, timeout)
        except ConnectionResetError:
            raise pexpect.EOF("connection reset") from None

    def put_back(self, text: str) -> None:
        """Text to be read before what was not read yet."""
        self.buffer = text + self.buffer
        self._before = self.buffer_type()
        self._before.write(self.buffer)


class Guest:
    """Options: those of tools/machine.py's Config (machine, smp, mem, uefi, nic, vga, ...) and
    append, without, replace, video, entry: the ISO's menu
    menu_seconds: how long GRUB shows it
    forward: guest TCP ports; Guest.address and Guest.port[80] are then the way to the guest's
    address: of the guest, where the host reaches its ports directly
    ai: a bridge backend, with ai_options: more arguments for the bridge
    gdb: whether Guest.gdb, a harness.gdb.Gdb, is there; it is connected at its first use
    """

    living: list["Guest"] = []

    def __init__(self, work: str, *, append: str = "", without: tuple[str, ...] = (),
                 replace: dict[str, str] | None = None, video: str = "", entry: int = 0,
                 menu_seconds: int = 0, forward: tuple[int, ...] = (), address: str = "",
                 ai: str = "", ai_options: tuple[str, ...] = (), com2: bool = False,
                 gdb: bool = False, **options) -> None:
        os.makedirs(work, exist_ok=True)
        self.work = work
        self.name = os.path.basename(work)
        self.menu = dict(append=append, without=tuple(without), replace=replace or {}, video=video,
                         default=entry, timeout=menu_seconds)
        self.address = address or "127.0.0.1"
        self.port = dict(zip(forward, forward if address else free_ports(len(forward))))
        self.ai, self.ai_options, self.bridge = ai, ai_options, None
        self.process = self.qmp = self.console = self.socket = self.log = None
        self.gdb_path = os.path.join(work, "gdb") if gdb else ""
        self.gdb_connection = None
        if gdb:
            options["gdb"] = f"unix:{self.gdb_path},server=on,wait=off"
        options.setdefault("reboot", False)
        self.config = machine.Config(
            ports=[] if address else [(h, g) for g, h in self.port.items()], **options)
        self.com2_path = os.path.join(work, "com2") if ai or com2 else ""
        self.log_path = os.path.join(work, "console.log")
        self.machine_log = os.path.join(work, "machine.log")  # what the emulator itself says

    # ---- Life -------------------------------------------------------------------------------

    def start(self) -> "Guest":
        """Starts QEMU and connects to COM1 and QMP; the machine runs when this returns."""
        com1 = machine.Socket(os.path.join(self.work, "com1"))
        qmp = os.path.join(self.work, "qmp")
        iso = self.config.iso
        self.config.iso = machine.make_variant(os.path.join(self.work, "axolotl.iso"), iso,
                                               **self.menu)
        self.config.com1 = com1.backend
        self.config.qmp = qmp
        if self.com2_path:
            self.config.com2 = f"unix:{self.com2_path},server=on,wait=off"
        words = machine.command(self.config, self.work)
        with open(self.machine_log, "wb") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=machine.end_with_parent)
        Guest.living.append(self)
        self.log = open(self.log_path, "w", encoding="utf-8", errors="replace")
        self.socket = com1.accept(self.process)
        self.console = Console(self.socket.fileno(), timeout=COMMAND_SECONDS,
                                         encoding="utf-8", codec_errors="replace", maxread=65536)
        self.console.logfile_read = self.log
        self.qmp = Qmp(qmp)
        if self.ai:
            self.start_bridge()
        return self

    def stop(self) -> None:
        """Ends everything that start() began; may be called twice."""
        self.stop_bridge()
        if self.gdb_connection:
            self.gdb_connection.close()
            self.gdb_connection = None
        if self.qmp:
            self.qmp.close()
            self.qmp = None
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()
        if self.console:
            self.socket.close()
            self.log.close()
            self.console = None
        if self in Guest.living:
            Guest.living.remove(self)
        if os.path.exists(self.config.iso) and self.config.iso.startswith(self.work):
            os.unlink(self.config.iso)

    def wait_end(self, timeout: float = 60) -> int:
        """Waits until QEMU has ended by itself; its exit status."""
        try:
            while self.console.read_nonblocking(65536, timeout=timeout):
                pass
        except pexpect.EOF:
            pass
        return self.process.wait(timeout=timeout)

    @property
    def gdb(self) -> Gdb:
        """The debugger; the first use stops the machine."""
        if self.gdb_connection is None:
            self.gdb_connection = Gdb(self.gdb_path)
        return self.gdb_connection

    def start_bridge(self) -> None:
        """Starts the AI bridge on COM2."""
        with open(os.path.join(self.work, "aibridge.log"), "ab") as log:
            self.bridge = subprocess.Popen(
                [sys.executable, BRIDGE, "--socket", self.com2_path, "--backend", self.ai,
                 *self.ai_options], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=machine.end_with_parent)

    def stop_bridge(self) -> None:
        """Kills the bridge where it stands."""
        if self.bridge:
            self.bridge.kill()
            self.bridge.wait()
            self.bridge = None

    # ---- Console on COM1 --------------------------------------------------------------------

    def console_text(self) -> str:
        """All that COM1 has printed so far, as far as it was read."""
        if self.console:
            self.log.flush()
        with open(self.log_path, encoding="utf-8") as file:
            return plain(file.read())

    def prompt(self, timeout: float = BOOT_SECONDS) -> str:
        """Waits for the next prompt; returns what was printed before it. The prompt must stand
        at the end of the output: one that is being redrawn is followed by more at once."""
        before = ""
        while True:
            try:
                kind = self.console.expect([PROMPT, LOG_WITHIN], timeout=timeout)
            except (pexpect.TIMEOUT, pexpect.EOF) as error:
                raise AssertionError(self.missing("prompt", error)) from None
            if kind == 1:
                lines, newline, start = self.console.before.rpartition("\n")
                before += lines + newline + self.console.after
                self.console.put_back(start)
                continue
            before += self.console.before
            shown = self.console.after
            self.directory = self.console.match.group(1)
            while True:
                try:
                    self.console.expect(r".", timeout=0.1)
                except pexpect.TIMEOUT:
                    return plain(before)
                except pexpect.EOF as error:
                    raise AssertionError(self.missing("quiet prompt", error)) from None
                self.console.put_back(self.console.after)
                if not self.skip_log_line():
                    break
            before += shown

    def missing(self, what: str, error: Exception | None = None) -> str:
        """Why something did not come on COM1: the ends of the console and of a dead machine's log."""
        text = f"no {what}; the console ends with:\n{self.console_text()[-3000:]}"
        if isinstance(error, pexpect.EOF):
            with open(self.machine_log, encoding="utf-8", errors="replace") as file:
                text = f"the machine ended: {text}\nThe emulator said:\n{file.read()[-3000:]}"
        return text

    def skip_log_line(self) -> bool:
        """Takes a line of a verbose log off the front of the output, if one is there."""
        if not self.console.buffer.startswith("["):
            return False
        self.console.expect(r"[^\r\n]*\r?\n")
        if re.match(LOG_LINE, self.console.after):
            return True
        self.console.put_back(self.console.after)
        return False

    def boot(self, timeout: float = BOOT_SECONDS) -> str:
        """Waits for the first prompt and returns the boot messages."""
        return self.prompt(timeout)

    def send(self, text: str) -> None:
        """Types on COM1 without waiting."""
        self.socket.sendall(text.encode())

    def expect(self, pattern: str, timeout: float = COMMAND_SECONDS) -> re.Match:
        """Waits for a regular expression on COM1; a panic before it is the end."""
        try:
            which = self.console.expect([pattern, PANIC_END], timeout=timeout)
        except (pexpect.TIMEOUT, pexpect.EOF) as error:
            raise AssertionError(self.missing(repr(pattern), error)) from None
        assert which == 0, "a panic: " + self.missing(repr(pattern))
        return self.console.match

    def cmd(self, line: str, timeout: float = COMMAND_SECONDS) -> str:
        """Types a command at the prompt and returns its output, without the trailing newline."""
        self.send(line + "\r")
        self.expect(r"\r?\n", timeout)
        return self.prompt(timeout).strip("\n")

    def table(self, line: str) -> list[list[str]]:
        """A command's output, split into words."""
        return [row.split() for row in self.cmd(line).splitlines()]

    def expect_in_log(self, pattern: str, timeout: float = COMMAND_SECONDS) -> str:
        """Asks for the log until a line matches; returns that line."""
        deadline = time.monotonic() + timeout
        while True:
            log = self.cmd("log")
            for line in log.splitlines():
                if re.search(pattern, line):
                    return line
            if time.monotonic() > deadline:
                raise AssertionError(f"no {pattern!r} in the log:\n{log[-3000:]}")
            time.sleep(0.5)

    # ---- Screen and keyboard ----------------------------------------------------------------

    def screen(self) -> list[str]:
        """The VGA text screen."""
        return text_of_vga(self.qmp.memory(VGA_TEXT, 4000, os.path.join(self.work, "vga")))

    def screen_attributes(self) -> list[bytes]:
        """The colours of the VGA text screen."""
        return attributes_of_vga(self.qmp.memory(VGA_TEXT, 4000, os.path.join(self.work, "vga")))

    def picture(self) -> str:
        """A picture of the screen; returns its path (PPM)."""
        path = os.path.join(self.work, "screen.ppm")
        self.qmp.command("screendump", filename=path)
        return path

    def framebuffer(self) -> list[str]:
        """The text on a framebuffer console."""
        return text_of_picture(self.picture(), Font(FONT))

    def wait_screen(self, pattern: str, framebuffer: bool = False, timeout: float = 60) -> list[str]:
        """Waits until a line of the screen matches."""
        try:
            return self.wait_rows(
                lambda rows: any(re.search(pattern, row) for row in rows), framebuffer, timeout
            )
        except AssertionError as error:
            raise AssertionError(f"no {pattern!r}: {error}") from None

    def wait_rows(self, wanted, framebuffer: bool = False, timeout: float = 60) -> list[str]:
        """Waits until the screen, as its rows of text, is as wanted."""
        deadline = time.monotonic() + timeout
        while True:
            rows = self.framebuffer() if framebuffer else self.screen()
            if wanted(rows):
                return rows
            if time.monotonic() > deadline:
                raise AssertionError("the screen stays\n" + "\n".join(rows))
            time.sleep(0.3)

    def cpu_seconds(self) -> float:
        """CPU time that QEMU has used."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def starved_seconds(self) -> float:
        """How long a thread of QEMU or of the bridge has been ready to run without a processor of
        the host, at most."""
        waited = [0]
        for process in filter(None, (self.process, self.bridge)):
            for thread in os.listdir(f"/proc/{process.pid}/task"):
                with open(f"/proc/{process.pid}/task/{thread}/schedstat", encoding="ascii") as file:
                    waited.append(int(file.read().split()[1]))
        return max(waited) / 1e9
