# SPDX-License-Identifier: MIT
"""docs/guide/add-a-server.md, followed to the letter in a copy of the tree; the sessions that README
and docs/guide/isolation.md print."""
import os
import re
import shutil
import subprocess
import time

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
    """Without checksums, numbers and the width of columns, which differ from run to run."""
    text = re.sub(r"\b[0-9a-f]{64}\b", "HASH", text)
    return re.sub(r" +", " ", re.sub(r"\d+(\.\d+)?(us|[KMGs])?", "N", text))


def session(path):
    """The transcript in a document: (prompt, command, output) of each indented prompt."""
    with open(os.path.join(tools.ROOT, path), encoding="utf-8") as file:
        blocks = re.findall(r"(?:^    .*\n)+", file.read(), re.M)
    text = "".join(block for block in blocks if re.match(r"    (axolotl:/|)\$ ", block))
    return [(prompt, command, re.sub("^    ", "", output, flags=re.M).rstrip("\n"))
            for prompt, command, output in
            re.findall(r"    (axolotl:/|)\$ (.*)\n((?:    (?!axolotl:/\$ |\$ ).*\n)*)", text)]


def transferring(guest):
    """Waits until somebody fetches from httpd."""
    while not re.search(r"^tcp +\S+:80 .*ESTABLISHED", guest.cmd("netstat"), re.M):
        time.sleep(0.1)


def replay(guest, path):
    """Types the transcript's lines and compares what comes; a line at the host's prompt goes on
    while the next ones are typed. Returns the outputs of the host's. The log and the services tell
    a story whose end comes a moment later, so they are asked until it is as printed."""
    running = []
    for prompt, line, wanted in session(path):
        if not prompt:
            words = line.replace(":8080/", f":{guest.port[80]}/")
            running.append((subprocess.Popen(words, shell=True, text=True, stdout=subprocess.PIPE),
                            wanted))
            transferring(guest)
            continue
        output = guest.cmd(line)
        deadline = time.monotonic() + 60
        while line.split()[0] in ("log", "services") and masked(output) != masked(wanted) and \
                time.monotonic() < deadline:
            output = guest.cmd(line)
        assert masked(output) == masked(wanted), line
        yield output
    for process, wanted in running:
        output = process.communicate(timeout=300)[0].rstrip("\n")
        assert masked(output) == masked(wanted)
        yield output


def test_session_of_the_readme(machine):
    """The transcript is what a system prints."""
    guest = machine(smp=2, ai="echo")
    guest.boot()
    guest.expect_in_log("eth0: address")
    assert len(list(replay(guest, "README.md"))) > 5


def test_session_of_the_guide_to_isolation(machine):
    """The same for the page that kills things; the download's checksum is the file's."""
    guest = machine(smp=2, ai="echo", forward=(80,))
    guest.boot()
    guest.expect_in_log("eth0: address")
    outputs = list(replay(guest, "docs/guide/isolation.md"))
    assert len(outputs) > 12
    sums = re.findall(r"\b[0-9a-f]{64}\b", "\n".join(outputs))
    assert len(sums) == 2 and sums[0] == sums[1]


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
