# SPDX-License-Identifier: MIT
"""Exact figures of the kernel's paths one by one, on a kernel that has started several CPUs, and
among many tasks, handles, callers and timers; beside the peers, into build/bench.json. Nothing here
fails for being slow; it fails for not running."""
import re

import pytest

from harness.archive import with_services
from report import publish

# name: (aim, seL4, Linux), measured in the same set-up: docs/bench.md.
PATHS = {
    "call_plain": (300, 395, 12702),
    "call_64_words": (900, 1572, None),
    "call_lease": (600, 1386, None),
    "call_handle": (600, 1386, None),
    "lease_copy_4k": (800, None, None),
    "signal": (180, 353, None),
    "signal_wake": (350, 509, None),
    "yield_switch": (200, 270, 2065),
    "fault_upcall": (800, 1303, None),
    "fault_supervisor": (800, 1303, None),
    "page_fault_pager": (800, 1210, None),
    "foreign_call": (150, None, 345),
    "irq_wake": (300, 357, None),
    "task_life": (25_000, None, 125_000),
    "thread_life": (5_000, None, 78_000),
}
SMP = {
    "null": (60, 89, 345),
    "call_plain": (360, 395, 12702),
    "round_trip": (400, 395, 12702),
    "signal": (180, 353, None),
    "signal_wake": (350, 509, None),
    "yield_switch": (200, 270, 2065),
}
LONGEST = {f"longest_of_{name}": (20_000, None, None) for name in
           ("null", "copy", "unmap", "task_end", "free", "protect", "clone", "populate")}
STEPS = (10, 1000, 10000)
GROWTH = ("null", "call_plain", "round_trip", "signal", "signal_wake", "yield_switch", "map_unmap",
          "handle_copy_close", "task_life", "thread_life", "queue_call", "queue_receive",
          "timer_set_twice")

SERVICE = """
service benchpaths
    kind program
    restart never
    priority {priority}
    memory {memory}
    args {what}
    system log manage
    use benchserver badge 1
"""


def figures_of(machine, folder, what, memory="4M", priority=13, **options):
    """Boots, lets the program measure and returns name: (least, median)."""
    replace = with_services(folder, SERVICE.format(what=what, memory=memory, priority=priority), "benchpaths",
                            "benchserver")
    guest = machine(replace=replace, nic="none", icount="shift=0,sleep=off",
                    **{"cpu": "qemu64", **options})
    guest.boot()
    guest.expect_in_log(r"bench: (end|failed) ", timeout=300)
    text = guest.cmd("log -n 200 bench:")
    assert "bench: end" in text, text
    return {name: (int(least), int(median)) for name, least, median in
            re.findall(r"bench: (\w+) (\d+) (\d+)", text) if name != "end"}


def test_paths(machine, tmp_path, capsys):
    figures = figures_of(machine, tmp_path, "paths")
    assert sorted(figures) == sorted(PATHS)
    assert all(0 < least <= median for least, median in figures.values())
    publish(capsys, figures, PATHS)


@pytest.mark.parametrize("smp", [2, pytest.param(8, marks=pytest.mark.long)])
def test_several_cpus(machine, tmp_path, capsys, smp):
    """What a kernel costs that has several CPUs to care for: the threads are on one of them."""
    found = figures_of(machine, tmp_path, "smp", smp=smp)
    rows = {f"{name}_smp": beside for name, beside in SMP.items()}
    assert sorted(found) == sorted(rows)
    publish(capsys, {f"{name}{smp}": pair for name, pair in found.items()},
            {f"{name}{smp}": beside for name, beside in rows.items()})


@pytest.mark.long
def test_another_processor(machine, tmp_path, capsys):
    """The model of processor that seL4 was measured with: all that QEMU has."""
    figures = {}
    for what in ("paths", "smp"):
        folder = tmp_path / what
        folder.mkdir()
        figures |= figures_of(machine, folder, what, cpu="max,vendor=GenuineIntel")
    figures = {f"{name.removesuffix('_smp')}_max": pair for name, pair in figures.items()}
    beside = {"null": SMP["null"], "round_trip": SMP["round_trip"]} | PATHS
    assert sorted(figures) == sorted(f"{name}_max" for name in beside)
    publish(capsys, figures, {f"{name}_max": row for name, row in beside.items()})


def test_longest(machine, tmp_path, capsys):
    """How late a thread wakes up while one below makes a large system call (16 MiB)."""
    figures = figures_of(machine, tmp_path, "longest", memory="80M", priority=31, mem=256)
    assert sorted(figures) == sorted(LONGEST)
    publish(capsys, figures, LONGEST)


def test_growth(machine, tmp_path, capsys):
    """Medians among 10, 1,000 and 10,000 tasks and their handles, callers in a queue, timers."""
    figures = figures_of(machine, tmp_path, "growth", memory="400M", mem=640)
    names = [f"{name}_{step}" for name in GROWTH for step in STEPS]
    assert sorted(figures) == sorted(names)
    publish(capsys, figures, {name: (None, None, None) for name in names})
