# SPDX-License-Identifier: MIT
"""A machine at work, clients that know what must come of it, and an injector that kills servers.

The clients: connections that echo, take, give and come and go; the program `filework`, which keeps
a record of every file operation; lines typed and printed on COM1; appends to a file; what stands on
the screen; questions to the AI. A client's first complaint ends the campaign."""
import hashlib
import os
import pathlib
import random
import re
import string
import subprocess
import threading
import time

from harness import clients, tap
from harness.archive import archive_with, program
from harness.guest import plain
from harness.injector import SERVICES, Injector, kernel_symbol
from harness.peer import MANIFEST, PORT, PUT_PORT, digest, sequence
from harness.web import checksum, curl, online

STOP = "/tmp/stop"
KINDS = 16  # of contents on connections
LONG = 300  # characters typed or asked at most
HANG = 100  # seconds that a client may take for its last work
MORE = 5  # seconds in which others may complain, too
PAGE = random.Random("page").randbytes(150000)  # what curl fetches
PINGS = 100
BRIDGE_SILENT = ("aiask: the AI bridge has gone", "aiask: no answer on COM2")
STARVED = 3  # seconds


def modules(folder, files=None):
    """The programs `peer` and `filework`, the latter at work until a file says stop; a page, and
    `files` more in the boot archive."""
    page = pathlib.Path(folder, "page")
    page.write_bytes(PAGE)

    def manifest(text):
        text = text.replace("service filework\n",
                            f"service filework\n    args kills=0 stop={STOP}\n") + MANIFEST
        return tap.manifest(text) if tap.inside() else text
    return {"peer": program("peer"), "filework": program("filework"),
            "boot.tar": archive_with(str(folder), manifest,
                                     {"page": str(page)} | (files or {}))}


class Campaign:
    """`start` starts a machine, as the fixture `machine` does."""

    def __init__(self, start, folder, seed, services=None, traces=None, files=None,
                 **options):
        options.setdefault("smp", 2)
        if tap.inside():
            options |= {"netdev": tap.NETDEV, "address": tap.GUEST}
        self.guest = start(forward=(PORT, PUT_PORT, 80), replace=modules(folder, files), ai="echo",
                           gdb=True, **options)
        self.guest.boot()
        self.guest.cmd("touch /tmp/typed")
        online(self.guest)
        self.guest.expect_in_log("peer: ready")
        self.folder, self.seed = pathlib.Path(folder), seed
        self.random = random.Random(f"{seed} clients")
        self.injector = Injector(self.guest, seed, services, traces)
        self.ended = threading.Event()
        self.complaints = []
        self.ordered = {name: 0 for name in SERVICES}
        self.appended = []
        self.done = {}
        self.starved = 0  # questions that were given up for want of a processor
        self.effect = None  # deaths that the machine has counted, at the end

    # ---- Clients ----------------------------------------------------------------------------

    def text(self):
        """A word of random length."""
        letters = string.ascii_letters + string.digits
        return "".join(self.random.choice(letters) for _ in range(self.random.randint(1, LONG)))

    def type(self, number):
        """COM1, the shell and the screen: what is typed comes back once and as it was."""
        word = self.text()
        self.guest.send(f"echo {word}\r")
        self.guest.expect(r"\r?\n")
        shown = plain(self.guest.console.before), self.guest.prompt().strip("\n")
        assert shown == (f"echo {word}", word), f"typed {word!r}, shown {shown}"
        answer = self.guest.cmd(f"echo {number} {word[:40]} >> /tmp/typed")
        assert answer == "", f"appended to /tmp/typed: {answer}"
        self.appended.append(f"{number} {word[:40]}")

    def ask(self, _number):
        """The AI answers with what it was asked. Six seconds of silence end a session: that is what
        a machine sees which has no processor of the host to run on."""
        words = " ".join(self.text()[:20] for _ in range(8))
        starved = self.guest.starved_seconds()
        answer = self.guest.cmd(f"aiask {words}")
        if answer.startswith(BRIDGE_SILENT) and self.guest.starved_seconds() - starved >= STARVED:
            self.starved += 1
            return
        assert answer.replace("\n", " ") == f"AI echo: {words}", f"asked {words!r}, got {answer!r}"

    def ping(self, _number):
        """The network answers."""
        answer = self.guest.cmd("ping -c 1 10.0.2.2")
        assert "1 received" in answer or "1 sent" in answer, answer

    def kill(self, _number):
        """An operator's kill, too."""
        name = self.random.choice(SERVICES)
        assert self.guest.cmd(f"kill {name}") == f"{name}: killed"
        self.ordered[name] += 1

    def console(self, number):
        """One of the things that a person at COM1 does."""
        work = self.random.choice([self.type, self.type, self.type, self.ask, self.ping, self.kill])
        work(number)

    def echo(self, number):
        """TCP, both directions at once."""
        clients.echo(self.guest, sequence(50000, number % KINDS))

    def upload(self, number):
        """TCP to the guest, half-closed at the end."""
        clients.upload(self.guest, sequence(100000, number % KINDS))

    def download(self, number):
        """TCP from the guest."""
        clients.download(self.guest, 100000, number % KINDS)

    def short(self, number):
        """Connections that come and go."""
        clients.short_ones(self.guest, 3, number % KINDS)

    def fetch(self, _number):
        """curl gets the page."""
        path = self.folder / "fetched"
        curl(self.guest, "/boot/page", path)
        assert checksum(path) == hashlib.sha256(PAGE).hexdigest(), "curl got another page"

    def put(self, number):
        """curl sends bytes."""
        data = sequence(100000, number % KINDS)
        path = self.folder / "put"
        path.write_bytes(data)
        words = ["curl", "-sS", "--fail", "--max-time", "300", "-H", "Expect:", "-T", str(path),
                 f"http://{self.guest.address}:{self.guest.port[PUT_PORT]}/put"]
        done = subprocess.run(words, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        clients.same(done.stdout, f"{len(data)} {digest(data):016x}\n")

    def host_ping(self, _number):
        """The guest answers pings; while something is dead they get lost."""
        for _ in range(PINGS):
            if subprocess.run(["ping", "-q", "-c", "1", "-W", "1", self.guest.address], check=False,
                              stdout=subprocess.DEVNULL).returncode == 0:
                return
        raise AssertionError(f"{PINGS} pings without an answer")

    def repeat(self, client):
        """A client's life."""
        number = 0
        try:
            while not self.ended.is_set():
                client(number)
                number += 1
                time.sleep(0.05)
        except BaseException as error:  # pylint: disable=broad-except
            if not self.complaints or number:
                self.complaints.append(f"{client.__name__} {number}: {error!r}"[:2000])
            self.ended.set()
        self.done[client.__name__] = number

    # ---- The whole --------------------------------------------------------------------------

    def run(self, kills, seconds, attack=None):
        """Kills until there are that many, the time is over, or a client complains. `attack`: in
        place of the injector's."""
        attack = attack or self.injector.attack
        end = time.monotonic() + seconds
        at_work = [self.console, self.echo, self.upload, self.download, self.short]
        if tap.inside():
            at_work += [self.fetch, self.put, self.host_ping]
        threads = [threading.Thread(target=self.repeat, args=[client], name=client.__name__,
                                    daemon=True) for client in at_work]
        for thread in threads:
            thread.start()
        try:
            while len(self.injector.kills) < kills and time.monotonic() < end \
                    and not self.ended.is_set():
                attack()
        except (OSError, AssertionError) as error:
            self.complaints.append(f"the machine: {error!r}, QEMU {self.guest.process.poll()}")
        self.ended.set()
        end = time.monotonic() + (MORE if self.complaints else HANG)
        for thread in threads:
            thread.join(max(0, end - time.monotonic()))
        if not self.complaints:
            self.complaints += [f"{thread.name} hangs" for thread in threads if thread.is_alive()]
        if not self.complaints:
            self.settle()
        else:
            self.tell()

    def tell(self):
        """Adds what the log of the machine says about it, if there still is one."""
        try:
            self.complaints += self.guest.cmd("netstat", timeout=20).splitlines()
            self.complaints += self.guest.qmp.monitor("info usernet").splitlines()
            log = self.guest.cmd("log", timeout=20)
            with open(os.path.join(self.guest.work, "kernel.log"), "w", encoding="utf-8") as file:
                file.write(log)
        except (AssertionError, OSError, RuntimeError) as error:
            log = f"no log: {error}"[:200]
        self.complaints += re.findall(
            r".*(?:poisoned|new instance|peer: |abort|HELLO|link|no log).*", log)[-20:]

    def settle(self):
        """What must hold at the end."""
        checks = [self.check_ledger, self.check_screen, self.check_files, self.check_services]
        for check in checks:
            try:
                check()
            except AssertionError as error:
                self.complaints.append(f"{check.__name__}: {error}"[:3000])

    def check_ledger(self):
        """Every append once, in order."""
        found = self.guest.cmd("cat /tmp/typed").splitlines()
        assert found == self.appended, \
            f"missing {set(self.appended) - set(found)}, strange {set(found) - set(self.appended)}"

    def check_screen(self):
        """The screen shows what COM1 showed."""
        mark = self.text()[:30]
        self.guest.cmd("clear")
        self.guest.cmd(f"echo {mark}")
        rows = self.guest.wait_screen(r"\$ *$")
        shown = [row.rstrip() for row in rows if row.strip()]
        assert shown[-3:-1] == [f"axolotl:/$ echo {mark}", mark], shown

    def check_files(self):
        """filework found all its files as they must be."""
        self.guest.cmd(f"echo > {STOP}")
        self.guest.expect_in_log(r"filework: .*ok 5 ")
        log = self.guest.cmd("log")
        wrong = re.findall(r"filework: (?:# wrong|not ok).*", log)
        assert not wrong, "\n".join(wrong)

    def check_services(self):
        """Nothing died but what was killed, and nothing lost its state."""
        killed, self.effect = self.injector.count(), 0
        for row in self.guest.table("services"):
            if row and row[0] in SERVICES:
                self.effect += int(row[3])
                name, crashes = row[0], 0 if row[0] == "init" else killed[row[0]]
                # An operator's kill may come before the server has met what was done to it.
                least = crashes - self.ordered[name]
                most = killed[name] + self.ordered[name]
                assert row[1] == "running" and least <= int(row[4]) <= crashes \
                    and int(row[3]) <= most, \
                    f"{' '.join(row)}: {crashes} crashes were ours, {most} restarts at most"
        log = self.guest.cmd("log")
        assert "poisoned" not in log and "new instance" not in log, \
            re.findall(r".*(?:poisoned|new instance).*", log)


def sabotage(guest, function, instead=""):
    """Breaks the kernel: `function` returns at once, or is the function `instead`."""
    start, code = kernel_symbol(function), b"\xc3"
    if instead:
        code = b"\xe9" + (kernel_symbol(instead) - start - 5).to_bytes(4, "little", signed=True)
    guest.gdb.stop()
    assert guest.gdb.write(start, code)
    guest.gdb.resume()


def complain_never(campaign):
    """For tests: no client has noticed anything."""
    last = "\n".join(str(kill) for kill in campaign.injector.kills[-12:])
    assert not campaign.complaints, "\n".join(campaign.complaints) + "\nthe last kills:\n" + last
