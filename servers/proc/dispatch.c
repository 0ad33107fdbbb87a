/* SPDX-License-Identifier: MIT
 * Decoding of calls, and the operations that are little more than that.
 */
#include <ipc/dispatch.h>

#include <common/string.h>
#include <ipc/handle.h>
#include <ipc/log.h>

#include "alarm.h"
#include "effects.h"
#include "names.h"
#include "process.h"
#include "run.h"
#include "server.h"
#include "stream.h"
#include "waiter.h"

#define OP(number, NAME, name, request, reply) DISPATCH_DECLARE(handle_##name, request, reply)
PROC_PROTOCOL(OP)
#undef OP

#define CALLER(process)                                                                            \
    struct process *process =                                                                      \
        badge_kind(event->badge) == BADGE_PROCESS ? process_of_badge(event->badge) : NULL;         \
    if (process == NULL) {                                                                         \
        return E_UNSUPPORTED;                                                                      \
    }

/* ---- from outside ---- */

/* Programs that this client started in an earlier life; nobody waits for them any more. */
static void abandon_runs(uint64_t client) {
    for (uint32_t i = 0; i < PROCESSES; i++) {
        struct process *process = &proc.processes[i];
        if (process->state == PROCESS_FREE || !process->kept || process->run_client != client) {
            continue;
        }
        process->kept = false;
        if (process->state == PROCESS_ZOMBIE) {
            process_free(process);
        } else {
            signal_group(process->pgid, SIGNAL_HUP);
        }
    }
}

status_t handle_run(struct event *event, const struct proc_run_request *request,
                    struct proc_pid *answer) {
    struct process *process;
    if ((event->badge & BADGE_ROOT) == 0) {
        return E_UNSUPPORTED;
    }
    abandon_runs(event->badge);
    status_t status = run_start(event, request, &process);
    if (status == OK) {
        answer->pid = process->pid;
    }
    return status;
}

static struct process *run_of(const struct event *event, int64_t pid) {
    struct process *process = (event->badge & BADGE_ROOT) == 0 ? NULL : process_find(pid);
    return process != NULL && process->run_client == event->badge ? process : NULL;
}

status_t handle_run_wait(struct event *event, const struct proc_pid *request,
                         struct proc_status *answer) {
    struct process *process = run_of(event, request->pid);
    if (process == NULL) {
        return E_NOT_FOUND;
    }
    if (process->state == PROCESS_ZOMBIE) {
        answer->status = process->status;
        process_free(process);
        return OK;
    }
    struct waiter *waiter = waiter_add(WAITER_RUN, process_index(process), event->token);
    return waiter == NULL ? E_BUSY : DISPATCH_PARKED;
}

status_t handle_run_signal(struct event *event, const struct proc_kill_request *request,
                           struct proc_empty *answer) {
    struct process *process = run_of(event, request->pid);
    (void)answer;
    if (process == NULL || request->signal <= 0 || request->signal > SIGNAL_MAX) {
        return process == NULL ? E_NOT_FOUND : E_INVALID;
    }
    int32_t group = process->pgid;
    if (process->terminal != NONE && proc.terminals[process->terminal].foreground > 0) {
        group = proc.terminals[process->terminal].foreground;
    }
    signal_group(group, (int)request->signal);
    return OK;
}

/* ---- families ---- */

status_t handle_fork(struct event *event, const struct proc_empty *request,
                     struct proc_pid *answer) {
    CALLER(process)
    handle_t session;
    (void)request;
    struct process *child = process_create(process);
    if (child == NULL) {
        return E_BUSY;
    }
    status_t status = process_session(child, &session);
    if (status != OK) {
        process_free(child);
        return status;
    }
    event_answer_handle(event, session, HANDLE_MOVE | RIGHT_CALL | RIGHT_COPY);
    answer->pid = child->pid;
    return OK;
}

static void answer_child(token_t token, const struct process *child) {
    const struct process *parent = child->parent == NONE ? NULL : &proc.processes[child->parent];
    struct proc_child_reply answer = {child->pid, parent == NULL ? 1 : parent->pid};
    reply(token, OK, &answer, sizeof answer);
}

/* What waited for the child's task. */
static void child_ready(struct process *child) {
    uint32_t index = process_index(child);
    struct waiter *waiter = waiter_next(NULL, WAITER_CHILD, 0, index);
    if (waiter != NULL) {
        answer_child(waiter->token, child);
        waiter_remove(waiter);
    }
    if ((signal_pending(child) & SIGNAL_BIT(SIGNAL_KILL)) != 0) {
        process_end(child, SIGNAL_KILL);
    } else if (signal_pending(child) != 0) {
        effect_interrupt(child->task);
    }
}

status_t handle_forked(struct event *event, const struct proc_pid *request,
                       struct proc_empty *answer) {
    CALLER(process)
    (void)answer;
    struct process *child = process_find(request->pid);
    if (child == NULL || child->state != PROCESS_EMBRYO ||
        child->parent != process_index(process)) {
        return E_NOT_FOUND;
    }
    handle_t task = event_take_handle(event, 0);
    if (task == HANDLE_NONE) {
        process_free(child);
        return OK;
    }
    status_t status = process_adopt(child, task);
    if (status != OK) {
        handle_close(task);
        process_end(child, SIGNAL_KILL);
        return status;
    }
    child_ready(child);
    return OK;
}

status_t handle_child(struct event *event, const struct proc_empty *request,
                      struct proc_child_reply *answer) {
    CALLER(process)
    (void)request;
    (void)answer;
    if (process->state != PROCESS_EMBRYO) {
        answer_child(event->token, process);
        return DISPATCH_PARKED;
    }
    if (process->parent == NONE) {
        return E_CLOSED;
    }
    struct waiter *waiter = waiter_add(WAITER_CHILD, process_index(process), event->token);
    return waiter == NULL ? E_BUSY : DISPATCH_PARKED;
}

status_t handle_exit(struct event *event, const struct proc_status *request,
                     struct proc_empty *answer) {
    CALLER(process)
    (void)answer;
    if (process->state == PROCESS_EMBRYO) {
        return E_STATE;
    }
    reply_status(event->token, OK);
    process_end(process, (int32_t)request->status & 0xffff);
    return DISPATCH_PARKED;
}

status_t handle_wait(struct event *event, const struct proc_wait_request *request,
                     struct proc_wait_reply *answer) {
    CALLER(process)
    status_t status = process_wait(process, request->pid, request->options, answer);
    if (status != OK || answer->pid != 0 || (request->options & PROC_WAIT_NO_HANG) != 0) {
        return status;
    }
    struct waiter *waiter = waiter_add(WAITER_WAIT, process_index(process), event->token);
    if (waiter == NULL) {
        return E_BUSY;
    }
    waiter->selector = request->pid;
    waiter->length = request->options;
    return DISPATCH_PARKED;
}

/* ---- signals ---- */

status_t handle_kill(struct event *event, const struct proc_kill_request *request,
                     struct proc_empty *answer) {
    CALLER(process)
    (void)answer;
    return signal_kill(process, request);
}

status_t handle_signal(struct event *event, const struct proc_signal_request *request,
                       struct proc_signal_reply *answer) {
    CALLER(process)
    struct signal_info info = {0};
    if (request->peek == 0) {
        info = signal_take(process, request->blocked, (int32_t)request->thread, &answer->overrun);
        answer->other = signal_other(process, (int32_t)request->thread);
    }
    answer->signal = info.signal;
    answer->code = info.code;
    answer->pid = info.pid;
    answer->value = info.value;
    answer->pending = signal_pending(process);
    return OK;
}

status_t handle_ignore(struct event *event, const struct proc_ignore_request *request,
                       struct proc_empty *answer) {
    CALLER(process)
    (void)answer;
    process->ignored = request->mask & ~(SIGNAL_BIT(SIGNAL_KILL) | SIGNAL_BIT(SIGNAL_STOP));
    process->ignore_flags = request->flags;
    return OK;
}

status_t handle_stop(struct event *event, const struct proc_status *request,
                     struct proc_empty *answer) {
    CALLER(process)
    (void)answer;
    bool again = request->status == 0;
    if (again ? process->state != PROCESS_STOPPED
              : (signal_pending(process) & SIGNAL_BIT(SIGNAL_CONT)) != 0) {
        return OK;
    }
    struct waiter *waiter = waiter_add(WAITER_STOP, process_index(process), event->token);
    if (waiter == NULL) {
        return E_BUSY;
    }
    if (!again) {
        process_stop(process, (int)request->status & 0x7f);
    }
    return DISPATCH_PARKED;
}

/* ---- alarms ---- */

status_t handle_alarm(struct event *event, const struct proc_timer_request *request,
                      struct proc_timer *answer) {
    CALLER(process)
    status_t status = alarm_set(alarm_of_process(process), request, answer);
    return status == OK ? effect_timer() : status;
}

status_t handle_alarm_add(struct event *event, const struct proc_alarm_request *request,
                          struct proc_alarm *answer) {
    CALLER(process)
    struct alarm *alarm;
    status_t status = alarm_add(process, request, &alarm);
    if (status == OK) {
        answer->number = alarm_number(alarm);
    }
    return status;
}

status_t handle_alarm_set(struct event *event, const struct proc_alarm_set_request *request,
                          struct proc_alarm_set_reply *answer) {
    CALLER(process)
    struct alarm *alarm = alarm_find(process, request->number);
    if (alarm == NULL) {
        return E_NOT_FOUND;
    }
    answer->overrun = alarm->overrun;
    status_t status = alarm_set(alarm, &request->timer, &answer->timer);
    return status == OK ? effect_timer() : status;
}

status_t handle_alarm_drop(struct event *event, const struct proc_alarm *request,
                           struct proc_empty *answer) {
    CALLER(process)
    struct alarm *alarm = alarm_find(process, request->number);
    (void)answer;
    if (alarm == NULL) {
        return E_NOT_FOUND;
    }
    alarm_drop(alarm);
    return OK;
}

/* ---- identity ---- */

static status_t new_session(struct process *process, struct proc_pid *answer) {
    for (uint32_t i = 0; i < PROCESSES; i++) {
        if (proc.processes[i].state != PROCESS_FREE && proc.processes[i].pgid == process->pid) {
            return E_RIGHTS;
        }
    }
    process->sid = process->pgid = process->pid;
    process->terminal = NONE;
    answer->pid = process->pid;
    return OK;
}

status_t handle_identity(struct event *event, const struct proc_identity_request *request,
                         struct proc_pid *answer) {
    CALLER(process)
    const struct process *target = request->pid == 0 ? process : process_find(request->pid);
    switch (request->what) {
    case PROC_GET_PARENT:
        answer->pid = process->parent == NONE ? 1 : proc.processes[process->parent].pid;
        return OK;
    case PROC_GET_GROUP:
        answer->pid = target == NULL ? 0 : target->pgid;
        return target == NULL ? E_NOT_FOUND : OK;
    case PROC_GET_SESSION:
        answer->pid = target == NULL ? 0 : target->sid;
        return target == NULL ? E_NOT_FOUND : OK;
    case PROC_SET_GROUP:
        return group_set(process, request->pid, request->value);
    case PROC_NEW_SESSION:
        return new_session(process, answer);
    case PROC_INTERRUPT:
        effect_interrupt(process->task);
        return OK;
    default:
        return E_INVALID;
    }
}

status_t handle_number(struct event *event, const struct proc_empty *request,
                       struct proc_pid *answer) {
    CALLER(process)
    (void)request;
    (void)process;
    answer->pid = process_new_pid();
    return OK;
}

status_t handle_unknown(struct event *event, const struct proc_flags *request,
                        struct proc_empty *answer) {
    CALLER(process)
    (void)answer;
    uint64_t number = request->flags < 512 ? request->flags : 511;
    if ((proc.unknown[number / 64] >> number % 64 & 1) == 0) {
        proc.unknown[number / 64] |= 1ull << number % 64;
        const char *name = syscall_name(number);
        log_line("system call %lu (%s) is not there; %s asked for it",
                 (unsigned long)request->flags, name, process->name);
    }
    return OK;
}

/* ---- streams ---- */

status_t handle_pipe(struct event *event, const struct proc_flags *request,
                     struct proc_empty *answer) {
    CALLER(process)
    (void)answer;
    (void)process;
    return pipe_open(event, request->flags);
}

status_t handle_pair(struct event *event, const struct proc_flags *request,
                     struct proc_empty *answer) {
    CALLER(process)
    (void)answer;
    (void)process;
    return pair_open(event, request->flags);
}

status_t handle_counter(struct event *event, const struct proc_counter_request *request,
                        struct proc_empty *answer) {
    CALLER(process)
    (void)answer;
    (void)process;
    return counter_open(event, request);
}

status_t handle_terminal(struct event *event, const struct proc_empty *request,
                         struct proc_empty *answer) {
    CALLER(process)
    handle_t session;
    (void)request;
    (void)answer;
    if (process->terminal == NONE) {
        return E_NOT_FOUND;
    }
    status_t status = terminal_session(&proc.terminals[process->terminal], &session);
    if (status == OK) {
        event_answer_handle(event, session, HANDLE_MOVE | RIGHT_CALL | RIGHT_COPY);
    }
    return status;
}

void dispatch(struct event *event) {
    switch (event->label) {
#define OP(number, NAME, name, request, reply) DISPATCH_CASE(number, handle_##name, request, reply)
        PROC_PROTOCOL(OP)
#undef OP
    default:
        reply_status(event->token, E_UNSUPPORTED);
    }
}
