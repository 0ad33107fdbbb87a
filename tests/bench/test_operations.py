# SPDX-License-Identifier: MIT
"""Loads, stores, and writes of CR3, model-specific registers and the FPU's state on the kernel's
paths, stepped through one by one; into build/bench.json. What TCG counts as one instruction each
may cost a real processor hundreds of cycles."""
import pytest

from harness.archive import with_services
from harness.operations import Operations, Stepper
from report import publish
from test_paths import SERVICE

WARM = 40  # rounds before the one that is stepped through
ROUNDS = 201

# What the program measures in its order: where the round's first reading of the clock is, how many
# rounds of other paths went by there before, how many readings of its own later it is over, how
# often the address space changes.
PATHS = {
    "call_plain": ("measure_calls", 0, 0, 3, 2),
    "call_64_words": ("measure_calls", 0, ROUNDS, 3, 2),
    "call_lease": ("measure_calls", 0, 2 * ROUNDS, 3, 2),
    "call_handle": ("measure_calls", 0, 3 * ROUNDS, 3, 2),
    "yield_switch": ("run_switches", 0, 0, 1, 1),
    "signal_wake": ("run_switches", 1, 0, 1, 1),
    "signal": ("measure_each", 0, 0, 1, 0),
    "foreign_call": ("foreign_program", 0, 0, 1, 0),
    "fault_upcall": ("fault_rounds", 0, 0, 1, 0),
    "page_fault_pager": ("touch_rounds", 0, 0, 3, 2),
}
ROUND_TRIP = {
    "null": ("measure_each", 0, 0, 1, 0),
    "round_trip": ("measure_calls", 0, ROUNDS, 1, 2),  # the server is another program
}


@pytest.mark.parametrize("what, paths", [("paths", PATHS), ("smp", ROUND_TRIP)],
                         ids=["paths", "round-trip"])
def test_operations(machine, tmp_path, capsys, what, paths):
    replace = with_services(tmp_path, SERVICE.format(what=what, memory="4M", priority=13),
                            "benchpaths", "benchserver")
    guest = machine(replace=replace, nic="none", cpu="qemu64", gdb=True, debug=True)
    stepper, gone, found = Stepper(guest.gdb, "benchpaths"), {}, {}
    for name, (function, index, before, clocks, _) in paths.items():
        address = stepper.clock(function, index)
        stepper.skip(address, before + WARM - gone.get(address, 0))
        gone[address] = before + WARM
        found[name] = stepper.count(clocks)
    for name, each in found.items():
        assert each.instructions > max(each.loads, each.stores) > 0, name
        assert each.cr3 == paths[name][-1], name
    publish(capsys, {f"operations_of_{name}": each for name, each in found.items()},
            {f"operations_of_{name}": () for name in paths}, Operations._fields)
