/* SPDX-License-Identifier: MIT
 * Processes, signals and the line discipline.
 */
#include "check.h"

#include "../alarm.h"
#include "../tty.h"
#include "world.h"

TEST(child_is_waited_for) {
    struct process *leader = start();
    struct process *child = make(leader);
    struct proc_wait_reply reply;
    CHECK_EQ(child->pgid, leader->pid);
    CHECK_EQ(process_wait(leader, -1, PROC_WAIT_EXITED, &reply), OK);
    CHECK_EQ(reply.pid, 0);
    process_end(child, 3 << 8);
    CHECK_EQ(seen.destroyed, 1);
    CHECK_EQ(seen.told, 1);
    CHECK_EQ(seen.interrupts, 0); /* SIGCHLD is ignored by default */
    CHECK_EQ(process_wait(leader, child->pid + 1, PROC_WAIT_EXITED, &reply), E_NOT_FOUND);
    CHECK_EQ(process_wait(leader, 0, PROC_WAIT_EXITED | PROC_WAIT_KEEP, &reply), OK);
    CHECK_EQ(reply.status, 3 << 8);
    CHECK_EQ(process_wait(leader, child->pid, PROC_WAIT_EXITED, &reply), OK);
    CHECK_EQ(child->state, PROCESS_FREE);
    CHECK_EQ(leader->children_ns, 5);
    CHECK_EQ(process_wait(leader, -1, PROC_WAIT_EXITED, &reply), E_NOT_FOUND);
}

TEST(a_child_has_its_parents_arguments) {
    struct process *leader = start();
    process_command(leader, "sh\0-c", 6);
    struct process *child = make(leader);
    CHECK_EQ(child->command_length, 6);
    CHECK_STR(proc.commands[process_index(child)] + 3, "-c");
    process_command(child, "ls", 3);
    CHECK_STR(proc.commands[process_index(leader)], "sh");
    process_free(child);
    CHECK_EQ(process_create(NULL)->command_length, 0);
}

TEST(zombies_of_the_dead_vanish) {
    struct process *leader = start();
    struct process *child = make(leader);
    struct process *grandchild = make(child);
    struct process *embryo = process_create(child);
    process_end(grandchild, 0);
    CHECK_EQ(grandchild->state, PROCESS_ZOMBIE);
    process_end(child, SIGNAL_KILL);
    CHECK_EQ(grandchild->state, PROCESS_FREE);
    CHECK_EQ(seen.lost, 1);
    CHECK_EQ(embryo->parent, NONE);
    CHECK_EQ(child->state, PROCESS_ZOMBIE);
    leader->ignore_flags = PROC_NO_CHILD_WAIT;
    struct process *other = make(leader);
    process_end(other, 0);
    CHECK_EQ(other->state, PROCESS_FREE);
    process_end(leader, 0);
    CHECK_EQ(seen.ended, 1);
    CHECK_EQ(seen.sessions, 1);
}

TEST(stopping_and_going_on) {
    struct process *leader = start();
    struct process *child = make(leader);
    struct proc_wait_reply reply;
    process_stop(child, SIGNAL_TSTP);
    CHECK_EQ(process_wait(leader, -1, PROC_WAIT_EXITED, &reply), OK);
    CHECK_EQ(reply.pid, 0);
    CHECK_EQ(process_wait(leader, -1, PROC_WAIT_STOPPED, &reply), OK);
    CHECK_EQ(reply.status, SIGNAL_TSTP << 8 | 0x7f);
    CHECK_EQ(process_wait(leader, -1, PROC_WAIT_STOPPED, &reply), OK);
    CHECK_EQ(reply.pid, 0);
    send(child, SIGNAL_HUP);
    CHECK_EQ(seen.interrupts, 0); /* it looks when it goes on */
    send(child, SIGNAL_CONT);
    CHECK_EQ(seen.continued, 1);
    CHECK_EQ(process_wait(leader, -1, PROC_WAIT_CONTINUED, &reply), OK);
    CHECK_EQ(reply.status, 0xffff);
    CHECK_EQ(taken(child, 0), SIGNAL_HUP);
    send(child, SIGNAL_TSTP);
    send(child, SIGNAL_CONT);
    CHECK_EQ(taken(child, 0), 0); /* SIGCONT takes the stop away */
    process_stop(child, SIGNAL_STOP);
    send(child, SIGNAL_KILL);
    CHECK_EQ(child->state, PROCESS_ZOMBIE);
}

TEST(signals_wait_once_or_queue) {
    struct process *process = start();
    send(process, SIGNAL_INT);
    send(process, SIGNAL_INT);
    send(process, 40);
    send(process, 40);
    CHECK_EQ(seen.interrupts, 4);
    CHECK_EQ(signal_pending(process), SIGNAL_BIT(SIGNAL_INT) | SIGNAL_BIT(40));
    CHECK_EQ(taken(process, SIGNAL_BIT(SIGNAL_INT)), 40);
    CHECK_EQ(taken(process, SIGNAL_BIT(SIGNAL_INT)), 40);
    CHECK_EQ(taken(process, SIGNAL_BIT(SIGNAL_INT)), 0);
    CHECK_EQ(taken(process, 0), SIGNAL_INT);
    CHECK_EQ(taken(process, 0), 0);
    for (unsigned i = 0; i < 2 * SIGNAL_QUEUE; i++) {
        send(process, 50);
    }
    send(process, SIGNAL_HUP); /* finds a place all the same */
    CHECK((signal_pending(process) & SIGNAL_BIT(SIGNAL_HUP)) != 0);
    process->ignored |= SIGNAL_BIT(SIGNAL_TSTP);
    send(process, SIGNAL_TSTP);
    CHECK((signal_pending(process) & SIGNAL_BIT(SIGNAL_TSTP)) == 0);
}

TEST(the_lowest_signal_comes_first) {
    struct process *process = start();
    send(process, 40);
    send(process, SIGNAL_HUP);
    send(process, 34);
    CHECK_EQ(taken(process, 0), SIGNAL_HUP);
    CHECK_EQ(taken(process, 0), 34);
    CHECK_EQ(taken(process, 0), 40);
}

TEST(a_queued_signal_that_finds_no_place_is_refused) {
    struct process *process = start();
    struct proc_kill_request request = {.pid = process->pid, .signal = 40, .code = -1, .value = 5};
    for (unsigned i = 0; i < SIGNAL_QUEUE; i++) {
        CHECK_EQ(signal_kill(process, &request), OK);
    }
    CHECK_EQ(signal_kill(process, &request), E_WOULD_BLOCK);
    CHECK_EQ(process->queue[0].value, 5);
}

TEST(a_thread_gets_what_is_for_it_alone) {
    struct process *process = start();
    struct proc_kill_request request = {.pid = process->pid, .signal = 40, .thread = 77};
    CHECK_EQ(signal_kill(process, &request), OK);
    request.thread = 78;
    CHECK_EQ(signal_kill(process, &request), OK);
    CHECK_EQ(taken(process, 0), 0);
    CHECK_EQ(signal_other(process, process->pid), 77);
    CHECK_EQ(signal_other(process, process->pid), 78);
    CHECK_EQ(signal_other(process, process->pid), 0); /* each is said once */
    uint64_t overrun;
    CHECK_EQ(signal_take(process, 0, 78, &overrun).thread, 78);
    CHECK_EQ(signal_take(process, 0, 78, &overrun).signal, 0);
    signal_forget_threads(process);
    CHECK_EQ(signal_pending(process), 0);
}

TEST(kill_finds_its_targets) {
    struct process *leader = start();
    struct process *child = make(leader);
    struct proc_kill_request request = {.pid = child->pid, .signal = SIGNAL_HUP};
    CHECK_EQ(signal_kill(leader, &request), OK);
    CHECK_EQ(signal_pending(child), SIGNAL_BIT(SIGNAL_HUP));
    CHECK_EQ(signal_pending(leader), 0);
    request.pid = 0;
    CHECK_EQ(signal_kill(leader, &request), OK);
    CHECK_EQ(signal_pending(leader), SIGNAL_BIT(SIGNAL_HUP));
    request.pid = -999;
    CHECK_EQ(signal_kill(leader, &request), E_NOT_FOUND);
    request.pid = child->pid;
    request.signal = 65;
    CHECK_EQ(signal_kill(leader, &request), E_INVALID);
    CHECK_EQ(group_set(leader, child->pid, 0), OK);
    CHECK_EQ(child->pgid, child->pid);
    CHECK_EQ(group_set(leader, child->pid, leader->pgid), OK);
    CHECK_EQ(group_set(leader, child->pid, 999), E_RIGHTS);
    CHECK_EQ(group_set(leader, 0, 0), E_RIGHTS); /* a session's leader stays */
    CHECK_EQ(group_set(child, leader->pid, 0), E_NOT_FOUND);
    child->execed = true;
    CHECK_EQ(group_set(leader, child->pid, 0), E_STATE);
}

/* ---- line discipline ---- */

static struct tty tty;
static char text[512];

static uint64_t type(const char *keys) {
    return tty_input(&tty, (const uint8_t *)keys, strlen(keys));
}

/* What a read of `size` gives; "(waits)" or "(end)". */
static const char *got(size_t size) {
    bool now;
    size_t count = tty_available(&tty, size, &now);
    if (!now) {
        return "(waits)";
    }
    tty_peek(&tty, (uint8_t *)text, count);
    tty_take(&tty, count);
    text[count] = 0;
    return count == 0 ? "(end)" : text;
}

static const char *echo(void) {
    text[tty_echo(&tty, (uint8_t *)text, sizeof text - 1)] = 0;
    return text;
}

TEST(lines) {
    tty_init(&tty);
    type("ab");
    CHECK_STR(got(99), "(waits)");
    type("c\rde\n");
    CHECK_STR(echo(), "abc\nde\n");
    CHECK_STR(got(2), "ab");
    CHECK_STR(got(99), "c\n");
    CHECK_STR(got(99), "de\n");
    CHECK_STR(got(99), "(waits)");
    type("xy\177z\n");
    CHECK_STR(echo(), "xy\b \bz\n");
    CHECK_STR(got(99), "xz\n");
    type("one two\027three\025four\n");
    CHECK_STR(got(99), "four\n");
    type("\303\244b\177\177c\n"); /* a character of two bytes */
    CHECK_STR(got(99), "c\n");
}

TEST(end_of_file) {
    tty_init(&tty);
    type("\004");
    CHECK_STR(got(99), "(end)");
    CHECK_STR(got(99), "(waits)");
    type("abc\004");
    CHECK_STR(got(99), "abc");
    CHECK_STR(got(99), "(waits)");
    type("abc\004");
    CHECK_STR(got(2), "ab");
    CHECK_STR(got(2), "c");
    CHECK_STR(got(2), "(waits)");
    type("\026\004\n");
    CHECK_STR(got(9), "\004\n");
}

TEST(keys_that_signal) {
    tty_init(&tty);
    CHECK_EQ(type("abc\003"), SIGNAL_BIT(SIGNAL_INT));
    CHECK_STR(echo(), "abc^C");
    CHECK_EQ(type("\032\034"), SIGNAL_BIT(SIGNAL_TSTP) | SIGNAL_BIT(SIGNAL_QUIT));
    type("d\n");
    CHECK_STR(got(99), "d\n");
    struct proc_termios raw = tty.termios;
    raw.lflag = 0;
    raw.iflag = 0;
    type("left");
    tty_set(&tty, &raw);
    CHECK_STR(got(3), "lef");
    CHECK_EQ(type("\003\r"), 0);
    (void)echo();
    CHECK_STR(got(99), "t\003\r");
    CHECK_STR(got(99), "(waits)");
    raw.cc[6] = 0; /* VMIN */
    tty_set(&tty, &raw);
    CHECK_STR(got(99), "(end)");
    raw.cc[6] = 3;
    tty_set(&tty, &raw);
    type("ab");
    CHECK_STR(got(99), "(waits)");
    type("c");
    CHECK_STR(got(99), "abc");
}

TEST(a_full_line_takes_its_end) {
    tty_init(&tty);
    for (unsigned i = 0; i < 2 * TTY_INPUT; i++) {
        type("x");
    }
    type("\n");
    bool now;
    CHECK_EQ(tty_available(&tty, 2 * TTY_INPUT, &now), TTY_INPUT);
    CHECK(now);
    CHECK_EQ(tty_count(&tty), TTY_INPUT);
    tty_flush(&tty);
    CHECK_EQ(tty_count(&tty), 0);
}

/* Two processes, of which one waits, a pipe and a terminal. */
static struct process *build(void) {
    struct process *leader = start();
    struct proc_alarm_request timer = {.signal = 40};
    struct alarm *made;
    proc.magic = PROC_MAGIC;
    (void)make(leader);
    (void)alarm_add(leader, &timer, &made);
    proc.first_waiter = 3;
    proc.last_waiter = 5;
    proc.waiters[3] = (struct waiter){.kind = WAITER_WAIT, .next = 5};
    proc.waiters[5] = (struct waiter){.kind = WAITER_READ, .next = NONE};
    proc.pipes[1] = (struct pipe){.used = 3, .mapped = true, .count = 10};
    tty_init(&proc.terminals[0].tty);
    (void)tty_input(&proc.terminals[0].tty, (const uint8_t *)"typed\nand", 9);
    return leader;
}

#define BREAKS(change, expected)                                                                   \
    do {                                                                                           \
        struct process *leader = build();                                                          \
        struct tty *typed = &proc.terminals[0].tty;                                                \
        (void)leader;                                                                              \
        (void)typed;                                                                               \
        CHECK(proc_check(true) == NULL);                                                           \
        change;                                                                                    \
        const char *wrong = proc_check(true);                                                      \
        CHECK_STR(wrong != NULL ? wrong : "not seen", expected);                                   \
    } while (0)

TEST(broken_invariants_are_seen) {
    BREAKS(proc.magic ^= 1, "the arena is not proc's");
    BREAKS(leader->state = PROCESS_ZOMBIE + 1, "a damaged process");
    BREAKS(leader->pid = 0, "a damaged process");
    BREAKS(leader->pgid = -1, "a damaged process");
    BREAKS(leader->sid = 0, "a damaged process");
    BREAKS(leader[1].pid = leader->pid, "a damaged process");
    BREAKS(leader->parent = PROCESSES, "a damaged process");
    BREAKS(leader->terminal = TERMINALS, "a damaged process");
    BREAKS(leader->queue[2].signal = SIGNAL_MAX + 1, "a damaged process");
    BREAKS(memset(leader->name, 'x', sizeof leader->name), "a damaged process");
    BREAKS(leader->command_length = PROC_COMMAND_MAX + 1, "a damaged process");
    BREAKS(leader->queue[0] = ((struct signal_info){.signal = 1, .thread = -1}),
           "a damaged process");
    BREAKS(leader->queue[0].alarm = PROCESSES + ALARMS + 1, "a damaged process");
    BREAKS(leader[1].queue[0].alarm = PROCESSES + 1, "a damaged process");
    BREAKS(proc.alarms[0].owner = 1, "a damaged alarm");
    BREAKS(proc.alarms[PROCESSES].owner = PROCESSES, "a damaged alarm");
    BREAKS(proc.alarms[PROCESSES].signal = SIGNAL_MAX + 1, "a damaged alarm");
    BREAKS(proc.alarms[PROCESSES].thread = -1, "a damaged alarm");
    BREAKS(proc.alarms[PROCESSES + 1].timer.due_ns = 5, "a damaged alarm");
    BREAKS(proc.alarms[5].timer.due_ns = 5, "a damaged alarm");
    BREAKS(proc.pipes[1].used = 8, "a damaged pipe");
    BREAKS(proc.pipes[1].head = PROC_PIPE_SIZE, "a damaged pipe");
    BREAKS(proc.pipes[1].count = PROC_PIPE_SIZE + 1, "a damaged pipe");
    BREAKS(proc.pipes[1].other = PIPES + 1, "a damaged pipe");
    BREAKS(proc.pipes[1].mapped = false, "a damaged pipe");
    BREAKS(typed->tail = typed->head - 1, "a damaged terminal");
    BREAKS(typed->ready = typed->tail + 1, "a damaged terminal");
    BREAKS(typed->echo_head = typed->echo_tail + 1, "a damaged terminal");
    BREAKS(proc.terminals[0].out_offset = 1, "a damaged terminal");
    BREAKS(proc.terminals[0].out_length = PAGE_SIZE + 1, "a damaged terminal");
    BREAKS(proc.waiters[7].kind = WAITER_EXIT + 1, "a damaged waiter");
    BREAKS(proc.waiters[7].kind = WAITER_WAIT, "the list of waiters is damaged");
    BREAKS(proc.waiters[5].kind = WAITER_FREE, "the list of waiters is damaged");
    BREAKS(proc.waiters[5].next = 3, "the list of waiters is damaged");
    BREAKS(proc.first_waiter = WAITERS, "the list of waiters is damaged");
    BREAKS(proc.first_waiter = NONE, "the list of waiters is damaged");
    BREAKS(proc.last_waiter = 3, "the list of waiters is damaged");
}
