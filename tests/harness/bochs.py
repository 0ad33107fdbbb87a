# SPDX-License-Identifier: MIT
"""Bochs: a second, independent PC. COM1 is a pseudo-terminal; the screen is Xvfb's."""
from __future__ import annotations

import os
import pty
import subprocess
import threading
import tty

from harness.guest import Console, Guest
import machine

CONFIGURATION = """
display_library: x
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
vga: extension=vbe
pci: enabled=1, chipset=i440fx, slot1=pcivga, slot2=e1000
megs: {mem}
cpu: model=corei7_haswell_4770, count={smp}, ips=50000000
clock: sync=none
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
com1: enabled=1, mode=term, dev={com1}
e1000: enabled=1, mac=52:54:00:12:34:56, ethmod=null
panic: action=fatal
error: action=report
log: {work}/bochs.log
speaker: enabled=0
"""


class Bochs(Guest):
    """A Guest whose machine is Bochs; no QMP, no network peer."""

    def __init__(self, work: str, *, mem: int = 128, smp: int = 1, **menu) -> None:
        super().__init__(work, mem=mem, smp=smp, **menu)
        self.screen_server = None

    def start(self) -> "Bochs":
        """Starts Xvfb and Bochs."""
        iso = machine.make_variant(os.path.join(self.work, "axolotl.iso"), self.config.iso,
                                   **self.menu)
        self.config.iso = iso
        ours, theirs = pty.openpty()
        tty.setraw(theirs)
        with open(os.path.join(self.work, "bochsrc"), "w", encoding="ascii") as file:
            file.write(CONFIGURATION.format(mem=self.config.mem, smp=self.config.smp, iso=iso,
                                            com1=os.ttyname(theirs), work=self.work))
        with open(os.path.join(self.work, "debugger"), "w", encoding="ascii") as file:
            file.write("c\n")
        reader, writer = os.pipe()
        log = open(self.machine_log, "wb")
        self.screen_server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1280x1024x24", "-nolisten", "tcp"],
            pass_fds=[writer], stdout=log, stderr=log, preexec_fn=machine.end_with_parent)
        os.close(writer)
        with os.fdopen(reader) as file:
            display = file.readline().strip()
        self.process = subprocess.Popen(
            ["bochs", "-q", "-f", os.path.join(self.work, "bochsrc"),
             "-rc", os.path.join(self.work, "debugger")],
            env=dict(os.environ, DISPLAY=":" + display), stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, cwd=self.work, preexec_fn=machine.end_with_parent)
        log.close()
        Guest.living.append(self)
        self.terminal = ours
        threading.Thread(target=self.hang_up, args=(theirs,), daemon=True).start()
        self.log = open(self.log_path, "w", encoding="utf-8", errors="replace")
        self.console = Console(ours, timeout=120, encoding="utf-8", codec_errors="replace")
        self.console.logfile_read = self.log
        return self

    def send(self, text: str) -> None:
        """Types on COM1."""
        os.write(self.terminal, text.encode())

    def hang_up(self, terminal: int) -> None:
        """Closes Bochs's end of COM1 when Bochs has ended, so that readers see an end."""
        self.process.wait()
        os.close(terminal)

    def stop(self) -> None:
        """Ends Bochs, then the screen."""
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.console:
            self.process.wait()
            os.close(self.terminal)
            self.log.close()
            self.console = None
        if self.screen_server:
            self.screen_server.kill()
            self.screen_server.wait()
            self.screen_server = None
        if self in Guest.living:
            Guest.living.remove(self)
