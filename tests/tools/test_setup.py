# SPDX-License-Identifier: MIT
"""The set-up of ./run and ./test with stand-ins for dpkg and apt: what it says and does."""
import os
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
    (["--smp", "9"], "--smp must be 1 to 8"),
    (["--mem", "16"], "--mem must be at least 32"),
    (["--uefi", "--mem", "32"], "--mem must be at least 64"),
    (["--port", "8080"], "'8080' is not HOST:GUEST"),
    (["--machine", "vax"], "invalid choice: 'vax'"),
    (["--nonsense"], "unrecognized arguments: --nonsense"),
])
def test_wrong_options_are_named(words, message):
    done = subprocess.run(["/usr/bin/python3", os.path.join(machine.ROOT, "tools/run.py"), *words],
                          check=False, text=True, capture_output=True)
    assert done.returncode == 2
    assert message in done.stderr
