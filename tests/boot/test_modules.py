# SPDX-License-Identifier: MIT
"""Modules that are missing or damaged, and a manifest with an error: said, and the rest boots."""
import re
import tarfile
import urllib.request

import pytest

from harness.archive import ARCHIVE, archive_with, program
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
    assert guest.cmd("cat /tmp/x") == "cat: this shell has no access to vfs"


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
    """A wrong line is left out, a wrong `service` line with its section; the rest counts."""
    wrong = {"this is nonsense": "unknown", "priority 99": "priority", "memory much": "memory"}

    def spoil(text):
        assert text.count("service httpd\n") == 1
        return text.replace("service httpd\n", "service httpd a b c\n") + "\n".join(
            ["service late", "program aiproxy", *wrong]) + "\n"

    guest = machine(replace={"boot.tar": archive_with(tmp_path, spoil)})
    with tarfile.open(tmp_path / "boot.tar") as archive:
        lines = archive.extractfile("manifest").read().decode().splitlines()
    messages = guest.boot() + guest.cmd("log")
    for text in wrong:
        mentions(messages, rf"manifest:{lines.index(text) + 1}: ")
    mentions(messages, rf"manifest:{lines.index('service httpd a b c') + 1}: ")
    others(guest, "httpd")
    assert "running" in next(row for row in guest.table("services") if row[0] == "late")


@pytest.mark.parametrize("kind,why", [("absent", "boot.tar is missing"),
                                      ("empty", "not found in boot.tar"),
                                      ("truncated", "malformed in boot.tar")])
def test_no_manifest_is_said(machine, tmp_path, kind, why):
    """Without a manifest there are a console and a shell, and a line that says why."""
    options = {"without": ["boot.tar"]}
    if kind != "absent":
        with open(ARCHIVE, "rb") as file:
            data = file.read(200_000) if kind == "truncated" else bytes(1024)
        (tmp_path / "other.tar").write_bytes(data)
        options = {"replace": {"boot.tar": str(tmp_path / "other.tar")}}
    guest = machine(**options)
    mentions(guest.boot(), "manifest", why, "console and shell only")
    assert_running(guest, ["console", "shell"])
    assert guest.cmd("echo works") == "works"


def test_no_console_or_shell(machine):
    """The others run: httpd answers, and the log goes on on COM1."""
    for name in ("console", "shell"):
        guest = machine(without=[name], forward=(80,))
        guest.expect(rf"service {name}: module {name} is missing")
        with urllib.request.urlopen(f"http://127.0.0.1:{guest.port[80]}/boot/manifest",
                                    timeout=120) as answer:
            assert b"\nservice vfs\n" in answer.read()
        guest.stop()


def test_init_that_is_no_program(machine, tmp_path):
    (tmp_path / "init").write_bytes(b"this is no program\n")
    guest = machine(replace={"init": str(tmp_path / "init")})
    guest.expect(r"the boot module init is no program")
    guest.expect(r"END OF PANIC")


def test_a_handle_to_a_missing_module_is_named(machine):
    guest = machine(without=["personality"])
    guest.boot()
    assert_running(guest, SERVICES)
    mentions(guest.cmd("log"), "service proc", "module personality is missing")
    assert "unavailable" in guest.cmd("run /boot/bin/busybox")


def test_words_of_the_command_line(machine, tmp_path):
    """manifest= takes another file of the archive, without= leaves services out of it."""
    other = tmp_path / "other"
    with tarfile.open(ARCHIVE) as archive:
        other.write_bytes(archive.extractfile("manifest").read().replace(
            b"service aiproxy\n", b"service helper\nprogram aiproxy\n"))
    guest = machine(append="manifest=etc/other without=httpd,net", replace={
        "boot.tar": archive_with(tmp_path, files={"etc/other": str(other)})})
    guest.boot()
    names = {row[0]: row for row in guest.table("services")}
    assert "running" in names["helper"] and "running" in names["vfs"]
    assert "aiproxy" not in names
    for name in ("httpd", "net"):
        assert name not in names or "running" not in names[name]
