#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks docs/model/ipc.pml with SPIN: tools/model.py [-DNAME[=VALUE]...]

Without arguments: the protocol as it is, which must hold, then each variant with a rule dropped,
which must fail. With -D: that variant; the counterexample is shown.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODEL = os.path.join(ROOT, "docs", "model", "ipc.pml")


def variants() -> list[str]:
    """The rules that can be dropped, as the model's head lists them."""
    with open(MODEL, encoding="utf-8") as file:
        return re.findall(r"^ \*   ([A-Z_]+) ", file.read(), re.MULTILINE)


def check(*defines: str, megabytes: int = 2000, trail: bool = False) -> tuple[int, int, str]:
    """Searches all states; the number of errors, of states, and what was wrong."""
    with tempfile.TemporaryDirectory() as folder:
        words = [f"-D{name}" for name in defines]
        shutil.copy(MODEL, folder)  # SPIN writes beside it
        subprocess.run(["spin", *words, "-a", "ipc.pml"], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run(["gcc", "-O1", "-w", "-DSAFETY", "-DCOLLAPSE", f"-DMEMLIM={megabytes}",
                        "-o", "pan", "pan.c"], cwd=folder, check=True)
        output = subprocess.run(["./pan", "-n", "-m1000000", "-w22"], cwd=folder, check=True,
                                text=True, stdout=subprocess.PIPE).stdout
        if trail:
            shown = subprocess.run(["spin", *words, "-t", "-p", "ipc.pml"], cwd=folder, check=False,
                                   text=True, stdout=subprocess.PIPE).stdout
            print(shown if os.path.exists(os.path.join(folder, "ipc.pml.trail")) else "no error")
    if "Search not completed" in output and "errors: 0" in output:
        raise RuntimeError("the search was not complete:\n" + output)
    states = re.search(r"(\d+) states, stored", output)
    errors = re.search(r"errors: (\d+)", output)
    wrong = re.search(r"^pan:1: (.*?)( \(at depth.*)?$", output, re.MULTILINE)
    return int(errors[1]), int(states[1]), wrong[1] if wrong else ""


def main() -> int:
    """Everything, or one variant."""
    defines = [word.removeprefix("-D") for word in sys.argv[1:]]
    if defines:
        errors, states, wrong = check(*defines, trail=True)
        print(f"{states} states, {errors} errors {wrong}")
        return errors > 0
    bad = 0
    errors, states, wrong = check()
    print(f"{'holds' if not errors else 'FAILS':8} the protocol: {states} states {wrong}")
    bad += errors > 0
    for name in variants():
        errors, states, wrong = check(name)
        print(f"{'fails' if errors else 'HOLDS':8} with {name}: {states} states, {wrong}")
        bad += errors == 0
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
