# SPDX-License-Identifier: MIT
"""The shell: help, wrong commands and arguments, words and quotes, redirection, files, Ctrl-C."""
import re

import pytest


@pytest.fixture
def guest(machine):
    """A booted machine without a network card."""
    guest = machine(machine="pc", nic="none")
    guest.boot()
    return guest


COMMANDS = """help services kill restart swap upgrade ps mem uptime version log lspci ls tree cat mkdir touch
write echo rm cp mv cd pwd netinfo ping arp dns httpget aistatus aiask aipoll bench reboot poweroff
rmdir stat df head tail history clear cpuid ifconfig netstat sleep yield run""".split()


def test_every_command_has_help(guest):
    rows = [row.split(None, 1) for row in guest.cmd("help").splitlines() if row.startswith("  ")]
    listed = {name: text for name, text in rows}
    assert set(COMMANDS) <= set(listed)
    for name, text in listed.items():
        answer = guest.cmd(f"{name} -h").splitlines()
        assert re.match(rf"usage: {name}( |$)", answer[0]), answer
        assert answer[1:] == [text]
        assert guest.cmd(f"help {name}").splitlines() == answer


WRONG = [
    ("nonsense", "nonsense: unknown command, try 'help'"),
    ("help nonsense", "help: nonsense: unknown command"),
    ("kill", r"kill: too few arguments \(usage: kill SERVICE\)"),
    ("kill nobody", "kill: nobody: no such service"),
    ("restart nobody", "restart: nobody: no such service"),
    ("swap vfs /nothing", "swap: /nothing: not found"),
    ("swap vfs /boot/manifest", "swap: vfs: malformed"),
    ("ls -q", r"ls: unknown option -q \(usage: .*\)"),
    ("ls /nothing", "ls: /nothing: not found"),
    ("cat", r"cat: too few arguments \(usage: cat FILE...\)"),
    ("cat /nothing", "cat: /nothing: not found"),
    ("cat /tmp", "cat: /tmp: is a directory"),
    ("cd /nothing", "cd: /nothing: not found"),
    ("cd /boot/manifest", "cd: /boot/manifest: not a directory"),
    ("mkdir /tmp", "mkdir: /tmp: already exists"),
    ("mkdir /no/parent", "mkdir: /no/parent: not found"),
    ("rmdir /nothing", "rmdir: /nothing: not found"),
    ("rm", r"rm: PATH is missing \(usage: .*\)"),
    ("rm /tmp", "rm: /tmp: is a directory"),
    ("cp /tmp/x", r"cp: too few arguments \(usage: cp FROM TO\)"),
    ("mv /nothing /tmp", "mv: /nothing: not found"),
    ("head -n", r"head: -n needs a number \(usage: .*\)"),
    ("head -n x /boot/manifest", r"head: 'x' is not a number \(usage: .*\)"),
    ("pwd now", r"pwd: unexpected argument 'now' \(usage: pwd\)"),
    ("sleep soon", r"sleep: 'soon' is no number of seconds \(usage: .*\)"),
    ("bench 0", r"bench: COUNT is 0 \(usage: .*\)"),
    ("ping", r"ping: HOST is missing \(usage: .*\)"),
    ("ping -c x 10.0.2.2", r"ping: 'x' is not a number \(usage: .*\)"),
    ("ifconfig 999.1.1.1 255.255.255.0 10.0.2.2", r"ifconfig: '999.1.1.1' is no IPv4 address .*"),
    ("ifconfig 10.0.2.15 255.0.255.0 10.0.2.2", r"ifconfig: '255.0.255.0' is no network mask .*"),
    ("httpget https://host/", r"httpget: 'https://host/' is no http address \(usage: .*\)"),
    ("aiask", r"aiask: PROMPT is missing \(usage: .*\)"),
    ("echo 'open", "quote without an end"),
    ("echo x >", "no file after >"),
    ("echo x > /boot/manifest", "echo: /boot/manifest: read-only"),
    ("echo x > /tmp", "echo: /tmp: is a directory"),
]


def test_wrong_commands_and_arguments(guest):
    for line, answer in WRONG:
        said = guest.cmd(line)
        assert re.fullmatch(answer, said), f"{line}: {said}"
        assert guest.cmd("echo $?") in ("1", "2", "127"), line


def test_words_and_redirection(guest):
    assert guest.cmd("echo 'a  b' \"c  d\" e\\ f # not this") == "a  b c  d e f"
    assert guest.cmd("echo one>/tmp/a") == ""
    assert guest.cmd("echo two >> /tmp/a") == ""
    assert guest.cmd("cat /tmp/a") == "one\ntwo"
    assert guest.cmd("echo three > /tmp/a") == ""
    assert guest.cmd("cat /tmp/a") == "three"
    assert guest.cmd("help > '/tmp/a file'") == ""
    assert guest.cmd("head -n 1 '/tmp/a file'") == "Shell"
    assert guest.cmd("write /tmp/w some text") == ""
    assert guest.cmd("cat /tmp/w") == "some text"
    assert guest.cmd("echo -n no newline") == "no newline"
    guest.cmd("cat /nothing")
    assert guest.cmd("echo $? '$?'") == "1 $?"


def test_files(guest):
    guest.cmd("mkdir /tmp/d /tmp/d/e")
    guest.cmd("cd /tmp/d")
    assert guest.directory == "/tmp/d"
    assert guest.cmd("pwd") == "/tmp/d"
    guest.cmd("cat /boot/manifest > lines")
    lines = guest.cmd("cat lines").splitlines()
    assert guest.cmd("head -n 3 lines").splitlines() == lines[:3]
    assert guest.cmd("tail -n 3 lines").splitlines() == lines[-3:]
    assert guest.cmd("cp lines e") == ""
    assert guest.cmd("cp lines e/copy") == ""
    assert guest.cmd("cat e/lines") == "\n".join(lines)
    assert guest.cmd("cp lines lines") == "cp: lines and lines are the same file"
    assert guest.cmd("mv lines moved") == ""
    assert guest.cmd("mv moved ..") == ""
    assert sorted(guest.cmd("ls ..").split()) == ["d/", "moved"]
    assert guest.cmd("touch e/empty") == ""
    rows = {row.split()[2]: row.split()[:2] for row in guest.cmd("ls -l e").splitlines()}
    assert rows["empty"] == ["-", "0"]
    assert rows["copy"] == rows["lines"]
    assert guest.cmd("tree ..").splitlines() == ["/tmp", "  d/", "    e/", "      lines", "      copy",
                                                 "      empty", "  moved", "2 directories, 4 files"]
    assert guest.cmd("rmdir e") == "rmdir: e: directory not empty"
    assert guest.cmd("rm -r /tmp/d").startswith("rm: /tmp/d: the working directory lies in it")
    guest.cmd("cd ../..")
    assert guest.directory == "/"
    assert guest.cmd("rm -r /tmp/d /tmp/moved") == ""
    assert guest.cmd("ls /tmp") == ""
    assert re.match(r"/tmp: directory, 0 bytes, ", guest.cmd("stat /tmp"))
    assert [row.split()[-1] for row in guest.cmd("df").splitlines()][:2] == ["PATH", "/"]


def test_scripts(guest):
    guest.cmd(r"echo -e 'echo first\ncd /tmp\necho second > made\nnonsense' > /script")
    assert guest.cmd("run /script") == "first\nnonsense: unknown command, try 'help'"
    assert guest.directory == "/tmp"
    assert guest.cmd("cat made") == "second"
    guest.cmd("echo run /loop > /loop")
    assert guest.cmd("run /loop") == "run: scripts run scripts more than 3 deep"


def test_interrupted_commands_end(guest):
    for line in ("cat /dev/zero", "cat /dev/zero > /tmp/zeros", "bench 10000000", "sleep 100000"):
        guest.send(line + "\r")
        guest.expect(r"\r?\n")
        guest.send("\x03")
        assert guest.prompt().rstrip("\n").endswith("^C")
        assert guest.cmd("echo $?") == "130"
        guest.cmd("rm /tmp/zeros")


def test_shell_can_be_restarted(guest):
    guest.cmd("cd /tmp")
    for order in ("kill shell", "restart shell", "kill shell"):
        guest.send(order + "\r")
        guest.expect(re.escape(order))
        guest.prompt()
        assert guest.directory == "/"
        assert guest.cmd("echo lives") == "lives"
    assert guest.cmd("kill shell2") == "shell2: killed"
    row = next(row for row in guest.table("services") if row[0] == "shell")
    assert row[1] == "running" and row[3] == "3"
