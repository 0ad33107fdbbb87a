/* SPDX-License-Identifier: MIT
 * Invariants of the arena.
 */
#include <common/string.h>

#include "process.h"

static const char *check_waiters(void) {
    uint32_t waiting = 0, listed = 0;
    uint16_t last = NONE;
    for (uint32_t i = 0; i < WAITERS; i++) {
        const struct waiter *waiter = &proc.waiters[i];
        if (waiter->kind > WAITER_EXIT) {
            return "a damaged waiter";
        }
        waiting += waiter->kind != WAITER_FREE;
    }
    for (uint16_t at = proc.first_waiter; at != NONE; at = proc.waiters[at].next) {
        if (at >= WAITERS || proc.waiters[at].kind == WAITER_FREE || listed++ == WAITERS) {
            return "the list of waiters is damaged";
        }
        last = at;
    }
    return listed != waiting || last != proc.last_waiter ? "the list of waiters is damaged" : NULL;
}

static bool process_sound(const struct process *process) {
    if (process->state == PROCESS_FREE) {
        return true;
    }
    for (uint32_t i = 0; i < SIGNAL_QUEUE; i++) {
        const struct signal_info *info = &process->queue[i];
        if (info->signal < 0 || info->signal > SIGNAL_MAX || info->thread < 0 ||
            info->alarm > PROCESSES + ALARMS ||
            (info->alarm != 0 &&
             proc.alarms[info->alarm - 1].owner != (uint32_t)(process - proc.processes))) {
            return false;
        }
    }
    return process->state <= PROCESS_ZOMBIE && process->pid > 0 && process->pgid > 0 &&
           process->sid > 0 && (process->parent == NONE || process->parent < PROCESSES) &&
           (process->terminal == NONE || process->terminal < TERMINALS) &&
           process_find(process->pid) == process &&
           strnlen(process->name, sizeof process->name) < sizeof process->name &&
           process->command_length <= PROC_COMMAND_MAX;
}

static bool pipe_sound(const struct pipe *pipe) {
    return pipe->used <= 7 && pipe->head < PROC_PIPE_SIZE && pipe->count <= PROC_PIPE_SIZE &&
           pipe->other <= PIPES && (pipe->used == 0 || pipe->mapped);
}

static bool terminal_sound(const struct terminal *terminal) {
    const struct tty *tty = &terminal->tty;
    return tty->tail - tty->head <= TTY_INPUT && tty->ready - tty->head <= tty->tail - tty->head &&
           tty->echo_tail - tty->echo_head <= TTY_ECHO && terminal->out_length <= PAGE_SIZE &&
           terminal->out_offset <= terminal->out_length;
}

static bool alarm_sound(uint32_t index) {
    const struct alarm *alarm = &proc.alarms[index];
    if (index >= PROCESSES && alarm->owner == NONE) {
        return alarm->timer.due_ns == 0;
    }
    return (index < PROCESSES ? alarm->owner == index : alarm->owner < PROCESSES) &&
           alarm->signal >= 0 && alarm->signal <= SIGNAL_MAX && alarm->thread >= 0 &&
           (alarm->timer.due_ns == 0 || proc.processes[alarm->owner].state != PROCESS_FREE);
}

const char *proc_check(bool full) {
    if (proc.magic != PROC_MAGIC) {
        return "the arena is not proc's";
    }
    if ((proc.first_waiter == NONE) != (proc.last_waiter == NONE)) {
        return "the list of waiters is damaged";
    }
    if (!full) {
        return NULL;
    }
    for (uint32_t i = 0; i < PROCESSES; i++) {
        if (!process_sound(&proc.processes[i])) {
            return "a damaged process";
        }
    }
    for (uint32_t i = 0; i < PROCESSES + ALARMS; i++) {
        if (!alarm_sound(i)) {
            return "a damaged alarm";
        }
    }
    for (uint32_t i = 0; i < PIPES; i++) {
        if (!pipe_sound(&proc.pipes[i])) {
            return "a damaged pipe";
        }
    }
    for (uint32_t i = 0; i < TERMINALS; i++) {
        if (!terminal_sound(&proc.terminals[i])) {
            return "a damaged terminal";
        }
    }
    return check_waiters();
}
