/* SPDX-License-Identifier: MIT
 * Processes: table, families, ends, waiting.
 */
#include "process.h"

#include <common/string.h>

#include "alarm.h"
#include "effects.h"

#define PID_MAX 32767

uint32_t process_index(const struct process *process) {
    return (uint32_t)(process - proc.processes);
}

struct process *process_find(int64_t pid) {
    for (uint32_t i = 0; i < PROCESSES; i++) {
        struct process *process = &proc.processes[i];
        if (process->state != PROCESS_FREE && process->pid == pid) {
            return process;
        }
    }
    return NULL;
}

struct process *process_of_badge(uint64_t badge) {
    uint32_t index = badge_index(badge);
    if (index >= PROCESSES) {
        return NULL;
    }
    struct process *process = &proc.processes[index];
    bool alive = process->state != PROCESS_FREE && process->state != PROCESS_ZOMBIE;
    return alive && process->serial == badge_serial(badge) ? process : NULL;
}

static bool number_used(int32_t number) {
    for (uint32_t i = 0; i < PROCESSES; i++) {
        const struct process *process = &proc.processes[i];
        if (process->state != PROCESS_FREE &&
            (process->pid == number || process->pgid == number || process->sid == number)) {
            return true;
        }
    }
    return false;
}

int32_t process_new_pid(void) {
    do {
        proc.last_pid = proc.last_pid >= PID_MAX ? 300 : proc.last_pid + 1;
    } while (number_used(proc.last_pid));
    return proc.last_pid;
}

void process_command(struct process *process, const char *arguments, uint32_t length) {
    memcpy(proc.commands[process_index(process)], arguments, length);
    process->command_length = length;
}

struct process *process_create(const struct process *parent) {
    for (uint32_t i = 0; i < PROCESSES; i++) {
        struct process *process = &proc.processes[i];
        if (process->state != PROCESS_FREE) {
            continue;
        }
        int32_t pid = process_new_pid();
        *process = (struct process){
            .state = PROCESS_EMBRYO,
            .serial = ++proc.serial,
            .pid = pid,
            .pgid = pid,
            .sid = pid,
            .parent = NONE,
            .terminal = NONE,
            .ignored = SIGNAL_BIT(SIGNAL_CHLD) | SIGNAL_BIT(SIGNAL_CONT) |
                       SIGNAL_BIT(SIGNAL_WINCH) | SIGNAL_BIT(23), /* SIGURG */
            .start_ns = effect_now(),
        };
        if (parent != NULL) {
            process->parent = (uint16_t)process_index(parent);
            process->pgid = parent->pgid;
            process->sid = parent->sid;
            process->terminal = parent->terminal;
            process->ignored = parent->ignored;
            process->ignore_flags = parent->ignore_flags;
            memcpy(process->name, parent->name, sizeof process->name);
            process_command(process, proc.commands[process_index(parent)], parent->command_length);
        }
        return process;
    }
    return NULL;
}

void process_free(struct process *process) {
    alarms_drop(process, true);
    effect_close(process->task);
    effect_close(process->supervisor);
    *process = (struct process){.state = PROCESS_FREE};
}

static struct process *parent_of(const struct process *process) {
    return process->parent == NONE ? NULL : &proc.processes[process->parent];
}

/* ---- ends ---- */

static void orphan_children(struct process *process) {
    uint32_t index = process_index(process);
    for (uint32_t i = 0; i < PROCESSES; i++) {
        struct process *child = &proc.processes[i];
        if (child->state == PROCESS_FREE || child->parent != index) {
            continue;
        }
        child->parent = NONE;
        if (child->state == PROCESS_EMBRYO) {
            effect_child_lost(child);
        } else if (child->state == PROCESS_ZOMBIE && !child->kept) {
            process_free(child);
        }
    }
}

static void tell_parent(struct process *process, int code, int32_t status) {
    struct process *parent = parent_of(process);
    if (parent == NULL) {
        return;
    }
    bool stop = code == CLD_STOPPED || code == CLD_CONTINUED;
    if (!stop || (parent->ignore_flags & PROC_NO_CHILD_STOP) == 0) {
        struct signal_info info = {.signal = SIGNAL_CHLD,
                                   .code = code,
                                   .pid = process->pid,
                                   .value = (uint64_t)(int64_t)status};
        (void)signal_send(parent, &info);
    }
    effect_child_changed(parent);
}

void process_end(struct process *process, int32_t status) {
    if (process->state == PROCESS_ZOMBIE || process->state == PROCESS_FREE) {
        return;
    }
    process->cpu_ns = effect_cpu_ns(process->task);
    process->state = PROCESS_ZOMBIE;
    process->status = status;
    alarms_drop(process, true);
    effect_destroy(process);
    orphan_children(process);
    if (process->pid == process->sid) {
        effect_session_ended(process);
    }
    const struct process *parent = parent_of(process);
    if (process->kept) {
        effect_run_ended(process);
        return;
    }
    bool unasked = parent == NULL || (parent->ignore_flags & PROC_NO_CHILD_WAIT) != 0;
    int signal = status & 0x7f;
    tell_parent(process, signal == 0 ? CLD_EXITED : CLD_KILLED,
                signal == 0 ? status >> 8 & 0xff : signal);
    if (unasked && process->state == PROCESS_ZOMBIE) {
        process_free(process);
    }
}

void process_stop(struct process *process, int signal) {
    process->state = PROCESS_STOPPED;
    process->status = signal << 8 | 0x7f;
    process->stop_reported = false;
    process->continue_pending = false;
    tell_parent(process, CLD_STOPPED, signal);
}

void process_continue(struct process *process) {
    if (process->state != PROCESS_STOPPED) {
        return;
    }
    process->state = PROCESS_RUNNING;
    process->continue_pending = true;
    effect_continued(process);
    tell_parent(process, CLD_CONTINUED, SIGNAL_CONT);
}

/* ---- waiting ---- */

static bool selected(const struct process *process, const struct process *child, int64_t selector) {
    if (child->state == PROCESS_FREE || child->parent != process_index(process) || child->kept) {
        return false;
    }
    return selector == -1 || (selector > 0 && child->pid == selector) ||
           (selector == 0 && child->pgid == process->pgid) ||
           (selector < -1 && child->pgid == -selector);
}

static bool has_news(const struct process *child, uint64_t options) {
    switch (child->state) {
    case PROCESS_ZOMBIE:
        return (options & PROC_WAIT_EXITED) != 0;
    case PROCESS_STOPPED:
        return (options & PROC_WAIT_STOPPED) != 0 && !child->stop_reported;
    case PROCESS_RUNNING:
        return (options & PROC_WAIT_CONTINUED) != 0 && child->continue_pending;
    default:
        return false;
    }
}

status_t process_wait(struct process *process, int64_t selector, uint64_t options,
                      struct proc_wait_reply *reply) {
    bool any = false;
    *reply = (struct proc_wait_reply){0};
    for (uint32_t i = 0; i < PROCESSES; i++) {
        struct process *child = &proc.processes[i];
        if (!selected(process, child, selector)) {
            continue;
        }
        any = true;
        if (!has_news(child, options)) {
            continue;
        }
        reply->pid = child->pid;
        reply->status = child->state == PROCESS_RUNNING ? 0xffff : child->status;
        reply->cpu_ns = child->cpu_ns + child->children_ns;
        if ((options & PROC_WAIT_KEEP) != 0) {
            return OK;
        }
        child->continue_pending = false;
        child->stop_reported = true;
        if (child->state == PROCESS_ZOMBIE) {
            process->children_ns += reply->cpu_ns;
            process_free(child);
        }
        return OK;
    }
    return any ? OK : E_NOT_FOUND;
}

/* ---- groups ---- */

static bool group_exists(int32_t pgid, int32_t sid) {
    for (uint32_t i = 0; i < PROCESSES; i++) {
        const struct process *process = &proc.processes[i];
        if (process->state != PROCESS_FREE && process->pgid == pgid && process->sid == sid) {
            return true;
        }
    }
    return false;
}

status_t group_set(struct process *process, int64_t pid, int64_t value) {
    struct process *target = pid == 0 ? process : process_find(pid);
    if (value < 0) {
        return E_INVALID;
    }
    if (target == NULL || (target != process && target->parent != process_index(process))) {
        return E_NOT_FOUND;
    }
    if (target != process && target->execed) {
        return E_STATE; /* EACCES */
    }
    int32_t pgid = value == 0 ? target->pid : (int32_t)value;
    if (target->sid != process->sid || target->pid == target->sid ||
        (pgid != target->pid && !group_exists(pgid, process->sid))) {
        return E_RIGHTS;
    }
    target->pgid = pgid;
    return OK;
}
