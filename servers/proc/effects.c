/* SPDX-License-Identifier: MIT
 * Effects of the logic on the world.
 */
#include "effects.h"

#include <ipc/event.h>
#include <ipc/handle.h>
#include <ipc/object.h>
#include <ipc/thread.h>
#include <ipc/time.h>

#include "process.h"
#include "stream.h"
#include "waiter.h"

void effect_interrupt(handle_t task) {
    (void)thread_interrupt(task);
}

void effect_destroy(struct process *process) {
    uint32_t index = process_index(process);
    static const enum waiter_kind own[] = {WAITER_STOP, WAITER_WAIT, WAITER_CHILD};
    for (uint32_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        for (struct waiter *waiter; (waiter = waiter_next(NULL, own[i], 0, index)) != NULL;) {
            waiter_answer(waiter, E_CANCELLED);
        }
    }
    if (process->task != HANDLE_NONE) {
        (void)task_destroy(process->task);
        handle_close(process->task);
        process->task = HANDLE_NONE;
    }
    handle_close(process->supervisor);
    process->supervisor = HANDLE_NONE;
}

uint64_t effect_cpu_ns(handle_t task) {
    struct task_info information = {0};
    return task != HANDLE_NONE && task_info(task, &information) == OK ? information.cpu_ns : 0;
}

uint64_t effect_now(void) {
    return time_now_ns();
}

status_t effect_timer(void) {
    return timers_arm();
}

void effect_close(handle_t handle) {
    handle_close(handle);
}

void effect_child_changed(struct process *parent) {
    uint32_t index = process_index(parent);
    struct waiter *waiter = waiter_next(NULL, WAITER_WAIT, 0, index);
    while (waiter != NULL) {
        struct waiter *next = waiter_next(waiter, WAITER_WAIT, 0, index);
        struct proc_wait_reply answer;
        status_t status = process_wait(parent, waiter->selector, waiter->length, &answer);
        if (status != OK || answer.pid != 0) {
            reply(waiter->token, status, &answer, sizeof answer);
            waiter_remove(waiter);
        }
        waiter = next;
    }
}

void effect_run_ended(struct process *process) {
    struct waiter *waiter = waiter_next(NULL, WAITER_RUN, 0, process_index(process));
    if (waiter != NULL) {
        struct proc_status answer = {process->status};
        reply(waiter->token, OK, &answer, sizeof answer);
        waiter_remove(waiter);
        process_free(process);
    }
}

void effect_continued(struct process *process) {
    struct waiter *waiter = waiter_next(NULL, WAITER_STOP, 0, process_index(process));
    if (waiter != NULL) {
        waiter_answer(waiter, OK);
    }
}

void effect_child_lost(struct process *child) {
    struct waiter *waiter = waiter_next(NULL, WAITER_CHILD, 0, process_index(child));
    if (waiter != NULL) {
        waiter_answer(waiter, E_CLOSED);
    }
}

void effect_session_ended(struct process *leader) {
    if (leader->terminal == NONE) {
        return;
    }
    struct terminal *terminal = &proc.terminals[leader->terminal];
    if (terminal->used == 0 || terminal->sid != leader->sid) {
        return;
    }
    int32_t foreground = terminal->foreground;
    terminal->foreground = 0;
    if (foreground > 0) {
        signal_group(foreground, SIGNAL_HUP);
        signal_group(foreground, SIGNAL_CONT);
    }
    for (uint32_t i = 0; i < PROCESSES; i++) {
        if (proc.processes[i].terminal == leader->terminal && &proc.processes[i] != leader) {
            proc.processes[i].terminal = NONE;
        }
    }
    terminal_hang_up(terminal);
}
