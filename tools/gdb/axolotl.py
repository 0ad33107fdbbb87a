# SPDX-License-Identifier: MIT
"""Commands for gdb that show the kernel's objects: tasks, threads, handles, endpoints, current.
Load them into a gdb that is connected to `./run --debug`:

    gdb build/microkernel/axolotl.elf -ex 'target remote :1234' -x tools/gdb/axolotl.py

They read memory only, and work wherever the machine stands, also in a user program."""
import gdb

HANDLE_PAGE_ENTRIES = 256  # microkernel/include/handle.h
ENTRY_FLAGS = {1: "provisional", 2: "closing", 4: "initial", 8: "reserved"}
PRIORITIES = 32


def names_of(enum, prefix):
    """The names of an enumeration, without their prefix: {value: name}."""
    return {field.enumval: field.name[len(prefix):].lower()
            for field in gdb.lookup_type("enum " + enum).fields()}


def elements(head, kind, member):
    """The elements of an intrusive list: structures of type `kind`, linked by `member`."""
    record = gdb.lookup_type("struct " + kind)
    offset = next(field.bitpos // 8 for field in record.fields() if field.name == member)
    link = head["next"]
    while link != head.address:
        yield (link.cast(gdb.lookup_type("char").pointer()) - offset).cast(record.pointer())
        link = link["next"]


def tasks():
    """Every task."""
    return elements(gdb.parse_and_eval("task_all"), "task", "all_link")


def threads(task):
    """The threads of a task."""
    return elements(task["threads"], "thread", "task_link")


def text(array):
    """A name in an array of characters."""
    return array.string().split("\0")[0]


def task_named(words):
    """The task that the argument names, by its name or its object's number."""
    for task in tasks():
        if words in (text(task["name"]), str(int(task["object"]["id"]))):
            return task
    raise gdb.GdbError(f"no task is called {words!r}; `tasks` lists them")


def table(rows):
    """Prints rows, the first of which is the head, in columns."""
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        line = "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths))
        gdb.write(line.rstrip() + "\n")


def call_text(call):
    """A call in a word: its token, its label, and who waits for it."""
    token = int(call["sequence"]) << 32 | int(call["slot"])
    caller = text(call["caller"]["name"]) if call["caller"] else "a dead task"
    label = int(call["request"]["tag"]) & 0xffff
    return f"{token:#x} (label {label}, of {caller}, attempt {int(call['attempt'])})"


def turn_text(task):
    """What a server works on."""
    turn = task["turn"]
    kind = names_of("event_kind", "EVENT_").get(int(turn["kind"]), "?")
    if kind == "none":
        return "-"
    return kind + (" " + call_text(turn["call"]) if turn["call"] else "")


def length(head, kind, member):
    """How many elements a list has."""
    return sum(1 for _ in elements(head, kind, member))


class Command(gdb.Command):
    """A command with the number of its arguments."""

    def __init__(self, name, least=0, most=0):
        super().__init__(name, gdb.COMMAND_DATA)
        self.name, self.least, self.most = name, least, most

    def invoke(self, argument, from_tty):
        """Called by gdb."""
        words = gdb.string_to_argv(argument)
        if not self.least <= len(words) <= self.most:
            raise gdb.GdbError(f"`help {self.name}` tells how it is used")
        try:
            self.show(*words)
        except gdb.MemoryError as error:
            raise gdb.GdbError(f"{error}: has the kernel started?") from error

    def show(self, *words):
        """Prints."""
        raise NotImplementedError


class Tasks(Command):
    """tasks: lists every task: its state, what it works on, and what waits for it."""

    def show(self):
        states = names_of("task_state", "TASK_")
        rows = [("ID", "NAME", "STATE", "INC", "THREADS", "HANDLES", "ACCEPTED", "STAGED", "TURN")]
        for task in tasks():
            rows.append((int(task["object"]["id"]), text(task["name"]),
                         states[int(task["state"])], int(task["incarnation"]),
                         int(task["thread_count"]), int(task["handles"]["used"]),
                         length(task["accepted"], "call", "link"),
                         length(task["outgoing"], "call", "caller_link"), turn_text(task)))
        table(rows)


class Threads(Command):
    """threads [TASK]: lists the threads of all tasks or of one: state, priority, where they are."""

    def show(self, name=None):
        states = names_of("thread_state", "THREAD_")
        rows = [("ID", "TASK", "STATE", "PRIORITY", "CPU", "RIP", "RSP", "WAITS FOR")]
        for task in [task_named(name)] if name else tasks():
            for thread in threads(task):
                state = states[int(thread["state"])]
                call = thread["call"]
                waits = ""
                if state in ("calling", "faulted", "paging") and call and call["session"]:
                    server = call["session"]["endpoint"]["server"]
                    waits = text(server["name"]) if server else "an endpoint without a server"
                rows.append((int(thread["object"]["id"]), text(task["name"]), state,
                             f"{int(thread['priority'])}/{int(thread['effective'])}",
                             int(thread["cpu"]), f"{int(thread['context']['rip']):#x}",
                             f"{int(thread['context']['rsp']):#x}", waits))
        table(rows)


class Handles(Command):
    """handles TASK: lists the handles of a task, by name or number: object, rights, flags."""

    def __init__(self):
        super().__init__("handles", 1, 1)

    def show(self, name):
        kinds = names_of("object_type", "OBJECT_")
        handles = task_named(name)["handles"]
        rows = [("HANDLE", "OBJECT", "ID", "RIGHTS", "FLAGS")]
        for slot in range(int(handles["page_count"]) * HANDLE_PAGE_ENTRIES):
            entry = handles["pages"][slot // HANDLE_PAGE_ENTRIES] + slot % HANDLE_PAGE_ENTRIES
            if not entry["object"]:
                continue
            target, flags = entry["object"], int(entry["flags"])
            marks = [word for bit, word in ENTRY_FLAGS.items() if flags & bit]
            if entry["epoch"] != target["epoch"]:
                marks.append("revoked")
            rows.append((f"{int(entry['generation']) << 16 | slot:#x}",
                         kinds.get(int(target["type"]), "?"), int(target["id"]),
                         f"{int(entry['rights']):#05x}", " ".join(marks)))
        table(rows)


class Endpoints(Command):
    """endpoints: lists the endpoints that are bound, with the calls queued, taken and accepted."""

    def show(self):
        rows = [("ID", "SERVER", "CALL", "STATE")]
        for task in tasks():
            endpoint = task["endpoint"]
            if not endpoint:
                continue
            calls = [(call, "queued") for i in range(PRIORITIES)
                     for call in elements(endpoint["queues"][i], "call", "link")]
            if task["turn"]["call"]:
                calls.append((task["turn"]["call"], "taken"))
            calls += [(call, "accepted") for call in elements(task["accepted"], "call", "link")]
            for call, state in calls or [(None, "")]:
                rows.append((int(endpoint["object"]["id"]), text(task["name"]),
                             call_text(call) if call else "-", state))
        table(rows)


class Current(Command):
    """current: says what each processor runs."""

    def show(self):
        rows = [("CPU", "THREAD", "TASK", "READY")]
        for i in range(int(gdb.parse_and_eval("cpu_count"))):
            cpu = gdb.parse_and_eval("cpu_table")[i]
            thread = cpu["arch"]["current"]
            ready = sum(length(cpu["queues"][priority], "thread", "run_link")
                        for priority in range(PRIORITIES))
            rows.append((i, int(thread["object"]["id"]) if thread else "-",
                         text(thread["task"]["name"]) if thread else "idle", ready))
        table(rows)


gdb.execute("set language c")  # the processor may stand in assembly, where no type has a name
Tasks("tasks")
Threads("threads", 0, 1)
Handles()
Endpoints("endpoints")
Current("current")
