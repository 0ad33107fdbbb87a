#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks the models in docs/model with SPIN: tools/model.py [MODEL [-DNAME[=VALUE]...]]

Without arguments: each model as it is, which must hold, then each of its variants with a rule
dropped, which must violate what the model's head says. With a model (ipc, lease, …) that one
alone; with -D: that variant; the counterexample is shown.
"""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, "docs", "model")
MODELS = ["ipc", "lease", "handles", "timers", "packets"]


def variants(model: str) -> dict[str, str]:
    """The rules that the model's head says it needs, and what is violated without."""
    with open(os.path.join(FOLDER, model + ".pml"), encoding="utf-8") as file:
        return dict(re.findall(r"^ \*   ([A-Z_]+): ([a-z_]+)$", file.read(), re.MULTILINE))


def build(folder: str, model: str, words: list[str], megabytes: int) -> str:
    """The checker of a model, in a folder that holds whatever else it includes."""
    for path in glob.glob(os.path.join(FOLDER, "*.pml")):
        shutil.copy(path, folder)  # SPIN writes beside it
    subprocess.run(["spin", *words, "-a", model + ".pml"], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["gcc", "-O0", "-w", "-DSAFETY", "-DCOLLAPSE", "-DVECTORSZ=16384",
                    f"-DMEMLIM={megabytes}", "-o", "pan", "pan.c"], cwd=folder, check=True)
    return os.path.join(folder, "pan")


def search(pan: str) -> tuple[int, int, str]:
    """Searches all states; the number of errors, of states, and what was violated."""
    output = subprocess.run([pan, "-n", "-m1000000", "-w22"], cwd=os.path.dirname(pan), check=True,
                            text=True, stdout=subprocess.PIPE).stdout
    if "Search not completed" in output and "errors: 0" in output:
        raise RuntimeError("the search was not complete:\n" + output)
    states = re.search(r"(\d+) states, stored", output)
    errors = re.search(r"errors: (\d+)", output)
    wrong = re.search(r"^pan:1: (.*?)( \(at depth.*)?$", output, re.MULTILINE)
    named = re.search(r"\|\| *(?:now\.)?(\w+)\)*$", wrong[1]) if wrong else None
    return int(errors[1]), int(states[1]), named[1] if named else wrong[1] if wrong else ""


def check(model: str, *defines: str, megabytes: int = 2000, trail: bool = False) -> tuple[int, int, str]:
    """Builds and searches; `trail`: shows the counterexample."""
    with tempfile.TemporaryDirectory() as folder:
        words = [f"-D{name}" for name in defines]
        result = search(build(folder, model, words, megabytes))
        if trail and result[0]:
            print(subprocess.run(["spin", *words, "-t", "-p", model + ".pml"], cwd=folder,
                                 check=False, text=True, stdout=subprocess.PIPE).stdout)
    return result


def main() -> int:
    """Everything, one model, or one variant."""
    defines = [word.removeprefix("-D") for word in sys.argv[1:] if word.startswith("-D")]
    names = [word for word in sys.argv[1:] if not word.startswith("-D")] or MODELS
    if defines:
        errors, states, wrong = check(names[0], *defines, trail=True)
        print(f"{states} states, {errors} errors {wrong}")
        return errors > 0
    bad = 0
    for model in names:
        errors, states, wrong = check(model)
        print(f"{'holds' if not errors else 'FAILS':8} {model}: {states} states {wrong}", flush=True)
        bad += errors > 0
        for rule, violated in variants(model).items():
            errors, states, wrong = check(model, rule)
            good = errors == 1 and wrong == violated
            print(f"{'fails' if good else 'WRONG':8} {model} with {rule}: {states} states, {wrong}",
                  flush=True)
            bad += not good
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
