/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <string.h>

#include "../alarm.h"
#include "../effects.h"

struct proc proc;

struct seen seen;
uint64_t clock_ns = 1;

void effect_interrupt(handle_t task) {
    (void)task;
    seen.interrupts++;
}
void effect_destroy(struct process *process) {
    process->task = HANDLE_NONE;
    seen.destroyed++;
}
uint64_t effect_cpu_ns(handle_t task) {
    (void)task;
    return 5;
}
uint64_t effect_now(void) {
    return clock_ns;
}
status_t effect_timer(void) {
    return OK;
}
void effect_close(handle_t handle) {
    (void)handle;
}
void effect_child_changed(struct process *parent) {
    (void)parent;
    seen.told++;
}
void effect_run_ended(struct process *process) {
    (void)process;
    seen.ended++;
}
void effect_continued(struct process *process) {
    (void)process;
    seen.continued++;
}
void effect_child_lost(struct process *child) {
    (void)child;
    seen.lost++;
}
void effect_session_ended(struct process *leader) {
    (void)leader;
    seen.sessions++;
}

struct process *make(struct process *parent) {
    struct process *process = process_create(parent);
    process->state = PROCESS_RUNNING;
    process->task = 7;
    return process;
}

struct process *start(void) {
    memset(&proc, 0, sizeof proc);
    proc.last_pid = 1;
    alarms_init();
    clock_ns = 1;
    seen = (struct seen){0};
    struct process *leader = make(NULL);
    leader->kept = true;
    return leader;
}

void send(struct process *process, int signal) {
    struct signal_info info = {.signal = signal};
    signal_send(process, &info);
}

int taken(struct process *process, uint64_t blocked) {
    uint64_t overrun;
    return signal_take(process, blocked, process->pid, &overrun).signal;
}
