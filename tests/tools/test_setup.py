# SPDX-License-Identifier: MIT
"""The set-up of ./run and ./test with stand-ins for dpkg and apt: what it says and does."""
import os
import re
import subprocess

import pytest

import machine

BASH = "/bin/bash"


@pytest.fixture
def setup(tmp_path):
    """Runs lines of bash after tools/setup.sh with only our stand-ins in PATH."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("uname", "mktemp", "rm", "cat", "env", "basename"):
        os.symlink(f"/usr/bin/{name}", commands / name)

    def run(script, **tools):
        for name, body in tools.items():
            file = commands / name.replace("_", "-")
            file.write_text(f"#!{BASH}\n{body}\n")
            file.chmod(0o755)
        done = subprocess.run([BASH, "-c", f"set -euo pipefail; source tools/setup.sh\n{script}"],
                              cwd=machine.ROOT, check=False, text=True, capture_output=True,
                              env={"PATH": str(commands), "LOG": str(tmp_path / "log"), "HOME": "/"})
        log = tmp_path / "log"
        return done, log.read_text() if log.exists() else ""

    return run


ABSENT = 'echo unknown'
LINES = 'setup_packages "nasm|no-such-nasm|assembler" "mtools|no-such-mtools|the ISO"'


def test_everything_there_needs_no_apt(setup):
    done, log = setup('setup_packages "bash|cat|x" "dir|/usr/bin|y"', apt_get='echo "$@" >>$LOG',
                      dpkg_query=ABSENT)
    assert (done.returncode, log, done.stderr) == (0, "", "")


def test_installed_package_counts(setup):
    done, log = setup(LINES, apt_get='echo "$@" >>$LOG', dpkg_query='echo -n installed')
    assert (done.returncode, log) == (0, "")


def test_says_what_is_missing_and_why_and_installs_it(setup):
    done, log = setup(LINES, apt_get='echo "$@" >>$LOG', dpkg_query=ABSENT, sudo='exec "$@"')
    assert done.returncode == 0, done.stderr
    assert "missing: nasm (assembler)" in done.stderr
    assert "missing: mtools (the ISO)" in done.stderr
    assert log == "-q install -y --no-install-recommends nasm mtools\n"
    assert done.stdout == ""


def test_updates_the_lists_when_installing_fails(setup):
    done, log = setup(LINES, dpkg_query=ABSENT, sudo='exec "$@"',
                      apt_get='echo "$2" >>$LOG; [[ $(<$LOG) == *update* ]]')
    assert done.returncode == 0, done.stderr
    assert log.split() == ["install", "update", "install"]


def test_without_apt_names_the_packages(setup):
    done, _ = setup(LINES)
    assert done.returncode == 1
    assert "install these by hand: nasm mtools" in done.stderr


NO_ROOT = "setup_is_root() { false; }\n"


def test_without_rights_names_the_command(setup):
    done, log = setup(NO_ROOT + LINES, apt_get='echo "$@" >>$LOG', dpkg_query=ABSENT)
    assert (done.returncode, log) == (1, "")
    assert "ask for: apt-get install nasm mtools" in done.stderr


def test_uses_sudo_without_root(setup):
    done, log = setup(NO_ROOT + LINES, apt_get='echo "$@" >>$LOG', dpkg_query=ABSENT,
                      sudo='echo "sudo $1" >>$LOG; exec "$@"')
    assert done.returncode == 0, done.stderr
    assert "installing with apt-get (by sudo): nasm mtools" in done.stderr
    assert log.splitlines()[0] == "sudo env"


def test_failing_apt_is_named(setup):
    done, _ = setup(LINES, dpkg_query=ABSENT, sudo='exec "$@"', apt_get="exit 100")
    assert done.returncode == 1
    assert "apt-get could not install: nasm mtools" in done.stderr


@pytest.mark.parametrize("program", ["run", "test"])
def test_help_needs_nothing(program):
    done = subprocess.run([os.path.join(machine.ROOT, program), "--help"], check=False, text=True,
                          capture_output=True, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: ./{program} ")
    assert done.stderr == ""


@pytest.mark.parametrize("words,message", [
    (["run", "--smp", "9"], "--smp: 9 is not 1 to 8"),
    (["run", "--smp", "0"], "--smp: 0 is not 1 to 8"),
    (["run", "--smp", "two"], "--smp: 'two' is no number"),
    (["run", "--smp"], "--smp: expected one argument"),
    (["run", "--sm", "2"], "unrecognized arguments: --sm 2"),
    (["run", "--mem", "16"], "--mem: 16 is not at least 32"),
    (["run", "--uefi", "--mem", "32"], "--mem: 32 is not at least 64, which UEFI needs"),
    (["run", "--port", "8080"], "'8080' is not HOST:GUEST"),
    (["run", "--port", "8080:80000"], "'8080:80000': a port is 1 to 65535"),
    (["run", "--machine", "vax"], "invalid choice: 'vax'"),
    (["run", "--nic", "foo"], "invalid choice: 'foo'"),
    (["run", "--ai", "nobody"], "invalid choice: 'nobody'"),
    (["run", "--ai", "command"], "command backend requires --command"),
    (["run", "--ai-option=--nonsense"], "aibridge: unrecognized arguments: --nonsense"),
    (["run", "--timeout", "-1"], "--timeout: -1 is not at least 1"),
    (["run", "--display"], "--display: there is no graphical session here"),
    (["run", "--nonsense"], "unrecognized arguments: --nonsense"),
    (["run", "stray"], "unrecognized arguments: stray"),
    (["test", "--suite", "none"], "no suite 'none'; there are lint, unit, "),
    (["test", "-j", "0"], "-j: 0 is not at least 1"),
    (["test", "--nonsense"], "unrecognized arguments: --nonsense"),
], ids=" ".join)
def test_wrong_options_are_named(words, message):
    """In one line, before anything is installed or built."""
    done = subprocess.run([os.path.join(machine.ROOT, words[0]), *words[1:]], check=False, text=True,
                          capture_output=True, env={"PATH": "/usr/bin:/bin"})
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(rf"\./{words[0]}: .*{re.escape(message)}.*\n", done.stderr), done.stderr
