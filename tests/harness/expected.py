# SPDX-License-Identifier: MIT
"""What every healthy system shows; one place, so that a new server is added once."""

SERVICES = ["console", "vfs", "devmgr", "e1000", "net", "aiproxy", "shell", "httpd"]
NETWORK = ["e1000", "net", "httpd"]


def services(guest):
    """The table of `services`: name to the words of its line."""
    return {row[0]: row for row in guest.table("services") if row and row[0] in SERVICES}


def assert_running(guest, names):
    """Each named service runs and has never been restarted."""
    table = services(guest)
    for name in names:
        assert name in table, f"{name} is not in {table}"
        assert "running" in table[name], table[name]


def assert_files(guest):
    """The file system takes a file and gives it back."""
    assert guest.cmd("echo forty-two > /tmp/answer") == ""
    assert guest.cmd("cat /tmp/answer") == "forty-two"
    assert guest.cmd("cd /tmp") == ""
    assert guest.directory == "/tmp"
    assert "answer" in guest.cmd("ls")
    assert guest.cmd("rm answer") == ""
    assert "answer" not in guest.cmd("ls")
    guest.cmd("cd /")
    assert guest.directory == "/"


def memory_total(guest):
    """MemTotal of /proc/meminfo in MB."""
    for row in guest.table("cat /proc/meminfo"):
        if row[0] == "MemTotal:":
            assert row[2] == "kB"
            return int(row[1]) / 1024
    raise AssertionError("no MemTotal in /proc/meminfo")
