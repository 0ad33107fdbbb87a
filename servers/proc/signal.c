/* SPDX-License-Identifier: MIT
 * Signals: pending ones, and who gets them. Masks and dispositions are the process's own affair,
 * but for what it told us to ignore.
 */
#include <common/string.h>

#include "alarm.h"
#include "effects.h"
#include "process.h"

#define STOPS                                                                                      \
    (SIGNAL_BIT(SIGNAL_STOP) | SIGNAL_BIT(SIGNAL_TSTP) | SIGNAL_BIT(SIGNAL_TTIN) |                 \
     SIGNAL_BIT(SIGNAL_TTOU))

static void take_out(struct process *process, uint32_t at) {
    memmove(&process->queue[at], &process->queue[at + 1],
            (SIGNAL_QUEUE - at - 1) * sizeof process->queue[0]);
    process->queue[SIGNAL_QUEUE - 1] = (struct signal_info){0};
}

static void drop(struct process *process, uint64_t mask) {
    for (uint32_t i = 0; i < SIGNAL_QUEUE && process->queue[i].signal != 0;) {
        const struct signal_info info = process->queue[i];
        if ((mask & SIGNAL_BIT(info.signal)) == 0) {
            i++;
            continue;
        }
        take_out(process, i);
        if (info.alarm != 0) {
            (void)alarm_taken(info.alarm - 1);
        }
    }
}

uint64_t signal_pending(const struct process *process) {
    uint64_t mask = 0;
    for (uint32_t i = 0; i < SIGNAL_QUEUE && process->queue[i].signal != 0; i++) {
        mask |= SIGNAL_BIT(process->queue[i].signal);
    }
    return mask;
}

/* One of a kind is enough, but for those that count. */
static bool is_queued(const struct process *process, const struct signal_info *info) {
    if (info->signal >= SIGNAL_QUEUED || info->alarm > PROCESSES) {
        return false;
    }
    for (uint32_t i = 0; i < SIGNAL_QUEUE && process->queue[i].signal != 0; i++) {
        if (process->queue[i].signal == info->signal && process->queue[i].thread == info->thread) {
            return true;
        }
    }
    return false;
}

static bool enqueue(struct process *process, const struct signal_info *info) {
    if (is_queued(process, info)) {
        return true;
    }
    for (uint32_t i = 0; i < SIGNAL_QUEUE; i++) {
        if (process->queue[i].signal == 0) {
            process->queue[i] = *info;
            return true;
        }
    }
    /* Full: a standard signal takes the place of the newest. */
    if (info->signal < SIGNAL_QUEUED && info->alarm == 0) {
        const uint32_t alarm = process->queue[SIGNAL_QUEUE - 1].alarm;
        process->queue[SIGNAL_QUEUE - 1] = *info;
        if (alarm != 0) {
            (void)alarm_taken(alarm - 1);
        }
        return true;
    }
    return false;
}

bool signal_send(struct process *process, const struct signal_info *info) {
    int signal = info->signal;
    uint64_t bit = SIGNAL_BIT(signal);
    if (process->state == PROCESS_ZOMBIE || process->state == PROCESS_FREE) {
        return true;
    }
    if (signal == SIGNAL_KILL && process->state != PROCESS_EMBRYO) {
        process_end(process, SIGNAL_KILL);
        return true;
    }
    if (signal == SIGNAL_CONT) {
        drop(process, STOPS);
        process_continue(process);
    } else if ((bit & STOPS) != 0) {
        drop(process, SIGNAL_BIT(SIGNAL_CONT));
    }
    if ((process->ignored & bit) != 0 && signal != SIGNAL_STOP) {
        return true;
    }
    bool queued = enqueue(process, info);
    if (queued && process->state == PROCESS_RUNNING) {
        effect_interrupt(process->task);
    }
    return queued;
}

void signal_group(int32_t pgid, int signal) {
    struct signal_info info = {.signal = signal, .code = SI_KERNEL};
    for (uint32_t i = 0; i < PROCESSES; i++) {
        if (proc.processes[i].state != PROCESS_FREE && proc.processes[i].pgid == pgid) {
            (void)signal_send(&proc.processes[i], &info);
        }
    }
}

struct signal_info signal_take(struct process *process, uint64_t blocked, int32_t thread,
                               uint64_t *overrun) {
    uint32_t best = SIGNAL_QUEUE;
    *overrun = 0;
    blocked &= ~(SIGNAL_BIT(SIGNAL_KILL) | SIGNAL_BIT(SIGNAL_STOP));
    for (uint32_t i = 0; i < SIGNAL_QUEUE && process->queue[i].signal != 0; i++) {
        const struct signal_info *info = &process->queue[i];
        bool mine = info->thread == 0 || info->thread == thread;
        if (mine && (blocked & SIGNAL_BIT(info->signal)) == 0 &&
            (best == SIGNAL_QUEUE || info->signal < process->queue[best].signal)) {
            best = i;
        }
    }
    if (best == SIGNAL_QUEUE) {
        return (struct signal_info){0};
    }
    struct signal_info info = process->queue[best];
    take_out(process, best);
    if (info.alarm != 0) {
        *overrun = alarm_taken(info.alarm - 1);
    }
    return info;
}

int32_t signal_other(struct process *process, int32_t thread) {
    for (uint32_t i = 0; i < SIGNAL_QUEUE && process->queue[i].signal != 0; i++) {
        struct signal_info *info = &process->queue[i];
        if (info->thread != 0 && info->thread != thread && !info->told) {
            info->told = true;
            return info->thread;
        }
    }
    return 0;
}

bool signal_of_alarm(const struct process *process, uint32_t alarm) {
    for (uint32_t i = 0; i < SIGNAL_QUEUE && process->queue[i].signal != 0; i++) {
        if (process->queue[i].alarm == alarm) {
            return true;
        }
    }
    return false;
}

void signal_forget(struct process *process, uint32_t alarm) {
    for (uint32_t i = 0; i < SIGNAL_QUEUE && process->queue[i].signal != 0;) {
        if (process->queue[i].alarm == alarm) {
            take_out(process, i);
        } else {
            i++;
        }
    }
}

void signal_forget_threads(struct process *process) {
    for (uint32_t i = 0; i < SIGNAL_QUEUE && process->queue[i].signal != 0;) {
        if (process->queue[i].thread != 0) {
            take_out(process, i);
        } else {
            i++;
        }
    }
}

status_t signal_kill(const struct process *sender, const struct proc_kill_request *request) {
    if (request->signal < 0 || request->signal > SIGNAL_MAX || request->thread < 0 ||
        request->thread > INT32_MAX) {
        return E_INVALID;
    }
    struct signal_info info = {.signal = (int32_t)request->signal,
                               .code = (int32_t)request->code,
                               .pid = sender->pid,
                               .value = request->value};
    int64_t target = request->pid == 0 ? -sender->pgid : request->pid;
    bool found = false;
    bool queued = true;
    for (uint32_t i = 0; i < PROCESSES; i++) {
        struct process *process = &proc.processes[i];
        bool hit = target > 0     ? process->pid == target
                   : target == -1 ? process != sender
                                  : process->pgid == -target;
        if (process->state == PROCESS_FREE || !hit) {
            continue;
        }
        found = true;
        if (info.signal != 0) {
            info.thread = process == sender ? (int32_t)request->thread : 0;
            queued &= signal_send(process, &info);
        }
    }
    return !found ? E_NOT_FOUND : !queued && info.code < 0 ? E_WOULD_BLOCK : OK;
}
