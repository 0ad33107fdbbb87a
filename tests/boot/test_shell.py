# SPDX-License-Identifier: MIT
"""The shell: help, wrong commands and arguments, words and quotes, redirection, files, Ctrl-C."""
import re

import pytest

PIECE = 4096  # bytes that the shell writes at a time


@pytest.fixture
def guest(machine):
    """A booted machine without a network card."""
    guest = machine(machine="pc", nic="none")
    guest.boot()
    return guest


COMMANDS = """help services kill restart swap upgrade ps mem uptime version log lspci ls tree cat mkdir touch
write echo rm cp mv cd pwd netinfo ping arp dns httpget aistatus aiask aipoll bench reboot poweroff
rmdir stat df head tail history clear cpuid ifconfig netstat sleep yield run trace""".split()


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
    ("''", "'': unknown command, try 'help'"),
    ("\u00e4" * 200, "\u00e4" * 28 + "...: unknown command, try 'help'"),
    ("help nonsense", "help: nonsense: unknown command"),
    ("kill", r"kill: too few arguments \(usage: kill SERVICE\)"),
    ("kill nobody", "kill: nobody: no such service"),
    ("restart nobody", "restart: nobody: no such service"),
    ("swap vfs /nothing", "swap: /nothing: not found"),
    ("swap vfs /boot/manifest", "swap: vfs: malformed"),
    ("swap vfs /dev/null", "swap: /dev/null: malformed"),
    ("swap init /boot/bin/vfs.elf", "swap: init: not supported"),
    ("kill -9 vfs", r"kill: unknown option -9 \(usage: .*\)"),
    ("log -q", r"log: unknown option -q \(usage: .*\)"),
    ("lspci -x", r"lspci: unknown option -x .*"),
    ("ls -q", r"ls: unknown option -q \(usage: .*\)"),
    ("ls /nothing", "ls: /nothing: not found"),
    ("cat", r"cat: too few arguments \(usage: cat FILE...\)"),
    ("cat /nothing", "cat: /nothing: not found"),
    ("cat /tmp", "cat: /tmp: is a directory"),
    ("cd /nothing", "cd: /nothing: not found"),
    ("cd /boot/manifest", "cd: /boot/manifest: not a directory"),
    ("mkdir /tmp", "mkdir: /tmp: already exists"),
    ("mkdir /no/parent", "mkdir: /no/parent: not found"),
    ("mkdir -p /tmp/a/b", r"mkdir: unknown option -p \(usage: .*\)"),
    ("touch -x", r"touch: unknown option -x .*"),
    ("cat -n /boot/manifest", r"cat: unknown option -n \(usage: .*\)"),
    ("rmdir /nothing", "rmdir: /nothing: not found"),
    ("tree /nothing", "tree: /nothing: not found"),
    ("df /nothing", "df: /nothing: not found"),
    ("rm", r"rm: PATH is missing \(usage: .*\)"),
    ("rm /tmp", "rm: /tmp: is a directory"),
    ("cp /tmp/x", r"cp: too few arguments \(usage: cp FROM TO\)"),
    ("cp -r /tmp /tmp/x", r"cp: unknown option -r \(usage: .*\)"),
    ("mv /nothing /tmp", "mv: /nothing: not found"),
    ("mv /tmp /tmp/x", "mv: /tmp can't be moved into itself"),
    ("mv /tmp /tmp", "mv: /tmp can't be moved into itself"),
    ("mv /nothing nothing", "mv: /nothing and nothing are the same file"),
    ("mv /tmp /boot", "mv: /tmp and /boot are on different file systems"),
    ("head -n 99999999999999999999 /boot/manifest",
     r"head: 99999999999999999999 is too large, at most 1000000000 .*"),
    ("head -3 /boot/manifest", r"head: unknown option -3 \(usage: .*\)"),
    ("head -n", r"head: -n needs a number \(usage: .*\)"),
    ("head -n x /boot/manifest", r"head: 'x' is not a number \(usage: .*\)"),
    ("pwd now", r"pwd: unexpected argument 'now' \(usage: pwd\)"),
    ("sleep soon", r"sleep: 'soon' is no number of seconds up to 1000000 \(usage: .*\)"),
    ("bench 0", r"bench: COUNT is 0 \(usage: .*\)"),
    ("trace", "trace: nothing is recorded, 'trace on' begins"),
    ("trace json /tmp/t", "trace: nothing is recorded, 'trace on' begins"),
    ("trace up", r"trace: 'up' is not on, off, drop or json .*"),
    ("trace on now", r"trace: unexpected argument 'now' .*"),
    ("trace -x", r"trace: unknown option -x .*"),
    ("trace -n", r"trace: -n needs a number .*"),
    ("trace -n few", r"trace: 'few' is not a number .*"),
    ("trace json", r"trace: FILE is missing .*"),
    ("trace json a b", r"trace: unexpected argument 'b' .*"),
    ("ping", r"ping: HOST is missing \(see 'ping -h'\)"),
    ("ping -c x 10.0.2.2", r"ping: 'x' is not a number \(see 'ping -h'\)"),
    ("ping -c 0 10.0.2.2", r"ping: COUNT is 0 .*"),
    ("ping 999.1.1.1", "ping: '999.1.1.1' is neither a host name nor an address"),
    ("dns ''", "dns: '' is neither a host name nor an address"),
    ("dns -x name", r"dns: unknown option -x .*"),
    ("netinfo eth9", r"netinfo: 'eth9' is no interface, action or IPv4 address \(see 'netinfo -h'\)"),
    ("ifconfig lo down", "ifconfig: nothing of that can be set there"),
    ("arp -d", r"arp: too few arguments \(usage: .*\)"),
    ("arp -d 1.2.3.4", "arp: net: network is down"),
    ("netdump -w", r"netdump: FILE is missing \(usage: .*\)"),
    ("httpget -x http://host/", r"httpget: unknown option -x .*"),
    ("httpget -w", r"httpget: unknown option -w .*"),
    ("ifconfig 999.1.1.1 255.255.255.0 10.0.2.2", r"ifconfig: '999.1.1.1' is no IPv4 address .*"),
    ("ifconfig 10.0.2.15 255.0.255.0 10.0.2.2", r"ifconfig: '255.0.255.0' is no network mask .*"),
    ("httpget https://host/", r"httpget: 'https://host/' is no http address .*"),
    ("aiask", r"aiask: PROMPT is missing \(usage: .*\)"),
    ("aiask ''", r"aiask: PROMPT is missing \(usage: .*\)"),
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
    rows = {row[-1]: row for row in guest.table("df")}
    assert {"PATH", "/", "/boot", "/proc", "/dev"} == set(rows)
    archive = len(guest.cmd("ls /boot").split()) + len(guest.cmd("ls /boot/bin").split())
    assert rows["/boot"][-3:-1] == ["100%", str(archive + 1)] and rows["/boot"][1] != "0"
    assert rows["/dev"][-2] == str(len(guest.cmd("ls /dev").split()) + 1)


def test_a_deep_tree(guest):
    guest.cmd("run /boot/bin/busybox mkdir -p /tmp/deep" + "/x" * 120)
    rows = guest.cmd("tree /tmp/deep").splitlines()
    assert rows[0] == "/tmp/deep" and rows[-1] == "120 directories, 0 files"
    assert [row for row in rows[1:-1] if row.strip() != "x/"] == []
    assert rows[-2] == " " * 240 + "x/"
    assert guest.cmd("rm -r /tmp/deep") == "" and guest.cmd("ls /tmp") == ""


def test_scripts(guest):
    guest.cmd(r"echo -e 'echo first\ncd /tmp\necho second > made\nnonsense' > /script")
    assert guest.cmd("run /script") == "first\nnonsense: unknown command, try 'help'"
    assert guest.directory == "/tmp"
    assert guest.cmd("cat made") == "second"
    guest.cmd("echo run /loop > /loop")
    assert guest.cmd("run /loop") == "run: scripts run scripts more than 3 deep"


def test_a_program_that_crashes_is_reported(guest):
    said = guest.cmd("run /boot/bin/busybox sh -c 'kill -SEGV $$'")
    assert said == "run: /boot/bin/busybox: ended by signal 11"
    assert guest.cmd("echo $?") == "139"
    assert guest.cmd("run /boot/bin/vfs.elf") == "run: /boot/bin/vfs.elf: can't be executed"
    assert guest.cmd("run /boot/bin/busybox false") == ""
    assert guest.cmd("echo $?") == "1"


def test_what_the_system_shows(guest):
    """Who hears an interrupt, what init itself uses, its last death."""
    names = {row[3] for row in guest.table("interrupts")[1:]}
    assert {"console", "aiproxy"} <= names
    assert all(len(row.split()) == 4 for row in guest.cmd("cat /proc/interrupts").splitlines())
    tasks = {row[1]: row for row in guest.table("ps")}
    assert tasks["init"][-1] == "MiB" and float(tasks["init"][-2]) < 20
    before = next(row for row in guest.table("services") if row[0] == "init")
    assert before[8:] == ["-", "-"]
    assert guest.cmd("kill init") == "init: killed"
    after = next(row for row in guest.table("services") if row[0] == "init")
    while after[3] != "1":  # it dies in a turn of its own
        after = next(row for row in guest.table("services") if row[0] == "init")
    assert " ".join(after[9:]) == "killed by an operator"
    guest.expect_in_log(r"init: service init: killed by an operator; restart 1$")
    took = re.search(r"service init: back after (\d+) us", guest.expect_in_log("init: back")).group(1)
    row = next(row for row in guest.table("services") if row[0] == "init")
    assert row[8] == f"{took}us"


def test_interrupted_commands_end(guest):
    for line in ("cat /dev/zero", "cat /dev/zero > /tmp/zeros", "bench 10000000", "sleep 100000"):
        guest.send(line + "\r")
        guest.expect(r"\r?\n")
        guest.send("\x03")
        _, key, late = guest.prompt().partition("^C")
        # What is printed of one write, and the next, if it was made before the shell was told.
        assert key and len(late) <= 2 * PIECE + 2
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
