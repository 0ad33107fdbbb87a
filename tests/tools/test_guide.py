# SPDX-License-Identifier: MIT
"""docs/guide/add-a-server.md, followed to the letter in a copy of the tree; README's session."""
import os
import re
import shutil
import subprocess

import machine as tools
from harness.expected import SERVICES

GUIDE = os.path.join(tools.ROOT, "docs", "guide", "add-a-server.md")
BLOCK = re.compile(r"^(`|In `|At the end of `)([^`]+)`(?:, below `([^`]+)`)?:\n\n```\w*\n(.*?)^```$",
                   re.M | re.S)


def apply_guide(tree):
    """Does what the guide says; returns the files it touched."""
    with open(GUIDE, encoding="utf-8") as file:
        steps = BLOCK.findall(file.read())
    for how, path, below, text in steps:
        path = os.path.join(tree, path)
        if how == "`":
            assert not os.path.exists(path), f"the guide creates {path}, which is there"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            old = ""
        else:
            with open(path, encoding="utf-8") as file:
                old = file.read()
        if how == "In `":
            assert below + "\n" in old, f"no line {below} in {path}"
            new = old.replace(below + "\n", below + "\n" + text)
        else:
            new = old + ("\n" if old else "") + text
        with open(path, "w", encoding="utf-8") as file:
            file.write(new)
    return [step[1] for step in steps]


def masked(text):
    """Without numbers and the width of columns, which differ from run to run."""
    return re.sub(r" +", " ", re.sub(r"\d+(\.\d+)?[KMGs]?", "N", text))


def test_session_of_the_readme(machine):
    """The transcript is what a system prints."""
    with open(os.path.join(tools.ROOT, "README.md"), encoding="utf-8") as file:
        session = re.search(r"^    axolotl:/\$ .*?(?=\n\n)", file.read(), re.M | re.S).group()
    commands = re.findall(r"axolotl:/\$ (.*)\n((?:(?!    axolotl:).*\n?)*)", session)
    assert len(commands) > 5
    guest = machine(smp=2, ai="echo")
    guest.boot()
    guest.expect_in_log("eth0: address")
    for line, output in commands:
        wanted = "\n".join(row[4:] for row in output.splitlines())
        assert masked(guest.cmd(line)) == masked(wanted), line


def copy_tree(target):
    """The tree's sources without what is made."""
    shutil.copytree(tools.ROOT, target, symlinks=True, ignore=shutil.ignore_patterns(
        "build*", ".git", "__pycache__", ".cache"))


def totals(guest):
    """The totals that the ticker has logged."""
    return [int(n) for n in re.findall(r"ticker.*status 0, total (\d+)", guest.cmd("log"))]


def test_add_a_server(tmp_path, machine):
    tree = str(tmp_path / "tree")
    copy_tree(tree)
    assert len(apply_guide(tree)) == 7
    build = os.path.join(tree, "build")
    for words in (["meson", "setup", build, "--cross-file", "cross/x86_64-elf.ini",
                   "-Dunit_tests=false"], ["ninja", "-j2", "-C", build]):
        done = subprocess.run(words, cwd=tree, check=False, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout[-3000:]
    guest = machine(iso=os.path.join(build, "axolotl.iso"))
    guest.boot()
    guest.expect_in_log(r"ticker.*total 2")
    before = totals(guest)
    assert before == list(range(1, len(before) + 1))
    guest.cmd("kill counter")
    guest.expect_in_log(rf"ticker.*total {before[-1] + 3}")
    after = totals(guest)
    assert after == list(range(1, len(after) + 1)), "the kill was noticed"
    names = [row[0] for row in guest.table("services") if row]
    assert set(SERVICES + ["counter", "ticker"]) <= set(names)
    row = next(row for row in guest.table("services") if row and row[0] == "counter")
    assert "running" in row and "1" in row
