# SPDX-License-Identifier: MIT
"""The QEMU machine, described once: ./run, tools/qemu and the tests all start it from here."""
from __future__ import annotations

import argparse
import ctypes
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("AXOLOTL_BUILD", os.path.join(ROOT, "build"))
ISO = os.path.join(BUILD, "axolotl.iso")
KERNEL = os.path.join(BUILD, "microkernel", "axolotl.elf")

OVMF = [
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
]


@dataclass
class Config:
    """What machine to start. Character devices are QEMU backends ("stdio", "file:x", ...)."""

    iso: str = ISO
    machine: str = "q35"
    cpu: str = "qemu64"
    smp: int = 1
    mem: int = 256
    uefi: bool = False
    nic: str = "e1000"
    iommu: bool = False  # q35 only: Intel VT-d, which the card goes through
    ports: list[tuple[int, int]] = field(default_factory=list)  # host, guest
    netdev: list[str] = field(default_factory=list)  # "-netdev X,id=net0": not the user network
    prefix: list[str] = field(default_factory=list)  # words in front of QEMU's
    vga: str = "std"
    display: str = "none"
    com1: str = "stdio"
    com2: str = ""
    debug: bool = False
    gdb: str = ""
    icount: str = ""
    reboot: bool = True
    capture: str = ""
    usb_stick: bool = False
    qmp: str = ""
    extra: list[str] = field(default_factory=list)


def _firmware(work: str) -> list[str]:
    """OVMF needs a writable copy of its variables."""
    for code, variables in OVMF:
        if os.path.exists(code):
            copy = os.path.join(work, "ovmf-vars.fd")
            shutil.copyfile(variables, copy)
            return ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}",
                    "-drive", f"if=pflash,format=raw,unit=1,file={copy}"]
    raise FileNotFoundError("no OVMF firmware found: install the package ovmf")


def _network(config: Config) -> list[str]:
    if config.nic == "none":
        return ["-nic", "none"]
    forwards = "".join(f",hostfwd=tcp:127.0.0.1:{host}-:{guest}" for host, guest in config.ports)
    netdev = config.netdev or ["-netdev", f"user,id=net0{forwards}"]
    # Without these words QEMU's virtio devices reach memory past the IOMMU.
    card = f"{config.nic},netdev=net0,romfile="
    if config.iommu and config.nic.startswith("virtio"):
        card += ",disable-legacy=on,iommu_platform=on,ats=off"
    words = [*netdev, "-device", card]
    if config.capture:
        words += ["-object", f"filter-dump,id=dump0,netdev=net0,file={config.capture}"]
    return words


def _serial(config: Config) -> list[str]:
    """COM1 shares the terminal with QEMU's monitor (Ctrl-A C; Ctrl-A X leaves)."""
    if config.com1 == "stdio":
        words = ["-chardev", "stdio,id=com1,mux=on,signal=off", "-serial", "chardev:com1",
                 "-mon", "chardev=com1"]
    else:
        words = ["-serial", config.com1, "-monitor", "none"]
    if config.com2:
        words += ["-serial", config.com2]
    return words


def command(config: Config, work: str) -> list[str]:
    """The command line; `work` is a folder for files that live as long as the machine."""
    words = [*config.prefix, "qemu-system-x86_64", "-name", "axolotl", "-nodefaults", "-accel", "tcg",
             "-machine", config.machine, "-cpu", config.cpu, "-smp", str(config.smp),
             "-m", str(config.mem), "-vga", config.vga, "-display", config.display]
    if config.iommu:  # in front of the devices that it is for
        words += ["-device", "intel-iommu"]
    if config.uefi:
        words += _firmware(work)
    if config.usb_stick:
        words += ["-device", "qemu-xhci", "-drive",
                  f"if=none,id=stick,format=raw,readonly=on,file={config.iso}",
                  "-device", "usb-storage,drive=stick,bootindex=0"]
    else:
        words += ["-cdrom", config.iso, "-boot", "d"]
    words += _serial(config) + _network(config)
    if config.qmp:
        words += ["-qmp", f"unix:{config.qmp},server=on,wait=off"]
    if config.icount:
        words += ["-icount", config.icount]
    if not config.reboot:
        words.append("-no-reboot")
    if config.debug:
        words += ["-S", "-gdb", config.gdb or "tcp:127.0.0.1:1234"]
    elif config.gdb:
        words += ["-gdb", config.gdb]
    return words + config.extra


def end_with_parent() -> None:
    """For preexec_fn: Linux ends the child when its parent dies, however that happens."""
    set_death_signal = 1
    ctypes.CDLL(None).prctl(set_death_signal, signal.SIGKILL)


class Socket:
    """A Unix socket that QEMU connects to (backend `unix:PATH`), listening before it starts."""

    def __init__(self, path: str) -> None:
        self.backend = f"unix:{path}"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)

    def accept(self, process: subprocess.Popen, timeout: float = 30) -> socket.socket:
        """The connection; RuntimeError when QEMU ends or does not come."""
        self.listener.settimeout(0.2)
        deadline = time.monotonic() + timeout
        try:
            while True:
                try:
                    return self.listener.accept()[0]
                except TimeoutError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError("QEMU did not start") from None
        finally:
            self.listener.close()


def make_variant(output: str, iso: str = ISO, append: str = "", without: tuple[str, ...] = (),
                 replace: dict[str, str] | None = None, timeout: int = 0, default: int = 0,
                 video: str = "") -> str:
    """Makes a copy of the ISO with another menu (tools/mkiso.py variant) and returns its path."""
    words = [sys.executable, os.path.join(ROOT, "tools", "mkiso.py"), "variant", "--input", iso,
             "--output", output, "--timeout", str(timeout), "--default", str(default)]
    words += [f"--append={append}"] if append else []
    words += [f"--video={video}"] if video else []
    for name in without:
        words += ["--without", name]
    for name, path in (replace or {}).items():
        words += ["--replace", f"{name}={path}"]
    subprocess.run(words, check=True)
    return output


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with an option; takes no shortened names."""

    def __init__(self, **options) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> None:
        """Ends the program."""
        self.exit(2, f"{self.prog}: {message} ({self.prog} --help lists the options)\n")


def number(least: float, most: float = math.inf, kind: type = int):
    """A type for add_argument: a number from least to most."""
    limits = f"{least:g} to {most:g}" if most < math.inf else f"at least {least:g}"

    def parse(text: str):
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text}' is no number") from None
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not {limits}")
        return value

    return parse


def port_pair(text: str) -> tuple[int, int]:
    """Parses HOST:GUEST."""
    ports = [int(word) for word in text.split(":") if word.isascii() and word.isdigit()]
    if text.count(":") != 1 or len(ports) != 2:
        raise argparse.ArgumentTypeError(f"'{text}' is not HOST:GUEST, for example 8080:80")
    if not all(0 < port < 65536 for port in ports):
        raise argparse.ArgumentTypeError(f"'{text}': a port is 1 to 65535")
    return ports[0], ports[1]


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that ./run and tools/qemu share."""
    parser.add_argument("--uefi", action="store_true", help="boot by UEFI (OVMF) instead of BIOS")
    parser.add_argument("--smp", type=number(1, 8), default=1, metavar="N", help="processors, 1 to 8")
    parser.add_argument("--mem", type=number(32), default=256, metavar="MB", help="memory in MB")
    parser.add_argument("--machine", choices=["pc", "q35"], default="q35")
    parser.add_argument("--iommu", action="store_true", help="with an IOMMU")
    parser.add_argument("--nic", choices=["e1000", "e1000e", "virtio-net-pci", "none"], default="e1000")
    parser.add_argument("--display", action="store_true", help="open a window with the screen")
    parser.add_argument("--port", type=port_pair, action="append", default=[],
                        metavar="HOST:GUEST", help="forward a TCP port of this host to the guest")
    parser.add_argument("--debug", action="store_true", help="wait for gdb on port 1234")
    parser.add_argument("--append", default="", metavar="WORDS", help="kernel command line")


def from_options(args: argparse.Namespace) -> Config:
    """A Config from the shared options."""
    return Config(machine=args.machine, smp=args.smp, mem=args.mem, uefi=args.uefi, nic=args.nic,
                  iommu=args.iommu,                  ports=args.port, display="gtk" if args.display else "none", debug=args.debug)
