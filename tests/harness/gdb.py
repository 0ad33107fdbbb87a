# SPDX-License-Identifier: MIT
"""QEMU's gdb stub: stops the machine anywhere, looks, and spoils. Protocol: GDB manual, appendix E."""
import struct

from unixsocket import connect

# Offsets in the register packet of QEMU's x86-64 target.
REGISTERS = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12",
             "r13", "r14", "r15", "rip")
FLAGS_OFFSET = 17 * 8
CS_OFFSET = 17 * 8 + 4
GS_BASE_OFFSET = 17 * 8 + 7 * 4 + 8
CR3_OFFSET = 17 * 8 + 7 * 4 + 3 * 8 + 2 * 8
STARTUP_NAME = 0x700000020008  # of the startup block, abi.h
NAME_SIZE = 20


class Gdb:
    """A connection to one machine. The machine stands still when it is made; see resume."""

    def __init__(self, path: str, timeout: float = 30) -> None:
        self.socket = connect(path, timeout)
        self.buffer = b""
        self.unsent = b""  # goes along with the next packet: acknowledgements, posted requests
        self.posted: list[str] = []  # requests whose answers have not been read
        self.here: int | None = None  # rip, if it was read since the machine stopped
        self.timeout = timeout
        self.cpu = 1
        self.running = False
        self.breakpoints: set[int] = set()
        self.send("qSupported:vContSupported+")
        while not self.receive().startswith("PacketSize"):
            pass  # an unsolicited stop may come first
        self.ask("qXfer:features:read:target.xml:0,ffb")  # without that QEMU refuses P

    def close(self) -> None:
        """Lets the machine run on."""
        self.socket.close()

    # ---- Packets ----------------------------------------------------------------------------

    def send(self, text: str) -> None:
        """Sends a packet, behind the posted ones."""
        data = text.encode("latin-1")
        self.socket.sendall(self.unsent + b"$" + data + b"#%02x" % (sum(data) & 0xff))
        self.unsent = b""

    def post(self, text: str) -> None:
        """A request that is sent with the next one; its answer must be OK."""
        assert not self.running, "the machine runs"
        data = text.encode("latin-1")
        self.unsent += b"$" + data + b"#%02x+" % (sum(data) & 0xff)
        self.posted.append(text)

    def fill(self) -> None:
        """Waits for more bytes."""
        more = self.socket.recv(65536)
        if not more:
            raise ConnectionError("QEMU is gone")
        self.buffer += more

    def receive(self) -> str:
        """The answer to what was sent last; the posted requests' come before it."""
        while self.posted:
            answer = self.packet()
            assert answer == "OK", f"{self.posted[0]}: {answer}"
            del self.posted[0]
        answer = self.packet()
        self.unsent = b"+"
        return answer

    def packet(self) -> str:
        """The next packet."""
        while True:
            start = self.buffer.find(b"$")
            end = self.buffer.find(b"#", start + 1)
            if start >= 0 and end >= 0 and len(self.buffer) >= end + 3:
                data = self.buffer[start + 1:end]
                self.buffer = self.buffer[end + 3:]
                return data.decode("latin-1")
            self.fill()

    def ask(self, text: str) -> str:
        """A request and its answer."""
        assert not self.running, "the machine runs"
        self.send(text)
        return self.receive()

    # ---- Running ----------------------------------------------------------------------------

    def resume(self) -> None:
        """Lets the machine run until stop() or a breakpoint; not the one where it is known to
        stand."""
        here = self.here
        if here is not None and here in self.breakpoints:
            self.breakpoint(here, False)
            while self.here is None or self.here == here:  # a step may end before the instruction
                self.step()
                self.here = self.register("rip")
            self.breakpoint(here)
        self.send("vCont;c")
        self.running = True

    def wait(self, timeout: float) -> bool:
        """Waits for a stop; false: it still runs."""
        self.socket.settimeout(timeout)
        try:
            text = self.receive()
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(self.timeout)
        self.stopped(text)
        return True

    def stopped(self, text: str) -> None:
        """Takes the processor from a stop reply; QEMU has selected it."""
        self.running = False
        self.here = None
        if "thread:" in text:
            word = text.split("thread:", 1)[1].split(";", 1)[0]
            self.cpu = int(word.rsplit(".", 1)[-1], 16)

    def stop(self) -> None:
        """Stops the machine where it is."""
        if self.running:
            self.socket.sendall(self.unsent + b"\x03")
            self.unsent = b""
            self.stopped(self.receive())

    def step(self) -> None:
        """One instruction of the selected processor; the others stand still."""
        self.send(f"vCont;s:{self.cpu:x}")
        self.stopped(self.receive())

    def breakpoint(self, address: int, on: bool = True) -> None:
        """Stops whoever comes by at this virtual address, in any address space."""
        self.post(f"{'Z' if on else 'z'}1,{address:x},1")
        (self.breakpoints.add if on else self.breakpoints.discard)(address)

    # ---- Looking and spoiling ---------------------------------------------------------------

    def select(self, cpu: int) -> None:
        """The processor, from 1, that the functions below mean."""
        self.cpu = cpu
        assert self.ask(f"Hg{cpu:x}") == "OK"

    def registers(self) -> dict[str, int]:
        """General registers, rip, rflags, cs, gs_base and cr3."""
        data = bytes.fromhex(self.ask("g").replace("x", "0"))
        values = dict(zip(REGISTERS, struct.unpack_from("<17Q", data)))
        values["gs_base"] = struct.unpack_from("<Q", data, GS_BASE_OFFSET)[0]
        values["rflags"] = struct.unpack_from("<I", data, FLAGS_OFFSET)[0]
        values["cs"] = struct.unpack_from("<I", data, CS_OFFSET)[0]
        values["cr3"] = struct.unpack_from("<Q", data, CR3_OFFSET)[0]
        self.here = values["rip"]
        return values

    def register(self, name: str) -> int:
        """One general register or rip."""
        data = bytes.fromhex(self.ask(f"p{REGISTERS.index(name):x}"))
        return int.from_bytes(data, "little")

    def set_register(self, name: str, value: int) -> None:
        """Changes a general register or rip."""
        self.here = None
        self.post(f"P{REGISTERS.index(name):x}={struct.pack('<Q', value).hex()}")

    def read(self, address: int, size: int) -> bytes:
        """Virtual memory of the selected processor's address space; empty: nothing there."""
        answer = self.ask(f"m{address:x},{size:x}")
        return b"" if answer.startswith("E") else bytes.fromhex(answer)

    def write(self, address: int, data: bytes) -> bool:
        """Writes virtual memory, read-only pages too."""
        return self.ask(f"M{address:x},{len(data):x}:{data.hex()}") == "OK"

    def write_physical(self, address: int, data: bytes) -> None:
        """Writes memory as a device would."""
        assert self.ask("Qqemu.PhyMemMode:1") == "OK"
        for at in range(0, len(data), 1024):  # a packet has 4096 bytes at most
            assert self.write(address + at, data[at:at + 1024])
        assert self.ask("Qqemu.PhyMemMode:0") == "OK"

    def task(self) -> str:
        """Name of the service whose address space is loaded; empty: none."""
        return self.read(STARTUP_NAME, NAME_SIZE).split(b"\0", 1)[0].decode("latin-1")
