# SPDX-License-Identifier: MIT
"""QEMU's machine protocol: the few commands that are needed here."""
import json
import os
import time

from unixsocket import connect

# Characters to QEMU key codes; upper-case letters and the second table go with Shift.
PLAIN = {" ": "spc", "\n": "ret", "-": "minus", "=": "equal", "[": "bracket_left",
         "]": "bracket_right", ";": "semicolon", "'": "apostrophe", "`": "grave_accent",
         "\\": "backslash", ",": "comma", ".": "dot", "/": "slash", "\t": "tab"}
SHIFTED = {"_": "minus", "+": "equal", "{": "bracket_left", "}": "bracket_right", ":": "semicolon",
           '"': "apostrophe", "~": "grave_accent", "|": "backslash", "<": "comma", ">": "dot",
           "?": "slash", "!": "1", "@": "2", "#": "3", "$": "4", "%": "5", "^": "6", "&": "7",
           "*": "8", "(": "9", ")": "0"}
I8042_STATUS, OUTPUT_FULL = 0x64, 1  # a port, and its bit: there is something to be read
KEY_SECONDS = 60


class Qmp:
    """A connection to one machine."""

    def __init__(self, path: str, timeout: float = 30) -> None:
        self.socket = connect(path, timeout)
        self.file = self.socket.makefile("r", encoding="utf-8")
        self.events = []
        json.loads(self.file.readline())
        self.command("qmp_capabilities")

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def command(self, name: str, **arguments):
        """Runs one command and returns its result; raises on an error."""
        message = {"execute": name}
        if arguments:
            message["arguments"] = {key.replace("_", "-"): value for key, value in arguments.items()}
        self.socket.sendall(json.dumps(message).encode() + b"\n")
        while True:
            line = self.file.readline()
            if not line:
                raise ConnectionError("QEMU is gone")
            answer = json.loads(line)
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise RuntimeError(f"{name}: {answer['error']['desc']}")
            else:
                return answer["return"]

    def monitor(self, line: str) -> str:
        """Runs a line of the human monitor."""
        return self.command("human-monitor-command", command_line=line)

    def key(self, *codes: str) -> None:
        """Presses keys together, for example key("alt", "f2"), when the guest has taken in those
        before: the PS/2 keyboard holds 16 bytes and drops what comes then."""
        end = time.monotonic() + KEY_SECONDS
        while int(self.monitor(f"i /b {I8042_STATUS:#x}").split("=")[1], 0) & OUTPUT_FULL:
            if time.monotonic() > end:
                raise TimeoutError(f"the guest has not read the keyboard for {KEY_SECONDS} s")
            time.sleep(0.002)
        for down in (True, False):
            for code in codes if down else reversed(codes):
                event = {"type": "key", "data": {"down": down,
                                                 "key": {"type": "qcode", "data": code}}}
                self.command("input-send-event", events=[event])

    def type(self, text: str) -> None:
        """Types text on the PS/2 keyboard, US layout."""
        for character in text:
            if character in SHIFTED:
                self.key("shift", SHIFTED[character])
            elif character.isupper():
                self.key("shift", character.lower())
            else:
                self.key(PLAIN.get(character, character))

    def memory(self, physical: int, size: int, scratch: str) -> bytes:
        """Reads guest physical memory."""
        self.command("pmemsave", val=physical, size=size, filename=scratch)
        with open(scratch, "rb") as file:
            data = file.read()
        os.unlink(scratch)
        return data
