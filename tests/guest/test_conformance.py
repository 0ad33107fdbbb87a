# SPDX-License-Identifier: MIT
"""Every status that docs/spec/syscalls.md promises of every system call is seen: the program
`conform` makes the calls and prints what each has returned as it was expected to."""
import re

from harness.archive import with_services
from harness.spec import promised

SERVICE = """
service conform
    kind program
    restart never
    priority 12
    memory 8M
    system info log trace manage
    system as reader info
    system as writer log
"""


def move_bar(guest, address, distance):
    """Changes a word of PCI configuration space behind the guest's back."""
    def read(port):
        return int(guest.qmp.monitor(f"i /w {port:#x}").split("=")[1], 16)

    def write(port, value):
        guest.qmp.monitor(f"o /w {port:#x} {value:#x}")

    guest.qmp.command("stop")
    before = read(0xcf8)
    write(0xcf8, address)
    write(0xcfc, read(0xcfc) + distance)
    write(0xcf8, before)
    guest.qmp.command("cont")


def test_conformance(machine, tmp_path):
    guest = machine(replace=with_services(tmp_path, SERVICE, "conform"), entry=2, iommu=True,
                    extra=["-device", "sdhci-pci,addr=5"])
    guest.expect("conform: move the BAR", timeout=300)
    move_bar(guest, 0x80002810, 0x100)
    guest.expect(r"conform: end, \d+ failures", timeout=300)
    text = guest.console_text()
    wrong = re.findall(r"# .*", text)
    assert not wrong, "\n".join(wrong)
    seen = {name: set(words.split()) for name, words in
            re.findall(r"conform: ([A-Z_]+)((?: OK| E_[A-Z_]+)+)", text)}
    wanted = promised()
    untested = [f"{name} {status}" for name, words in wanted.items()
                for status in sorted(words - seen.get(name, set()))]
    undocumented = [f"{name} {status}" for name, words in seen.items()
                    for status in sorted(words - wanted[name])]
    assert not untested and not undocumented, (untested, undocumented)
