# SPDX-License-Identifier: MIT
"""Modules that are missing or damaged, and a manifest with an error: said, and the rest boots."""
import re

import pytest

from harness.archive import archive_with, program
from harness.expected import SERVICES, assert_files, assert_running, services


def mentions(text, *words):
    """A line of the text that has all the words."""
    lines = [line for line in text.splitlines()
             if all(re.search(word, line, re.I) for word in words)]
    assert lines, f"no line with {words} in:\n{text}"


def others(guest, absent):
    """All services but one run; that one does not."""
    assert_running(guest, [name for name in SERVICES if name != absent])
    table = services(guest)
    assert absent not in table or "running" not in table[absent]


@pytest.mark.parametrize("name", ["aiproxy", "httpd", "net", "devmgr"])
def test_missing(machine, name):
    guest = machine(without=[name])
    messages = guest.boot() + guest.cmd("log")
    mentions(messages, name, "no module|missing|not there")
    dependent = {"devmgr": ["devmgr", "e1000"]}.get(name, [name])
    assert_running(guest, [other for other in SERVICES if other not in dependent])
    table = services(guest)
    assert name not in table or "running" not in table[name]
    assert_files(guest)


def test_missing_vfs(machine):
    guest = machine(without=["vfs"])
    guest.boot()
    assert_running(guest, ["console", "shell", "aiproxy"])
    assert guest.cmd("cat /tmp/x"), "no message although there is no file system"


def damage(kind, tmp_path):
    """A damaged aiproxy."""
    with open(program("aiproxy"), "rb") as file:
        data = file.read()
    path = tmp_path / kind
    path.write_bytes({"truncated": data[:len(data) // 2], "header": data[:40], "empty": b"",
                      "text": b"this is not a program\n" * 10,
                      "other": data[:18] + b"\xb7\0" + data[20:]}[kind])
    return str(path)


@pytest.mark.parametrize("kind", ["truncated", "header", "empty", "text", "other"])
def test_damaged(machine, tmp_path, kind):
    """Cut off, cut in the header, empty, no ELF, for another processor."""
    guest = machine(replace={"aiproxy": damage(kind, tmp_path)})
    messages = guest.boot() + guest.cmd("log")
    mentions(messages, "aiproxy", "empty" if kind == "empty" else "malformed")
    others(guest, "aiproxy")


def test_manifest_error_names_its_line(machine, tmp_path):
    line = []

    def spoil(text):
        line.append(len(text.splitlines()) + 1)
        return text.rstrip("\n") + "\nthis line is nonsense\n"

    guest = machine(replace={"boot.tar": archive_with(tmp_path, spoil)})
    messages = guest.boot() + guest.cmd("log")
    mentions(messages, "manifest", rf"\b{line[0]}\b")
    assert_running(guest, SERVICES)


def test_no_archive_is_said(machine, tmp_path):
    """Without a manifest there is nothing to start: the screen must say why."""
    (tmp_path / "empty.tar").write_bytes(bytes(1024))
    guest = machine(replace={"boot.tar": str(tmp_path / "empty.tar")})
    guest.expect(r"(?i)manifest")
