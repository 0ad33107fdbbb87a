# SPDX-License-Identifier: MIT
"""What docs/spec/syscalls.md and abi/axolotl/syscall.def promise of each system call: the statuses
that it can return."""
import os
import re

import machine

SPEC = os.path.join(machine.ROOT, "docs", "spec", "syscalls.md")
TABLE = os.path.join(machine.ROOT, "abi", "axolotl", "syscall.def")

# Statuses that a row names without returning them: of another call, or in an event.
OTHERS = {("CALL_CANCEL", "E_CANCELLED"),
          ("TASK_DESTROY", "E_RESET"), ("THREAD_INTERRUPT", "E_INTR")}
SENDING = ("CALL", "COMMIT_RECEIVE", "REPLY", "CALL_STAGE")
SENDING_LINE = "Errors of any sending call:"


def statuses(text: str) -> set[str]:
    """Those that a text names as code."""
    return set(re.findall(r"(?<![A-Z_])E_[A-Z_]+", " ".join(re.findall(r"`[^`]*`", text))))


def of_handles(handles: str) -> set[str]:
    """Statuses of the handles that the kernel looks up first."""
    found = set()
    for kind, words in re.findall(r"(HANDLE|OPTIONAL|OWN|SYSTEM)\(([^)]*)\)", handles):
        words = [word.strip() for word in words.split(",")]
        right, kind_of = words[-1], "SYSTEM" if kind == "SYSTEM" else words[1]
        found.add("E_HANDLE")
        found |= {"E_TYPE"} if kind_of != "NONE" else set()
        found |= {"E_RIGHTS"} if right != "NONE" else set()
        # Nobody has RIGHT_REVOKE for the system object.
        found |= {"E_REVOKED"} if kind_of != "SYSTEM" else set()
    return found


def definitions() -> dict[str, tuple[str, str]]:
    """Name: (class, handles) of every call."""
    with open(TABLE, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/|^#.*?(?<!\\)$", "", file.read(), flags=re.S | re.M)
    found = {}
    for kind, name, rest in re.findall(r"^(SYSCALL|CREATES)\(\d+, (\w+),(.*?)\)$", text,
                                       re.S | re.M):
        words = [word.strip() for word in rest.split(",")]
        found[name] = ("CREATE" if kind == "CREATES" else words[1], rest)
    return found


def rows() -> dict[str, tuple[str, str]]:
    """Name: (class, text) of every row of the tables."""
    with open(SPEC, encoding="utf-8") as file:
        lines = file.read().splitlines()
    return {match[1]: (match[2], match[3]) for match in
            (re.match(r"\| `([A-Z_]+)` \| (.*?) \| (.*) \|$", line) for line in lines) if match}


def promised() -> dict[str, set[str]]:
    """Name: the statuses that the call is documented to return, OK included."""
    with open(SPEC, encoding="utf-8") as file:
        sending = next(line for line in file if SENDING_LINE in line).split(SENDING_LINE)[1]
    found = {}
    documented = rows()
    for name, (kind, handles) in definitions().items():
        row_class, text = documented[name]
        wanted = {"OK"} | of_handles(handles) | statuses(row_class) | statuses(text)
        wanted |= {"CREATE": {"E_QUOTA"}, "STAGED": {"E_QUOTA"},
                   "BLOCKING": {"E_NOT_STAGED"}}.get(kind, set())
        wanted |= {"E_NO_HANDLES"} if kind == "CREATE" and "→ rax" in text else set()
        wanted |= statuses(sending) if name in SENDING else set()
        found[name] = {status for status in wanted if (name, status) not in OTHERS}
    return found
