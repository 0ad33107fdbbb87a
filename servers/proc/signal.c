/* SPDX-License-Identifier: MIT
 * Signals: pending ones, and who gets them. Masks and dispositions are the process's own affair,
 * but for what it told us to ignore.
 */
#include <common/string.h>

#include "effects.h"
#include "process.h"

#define STOPS                                                                                      \
    (SIGNAL_BIT(SIGNAL_STOP) | SIGNAL_BIT(SIGNAL_TSTP) | SIGNAL_BIT(SIGNAL_TTIN) |                 \
     SIGNAL_BIT(SIGNAL_TTOU))

static void drop(struct process *process, uint64_t mask) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < SIGNAL_QUEUE && process->queue[i].signal != 0; i++) {
        if ((mask & SIGNAL_BIT(process->queue[i].signal)) == 0) {
            process->queue[kept++] = process->queue[i];
        }
    }
    while (kept < SIGNAL_QUEUE) {
        process->queue[kept++] = (struct signal_info){0};
    }
}

uint64_t signal_pending(const struct process *process) {
    uint64_t mask = 0;
    for (uint32_t i = 0; i < SIGNAL_QUEUE && process->queue[i].signal != 0; i++) {
        mask |= SIGNAL_BIT(process->queue[i].signal);
    }
    return mask;
}

static void enqueue(struct process *process, const struct signal_info *info) {
    if (info->signal < SIGNAL_QUEUED && (signal_pending(process) & SIGNAL_BIT(info->signal)) != 0) {
        return;
    }
    for (uint32_t i = 0; i < SIGNAL_QUEUE; i++) {
        if (process->queue[i].signal == 0) {
            process->queue[i] = *info;
            return;
        }
    }
    /* Full: a standard signal takes the place of the newest real-time one. */
    if (info->signal < SIGNAL_QUEUED) {
        process->queue[SIGNAL_QUEUE - 1] = *info;
    }
}

void signal_send(struct process *process, const struct signal_info *info) {
    int signal = info->signal;
    uint64_t bit = SIGNAL_BIT(signal);
    if (process->state == PROCESS_ZOMBIE || process->state == PROCESS_FREE) {
        return;
    }
    if (signal == SIGNAL_KILL && process->state != PROCESS_EMBRYO) {
        process_end(process, SIGNAL_KILL);
        return;
    }
    if (signal == SIGNAL_CONT) {
        drop(process, STOPS);
        process_continue(process);
    } else if ((bit & STOPS) != 0) {
        drop(process, SIGNAL_BIT(SIGNAL_CONT));
    }
    if ((process->ignored & bit) != 0 && signal != SIGNAL_STOP) {
        return;
    }
    enqueue(process, info);
    if (process->state == PROCESS_RUNNING) {
        effect_interrupt(process->task);
    }
}

void signal_group(int32_t pgid, int signal) {
    struct signal_info info = {.signal = signal, .code = SI_KERNEL};
    for (uint32_t i = 0; i < PROCESSES; i++) {
        if (proc.processes[i].state != PROCESS_FREE && proc.processes[i].pgid == pgid) {
            signal_send(&proc.processes[i], &info);
        }
    }
}

struct signal_info signal_take(struct process *process, uint64_t blocked) {
    blocked &= ~(SIGNAL_BIT(SIGNAL_KILL) | SIGNAL_BIT(SIGNAL_STOP));
    for (uint32_t i = 0; i < SIGNAL_QUEUE && process->queue[i].signal != 0; i++) {
        struct signal_info info = process->queue[i];
        if ((blocked & SIGNAL_BIT(info.signal)) != 0) {
            continue;
        }
        memmove(&process->queue[i], &process->queue[i + 1],
                (SIGNAL_QUEUE - i - 1) * sizeof process->queue[0]);
        process->queue[SIGNAL_QUEUE - 1] = (struct signal_info){0};
        return info;
    }
    return (struct signal_info){0};
}

status_t signal_kill(const struct process *sender, const struct proc_kill_request *request) {
    if (request->signal < 0 || request->signal > SIGNAL_MAX) {
        return E_INVALID;
    }
    struct signal_info info = {.signal = (int32_t)request->signal,
                               .code = (int32_t)request->code,
                               .pid = sender->pid,
                               .value = request->value};
    int64_t target = request->pid == 0 ? -sender->pgid : request->pid;
    bool found = false;
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
            signal_send(process, &info);
        }
    }
    return found ? OK : E_NOT_FOUND;
}
