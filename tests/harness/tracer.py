# SPDX-License-Identifier: MIT
"""Records what a machine's kernel does with calls, turns and commits, by breakpoints on its
functions: the kernel is the one that is shipped. docs/model/replay.pml says what the events mean."""
import json
import os
import re
import shlex
import struct
import subprocess
import tempfile
import threading

import machine
from harness.gdb import Gdb

MODEL = os.path.join(machine.ROOT, "docs", "model", "replay.pml")
NONE = 255
QUIET = 60 # init commits each second
CALLS, SERVERS, OBJECTS = 96, 24, 250
with open(MODEL, encoding="utf-8") as model_file:
    KINDS = {name: int(number) for name, number in
             re.findall(r"^#define TRACE_(\w+) (\d+) ", model_file.read(), re.M)}

BITS = 0x7fffffff
with open(os.path.join(machine.ROOT, "abi/axolotl/status.def"), encoding="utf-8") as status_file:
    FAILURES = {int(number) & 0xffffffff for number in
                re.findall(r"STATUS\(E_(?:CLOSED|RESET|POISON), (-\d+)", status_file.read())}

FIELDS = """call.session call.slot call.caller call.thread call.server call.sequence call.answered
call.request.tag session.endpoint session.closed_link session.object.flags endpoint.dead
task.actor task.turn task.staged task.worker task.endpoint staged.link staged.kind staged.call
staged.object staged.value staged.handle notification.actor notification.bits
timer.notification timer.node timer.node.deadline task.name thread.task thread.call
thread.context.rax thread.context.rdi thread.context.rip""".split()
SIZES = ["staged"]
CONSTANTS = """EVENT_CALL EVENT_REPLY EVENT_NOTIFY EVENT_CANCEL EVENT_CLOSED SYS_CALL
STAGED_REPLY STAGED_CALL STAGED_SUPPLY STAGED_GRANT STAGED_CANCEL STAGED_CLOSE
STAGED_SIGNAL STAGED_TIMER STAGED_CREATED_HANDLE RESET_DROP OBJECT_PROVISIONAL""".split()


def layout():
    """Offsets, sizes and constants of the kernel that was built, from its own headers."""
    with open(os.path.join(machine.BUILD, "compile_commands.json"), encoding="utf-8") as file:
        entry = next(entry for entry in json.load(file)
                     if entry["file"].endswith("microkernel/object/actor.c")
                     and "kernel_all" in entry["command"])
    words = [f"__builtin_offsetof(struct {name.split('.')[0]}, {name.split('.', 1)[1]})"
             for name in FIELDS]
    words += [f"sizeof(struct {name})" for name in SIZES] + CONSTANTS
    text = "#include <axolotl/abi.h>\n#include <notification.h>\n#include <staged.h>\n#include <task.h>\n" \
           "extern const unsigned long layout[];\nconst unsigned long layout[] = {" + ", ".join(words) + "};\n"
    command = shlex.split(entry["command"])
    command = command[:command.index("-MD")]
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "layout.c")
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        text = subprocess.run([*command, "-g0", "-S", "-o", "-", source], check=True, text=True,
                              cwd=entry["directory"], stdout=subprocess.PIPE).stdout
    values = []
    for what, number in re.findall(r"^\s+\.(quad|zero)\s+(-?\d+)", text, re.M):
        values += [int(number)] if what == "quad" else [0] * (int(number) // 8)
    assert len(values) == len(FIELDS) + len(SIZES) + len(CONSTANTS)
    return dict(zip(FIELDS + [f"sizeof {name}" for name in SIZES] + CONSTANTS, values))


def handles(tag):
    """Handles in a message with this tag."""
    return tag >> 42 & 7


class Code:
    """Addresses in the kernel."""

    def __init__(self):
        text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", machine.KERNEL], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        self.start, self.end, self.sites = {}, {}, []
        name = ""
        for line in text.splitlines():
            if head := re.match(r"([0-9a-f]+) <(\S+)>:$", line):
                name = head[2]
                self.start[name] = int(head[1], 16)
            elif code := re.match(r"\s*([0-9a-f]+):\s+(\S+)\s*(.*)$", line):
                address = int(code[1], 16)
                self.end[name] = address
                target = re.search(r"<([\w.]+)>$", code[3])
                if self.sites and self.sites[-1][3] is None:
                    self.sites[-1][3] = address
                if target and code[2] in ("call", "jmp"):
                    self.sites.append([name, target[1], address, None])

    def site(self, inside, target):
        """Where one function calls another."""
        return [site[2] for site in self.sites if site[:2] == [inside, target]]

    def returns(self, target):
        """Where a function comes back to."""
        return [site[3] for site in self.sites if site[1] == target]

    def within(self, name, address):
        """Whether an address lies in a function."""
        return self.start[name] <= address <= self.end[name] + 8


class Numbers:
    """Small numbers for addresses, used again when they are given back."""

    def __init__(self, limit, first=0):
        self.free, self.numbers = list(range(limit - 1, first - 1, -1)), {}

    def of(self, address):
        """The number of an address."""
        if address not in self.numbers:
            self.numbers[address] = self.free.pop()
        return self.numbers[address]

    def drop(self, address):
        """The address means nothing any more."""
        if address in self.numbers:
            self.free.insert(0, self.numbers.pop(address))


class Tracer:
    """Records from the moment it is made; `events` grows until stop(). kill(NAME) has a server die at
    the next call that it takes, or at the next output that it stages for one."""

    def __init__(self, guest):
        self.layout, self.code = layout(), Code()
        self.events, self.error = [], None
        self.calls, self.tasks, self.timers = Numbers(CALLS), Numbers(SERVERS), Numbers(OBJECTS)
        self.endpoints, self.sessions = Numbers(OBJECTS), Numbers(OBJECTS, 1)
        self.by_slot = {}
        self.outbox, self.committing, self.undoing = [], 0, 0
        self.copying = self.timer = 0
        self.wanted, self.armed, self.kills = [], False, 0
        self.gdb = Gdb(guest.gdb_path)
        code = self.code
        names = [name[3:] for name in dir(self) if name.startswith("on_")]
        self.handlers = {code.start[name]: getattr(self, "on_" + name) for name in names}
        for address in code.site("actor_deliver", "actor_update_priority"):
            self.handlers[address] = self.delivered
        for address in code.returns("fast_call"): # where the fast commit joins
            self.handlers[address] = self.fast_path
        self.staging = code.start["staged_effect"]
        for address in self.handlers:
            self.gdb.breakpoint(address)
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def stop(self):
        """Ends the recording; the machine runs on. The events."""
        self.ending.set()
        self.thread.join()
        if self.error is not None:
            raise self.error
        return self.events

    def kill(self, name, staged=False):
        """The server dies at its next call; `staged`: when it has staged something for it."""
        self.wanted.append((name, staged))

    def run(self):
        """The recording thread. The end is where a commit begins: whatever was begun before, like
        the outputs of the last one, has been told to its end."""
        try:
            while True:
                self.gdb.send("vCont;c")
                self.gdb.running = True
                assert self.gdb.wait(QUIET), f"no event for {QUIET} s"
                registers = self.gdb.registers()
                if self.ending.is_set() and registers["rip"] == self.code.start["actor_commit"]:
                    break
                handler = self.handlers.get(registers["rip"])
                if handler is not None:
                    handler(registers)
                here = registers["rip"]
                while registers["rip"] == here:  # a step may end before it has begun
                    self.gdb.step()  # breakpoints don't hold while stepping
                    registers = self.gdb.registers()
        except Exception as error:  # told by stop()
            self.error = error
        finally:
            self.gdb.send("D")  # takes the breakpoints away
            self.gdb.close()

    # ---- Looking ----------------------------------------------------------------------------

    def word(self, address, size=8):
        """A number in the kernel's memory."""
        return int.from_bytes(self.gdb.read(address, size), "little")

    def field(self, address, name, size=8):
        """A field of the structure there."""
        return self.word(address + self.layout[name], size)

    def part(self, data, name, size=8):
        """A field of a structure that was read."""
        at = self.layout[name]
        return int.from_bytes(data[at:at + size], "little")

    def call_data(self, call):
        """A call but for its words."""
        return self.gdb.read(call, self.layout["call.request.tag"] + 8)

    def add(self, kind, x=0, c=0, v=0, w=0):
        """One more event."""
        self.events.append((kind, x, c, v, w))

    def called_from(self, registers, name):
        """Whether the function where the machine stands returns to that one."""
        return self.code.within(name, self.word(registers["rsp"]))

    # ---- Calls ------------------------------------------------------------------------------

    def sent(self, kind, call, data, session):
        """A call is in its endpoint's queue; the number of that."""
        endpoint = self.endpoints.of(self.field(session, "session.endpoint"))
        self.by_slot[self.part(data, "call.slot", 4)] = call
        self.add(kind, endpoint, self.calls.of(call),
                 self.sessions.of(session) * 256 + handles(self.part(data, "call.request.tag")))
        return endpoint

    def on_call_send(self, registers):
        call, session = registers["rdi"], registers["rsi"]
        endpoint = self.field(session, "session.endpoint")
        if not self.field(endpoint, "endpoint.dead", 1):
            data = self.call_data(call)
            staged = self.called_from(registers, "staged_apply")
            self.sent("SENT" if staged else "SEND", call, data, session)

    def fast_path(self, registers):
        """Behind both of its functions: the thread that came, or 0 if it was not their case."""
        if thread := registers["rax"]:
            operation = self.field(thread, "thread.context.rax", 4) & 0x7fffffff
            (self.fast_call if operation == self.layout["SYS_CALL"] else self.fast_commit)(thread)

    def fast_call(self, thread):
        call = self.field(thread, "thread.call")
        data = self.call_data(call)
        endpoint = self.sent("SEND", call, data, self.part(data, "call.session"))
        server = self.part(data, "call.server")
        self.add("TAKE_CALL", self.tasks.of(server), self.calls.of(call), endpoint)
        self.perhaps_kill(server)

    def on_call_finish(self, registers):
        call, status = registers["rdi"], registers["rsi"] & 0xffffffff
        number = self.calls.of(call)
        if status in FAILURES:
            self.add("FAIL", 0, number)
        self.add("ANSWERED", 0, number, int(self.field(call, "call.thread") == 0))

    def on_call_cancel(self, registers):
        self.add("CANCEL", 0, self.calls.of(registers["rdi"]))

    def on_call_abandon(self, registers):
        self.add("ABANDON", 0, self.calls.of(registers["rdi"]))

    def on_call_destroy(self, registers):
        self.calls.drop(registers["rdi"])

    def on_lease_copy(self, registers):
        self.copying = registers["rdi"]

    def on_task_copy(self, _registers):
        """The lease is good: bytes are copied."""
        slot = self.field(self.copying, "thread.context.rdi") & 0xffffffff
        self.add("LEASE", self.tasks.of(self.field(self.copying, "thread.task")),
                 self.calls.of(self.by_slot[slot]))

    # ---- Turns ------------------------------------------------------------------------------

    def delivered(self, registers):
        """A task has its next event."""
        task = registers["rdi"]
        x = self.tasks.of(task)
        kind, call, session, bits = struct.unpack(
            "<B7xQQQ", self.gdb.read(task + self.layout["task.turn"], 32))
        if kind == self.layout["EVENT_CALL"]:
            tag = self.field(call, "call.request.tag")
            self.add("TAKE_CALL", x, self.calls.of(call),
                     self.endpoints.of(self.field(task, "task.endpoint")), handles(tag))
            self.perhaps_kill(task)
        elif kind == self.layout["EVENT_REPLY"]:
            self.add("TAKE_REPLY", x, self.calls.of(call))
        elif kind == self.layout["EVENT_CANCEL"]:
            self.add("TAKE_CANCEL", x, self.calls.of(call))
        elif kind == self.layout["EVENT_CLOSED"]:
            self.add("TAKE_CLOSED", x, self.sessions.of(session))
        else:
            self.add("TAKE_BITS", x, 0, bits & BITS)

    def perhaps_kill(self, task):
        """Kills a server that has taken a call, if that is wanted."""
        name = self.gdb.read(task + self.layout["task.name"], 20).split(b"\0")[0].decode()
        if self.wanted and self.wanted[0][0] == name:
            self.armed = self.wanted.pop(0)[1]
            if self.armed:
                self.handlers[self.staging] = lambda registers: self.staged(registers, task)
                self.gdb.breakpoint(self.staging)
            else:
                self.spoil(task)

    def staged(self, registers, task):
        """The server that is to die stages its first output."""
        if registers["rdi"] == task:
            self.spoil(task)
            self.armed = False
            del self.handlers[self.staging]
            self.gdb.breakpoint(self.staging, False)

    def spoil(self, task):
        """Sends the server to nowhere when it is back in user space."""
        place = self.field(task, "task.worker") + self.layout["thread.context.rip"]
        self.gdb.write(place, struct.pack("<Q", 0x1000))
        self.kills += 1

    def turn(self, task):
        """What a turn has staged, as events; the number of its event, of handles to be undone."""
        x, layout_ = self.tasks.of(task), self.layout
        kind, call, session = struct.unpack("<B7xQQ", self.gdb.read(task + layout_["task.turn"], 24))
        head = task + layout_["task.staged"]
        record, self.outbox, created, granted = self.word(head), [], 0, 0
        while record != head:
            data = self.gdb.read(record, layout_["sizeof staged"])
            what = self.part(data, "staged.kind", 1)
            value, target = self.part(data, "staged.value"), self.part(data, "staged.object")
            named = self.by_slot.get(value & 0xffffffff, 0)
            if what in (layout_["STAGED_REPLY"], layout_["STAGED_SUPPLY"]):
                if self.field(named, "call.server") == task:
                    self.add("STAGE_REPLY", x, self.calls.of(named))
            elif what == layout_["STAGED_CALL"]:
                self.add("STAGE_CALL", x, self.calls.of(self.part(data, "staged.call")))
            elif what == layout_["STAGED_CANCEL"]:
                if named in self.calls.numbers and self.field(named, "call.caller") == task:
                    self.add("STAGE_CANCEL", x, self.calls.of(named))
            elif what == layout_["STAGED_CLOSE"]:
                self.outbox.append(("CLOSE", self.part(data, "staged.handle", 4)))
            elif what == layout_["STAGED_TIMER"]:
                self.outbox.append(("TIMER", value))
            elif what == layout_["STAGED_SIGNAL"] and self.field(target, "notification.actor"):
                self.outbox.append(("SIGNAL", value))
            created += what == layout_["STAGED_CREATED_HANDLE"]
            granted += what == layout_["STAGED_GRANT"]
            record = self.part(data, "staged.link")
        number = NONE
        if kind == layout_["EVENT_CLOSED"]:
            number = self.sessions.of(session)
        elif call != 0 and kind != layout_["EVENT_NOTIFY"]:
            number = self.calls.of(call)
        return x, kind, number, session, created, granted

    def on_actor_commit(self, registers):
        task = registers["rdi"]
        x, kind, number, session, created, _ = self.turn(task)
        token = self.field(self.field(task, "task.worker"), "thread.context.rdi")
        call = self.by_slot.get(token & 0xffffffff) if token else None
        if call in self.calls.numbers:
            data = self.call_data(call)
            if self.part(data, "call.server") == task and not self.part(data, "call.answered", 1) and \
                    self.part(data, "call.sequence", 4) == token >> 32:
                self.add("STAGE_REPLY", x, self.calls.of(call))
        self.add("STAGED", x, 0, len(self.outbox), created)
        self.add("COMMIT", x, number)
        self.committing = x
        if kind == self.layout["EVENT_CLOSED"]:
            self.sessions.drop(session)

    def fast_commit(self, thread):
        x = self.tasks.of(self.field(thread, "thread.task"))
        call = self.calls.of(self.by_slot[self.field(thread, "thread.context.rdi") & 0xffffffff])
        self.add("STAGE_REPLY", x, call)
        self.add("COMMIT", x, call)
        self.add("ANSWERED", 0, call)

    def on_actor_undo(self, registers):
        task, flags = registers["rdi"], registers["rsi"]
        if self.field(task, "task.actor", 1):
            x, _, _, _, created, granted = self.turn(task)
            self.outbox, self.undoing = [], created + granted
            self.add("STAGED", x, 0, 0, self.undoing)
            self.add("RESET", x, 0, int(flags & self.layout["RESET_DROP"] != 0))
            self.committing = x

    # ---- Effects ----------------------------------------------------------------------------

    def effect(self, registers, what, value):
        """Something of the outbox happens."""
        if self.outbox and self.outbox[0][0] == what and self.called_from(registers, "staged_commit"):
            self.add("EFFECT", self.committing, 0, self.outbox.pop(0)[1] & BITS, value & BITS)

    def on_handle_remove(self, registers):
        if self.undoing and self.called_from(registers, "staged_rollback"):
            self.undoing -= 1
            self.add("UNDO", self.committing)
        else:
            self.effect(registers, "CLOSE", registers["rsi"] & 0xffffffff)

    def on_notification_signal(self, registers):
        notification, bits = registers["rdi"], registers["rsi"]
        actor = self.field(notification, "notification.actor")
        timer, self.timer = self.timer, 0
        if timer and self.field(timer, "timer.notification") == notification and \
                self.field(timer, "timer.node.deadline") == 0: # it was set to a time in the past
            self.add("EXPIRE", 0, self.timers.of(timer))
        elif actor:
            self.effect(registers, "SIGNAL", bits)
        if actor:
            self.add("SIGNAL", self.tasks.of(actor), 0, bits & BITS)

    def on_notification_bind(self, registers):
        notification, task = registers["rdi"], registers["rsi"]
        bits = self.field(notification, "notification.bits") if notification else 0
        self.add("BIND", self.tasks.of(task), 0, bits & BITS)
        if notification == 0: # the task ends
            self.tasks.drop(task)

    def on_timer_set(self, registers):
        timer, deadline = registers["rdi"], registers["rsi"]
        self.effect(registers, "TIMER", deadline)
        self.add("TIMER_SET", 0, self.timers.of(timer), int(deadline != 0))
        self.timer = timer if deadline != 0 else 0

    def on_timer_expired(self, registers):
        self.timer = 0
        self.add("EXPIRE", 0, self.timers.of(registers["rdi"] - self.layout["timer.node"]))

    def on_session_no_handles(self, registers):
        session = registers["rdi"]
        endpoint = self.field(session, "session.endpoint")
        link = session + self.layout["session.closed_link"]
        if self.field(session, "session.object.flags", 1) & self.layout["OBJECT_PROVISIONAL"] or \
                self.field(endpoint, "endpoint.dead", 1) or self.word(link) != link:
            self.sessions.drop(session)
        else:
            self.add("CLOSE", 0, self.sessions.of(session))


def text(events):
    """As the checker reads it."""
    return "".join(f"{KINDS[kind]} {x} {c} {v} {w}\n" for kind, x, c, v, w in events)
