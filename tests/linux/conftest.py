# SPDX-License-Identifier: MIT
"""Linux programs under test: Debian's busybox and what musl-gcc makes of the files here."""
import glob
import os
import subprocess

import pytest

import machine as tools
from harness.archive import archive_with

HERE = os.path.dirname(os.path.abspath(__file__))
BUSYBOX = os.path.join(tools.ROOT, "subprojects", "busybox-static", "bin", "busybox")
FLAGS = ["-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-static"]


class Programs:
    """The programs, built once, and an archive that has them in /boot/test."""

    def __init__(self, folder):
        self.folder = folder
        self.files = {}
        for source in glob.glob(os.path.join(HERE, "*.c")):
            name = os.path.basename(source)[:-2]
            target = os.path.join(folder, name)
            subprocess.run(["musl-gcc", *FLAGS, "-o", target, source], check=True)
            self.files["test/" + name] = target
        for script in glob.glob(os.path.join(HERE, "*.sh")):
            self.files["test/" + os.path.basename(script)] = script
        for victim in ["proc", "vfs", "console", "net"]:  # lines for the native shell
            target = os.path.join(folder, "kill-" + victim)
            with open(target, "w", encoding="ascii") as file:
                file.write(f"kill {victim}\nsleep 0.3\n" * 6 + "echo x > /tmp/stop\n")
            self.files["test/kill-" + victim] = target
        self.archive = archive_with(folder, files=self.files)

    def on_host(self, words):
        """What the same words print on this Linux, in an empty directory."""
        work = os.path.join(self.folder, "host")
        os.makedirs(work, exist_ok=True)
        words = [word.replace("/boot/test/", HERE + "/") if word.endswith(".sh") else
                 word.replace("/boot/test/", self.folder + "/").replace("/boot/bin/busybox", BUSYBOX)
                 for word in words]
        words = ["/usr/bin/env", "--default-signal", *words]  # nohup and the like leave some ignored
        done = subprocess.run(words, cwd=work, check=False, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
                              env={"PATH": "/nowhere", "HOME": "/", "T": self.folder})
        return done.stdout, done.returncode


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    return Programs(str(tmp_path_factory.mktemp("linux")))
