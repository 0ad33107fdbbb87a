/* SPDX-License-Identifier: MIT
 * What others may know of a process: lists of them, names, arguments.
 */
#include <ipc/dispatch.h>

#include <common/string.h>
#include <ipc/object.h>

#include "alarm.h"
#include "process.h"
#include "server.h"

#define OP(number, NAME, name, request, reply) DISPATCH_DECLARE(handle_##name, request, reply)
PROC_PROTOCOL(OP)
#undef OP

/* The process with the lowest number from `pid` on. */
static const struct process *next_process(int64_t pid) {
    const struct process *best = NULL;
    for (uint32_t i = 0; i < PROCESSES; i++) {
        const struct process *process = &proc.processes[i];
        if (process->state != PROCESS_FREE && process->pid >= pid &&
            (best == NULL || process->pid < best->pid)) {
            best = process;
        }
    }
    return best;
}

static char state_of(const struct process *process, const struct task_info *task) {
    if (process->state == PROCESS_ZOMBIE || process->state == PROCESS_STOPPED) {
        return process->state == PROCESS_ZOMBIE ? 'Z' : 'T';
    }
    return task->main_state == THREAD_READY || task->main_state == THREAD_RUNNING ? 'R' : 'S';
}

status_t handle_list(struct event *event, const struct proc_pid *request,
                     struct proc_list_reply *answer) {
    const struct process *process = next_process(request->pid);
    struct task_info task = {0};
    (void)event;
    if (process == NULL) {
        return E_NOT_FOUND;
    }
    bool runs = process->task != HANDLE_NONE && task_info(process->task, &task) == OK;
    *answer = (struct proc_list_reply){
        .pid = process->pid,
        .ppid = process->parent == NONE ? 1 : proc.processes[process->parent].pid,
        .pgid = process->pgid,
        .sid = process->sid,
        .state = (uint64_t)state_of(process, &task),
        .foreground = -1,
        .cpu_ns = runs ? task.cpu_ns : process->cpu_ns,
        .children_ns = process->children_ns,
        .start_ns = process->start_ns,
        .threads = task.threads,
        .pending = signal_pending(process),
    };
    if (process->terminal != NONE) {
        const struct terminal *terminal = &proc.terminals[process->terminal];
        answer->terminal = PROC_TERMINAL_DEVICE + terminal->number;
        answer->foreground = terminal->foreground;
    }
    memcpy(answer->name, process->name, sizeof answer->name);
    return OK;
}

/* The process that calls; NULL: it has ended, or nobody's session. */
static struct process *caller(const struct event *event) {
    return badge_kind(event->badge) == BADGE_PROCESS ? process_of_badge(event->badge) : NULL;
}

status_t handle_name(struct event *event, const struct proc_name *request,
                     struct proc_empty *answer) {
    struct process *process = caller(event);
    (void)answer;
    if (process == NULL) {
        return E_UNSUPPORTED;
    }
    memcpy(process->name, request->name, sizeof process->name - 1);
    return OK;
}

status_t handle_execed(struct event *event, const struct proc_command *request,
                       struct proc_empty *answer) {
    struct process *process = caller(event);
    (void)answer;
    if (process == NULL || request->length > sizeof request->arguments) {
        return process == NULL ? E_UNSUPPORTED : E_INVALID;
    }
    memcpy(process->name, request->name, sizeof process->name - 1);
    process_command(process, request->arguments, (uint32_t)request->length);
    process->execed = true;
    signal_forget_threads(process);
    alarms_drop(process, false);
    return OK;
}

status_t handle_command(struct event *event, const struct proc_pid *request,
                        struct proc_command *answer) {
    const struct process *process = process_find(request->pid);
    (void)event;
    if (process == NULL) {
        return E_NOT_FOUND;
    }
    memcpy(answer->name, process->name, sizeof answer->name);
    if (process->state != PROCESS_ZOMBIE) {
        answer->length = process->command_length;
        memcpy(answer->arguments, proc.commands[process_index(process)], process->command_length);
    }
    return OK;
}
