# SPDX-License-Identifier: MIT
"""Exact figures under QEMU's -icount: one guest instruction is one TSC tick. Prints a table beside
the peers and writes build/bench.json. Nothing here fails for being slow; it fails for not running."""
import json
import os
import re
import shutil
import subprocess

import machine as tools
from report import publish

# Measured in the same set-up: docs/bench.md.
PEERS = {
    "null": (60, 89, 345),
    "round_trip": (400, 395, 12702),
    "round_trip_1_page": (1100, None, None),
    "round_trip_1_page_named": (1100, None, None),
    "round_trip_8_pages": (6000, None, None),
    "map_unmap": (700, None, 11869),
    "page_fault": (1100, None, 3114),
    "restart_vfs": (300_000, None, None),
    "restart_net": (300_000, None, None),
    "restart_console": (300_000, None, None),
    "restart_devmgr": (300_000, None, None),
    "restart_proc": (300_000, None, None),
    "restart_aiproxy": (300_000, None, None),
    "restart_init": (300_000, None, None),
    "boot_to_init": (3_000_000, 220_000_000, 1_730_000_000),
    "boot_to_prompt": (50_000_000, None, None),
    "memory_at_prompt_kib": (16384, None, 25190),
    "kernel_sloc": (8000, 8700, None),
}


def kernel_sloc() -> int:
    """C, headers and assembly of the kernel, without debug/ and tests."""
    if shutil.which("cloc") is None:
        return 0
    done = subprocess.run(["cloc", "--quiet", "--json", "--not-match-d=(debug|test)",
                           os.path.join(tools.ROOT, "microkernel")],
                          stdout=subprocess.PIPE, check=True, text=True)
    counts = json.loads(done.stdout)
    return sum(counts[key]["code"] for key in ("C", "C/C++ Header", "Assembly") if key in counts)


def program(name: str) -> str:
    return os.path.join(tools.BUILD, "boot", f"{name}.bin")


def test_figures(machine, capsys):
    guest = machine(replace={"bench": program("bench"), "benchserver": program("benchserver")},
                    entry=2, nic="none", icount="shift=0,sleep=off", cpu="qemu64")
    guest.expect(r"bench: end", timeout=300)  # the last line: the log shares COM1 here
    text = guest.console_text()
    figures = {name: (int(least), int(median)) for name, least, median in
               re.findall(r"bench: (\w+) (\d+) (\d+)", text) if name != "end"}
    ready = float(re.search(r"\[ *(\d+\.\d+)\] shell: ready", text).group(1))
    started = float(re.search(r"\[ *(\d+\.\d+)\] Axolotl [0-9.]+:", text).group(1))
    figures["boot_to_init"] = (round(started * 1e9),) * 2
    figures["boot_to_prompt"] = (round(ready * 1e9),) * 2
    guest.send("mem\n")
    used = guest.expect(r"used +([\d.]+) MiB").group(1)
    figures["memory_at_prompt_kib"] = (round(float(used) * 1024),) * 2
    figures["kernel_sloc"] = (kernel_sloc(),) * 2
    missing = [name for name in PEERS if name not in figures]
    assert not missing
    assert 0 < figures["null"][0] <= figures["round_trip"][0] < figures["round_trip_8_pages"][0]
    publish(capsys, figures, PEERS)
