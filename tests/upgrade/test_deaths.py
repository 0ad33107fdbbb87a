# SPDX-License-Identifier: MIT
"""Somebody dies at each boundary of an upgrade, at a chosen instruction, while clients work: init,
the exporter, the new program. Either the upgrade comes to be or the old program goes on, the
operator is told in one line which, and no client notices."""
import re

import pytest

from harness.archive import programs
from harness.campaign import Campaign, complain_never
from harness.clients import Worker
from harness.expected import services
from harness.peer import ask
from harness.traces import Program

WAIT = 100  # seconds that detect a hang
VERSIONS = {"vfs": 1, "vfs2": 2, "net": 1, "net2": 2, "net3": 3, "console": 1, "console2": 2,
            "aiproxy": 1, "aiproxy2": 2, "devmgr": 1, "devmgr2": 2}
ORDER = ("init", "upgrade_order")
STEP = ("init", "upgrade_step")
EXPORTED = ("init", "upgrade_export_ended")
IMPORT = ("new", "records_open")
COMMIT = "commit"  # of the turn that one is in
TURN = "turn"  # the first event after it

# Where who dies, by the way there, and whether the new program comes up. The last place is where
# the death is; a second list is another death in the same upgrade.
RECORDS = [
    ([ORDER], True), ([ORDER, ("init", COMMIT)], True),
    ([STEP], True), ([STEP, ("init", COMMIT)], True),
    ([STEP, ("init", COMMIT), STEP], True),
    ([STEP, ("init", COMMIT), STEP, ("init", COMMIT)], True),
    ([("old", "records_begin")], False), ([("old", "records_end")], False),
    ([EXPORTED], True), ([EXPORTED, ("init", COMMIT)], True),
    ([IMPORT], False), ([IMPORT, ("new", COMMIT)], False),
    ([IMPORT, ("new", COMMIT), ("new", TURN)], True),
    ([IMPORT, ("init", "upgrade_watch")], True),
]
SAME = [
    ([ORDER, ("init", COMMIT)], True), ([STEP], True), ([STEP, ("init", COMMIT)], True),
    ([STEP, ("new", "_start")], False), ([STEP, ("new", COMMIT)], False),
    ([STEP, ("new", COMMIT), ("new", TURN)], True), ([STEP, ("init", "upgrade_watch")], True),
]


class Upgrades:
    """Orders upgrades to and fro in a machine with clients at work."""

    def __init__(self, machine, tmp_path, server, build):
        # Two processors: a breakpoint stops whoever comes by at its address, and if that is init,
        # which looks at an upgrade every 2 ms, nothing is left of its processor for others.
        self.campaign = Campaign(machine, tmp_path, 1, smp=2, files=programs(build))
        self.guest, self.injector = self.campaign.guest, self.campaign.injector
        self.server, self.now, self.next = server, server, build
        self.programs = {name: Program(name) for name in (server, build, "init")}
        campaign = self.campaign
        self.workers = [Worker(campaign.repeat, client)
                        for client in (campaign.echo, campaign.upload, campaign.download)]
        if server == "devmgr":  # else nobody would call it
            self.workers.append(Worker(campaign.repeat, self.kill_driver))

    def kill_driver(self, _number):
        """The next one asks for its device."""
        assert ask(self.guest, "kill e1000 1 0 0") == "0\n"

    def reach(self, who, place):
        """Lets the machine run until `who` is at the place."""
        name = {"init": "init", "old": self.now, "new": self.next}[who]
        program = self.programs[name]
        address = {COMMIT: program.commit, TURN: program.turn}.get(place) \
            or program.address(place)
        task = "init" if who == "init" else self.server
        registers = self.injector.reach(task, address, wait=WAIT)
        assert registers, f"{who} never came to {place}"

    def die(self, way):
        """Orders an upgrade in which the one at the end of the way dies."""
        self.injector.type(f"upgrade {self.server} /boot/bin/{self.next}.elf\r")
        for who, place in way:
            self.reach(who, place)
        self.injector.gdb.set_register("rip", 0x1234)
        self.injector.leave()

    def told(self):
        """The one line that the operator gets."""
        self.guest.expect(r"\r?\n")
        lines = self.guest.prompt().strip("\n").splitlines()
        assert len(lines) == 1, lines
        return lines[0]

    def attempt(self, way, comes_up):
        """One upgrade with a death; what it came to."""
        self.die(way)
        line = self.told()
        if comes_up:
            assert re.fullmatch(rf"{self.server}: version {VERSIONS[self.next]}, "
                                r"state kept( by records)?", line), (way, line)
            self.now, self.next = self.next, self.now
        else:
            assert re.fullmatch(rf"upgrade: {self.server}: the new program did not come up "
                                rf"\(.+\); version {VERSIONS[self.now]} goes on", line), (way, line)
        assert not self.campaign.complaints, way
        self.campaign.type(0)

    def end(self):
        """Nobody has noticed anything."""
        self.campaign.ended.set()
        for worker in self.workers:
            worker.done()
        self.campaign.check_files()
        self.campaign.check_ledger()
        assert services(self.guest)[self.server][1] == "running"
        assert "poisoned" not in self.guest.cmd("log")
        complain_never(self.campaign)


CASES = [pytest.param("net", "net3", RECORDS),
         pytest.param("net", "net2", SAME, marks=pytest.mark.long),
         *(pytest.param(name, name + "2", RECORDS, marks=pytest.mark.long)
           for name in ("vfs", "console", "aiproxy", "devmgr"))]


@pytest.mark.parametrize("server, build, ways", CASES)
def test_at_every_boundary(machine, tmp_path, server, build, ways):
    upgrades = Upgrades(machine, tmp_path, server, build)
    for way, comes_up in ways:
        upgrades.attempt(way, comes_up)
    upgrades.end()
