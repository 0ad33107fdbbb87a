# SPDX-License-Identifier: MIT
"""Bugs in servers: a wild write into the arena is never committed; and whatever instruction is
changed, the machine stays. `tools/chaos --faults` runs the same with other seeds and numbers."""
import re
import struct

import pytest

from harness import mutation
from harness.faults import DOWN, RESULTS, FaultCampaign, place_of, tables

# A byte of a server's state that makes it absurd: which of a variable or a field, its value; what
# the server says.
WILD = [
    ("vfs", "vfs", 0, 0x7f, "the arena is not vfs's"),
    ("net", "net.socket_count", 3, 0x7f, "the sockets' numbers are wrong"),
    ("console", "console", 0, 6, "(no such terminal is in front|exception 14)"),  # or meets it
    ("aiproxy", "service", 0, 0x7f, "(the port is damaged|a port is looked for)"),  # or meets it
    ("devmgr", "manager", 3, 0x7f, "(the table's numbers are wrong|exception 14)"),  # or meets it
    ("vfs", "vfs.store.region", 0, 0x7f, "the store's numbers are wrong"),
    ("vfs", "vfs.pending", 3, 0x7f, "the list of pending work is damaged"),
    ("vfs", "vfs.archive_size", 0, 0x7f, "mounts or places have changed"),
    ("init", "init.service_count", 0, 23, "the numbers of services are wrong"),
    ("init", "init", 1000, 0x7f, "the manifest has changed"),
]
SERIAL = 1  # bit of the console's notification


def test_a_wild_write_is_not_committed(machine, tmp_path):
    """Each server stores a byte where it must not, while clients work: it dies before the commit,
    says why, and nobody notices."""
    campaign = FaultCampaign(machine, tmp_path, 1)
    missing = WILD[:]

    def attack():
        if campaign.faults.store(*missing[0][:4]):
            name = missing.pop(0)[0]
            for _ in range(2):  # a call that is met by three in a row is poisoned
                campaign.injector.reach(name, campaign.injector.programs[name].turn, wait=60)
        campaign.injector.leave()

    campaign.run(len(WILD), 600, attack)
    assert not campaign.complaints, "\n".join(campaign.complaints)
    assert not missing
    log = campaign.guest.cmd("log")
    for name, *_, text in WILD:
        assert re.search(f"{name}: (abort: )?{text}", log), log


def test_a_lost_interrupt_is_made_up_for(machine, tmp_path):
    """The console forgets that COM1 has interrupted; the line stays up, and none comes again."""
    campaign = FaultCampaign(machine, tmp_path, 1)
    guest, faults, lost = campaign.guest, campaign.faults, False
    campaign.injector.type("echo lost and found\r")
    while not lost:
        registers, phase = faults.turn("console")
        lost = phase == "notification" and registers["rdi"] & SERIAL
    faults.gdb.set_register("rdi", 0)
    campaign.injector.leave()
    guest.expect(r"\r?\n")
    assert guest.prompt().strip() == "lost and found"


def leave_letter_out(campaign, registers):
    """The function that takes a byte does nothing."""
    gdb = campaign.faults.gdb
    gdb.set_register("rip", struct.unpack("<Q", gdb.read(registers["rsp"], 8))[0])
    gdb.set_register("rsp", registers["rsp"] + 8)
    gdb.set_register("rax", 0)


def change_letter(campaign, registers):
    """It takes another byte."""
    campaign.faults.gdb.set_register("rsi", registers["rsi"] ^ 1)


def leave_letters_out(campaign, registers):
    """It is not called: the branch over the loop, where there is nothing typed, is inverted."""
    branch = next(at for at in campaign.faults.code_of("console").instructions
                  if at.function == "terminal_typed" and at.text.startswith("je"))
    campaign.faults.memory.write(registers["cr3"], branch.address,
                                 mutation.invert(branch.code, None))


@pytest.mark.parametrize("function, spoil", [
    ("terminal_receive", leave_letter_out), ("terminal_receive", change_letter),
    ("terminal_typed", leave_letters_out)], ids=["one", "another", "all"])
def test_a_lost_letter_is_not_committed(machine, tmp_path, function, spoil):
    """What is typed does not get into the console's input, once, or is not the same there: it dies,
    and the bytes come again."""
    campaign = FaultCampaign(machine, tmp_path, 1)
    guest, injector = campaign.guest, campaign.injector
    injector.type("echo lost and found\r")
    spoil(campaign, injector.reach("console", injector.programs["console"].address(function),
                                   wait=60))
    injector.leave()
    guest.expect(r"\r?\n")
    assert guest.prompt().strip() == "lost and found"
    guest.expect_in_log("console: abort: a typed byte is lost")


def test_a_supervisor_that_loops_is_started_again(machine, tmp_path):
    """init computes for ever: `watch` finds it, and it looks after the servers as before."""
    campaign = FaultCampaign(machine, tmp_path, 1)
    guest, faults = campaign.guest, campaign.faults
    registers = None
    while registers is None:
        registers, _ = faults.turn("init")
    faults.memory.write(registers["cr3"], registers["rip"], b"\xeb\xfe")  # a jump to itself
    campaign.injector.leave()
    guest.expect_in_log("watch: init has done nothing for 5 s")
    guest.expect_in_log("init: service init: .*; restart 1")
    assert guest.cmd("kill vfs") == "vfs: killed"
    assert guest.cmd("cat /tmp/typed") == ""


def token_stored(code, _):
    """The store of a call's token: nobody would ever be answered."""
    return next(at for at in code if at.text.endswith(",0x10(%rbx)"))


def leases_copied(code, _):
    """The copying of leases: those of an earlier call would be used."""
    return [at for at in code if at.text.startswith("call") and "<memcpy>" in at.text][1]


def answer_addressed(code, commit):
    """The last load of whose call is answered: nobody would be."""
    return [at for at in code if re.match(r"mov .*,%rdi$", at.text) and at.address < commit][-1]


@pytest.mark.parametrize("which, log", [
    (token_stored, "vfs: abort: an event was not received whole"),
    (leases_copied, "vfs: abort: an event was not received whole"),
    (answer_addressed, r"service vfs: invalid instruction \(rip event_receive"),
], ids=["token", "leases", "answer"])
def test_what_came_otherwise_is_not_worked_on(machine, tmp_path, which, log):
    """An instruction of vfs's that receives events and sends answers is left out from now on."""
    campaign = FaultCampaign(machine, tmp_path, 1, ["vfs"])
    guest, faults, phase = campaign.guest, campaign.faults, ""
    while phase != "call":
        registers, phase = faults.turn("vfs")
    code = [at for at in faults.code_of("vfs").instructions if at.function == "event_receive"]
    left_out = which(code, campaign.injector.programs["vfs"].commit)
    faults.memory.write(registers["cr3"], left_out.address, b"\x90" * len(left_out.code))
    campaign.injector.leave()
    guest.cmd("echo written > /tmp/written")
    assert guest.cmd("cat /tmp/written") == "written"
    guest.expect_in_log(log)
    assert guest.cmd("cat /tmp/typed") == ""


def reach_good_call(campaign, function):
    """Runs until vfs is at that function; at dispatch_answer with a call that is well and answered
    now, as there are other clients."""
    place = campaign.injector.programs["vfs"].address(function)
    while True:
        registers = campaign.injector.reach("vfs", place, wait=60)
        assert registers, f"vfs does not come to {function}"
        if function != "dispatch_answer" or registers["rsi"] & 0xffffffff == 0:
            return registers


def skip_handler(campaign, registers):
    """`event_data` returns at once, and not OK: the handler is left out, the answer stays empty."""
    gdb = campaign.faults.gdb
    gdb.set_register("rip", struct.unpack("<Q", gdb.read(registers["rsp"], 8))[0])
    gdb.set_register("rsp", registers["rsp"] + 8)
    gdb.set_register("rax", 2)


def change_kind(campaign, registers):
    """The event of the call that vfs is working on says that it is a reply."""
    campaign.faults.memory.write(registers["cr3"], registers["rdi"], struct.pack("<I", 3))


def change_size(campaign, registers):
    """The answer lacks its last word."""
    campaign.faults.gdb.set_register("rcx", registers["rcx"] - 8)


def fill_answer(campaign, registers):
    """The answer is not empty when the handler gets it."""
    campaign.faults.memory.write(registers["cr3"], registers["rcx"], b"\1")


def copy_nothing(campaign, registers):
    """vfs's memcpy returns at once, for the rest of its life."""
    place = campaign.injector.programs["vfs"].address("memcpy")
    campaign.faults.memory.write(registers["cr3"], place, b"\xc3")


@pytest.mark.parametrize("function, spoil, log", [
    ("dispatch_begin", fill_answer, "an answer is not empty"),
    # Some answers are copied on their way out, which another check notices first.
    ("dispatch_answer", copy_nothing, "(memory is not copied as it should be|an answer has changed)"),
    ("event_data", skip_handler, "an answer is not its handler's"),
    ("dispatch_answer", change_size, "an answer is not its handler's"),
    ("dispatch", change_kind, "an event was worked on as another kind"),
], ids=["answer", "copy", "handler", "size", "kind"])
def test_a_call_worked_on_wrongly_is_worked_on_again(machine, tmp_path, function, spoil, log):
    campaign = FaultCampaign(machine, tmp_path, 1, ["vfs"])
    guest = campaign.guest
    right = guest.cmd("stat /tmp/typed")
    campaign.injector.type("stat /tmp/typed\r")
    spoil(campaign, reach_good_call(campaign, function))
    campaign.injector.leave()
    guest.expect(r"\r?\n")
    assert guest.prompt().strip("\n") == right
    guest.expect_in_log(f"vfs: abort: {log}")
    assert guest.cmd("cat /tmp/typed") == ""


def test_an_event_that_is_left_out_is_worked_on_again(machine, tmp_path):
    """The branch over vfs's handler of replies is inverted: the caller would wait for ever."""
    campaign = FaultCampaign(machine, tmp_path, 1, ["vfs"])
    guest, faults = campaign.guest, campaign.faults
    registers = reach_good_call(campaign, "dispatch")
    loop = [code for code in faults.code_of("vfs").instructions if code.function == "actor_loop"]
    offset = place_of("vfs", "((struct actor *)0)->reply")
    load = next(i for i, code in enumerate(loop)
                if re.match(rf"mov +{offset:#x}\(%r\w+\),%r\w+$", code.text))
    branch = next(code for code in loop[load:] if code.text.startswith("j"))
    faults.memory.write(registers["cr3"], branch.address, mutation.invert(branch.code, None))
    campaign.injector.leave()
    assert re.search(r"(?m)^vfs +running", guest.cmd("cat /proc/services"))
    guest.expect_in_log("vfs: abort: an event was left out")


@pytest.mark.parametrize("service, wanted, log", [
    ("vfs", "call", r"vfs: call \d+ refused, checksum mismatch: once more"),
    ("e1000", "reply", r"e1000: answer \d+ refused, checksum mismatch: once more"),
], ids=["vfs", "e1000"])
def test_a_spoilt_message_is_looked_at_again(machine, tmp_path, service, wanted, log):
    """A bit of a word has turned on its way: nobody notices."""
    campaign = FaultCampaign(machine, tmp_path, 1, [service])
    guest, faults, registers, phase = campaign.guest, campaign.faults, None, ""
    campaign.injector.type("ping -c 5 10.0.2.2\r")
    while phase != wanted or registers["rsi"] >> 32 == 0:
        registers, phase = faults.turn(service)
    faults.gdb.set_register("rdx", registers["rdx"] ^ 1 << 3)
    campaign.injector.leave()
    assert ", 5 received" in guest.prompt()
    guest.expect_in_log(log)
    assert guest.cmd("cat /tmp/typed") == ""


def test_a_wrong_sum_does_not_leave(machine, tmp_path):
    """From an answer on vfs makes wrong sums: the caller would take the answer for spoilt."""
    campaign = FaultCampaign(machine, tmp_path, 1, ["vfs"])
    guest, faults = campaign.guest, campaign.faults
    campaign.injector.type("cat /tmp/typed\r")
    registers = reach_good_call(campaign, "dispatch_answer")
    seven = b"\xb8\x07\0\0\0\xc3"  # mov $7, %eax; ret
    add = campaign.injector.programs["vfs"].address("sum_add")
    faults.memory.write(registers["cr3"], add, seven)
    campaign.injector.leave()
    guest.expect(r"\r?\n")
    assert guest.prompt().strip() == ""
    guest.expect_in_log("vfs: abort: an answer has changed")


def test_a_driver_that_sends_nothing_starts_again(machine, tmp_path):
    """e1000's function that takes frames from net does nothing, once: it would never ask again."""
    campaign = FaultCampaign(machine, tmp_path, 1, ["e1000"])
    guest, gdb = campaign.guest, campaign.faults.gdb
    campaign.injector.type("ping -c 1 10.0.2.2\r")
    transmit = campaign.injector.programs["e1000"].address("traffic_transmit")
    registers = campaign.injector.reach("e1000", transmit, wait=60)
    gdb.set_register("rip", struct.unpack("<Q", gdb.read(registers["rsp"], 8))[0])
    gdb.set_register("rsp", registers["rsp"] + 8)
    campaign.injector.leave()
    guest.prompt()
    while "1 received" not in guest.cmd("ping -c 1 10.0.2.2"):
        pass
    guest.expect_in_log("e1000: net's answer is lost|net: eth0: the driver has sent nothing")


def check_up(campaign):
    """The machine lives, whatever its servers did."""
    print("\n".join(tables(campaign.faults.list)), "\n".join(campaign.complaints), sep="\n")
    results = {fault.result for fault in campaign.faults.list}
    assert results <= set(RESULTS) and DOWN not in results


def test_sample(machine, tmp_path):
    campaign = FaultCampaign(machine, tmp_path, 2)
    campaign.work(8, 300)
    assert campaign.faults.list
    check_up(campaign)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3000, 3040))
def test_campaign(machine, tmp_path, seed):
    campaign = FaultCampaign(machine, tmp_path, seed)
    campaign.work(100, 240)
    check_up(campaign)
